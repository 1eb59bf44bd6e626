"""Whether an exported model says what PyTorch says, on inputs at the edges."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.prediction.export.card import Parity
from egoshift.prediction.export.graph import Session
from egoshift.prediction.export.signature import Signature, StreamInput, output, text_input
from egoshift.records import Label

TOLERANCE = 1e-4
"""How far a number may be from PyTorch's, as a share of it; absolutely where it is below 1."""

SIZES = ((1, 1, 1), (1, 3, 2), (2, 2, 5), (3, 16, 40), (4, 33, 3))
"""Clips, frames and classes: one of each, few, many; 2 frames and 2 classes."""


class Case(NamedTuple):
    """One input.

    Attributes:
        name: In words.
        given: Tensors by input.
    """

    name: str
    given: dict[str, Tensor]


def cases(signature: Signature, seed: int = 0) -> Iterator[Case]:
    """Inputs at the edges, all of which PyTorch takes."""
    drawn = torch.Generator().manual_seed(seed)
    for clips, frames, classes in SIZES:
        given = draw(signature, drawn, clips, frames, classes)
        yield Case(f"{clips} clips of {frames} frames, {classes} classes", given)
    floats = [stream.name for stream in signature.streams] + [text_input(label) for label in signature.text_dims]
    common = draw(signature, drawn, 3, 4, 5)
    for factor, name in ((1e4, "vectors of 10,000 times the length"), (1e-3, "of a thousandth"), (0.0, "zero vectors")):
        yield Case(name, common | {key: common[key] * factor for key in floats})
    yield Case("one clip all zeros", common | {key: _first_zero(common[key]) for key in floats})
    for stream in signature.streams:
        if stream.mask:
            yield from _absent(signature, common, stream)


def draw(
    signature: Signature, generator: torch.Generator, clips: int, frames: int, classes: int | None = None
) -> dict[str, Tensor]:
    """Random inputs, of about the length of CLIP's vectors, all streams present.

    Streams whose numbers of frames may differ have different ones.
    """
    names = dict.fromkeys(stream.frames for stream in signature.streams if isinstance(stream.frames, str))
    lengths = {name: frames + number for number, name in enumerate(names)}
    given: dict[str, Tensor] = {}
    for stream in signature.streams:
        length = stream.frames if isinstance(stream.frames, int) else lengths[stream.frames]
        given[stream.name] = torch.randn(clips, length, stream.dim, generator=generator)
    for stream in signature.streams:
        if stream.mask:
            given[stream.mask] = torch.ones(clips, dtype=torch.bool)
    for number, (label, dim) in enumerate(signature.text_dims.items()):
        given[text_input(label)] = torch.randn((classes or 5) + number, dim, generator=generator)
    return given


def reference(
    classifier: AbstractClassifier,
    text: Mapping[Label, ClassText],
    signature: Signature,
    given: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """What the classifier itself gives in PyTorch, by output; the way that evaluation goes."""
    streams = {stream.name: given[stream.name] for stream in signature.streams}
    present = {stream.name: given[stream.mask] for stream in signature.streams if stream.mask}
    words = {
        label: ClassText(given[text_input(label)]) if label in signature.text_dims else text[label] for label in text
    }
    with torch.no_grad():
        logits = classifier(StreamBatch(streams, present), words)
    return {output(label): values for label, values in logits.items()}


def checked(path: Path, inputs: Iterable[Case], theirs: Callable[[Case], Mapping[str, Tensor]]) -> Parity:
    """Runs a file on inputs and compares what it gives with PyTorch.

    Args:
        path: The ONNX file; removed where it is wrong.
        inputs: To compare on.
        theirs: What PyTorch gives for one of them, by output.

    Raises:
        ConfigError: A number differs by more than the tolerance.
    """
    session, apart = Session(path), {}
    for case in inputs:
        ours, expected = session(case.given), theirs(case)
        apart[case.name] = max(difference(ours[name], expected[name]) for name in expected)
    worst = max(apart, key=apart.__getitem__)
    if not apart[worst] <= TOLERANCE:
        del session
        for file in (path, path.with_name(path.name + ".data")):
            file.unlink(missing_ok=True)
        raise ConfigError(
            f"{path}: differs from PyTorch by {apart[worst]:.2g} of the number on {worst}, at most {TOLERANCE:g} is "
            "taken for the same; the file was removed: please report the model's config.json"
        )
    return Parity(difference=apart[worst], tolerance=TOLERANCE, worst=worst, inputs=len(apart))


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, as a share of the second where that is above 1; infinite where shapes or NaN differ."""
    if ours.shape != theirs.shape or not torch.equal(ours.isnan(), theirs.isnan()):
        return torch.inf
    apart = (ours.double() - theirs.double()).abs() / theirs.double().abs().clamp_min(1)
    return float(apart.nan_to_num(0.0).amax()) if apart.numel() else 0.0


def _first_zero(values: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(values[:1]), values[1:]])


def _absent(signature: Signature, given: Mapping[str, Tensor], stream: StreamInput) -> Iterator[Case]:
    """Clips without a stream: some of them and all; in one, absent clips hold no numbers at all."""
    masks = {
        f"some without {stream.name}": torch.tensor([False, True, False]),
        f"none with {stream.name}": torch.zeros(3, dtype=torch.bool),
    }
    for name, mask in masks.items():
        if (set(signature.needed) - {stream.name}) or stream.name not in signature.needed:
            hidden = given[stream.name].masked_fill(~mask[:, None, None], torch.nan)
            yield Case(name, {**given, stream.name: hidden, stream.mask: mask})
