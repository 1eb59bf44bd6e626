"""From the tokens of whichever modalities a sample has to one vector; and modality dropout.

Both modules read, per modality, tokens of one width or nothing (no sample has it), and a mask of who has what. Fusion
by attention is the paper's, fusion by an MLP its ablation's. Neither has more than its name there, so that all else is
chosen here: depth, heads, widths, positions, and what stands for a modality that is missing.

Axes: M modalities, in an order that the caller keeps.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from egoshift.blocks.attention import AttentionBlock, positioned, quick_gelu, token_mean
from egoshift.blocks.graphs import values_are_known

POOLINGS = ("cls", "mean")
"""What attention fusion gives: the updated [CLS] token, or the mean of the updated tokens that were attended to."""

MISSING = {"attention": ("mask", "token"), "mlp": ("zeros", "token", "mean")}
"""What stands for a missing modality, by module, the default first: nothing (a key-padding mask), zeros, a vector
learned for it, or the mean of the modalities that are present."""

Sequences = Sequence[Float[Tensor, "batch _ width"] | None]
"""Per modality its tokens; None where no sample has it."""

Present = Bool[Tensor, "batch modalities"]
"""Which sample has which modality."""


def drop_modalities(present: Present, probability: float, generator: torch.Generator | None = None) -> Present:
    """Modality dropout: which modalities each sample keeps, never none of those it has.

    Each modality that a sample has is dropped with the given probability, whole and independently of the others. Where
    that would drop all, one of them is kept, each with the same chance. With three modalities and a probability of 0.3,
    34 of 100 samples keep all three, 44 two and 22 one.

    Args:
        present: Which sample has which modality.
        probability: From 0 (nothing is dropped) to 1 (each sample keeps one).
        generator: Draws it; none takes torch's global one, which training seeds for every step.
    """
    device = present.device if generator is None else generator.device
    drawn = torch.rand(present.shape, generator=generator, device=device).to(present.device)
    kept = present & (drawn >= probability)
    # Among modalities that were all drawn below the probability, the highest draw is each one's with equal chance.
    highest = torch.zeros_like(present).scatter_(1, drawn.masked_fill(~present, -1.0).argmax(1, keepdim=True), True)
    return torch.where(kept.any(1, keepdim=True), kept, present & highest)


class AttentionFusion(nn.Module):
    """A transformer over the tokens of the present modalities.

    A token is its modality's projected feature, plus its modality's embedding, plus that of its place in time. Every
    stream of a clip covers the clip, so that one table of places serves all, interpolated to each stream's length.

    Args:
        num_modalities: M.
        width: Of the tokens and of the result.
        num_layers: Blocks; at least one with ``pooling="cls"``.
        num_heads: Attention heads of each; divides the width.
        hidden_dim: Width inside the blocks' MLPs.
        num_frames: Places in time that the position embedding is made for; none has no position embedding.
        pooling: One of ``POOLINGS``.
        missing: ``"mask"``: tokens of a missing modality are not attended to. ``"token"``: one learned token stands for
            all of them, as in MMT (Ramazanova et al., arXiv 2401.11470), where a learned token replaces each one and
            keeps its position.
    """

    def __init__(
        self,
        num_modalities: int,
        width: int,
        *,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        num_frames: int | None,
        pooling: str,
        missing: str,
    ):
        super().__init__()
        self.modality = nn.Parameter(_small(num_modalities, width))
        self.position = None if num_frames is None else nn.Parameter(_small(num_frames, width))
        self.cls = nn.Parameter(_small(width)) if pooling == "cls" else None
        self.missing = nn.Parameter(_small(num_modalities, width)) if missing == "token" else None
        self.blocks = nn.ModuleList(AttentionBlock(width, num_heads, hidden_dim) for _ in range(num_layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, sequences: Sequences, present: Present) -> Float[Tensor, "batch width"]:
        """One vector a sample; every sample needs a modality.

        On a CPU, samples that have the same modalities go through together, without the tokens that they lack, which is
        faster than masking these (``benchmarks/fusion_step.py``). An accelerator would have to wait until
        the host has grouped them, so there all go through at once, with a mask; so they do in a recorded graph.
        """
        if present.device.type != "cpu" or not values_are_known():
            return self._fused(sequences, present)
        codes = (present * 2 ** torch.arange(present.shape[1])).sum(1)
        groups = [(codes == code).nonzero()[:, 0] for code in sorted(set(codes.tolist()))]
        parts = []
        for rows in groups:
            own = zip(sequences, present[rows[0]].tolist(), strict=True)
            parts.append(self._fused([tokens[rows] if tokens is not None and has else None for tokens, has in own]))
        return torch.cat(parts)[torch.cat(groups).argsort()] if parts else self._fused(sequences, present)

    def _fused(self, sequences: Sequences, present: Present | None = None) -> Float[Tensor, "batch width"]:
        """The vectors of samples; without a mask, of samples that have all that is given."""
        tokens, attended = self._joined(sequences, present)
        for block in cast(list[AttentionBlock], list(self.blocks)):
            tokens = block(tokens, attended)
        fused: Tensor = self.norm(token_mean(tokens, attended) if self.cls is None else tokens[:, 0])
        return fused

    def _joined(
        self, sequences: Sequences, present: Present | None
    ) -> tuple[Float[Tensor, "batch length width"], Bool[Tensor, "batch length"] | None]:
        """All tokens of each sample, and which of them are attended to; None: all are."""
        some = next(tokens for tokens in sequences if tokens is not None)
        everyone = torch.ones(some.shape[0], 1, dtype=torch.bool, device=some.device)
        parts: list[Tensor] = []
        known: list[Tensor] = []
        if self.cls is not None:
            parts.append(self.cls.expand(some.shape[0], 1, -1))
            known.append(everyone)
        for number, tokens in enumerate(sequences):
            if tokens is not None:
                parts.append(positioned(tokens, self.position) + self.modality[number])
                here = everyone if present is None else present[:, number : number + 1]
                known.append(here.expand(-1, tokens.shape[1]))
            if self.missing is not None and (tokens is None or present is not None):
                parts.append((self.missing[number] + self.modality[number]).expand(some.shape[0], 1, -1))
                known.append(everyone if present is None else ~present[:, number : number + 1])
        return torch.cat(parts, 1), None if present is None else torch.cat(known, 1)


class MLPFusion(nn.Module):
    """An MLP over the modalities' mean tokens, one after the other.

    Args:
        num_modalities: M.
        width: Of the tokens and of the result.
        num_layers: Hidden layers, each with a QuickGELU; none makes it linear.
        hidden_dim: Their width.
        missing: ``"zeros"``, ``"token"`` (a learned vector) or ``"mean"`` (of the present modalities) in the place of a
            missing modality.
    """

    def __init__(self, num_modalities: int, width: int, *, num_layers: int, hidden_dim: int, missing: str):
        super().__init__()
        widths = [num_modalities * width, *[hidden_dim] * num_layers, width]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.missing = nn.Parameter(_small(num_modalities, width)) if missing == "token" else None
        self.fill_with_mean = missing == "mean"
        self.norm = nn.LayerNorm(width)

    def forward(self, sequences: Sequences, present: Present) -> Float[Tensor, "batch width"]:
        """One vector a sample; every sample needs a modality."""
        some = next(tokens for tokens in sequences if tokens is not None)
        nothing = some.new_zeros(some.shape[0], some.shape[2])
        vectors = torch.stack([nothing if tokens is None else tokens.mean(1) for tokens in sequences], 1)
        hidden = self._filled(vectors, present.unsqueeze(2)).flatten(1)
        for layer in self.layers[:-1]:
            hidden = quick_gelu(layer(hidden))
        fused: Tensor = self.norm(self.layers[-1](hidden))
        return fused

    def _filled(
        self, vectors: Float[Tensor, "batch modalities width"], present: Bool[Tensor, "batch modalities 1"]
    ) -> Float[Tensor, "batch modalities width"]:
        if self.missing is not None:
            return torch.where(present, vectors, self.missing)
        vectors = vectors.masked_fill(~present, 0.0)
        if self.fill_with_mean:
            vectors = torch.where(present, vectors, vectors.sum(1, keepdim=True) / present.sum(1, keepdim=True))
        return vectors


def _small(*shape: int) -> Tensor:
    """Initial values of embeddings, as usual for transformers."""
    return 0.02 * torch.randn(shape)
