"""Encoders as graphs: prepared pictures, windows of a sensor or token ids in, features out, normalisation inside."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from egoshift.encoders import SignalEncoder
from egoshift.encoders.image import FrozenImageEncoder
from egoshift.encoders.text import fill_up
from egoshift.encoders.tokens import Tokeniser
from egoshift.prediction.export.card import Parity, TensorCard
from egoshift.prediction.export.graph import Sizes, write_graph
from egoshift.prediction.export.parity import Case, checked

EXAMPLE = 3
"""Pictures, windows or prompts of the example that a graph is recorded with."""


@dataclass(frozen=True)
class EncoderGraph:
    """An encoder that was written.

    Attributes:
        inputs: Of the graph.
        outputs: Of the graph.
        parity: Against PyTorch.
    """

    inputs: tuple[TensorCard, ...]
    outputs: tuple[TensorCard, ...]
    parity: Parity


class ImageGraph(nn.Module):
    """An image encoder as a module: bytes as ``prepare`` makes them to features.

    Args:
        encoder: The encoder, in float32.
    """

    def __init__(self, encoder: FrozenImageEncoder):
        super().__init__()
        self.tower, self.encoder = encoder.tower, encoder

    def forward(self, images: UInt8[Tensor, "batch 3 size size"]) -> tuple[Tensor]:
        """Features in float32, not normalised."""
        return (self.encoder.encode(images),)


class SignalGraph(nn.Module):
    """A sensor's encoder as a module: windows of its own rows, NaN where absent, to features.

    Args:
        encoder: The encoder.
    """

    def __init__(self, encoder: SignalEncoder):
        super().__init__()
        self.encoder = encoder.eval()

    def forward(self, windows: Float[Tensor, "batch rows flat"]) -> tuple[Tensor]:
        """Features in float32, not normalised."""
        return (self.encoder(windows).float(),)


class TextGraph(nn.Module):
    """A text tower as a module: token ids to vectors.

    Args:
        tower: As ``encoders.load.open_text_tower`` gives it, in float32.
        end: CLIP's end-of-text token, at whose first place the vector is; none for SigLIP's, which pools itself.
    """

    def __init__(self, tower: Any, end: int | None):
        super().__init__()
        self.tower, self.end = tower, end

    def forward(self, ids: Int[Tensor, "prompts tokens"]) -> tuple[Tensor]:
        """Vectors in float32, not normalised."""
        if self.end is None:
            return (self.tower(input_ids=ids).pooler_output.float(),)
        hidden_BLD = self.tower.text_model(input_ids=ids).last_hidden_state
        ends = (ids == self.end).to(torch.int64).argmax(1)
        pooled_BD = hidden_BLD[torch.arange(ids.shape[0]), ends]
        return (self.tower.text_projection(pooled_BD).float(),)


def write_image_encoder(path: Path, encoder: FrozenImageEncoder) -> EncoderGraph:
    """Writes an image encoder and compares it with PyTorch.

    Raises:
        ConfigError: It cannot be recorded, or gives other features than PyTorch; the file is then removed.
    """
    shape = (3, encoder.card.size, encoder.card.size)
    drawn = torch.Generator().manual_seed(0)

    def pictures(count: int) -> Tensor:
        return torch.randint(0, 256, (count, *shape), generator=drawn, dtype=torch.uint8)

    def cases() -> Iterator[Case]:
        yield Case("1 picture", {"images": pictures(1)})
        yield Case("5 pictures", {"images": pictures(5)})
        yield Case("black", {"images": torch.zeros(2, *shape, dtype=torch.uint8)})
        yield Case("white", {"images": torch.full((2, *shape), 255, dtype=torch.uint8)})

    return _written(
        path,
        ImageGraph(encoder),
        {"images": pictures(EXAMPLE)},
        {"images": ("batch", *shape)},
        ("features", encoder.card.dim),
        cases(),
        lambda case: encoder.encode(case.given["images"]),
    )


def write_signal_encoder(path: Path, encoder: SignalEncoder) -> EncoderGraph:
    """Writes a sensor's encoder and compares it with PyTorch; see ``write_image_encoder``."""
    spec, drawn = encoder.spec, torch.Generator().manual_seed(0)
    scale = 255.0 if spec.rows == "frames" else 1.0

    def windows(count: int) -> Tensor:
        return torch.rand(count, spec.num_rows, spec.row_dim, generator=drawn) * scale

    def cases() -> Iterator[Case]:
        yield Case("1 window", {"windows": windows(1)})
        yield Case("4 windows", {"windows": windows(4)})
        yield Case("zeros", {"windows": torch.zeros(2, spec.num_rows, spec.row_dim)})
        if spec.rows != "frames":
            gap = windows(2)
            gap[0, : spec.num_rows // 2] = torch.nan
            yield Case("a gap", {"windows": gap})

    with torch.no_grad():
        return _written(
            path,
            SignalGraph(encoder),
            {"windows": windows(EXAMPLE)},
            {"windows": ("batch", spec.num_rows, spec.row_dim)},
            ("features", encoder.dim),
            cases(),
            lambda case: encoder(case.given["windows"]).float(),
        )


def write_text_encoder(
    path: Path, tower: Any, tokeniser: Tokeniser, prompts: Sequence[str], vectors: Float[Tensor, "prompts dim"]
) -> EncoderGraph:
    """Writes a text tower and compares it with what the library makes of prompts.

    Args:
        path: The file.
        tower: The tower, in float32.
        tokeniser: Its tokenizer.
        prompts: Some, at least two.
        vectors: What the library's text encoder gives for them.

    Raises:
        ConfigError: As ``write_image_encoder``.
    """
    causal = hasattr(tower, "text_projection")
    context = int(tower.config.max_position_embeddings)
    ids = tokeniser(prompts, context)

    def filled(count: int, length: int | None = None) -> Tensor:
        least = max(map(len, ids[:count]))
        return fill_up(ids[:count], (length or least) if causal else context, tokeniser.padding)

    several = f"{len(ids)} prompts"
    cases = [
        Case("1 prompt", {"ids": filled(1)}),
        Case(several, {"ids": filled(len(ids))}),
        Case(f"{several} filled up to the whole context", {"ids": filled(len(ids), context)}),
    ]
    return _written(
        path,
        TextGraph(tower, tokeniser.end if causal else None),
        {"ids": filled(len(ids)).repeat(2, 1)},
        {"ids": ("prompts", "tokens" if causal else context)},
        ("vectors", vectors.shape[1]),
        cases,
        lambda case: vectors[: len(case.given["ids"])],
    )


def _written(
    path: Path,
    module: nn.Module,
    example: Mapping[str, Tensor],
    sizes: Mapping[str, Sizes],
    output: tuple[str, int],
    cases: Iterable[Case],
    theirs: Callable[[Case], Tensor],
) -> EncoderGraph:
    name, dim = output
    write_graph(path, module, example, sizes, [name])
    parity = checked(path, cases, lambda case: {name: theirs(case)})
    first = next(iter(sizes.values()))[0]
    dtypes = {key: str(value.dtype).removeprefix("torch.") for key, value in example.items()}
    return EncoderGraph(
        tuple(TensorCard(name=key, dtype=dtypes[key], shape=sizes[key]) for key in example),
        (TensorCard(name=name, dtype="float32", shape=(first, dim)),),
        parity,
    )
