"""CLIP's frozen text tower run from token embeddings, with gradients to those of them that are learned.

Prompt learners put vectors of their own among the tokens of each class's prompt and train them through the tower. The
official implementations run every class's prompt over all 77 positions. Attention is causal, so three savings are
exact:

- A prompt ends at its end-of-text token: what would follow cannot be seen from there.
- What all prompts begin with (start of text, shared learned tokens) runs once; each class's own tokens attend to the
  keys and values that it left in each layer.
- In the last layer only the end-of-text position is needed, and of the shared beginning only keys and values.

Classes pass in chunks of a bounded number of tokens, and in training a chunk's activations are computed again in the
backward pass (activation checkpointing), so memory does not grow with the number of classes.

Axes: G groups with a beginning of their own (1, or one per video), P its learned tokens, C classes, S tokens of a
class's own part, W width of the tower, H heads, K = W / H.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from egoshift.blocks.graphs import values_are_known
from egoshift.encoders.card import TowerCard
from egoshift.encoders.causal import attended, finished, heads_of, masked
from egoshift.encoders.load import open_text_tower
from egoshift.encoders.tokens import Tokeniser
from egoshift.errors import ConfigError, WeightsError

CHUNK_TOKENS = 1 << 12
"""How many tokens of class prompts are in flight at once, which bounds the memory of their activations."""

Cache = list[tuple[Tensor, Tensor]]
"""Per layer, the keys and values ``(G, H, 1 + P, K)`` of the beginning."""


def load_prompt_tower(name: str) -> "PromptTower":
    """The text tower of this name, in float32 on the CPU.

    Args:
        name: As for ``load_text_encoder``.

    Raises:
        WeightsError: As for ``load_text_encoder``, or it is not CLIP's: others do not attend causally.
    """
    card, tower, tokeniser = open_text_tower(name, precision="float32")
    if not hasattr(tower, "text_projection"):
        raise WeightsError(
            f"{name}: prompts are learned through CLIP's causal text tower, this one is of family {card.family}; "
            "give a CLIP, or choose a method that works on class text alone, such as xmic or clip_adapter"
        )
    return PromptTower(card, tower, tokeniser)


@dataclass(frozen=True)
class ClassParts:
    """What each class's prompt holds after the shared beginning, filled up to the longest.

    Attributes:
        embeddings: ``(C, S, W)`` token embeddings, of which learned ones are part of the graph.
        ends: ``(C,)`` the place of the end-of-text token.
    """

    embeddings: Float[Tensor, "classes tokens width"]
    ends: Int[Tensor, " classes"]


class PromptTower:
    """A frozen CLIP text tower that reads embeddings.

    It is no module: it belongs to no classifier's state, and moves to the device of what it is given.

    Args:
        card: What it is.
        tower: A ``CLIPTextModelWithProjection``, frozen, in float32.
        tokeniser: Its tokenizer.

    Attributes:
        card: What it is.
        width: Of the token embeddings.
        context: How many tokens it reads at most.
        module: The tower itself.
    """

    def __init__(self, card: TowerCard, tower: Any, tokeniser: Tokeniser):
        self.card = card
        self.width = int(tower.config.hidden_size)
        self.context = int(tower.config.max_position_embeddings)
        self.module, self._tokeniser = tower, tokeniser
        self._start = int(tokeniser([""], self.context)[0][0])
        self._words: dict[str, list[int]] = {}

    def to(self, device: torch.device) -> "PromptTower":
        """Moves the tower; it stays the same object."""
        if values_are_known():  # a recorded graph has no device of its own
            self.module.to(device)
        return self

    def token_embeddings(self, text: str) -> Float[Tensor, "tokens width"]:
        """The embeddings of a text's tokens, without start and end of text, as a copy of their own."""
        return self._embed(torch.tensor(self.token_ids([text])[0], dtype=torch.int64)).clone()

    def initial_context(self, phrase: str, num_tokens: int, std: float) -> Float[Tensor, "learned width"]:
        """What learned tokens start from: a phrase's embeddings, or random ones where it is empty.

        Raises:
            ConfigError: The phrase has no tokens.
        """
        if not phrase:
            return torch.randn(num_tokens, self.width) * std
        context = self.token_embeddings(phrase)
        if not len(context):
            raise ConfigError(f"phrase is {phrase!r}, which has no words; give some, or none at all for a random start")
        return context

    def token_ids(self, names: Sequence[str]) -> list[list[int]]:
        """The token ids of each name, without start and end of text."""
        new = [name for name in dict.fromkeys(names) if name not in self._words]
        self._words |= {name: ids[1:-1] for name, ids in zip(new, self._tokeniser(new, self.context), strict=True)}
        return [self._words[name] for name in names]

    def encode(
        self,
        beginning: Float[Tensor, "groups learned width"],
        names: Sequence[str],
        *,
        before: Float[Tensor, "*before width"] | None = None,
        after: Float[Tensor, "*after width"] | None = None,
        ending: str = "",
        finish: Callable[[Float[Tensor, "groups classes dim"]], Tensor] | None = None,
        chunk_tokens: int = CHUNK_TOKENS,
    ) -> Tensor:
        """The vector of every class's prompt, for every beginning: ``(groups, classes, dim)``, not normalised.

        A prompt is: start of text, ``beginning``, ``before``, the name, ``after``, ``ending``, end of text. Memory in
        training is that of the beginnings (G x (1 + P) tokens through all layers) and of one chunk, whatever the
        number of classes; ``finish`` keeps it so where the vectors themselves would be many.

        Args:
            beginning: Learned tokens that all classes of a group share.
            names: The class names.
            before: Learned tokens before the name: ``(tokens, W)``, or one set per class ``(C, tokens, W)``.
            after: Learned tokens after it, likewise.
            ending: Words after that, such as ``"."``.
            finish: Makes of a chunk's vectors what is returned, with classes last.
            chunk_tokens: How many tokens of class prompts run at once.

        Raises:
            ConfigError: A prompt is longer than the tower reads; names all such classes.
        """
        self.to(beginning.device)
        tail = self.token_ids([ending])[0] if ending else []
        learned = sum(0 if part is None else part.shape[-2] for part in (before, after))
        lengths = [learned + len(ids) + len(tail) + 1 for ids in self.token_ids(names)]
        self._check_lengths(names, [1 + beginning.shape[1] + length for length in lengths])
        cache = self._begin(beginning)
        order = sorted(range(len(names)), key=lambda c: lengths[c])
        # A recorded graph is for any number of groups, by which chunks are cut: there all classes go through at once.
        known = values_are_known()
        chunks = (
            _chunks([lengths[c] for c in order], max(1, chunk_tokens // len(beginning))) if known else [(0, len(order))]
        )
        results = []
        for start, stop in chunks:
            rows = torch.tensor(order[start:stop], device=beginning.device)
            step = partial(self._encode_chunk, [names[c] for c in order[start:stop]], tail, finish)
            parts = (cache, _rows(before, rows), _rows(after, rows))
            if len(chunks) > 1 and torch.is_grad_enabled():
                # Random numbers are drawn again as they were, since what is trained in the tower may have dropout.
                results.append(checkpoint(step, *parts, use_reentrant=False))
            else:
                results.append(step(*parts))
        axis = 1 if finish is None else -1
        return torch.cat(results, axis).index_select(axis, torch.tensor(order, device=beginning.device).argsort())

    def _check_lengths(self, names: Sequence[str], lengths: Sequence[int]) -> None:
        longest = max(range(len(names)), key=lambda c: lengths[c])
        if lengths[longest] > self.context:
            count = sum(length > self.context for length in lengths)
            raise ConfigError(
                f"the prompt of class {names[longest]!r} is {lengths[longest]} tokens long with its learned ones and "
                f"the text encoder reads {self.context} ({count} of {len(names)} classes are too long); learn at least "
                f"{lengths[longest] - self.context} fewer, or shorten the class names"
            )

    def _embed(self, ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape width"]:
        table: Tensor = self.module.text_model.embeddings.token_embedding.weight
        return functional.embedding(ids.to(table.device), table)

    def _placed(self, embeddings: Float[Tensor, "*shape width"], first: int) -> Float[Tensor, "*shape width"]:
        """Embeddings with the position embeddings of the places from ``first`` on."""
        positions: Tensor = self.module.text_model.embeddings.position_embedding.weight
        return embeddings + positions[first : first + embeddings.shape[-2]]

    def _class_parts(
        self, names: Sequence[str], tail: list[int], before: Tensor | None, after: Tensor | None
    ) -> ClassParts:
        """The prompts' own parts: frozen embeddings with the learned ones put in their places."""
        first, second = (0 if part is None else part.shape[-2] for part in (before, after))
        end = self._tokeniser.end
        words = self.token_ids(names)
        rows = [[end] * first + ids + [end] * second + tail + [end] for ids in words]
        longest = max(map(len, rows))
        ids_CS = torch.tensor([row + [end] * (longest - len(row)) for row in rows])
        embeddings_CSW = self._embed(ids_CS)
        device = embeddings_CSW.device
        starts = torch.tensor([len(ids) for ids in words], device=device)
        for part, places in ((before, torch.zeros_like(starts)), (after, first + starts)):
            if part is not None:
                places_CT = places[:, None] + torch.arange(part.shape[-2], device=device)
                values = part.to(embeddings_CSW.dtype).expand(len(names), -1, -1)
                embeddings_CSW = embeddings_CSW.scatter(1, places_CT[..., None].expand_as(values), values)
        return ClassParts(embeddings_CSW, torch.tensor([len(row) - 1 for row in rows], device=device))

    def _begin(self, beginning_GPW: Float[Tensor, "groups learned width"]) -> Cache:
        """Runs what prompts begin with; keys and values of every layer."""
        start_GPW = self._embed(torch.tensor([self._start])).expand(beginning_GPW.shape[0], 1, -1)
        hidden_GPW = self._placed(torch.cat([start_GPW, beginning_GPW.to(start_GPW.dtype)], 1), 0)
        layers, cache = list(self.module.text_model.encoder.layers), []
        for layer in layers:
            normed_GPW = layer.layer_norm1(hidden_GPW)
            keys, values = heads_of(layer, "k_proj", normed_GPW), heads_of(layer, "v_proj", normed_GPW)
            cache.append((keys, values))
            if layer is not layers[-1]:
                queries = heads_of(layer, "q_proj", normed_GPW) * layer.self_attn.scale
                scores = masked(queries @ keys.transpose(-1, -2))
                hidden_GPW = finished(layer, hidden_GPW, scores.softmax(-1) @ values)
        return cache

    def _encode_chunk(
        self,
        names: Sequence[str],
        tail: list[int],
        finish: Callable[[Tensor], Tensor] | None,
        cache: Cache,
        before: Tensor | None,
        after: Tensor | None,
    ) -> Tensor:
        parts = self._class_parts(names, tail, before, after)
        groups, begun = cache[0][0].shape[0], cache[0][0].shape[2]
        hidden_CSW = self._placed(parts.embeddings, begun)
        hidden_GCSW = hidden_CSW.expand(groups, *hidden_CSW.shape)
        layers = list(self.module.text_model.encoder.layers)
        for layer, begun_keys_values in zip(layers, cache, strict=True):
            ends = parts.ends if layer is layers[-1] else None
            hidden_GCSW = attended(layer, hidden_GCSW, begun_keys_values, ends)
        pooled_GCW = self.module.text_model.final_layer_norm(hidden_GCSW.squeeze(2))
        vectors: Tensor = self.module.text_projection(pooled_GCW).float()
        return vectors if finish is None else finish(vectors)


def _rows(part: Tensor | None, rows: Int[Tensor, " chunk"]) -> Tensor | None:
    """The chunk's own learned tokens; those that all classes share as they are."""
    return part if part is None or part.dim() == 2 else part.index_select(0, rows)


def _chunks(lengths: Sequence[int], tokens: int) -> list[tuple[int, int]]:
    """Bounds of runs of classes, sorted by length, that fill up to at most so many tokens each, or to one class."""
    bounds, start = [], 0
    for stop in range(1, len(lengths) + 1):
        if stop == len(lengths) or (stop + 1 - start) * lengths[stop] > tokens:
            bounds.append((start, stop))
            start = stop
    return bounds
