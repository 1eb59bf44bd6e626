"""Efficient-Prompt (A5 in X-MIC's tables): learned tokens around the class name, a transformer over the frames.

Paper: Ju et al., "Prompting Visual-Language Models for Efficient Video Understanding", ECCV 2022 (arXiv 2112.04478),
section 3; A5 is the row of its Table 1 with 16 + 16 tokens and two temporal layers.
Official code: https://github.com/ju-chen/Efficient-Prompt/blob/1f69a18/src/model.py and ``src/train.py``.

The prompt is [start][16 learned][name][16 learned][end]. The learned vectors belong to *places* of the prompt: a longer
name pushes the second group to later places, which have vectors of their own. Frames, with a learned vector for each
place in time, pass a transformer and are averaged.

Deviations:
    - Text tower. Official: all 77 positions. Ours: those that matter (``egoshift.encoders.prompts``); the same numbers.
    - Negatives. Official: a step's classes are those of the batch and random others, up to 400 in all. Ours: likewise
      in training; the logits of classes that were not drawn are minus infinity, so they take no part in the loss. Drawn
      once for each kind of label, and by torch's generator.
    - Frames per clip. Official: always the number trained with. Ours: the vectors of time are interpolated for others.
    - Evaluation. Official: the mean of the softmax over five views. Ours: one view, as for every other method.
    - Optimiser. Official: AdamW of rate 1e-4 (README) or 1e-3 (default), in effect constant. Here: the run's.
    - A5 on several streams, which the paper does not have: the mean direction of those a clip has.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from egoshift.blocks.attention import AveragedTransformer, positioned
from egoshift.blocks.cosine import cosine_logits
from egoshift.blocks.streams import class_names, classified_presence, mean_direction, read_stream, stream_names
from egoshift.classifier import ClassText, StreamBatch
from egoshift.encoders.prompts import CHUNK_TOKENS, load_prompt_tower
from egoshift.errors import ConfigError
from egoshift.methods.dual import AbstractDualClassifier
from egoshift.records import Label

STD = 0.01
"""Of the initial values of what belongs to places in the prompt and in time."""


class EfficientPrompt(AbstractDualClassifier):
    """Prompts with tokens before and after the name and temporal attention; the defaults are the official ones.

    Args:
        text_encoder: The CLIP whose text tower reads the prompts; see ``egoshift.encoders.load_text_encoder``.
        streams: The streams that are classified: features of the image encoder that the text encoder belongs to.
        num_frames: N, the frames per clip that the vectors of time are made for.
        prefix: Learned tokens before the class name.
        postfix: Learned tokens after it.
        num_temporal_layers: Blocks of the transformer over frames.
        num_heads: Attention heads of every block.
        mlp_ratio: Width inside the blocks' MLPs, as a multiple of the features' width.
        temperature: What the cosines are divided by.
        max_classes: How many classes take part in a training step, those of the batch included; all in evaluation.
        chunk_tokens: How many tokens of class prompts run at once, which bounds memory.

    Raises:
        ConfigError: A number is below what is possible.
        WeightsError: There is no such text encoder, or it is not CLIP's.
    """

    def __init__(
        self,
        *,
        text_encoder: str = "openai/clip-vit-base-patch16",
        streams: Sequence[str] = ("full",),
        num_frames: int = 16,
        prefix: int = 16,
        postfix: int = 16,
        num_temporal_layers: int = 2,
        num_heads: int = 8,
        mlp_ratio: float = 4.0,
        temperature: float = 0.07,
        max_classes: int = 400,
        chunk_tokens: int = CHUNK_TOKENS,
    ):
        super().__init__()
        self.settings = {
            "text_encoder": text_encoder,
            "streams": list(stream_names("streams", streams)),
            "num_frames": num_frames,
            "prefix": prefix,
            "postfix": postfix,
            "num_temporal_layers": num_temporal_layers,
            "num_heads": num_heads,
            "mlp_ratio": mlp_ratio,
            "temperature": temperature,
            "max_classes": max_classes,
            "chunk_tokens": chunk_tokens,
        }
        self.required_streams = tuple(streams)
        self.prefix, self.postfix = prefix, postfix
        self.temperature, self.max_classes, self.chunk_tokens = temperature, max_classes, chunk_tokens
        self.tower = load_prompt_tower(text_encoder)
        self.frozen_weights = {text_encoder: self.tower.card.sha256}
        dim, context = self.tower.card.dim, self.tower.context
        few = min(prefix, postfix, num_temporal_layers) < 0 or num_heads < 1 or int(dim * mlp_ratio) < 1
        if few or not 1 <= prefix + postfix <= context - 3 or dim % num_heads:
            raise ConfigError(
                f"prefix {prefix}, postfix {postfix}, num_temporal_layers {num_temporal_layers}, num_heads "
                f"{num_heads}, mlp_ratio {mlp_ratio}; give none below zero, 1 to {context - 3} learned tokens (the "
                f"text encoder reads {context}, of which each class name needs some), heads that divide {dim} and a "
                "ratio that leaves the MLP one unit"
            )
        if min(num_frames, max_classes, chunk_tokens) < 1 or temperature <= 0:
            raise ConfigError(
                f"num_frames {num_frames}, max_classes {max_classes}, chunk_tokens {chunk_tokens}, temperature "
                f"{temperature}; give at least one of each and a temperature above zero"
            )
        self.places = nn.Parameter(torch.randn(context, self.tower.width) * STD)
        self.position = nn.Parameter(torch.randn(num_frames, dim) * STD)
        self.temporal = AveragedTransformer(num_temporal_layers, dim, num_heads, int(dim * mlp_ratio))

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        """Logits ``(batch, classes)`` in float32 for each kind of label in ``text``, of which the names are read.

        In training, classes that were not drawn for this step have minus infinity.

        Raises:
            ConfigError: A stream is missing or of another width, classes have no names, or a prompt is too long.
        """
        video = self.video(batch)
        logits = {}
        for label, words in text.items():
            names = class_names(label, words)
            drawn = self._drawn_classes(batch.targets.get(label), len(names))
            if drawn is None:
                logits[label] = cosine_logits(self.class_vectors(names), video, self.scale)
                continue
            vectors = self.class_vectors([names[index] for index in drawn.tolist()])
            some = cosine_logits(vectors, video, self.scale)
            everywhere = some.new_full((len(some), len(names)), -torch.inf)
            logits[label] = everywhere.index_copy(1, drawn.to(some.device), some)
        return logits

    def class_vectors(self, names: Sequence[str]) -> Float[Tensor, "classes dim"]:
        """The text vectors of these classes between the learned tokens, not normalised."""
        first = 1 + self.prefix
        lengths = torch.tensor([len(ids) for ids in self.tower.token_ids(names)], device=self.places.device)
        # A name too long for the tower is refused by it below; until then its places end with the last one.
        places_CT = first + lengths[:, None] + torch.arange(self.postfix, device=lengths.device)
        after_CTW = self.places[places_CT.clamp_max(len(self.places) - 1)]
        beginning_1PW = self.places[1:first].unsqueeze(0)
        vectors: Tensor = self.tower.encode(beginning_1PW, names, after=after_CTW, chunk_tokens=self.chunk_tokens)
        return vectors[0]

    def text_vectors(self, label: Label, words: ClassText) -> Float[Tensor, "classes dim"]:
        """``class_vectors`` of a vocabulary, of which the names are read."""
        return self.class_vectors(class_names(label, words))

    def _drawn_classes(self, targets: Int[Tensor, " batch"] | None, num_classes: int) -> Int[Tensor, " drawn"] | None:
        """The classes of this step: the batch's and random others; None where all take part."""
        if not self.training or targets is None or num_classes <= self.max_classes:
            return None
        positive = torch.unique(targets[targets >= 0]).cpu()
        others = torch.ones(num_classes, dtype=torch.bool).index_fill(0, positive, False).nonzero()[:, 0]
        negative = others[torch.randperm(len(others))[: max(0, self.max_classes - len(positive))]]
        return torch.cat([positive, negative])

    @property
    def scale(self) -> float:
        """What the cosines are multiplied by."""
        return 1 / self.temperature

    def video(self, batch: StreamBatch) -> Float[Tensor, "batch dim"]:
        """The unit video vectors.

        Raises:
            ConfigError: A stream is missing or of another width.
        """
        present = classified_presence(batch, self.required_streams)
        vectors = []
        for name in self.required_streams:
            frames = read_stream(batch, name, self.tower.card.dim)
            vectors.append(functional.normalize(self.temporal(positioned(frames, self.position)).float(), dim=-1))
        return mean_direction(vectors, present)
