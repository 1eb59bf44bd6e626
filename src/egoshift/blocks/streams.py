"""What methods read from a batch: one stream, who has it, and one vector per video."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from egoshift.blocks.graphs import values_are_known
from egoshift.classifier import ClassText, StreamBatch, check_names
from egoshift.errors import ConfigError
from egoshift.records import Label


def mean_of_raw(frames: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch dim"]:
    """The direction of the mean frame; a frame of twice the length weighs twice (X-MIC's released code)."""
    return functional.normalize(frames.mean(1), dim=-1)


def mean_of_unit(frames: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch dim"]:
    """The mean direction of the frames; every frame weighs the same (X-MIC's paper, and zero-shot CLIP)."""
    return functional.normalize(functional.normalize(frames, dim=-1).mean(1), dim=-1)


POOLINGS: Mapping[str, Callable[[Tensor], Tensor]] = {"mean-of-raw": mean_of_raw, "mean-of-unit": mean_of_unit}


def stream_names(option: str, names: Sequence[str]) -> tuple[str, ...]:
    """The given names as a tuple.

    Raises:
        ConfigError: If it is one string, empty, or names a stream twice.
    """
    if isinstance(names, str) or not names or len(set(names)) != len(names):
        raise ConfigError(f"{option} is {names!r}; give a list of one or more different stream names, as ['full']")
    return tuple(names)


def choice(option: str, value: str, choices: Sequence[str]) -> str:
    """The given value.

    Raises:
        ConfigError: If it is not one of the choices.
    """
    if value not in choices:
        raise ConfigError(f"{option} is {value!r}; give one of {', '.join(map(repr, choices))}")
    return value


def read_stream(batch: StreamBatch, name: str, dim: int | None = None) -> Float[Tensor, "batch time dim"]:
    """One stream in float32, with zeros where a sample does not have it, whatever its memory held.

    Raises:
        ConfigError: If the batch has no such stream, or one of another width than ``dim``.
    """
    if name not in batch.streams:
        raise ConfigError(f"the method reads stream {name!r}, the features hold {', '.join(batch.streams) or 'none'}")
    frames = batch.streams[name]
    if dim is not None and frames.shape[-1] != dim:
        raise ConfigError(
            f"stream {name!r} is {frames.shape[-1]} wide, the method was made for {dim}; "
            "use the features of the encoder it was trained on, or make it for this width"
        )
    frames = frames.float()
    if name in batch.present:
        frames = frames.masked_fill(~batch.present[name].view(-1, 1, 1), 0.0)
    return frames


def presence(batch: StreamBatch, names: Sequence[str]) -> Bool[Tensor, "batch streams"] | None:
    """Which sample has which of the named streams; None where all have all."""
    if not any(name in batch.present for name in names):
        return None
    everywhere = torch.ones_like(next(batch.present[name] for name in names if name in batch.present))
    return torch.stack([batch.present.get(name, everywhere) for name in names], dim=1)


def classified_presence(batch: StreamBatch, names: Sequence[str]) -> Bool[Tensor, "batch streams"] | None:
    """``presence`` of the streams to classify, of which every sample needs one.

    Raises:
        ConfigError: If a sample has none of the streams.
    """
    present = presence(batch, names)
    if present is not None and values_are_known() and not bool(present.any(1).all()):
        absent = int((~present.any(1)).sum())
        raise ConfigError(
            f"{absent} of {len(present)} clips have none of the streams to classify ({', '.join(names)}); "
            "leave those clips out or classify a stream that they have"
        )
    return present


def video_vectors(
    batch: StreamBatch, names: Sequence[str], pooling: str, dim: int | None = None
) -> Float[Tensor, "batch dim"]:
    """One unit vector per video: its frames pooled; of several streams, the mean direction of those it has.

    Raises:
        ConfigError: If a sample has none of the streams.
    """
    present = classified_presence(batch, names)
    return mean_direction([POOLINGS[pooling](read_stream(batch, name, dim)) for name in names], present)


def mean_direction(
    vectors: Sequence[Float[Tensor, "batch dim"]], present: Bool[Tensor, "batch streams"] | None
) -> Float[Tensor, "batch dim"]:
    """One unit vector per video from a unit vector per stream: the mean direction of those present."""
    if len(vectors) == 1:
        return vectors[0]
    stacked = torch.stack(list(vectors), dim=1)
    if present is not None:
        stacked = stacked.masked_fill(~present.unsqueeze(-1), 0.0)
    return functional.normalize(stacked.sum(1), dim=-1)


def read_text(text: ClassText, dim: int) -> Float[Tensor, "classes dim"]:
    """The text vectors in float32.

    Raises:
        ConfigError: If they are of another width than ``dim``.
    """
    if text.vectors.shape[1] != dim:
        raise ConfigError(
            f"the class text is {text.vectors.shape[1]} wide, expected {dim}; "
            "use the text encoder that belongs to the image encoder of the classified stream"
        )
    return text.vectors.float()


def class_names(label: Label, text: ClassText) -> tuple[str, ...]:
    """The names of the classes, for methods that read them through a text tower.

    Raises:
        ConfigError: Only vectors are known.
    """
    if not text.names:
        raise ConfigError(
            f"the {label} classes have vectors but no names, and the method reads names; give "
            "ClassText(vectors, names), as egoshift.class_text does"
        )
    return text.names


def trained_classes(classes: Mapping[Label, Sequence[str]] | None) -> dict[Label, tuple[str, ...]]:
    """The class names that a method has parameters of its own for.

    Raises:
        ConfigError: A kind of label has none, an empty one, or one twice.
    """
    for label, names in (classes or {}).items():
        check_names(names, f"{label} classes")
    return {label: tuple(names) for label, names in (classes or {}).items()}


def places(names: Sequence[str], known: Sequence[str]) -> Int[Tensor, " classes"]:
    """For each class its place among those known by name, -1 where it is none of them."""
    place = {name: i for i, name in enumerate(known)}
    return torch.tensor([place.get(name, -1) for name in names])
