"""Prompts with learned tokens as the official implementations run them: whole, class by class, through transformers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


class SlowPrompts:
    """CLIP's text tower whose vocabulary is extended by learned tokens, which then are words like any other.

    Every prompt is filled up to the whole context, and ``transformers`` does the rest.
    """

    def __init__(self, folder: Path):
        from transformers import AutoTokenizer, CLIPModel

        self.tower: Any = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
        self.tower.requires_grad_(False)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)

    def vector(self, pieces: Sequence[str | Tensor]) -> Tensor:
        """The vector of one prompt: words and ``(tokens, width)`` learned embeddings, one after the other."""
        table = self.tower.text_model.embeddings.token_embedding.weight
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        rows = [table[bos]]
        for piece in pieces:
            if isinstance(piece, str):
                rows += [table[i] for i in self.tokenizer(piece, add_special_tokens=False)["input_ids"]]
            else:
                rows += list(piece)
        end = len(rows)
        context = self.tower.text_model.config.max_position_embeddings
        rows += [table[eos]] * (context - end)
        extended = torch.stack(rows)
        # Ids 0, 1, 2, ... of a table that holds just this prompt's embeddings.
        hidden = torch.func.functional_call(
            self.tower.text_model,
            {"embeddings.token_embedding.weight": extended},
            kwargs={"input_ids": torch.arange(context).unsqueeze(0)},
        ).last_hidden_state
        vector: Tensor = self.tower.text_projection(hidden[0, end])
        return vector
