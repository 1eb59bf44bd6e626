"""CoCoOp: a context that depends on the video, in the prompt of every class.

Paper: Zhou et al., "Conditional Prompt Learning for Vision-Language Models", CVPR 2022 (arXiv 2203.05557), section 3.2.
Official code: https://github.com/KaiyangZhou/CoOp/blob/ff61507/trainers/cocoop.py. X-MIC's variant for video (its row
"Co-CoOp"): https://github.com/Annusha/xmic/blob/5b8a29b/trainers/temporal_cocoop.py.

A small network (the meta-net) makes one vector of the unit video vector and adds it to each of P context vectors, so
every video has a prompt of its own for every class: batch x classes passes of the text tower.

Deviations. Presets ``official`` and ``xmic`` differ in those marked *.
    - *Full stop. Official: a "." after the class name. X-MIC's variant: none.
    - *Pooling. Official: single images. X-MIC's variant: the mean of the frames' features.
    - Text tower. Official: a loop over images, each with all 77 positions of all classes, and the activations of all
      kept for the backward pass; published runs use batches of 1. X-MIC's variant: chunks of classes. Ours: each
      video's context runs once, and the class names' own tokens attend to it, in chunks whose activations are computed
      again in the backward pass (``egoshift.encoders.prompts``): the same numbers, in memory of
      ``batch * (1 + P) + chunk_tokens`` token activations, whatever the number of classes.
    - Optimiser. Official: SGD of rate 0.002 with a cosine, 10 epochs. Here: the run's.
    - Official: fp16. Ours: float32, or the run's mixed precision.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from egoshift.blocks.streams import POOLINGS, choice, class_names, stream_names, video_vectors
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.encoders.prompts import CHUNK_TOKENS, load_prompt_tower
from egoshift.errors import ConfigError
from egoshift.methods.coop import STD
from egoshift.records import Label

REDUCTION = 16
"""How many times narrower the meta-net is inside than the video vector."""


class CoCoOp(AbstractClassifier):
    """Prompts whose context is moved by each video; the defaults are the preset ``xmic``.

    Args:
        text_encoder: The CLIP whose text tower reads the prompts; see ``egoshift.encoders.load_text_encoder``.
        streams: The streams that are classified: features of the image encoder that the text encoder belongs to.
        pooling: How frames become one vector: ``"mean-of-unit"`` or ``"mean-of-raw"``.
        num_tokens: P, how many context vectors there are; not read where ``phrase`` is given.
        phrase: Words whose token embeddings the context starts from; empty: random.
        full_stop: Whether a "." follows the class name.
        logit_scale: What the cosines are multiplied by.
        chunk_tokens: How many tokens of class prompts run at once, over all videos, which bounds memory.

    Raises:
        ConfigError: An option is none of its choices.
        WeightsError: There is no such text encoder, or it is not CLIP's.
    """

    def __init__(
        self,
        *,
        text_encoder: str = "openai/clip-vit-base-patch16",
        streams: Sequence[str] = ("full",),
        pooling: str = "mean-of-raw",
        num_tokens: int = 4,
        phrase: str = "a photo of a",
        full_stop: bool = False,
        logit_scale: float = 100.0,
        chunk_tokens: int = CHUNK_TOKENS,
    ):
        super().__init__()
        if min(num_tokens, chunk_tokens) < 1 or logit_scale <= 0:
            raise ConfigError(
                f"num_tokens is {num_tokens}, chunk_tokens {chunk_tokens}, logit_scale {logit_scale}; give at least "
                "one token of each and a scale above zero"
            )
        self.required_streams = stream_names("streams", streams)
        self.pooling = choice("pooling", pooling, tuple(POOLINGS))
        self.ending = "." if full_stop else ""
        self.logit_scale, self.chunk_tokens = float(logit_scale), chunk_tokens
        self.tower = load_prompt_tower(text_encoder)
        self.frozen_weights = {text_encoder: self.tower.card.sha256}
        dim, width = self.tower.card.dim, self.tower.width
        initial_PW = self.tower.initial_context(phrase, num_tokens, STD)
        self.context = nn.Parameter(initial_PW)
        hidden = max(1, dim // REDUCTION)
        self.meta_net = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.settings = {
            "text_encoder": text_encoder,
            "streams": list(self.required_streams),
            "pooling": pooling,
            "num_tokens": len(initial_PW),
            "phrase": phrase,
            "full_stop": full_stop,
            "logit_scale": self.logit_scale,
            "chunk_tokens": chunk_tokens,
        }

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        """Logits ``(batch, classes)`` in float32 for each kind of label in ``text``, of which the names are read.

        Raises:
            ConfigError: A stream is missing or of another width, classes have no names, or a prompt is too long.
        """
        video = video_vectors(batch, self.required_streams, self.pooling, self.tower.card.dim)
        contexts = self.context + self.meta_net(video).unsqueeze(1).float()
        return {
            label: self.tower.encode(
                contexts,
                class_names(label, words),
                ending=self.ending,
                finish=partial(_cosines, video, self.logit_scale),
                chunk_tokens=self.chunk_tokens,
            )
            for label, words in text.items()
        }


def _cosines(
    video: Float[Tensor, "batch dim"], scale: float, vectors: Float[Tensor, "batch classes dim"]
) -> Float[Tensor, "batch classes"]:
    """Scaled cosines between each unit video vector and its own class vectors, in float32 also under autocast."""
    with torch.autocast(vectors.device.type, enabled=False):
        return scale * (functional.normalize(vectors.float(), dim=-1) @ video.unsqueeze(-1)).squeeze(-1)
