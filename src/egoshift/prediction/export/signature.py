"""What a trained model takes and gives as a graph: tensors by name, and which of their sizes may vary."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText
from egoshift.errors import ConfigError
from egoshift.fusion import Fusion, Unimodal
from egoshift.fusion.heads import LinearHead
from egoshift.methods import (
    XMIC,
    CLIPAdapter,
    CLIPLoRA,
    CoCoOp,
    CoOp,
    EfficientPrompt,
    LinearProbe,
    TipAdapter,
    VitaCLIP,
    ZeroShot,
)
from egoshift.records import Label

FREE = (ZeroShot, XMIC, CLIPAdapter)
"""Methods that compare with whatever class vectors come in."""

PROMPTED = (CoOp, EfficientPrompt, VitaCLIP, CLIPLoRA)
"""Methods that make class vectors of names by a text tower, whatever the video: computed once, they are constants."""

FIXED = (LinearProbe, TipAdapter, CoCoOp, Unimodal)
"""Methods that know classes by their names: those of the checkpoint, or parts of them."""


@dataclass(frozen=True)
class StreamInput:
    """One stream.

    Attributes:
        name: Of the stream and of the input ``(batch, frames, dim)``.
        dim: Numbers in a frame.
        frames: The name of its number of frames, shared by streams that must agree; or the number, of a window.
        mask: The name of the input ``(batch,)`` that says which clips have the stream; empty: all must.
    """

    name: str
    dim: int
    frames: str | int
    mask: str


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of one model.

    Attributes:
        streams: Its streams.
        needed: A clip needs at least one of these; its logits are NaN otherwise.
        text_dims: Per kind of label whose classes are an input, the width of the class vectors.
        labels: The kinds of label; an output each.
    """

    streams: tuple[StreamInput, ...]
    needed: tuple[str, ...]
    text_dims: Mapping[Label, int]
    labels: tuple[Label, ...]

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs, in their order."""
        masks = [stream.mask for stream in self.streams if stream.mask]
        return [*(stream.name for stream in self.streams), *masks, *map(text_input, self.text_dims)]

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs, in their order."""
        return [output(label) for label in self.labels]


def text_input(label: Label) -> str:
    """The name of the input of class vectors."""
    return f"text_{label}"


def output(label: Label) -> str:
    """The name of the logits."""
    return f"logits_{label}"


def signature_of(classifier: AbstractClassifier, text: Mapping[Label, ClassText]) -> Signature:
    """What a model takes and gives.

    Args:
        classifier: The model.
        text: The classes it was trained for.

    Raises:
        ConfigError: It is of a method that nothing is known of here.
    """
    free = isinstance(classifier, FREE) or (
        isinstance(classifier, Fusion) and not isinstance(classifier.head, LinearHead)
    )
    if not free and not isinstance(classifier, (*PROMPTED, *FIXED, Fusion)):
        raise ConfigError(
            f"{type(classifier).__name__} is no method of egoshift, so nobody knows which of its inputs are fixed; "
            "export it by torch.onnx.export yourself"
        )
    names = classifier.required_streams
    masked = len(names) > 1
    return Signature(
        streams=tuple(
            StreamInput(name, _dim(classifier, name, text), _frames(classifier, name), f"present_{name}" * masked)
            for name in names
        ),
        needed=classifier.classify_streams if isinstance(classifier, XMIC) else names,
        text_dims={label: int(words.vectors.shape[1]) for label, words in text.items() if free},
        labels=tuple(text),
    )


def fixed_vectors(
    classifier: AbstractClassifier, text: Mapping[Label, ClassText]
) -> dict[Label, Float[Tensor, "classes dim"]]:
    """The class vectors that a model of fixed classes compares with."""
    if isinstance(classifier, PROMPTED):
        return {label: classifier.text_vectors(label, words).detach() for label, words in text.items()}
    return {label: words.vectors for label, words in text.items()}


def _dim(classifier: AbstractClassifier, stream: str, text: Mapping[Label, ClassText]) -> int:
    """How wide a stream is."""
    if isinstance(classifier, Unimodal):
        return classifier.spec.row_dim
    if isinstance(classifier, Fusion):
        return classifier.inputs.dims[stream]
    if isinstance(classifier, VitaCLIP | CLIPLoRA):
        return classifier.vision.num_pixels
    if isinstance(classifier, XMIC):
        return classifier.condition_dim if stream in classifier.condition_streams else classifier.text_dim
    if isinstance(classifier, CLIPAdapter | LinearProbe | TipAdapter):
        return classifier.text_dim
    if isinstance(classifier, CoOp | CoCoOp | EfficientPrompt):
        return classifier.tower.card.dim
    return int(next(iter(text.values())).vectors.shape[1])


def _frames(classifier: AbstractClassifier, stream: str) -> str | int:
    """The name of a stream's number of frames; the number, where it holds windows of a sensor's signal."""
    if isinstance(classifier, Unimodal):
        return classifier.spec.num_rows
    if isinstance(classifier, Fusion) and stream in classifier.signal_encoders:
        return classifier.signal_encoders[stream].spec.num_rows
    if len(classifier.required_streams) == 1 or (
        isinstance(classifier, XMIC) and stream in classifier.condition_streams
    ):
        return "frames"
    return "frames_" + re.sub(r"\W", "_", stream)
