"""``model.json``: all that is to be known of exported models to run them without this library."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from egoshift.encoders import SensorCard, WeightCard
from egoshift.records import Label
from egoshift.training.checkpoint import CheckpointConfig

CARD_FILE = "model.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Parity(_Frozen):
    """How far an exported file is from PyTorch.

    Attributes:
        difference: The largest found, as a share of PyTorch's number where that is above 1.
        tolerance: Above which it would have been refused.
        worst: The input on which it was found.
        inputs: How many inputs were compared.
    """

    difference: float
    tolerance: float
    worst: str
    inputs: int


class TensorCard(_Frozen):
    """An input or output.

    Attributes:
        name: In the graph.
        dtype: ``float32``, ``bool``, ``uint8`` or ``int64``.
        shape: Sizes; a name for one that may vary.
    """

    name: str
    dtype: str
    shape: tuple[str | int, ...]


class StreamCard(_Frozen):
    """A stream of a model.

    Attributes:
        encoder: Which encoder makes it, a key of ``ExportCard.encoders``; empty where unknown.
        view: What it sees: ``full``, ``hand`` or ``window``; empty where unknown.
        mask: The input that says which clips have it; empty where all must.
    """

    encoder: str = ""
    view: str = ""
    mask: str = ""


class ModelCard(_Frozen):
    """One exported classifier.

    Attributes:
        file: Beside this card.
        method: Its name in egoshift.
        inputs: In the order of the graph.
        outputs: Logits ``(batch, classes)``, one per kind of label.
        streams: By name, which is that of the input too.
        needs_one_of: Streams of which a clip needs at least one; without any, its logits are NaN.
        classes: Per kind of label the class names, in the order of the logits (for the vectors in ``class_vectors``).
        class_vectors: Per kind of label the file of the class vectors trained with, which an input ``text_LABEL``
            takes, or others of the same text encoder; empty where the classes are fixed.
        text_encoder: What made them; empty where nothing reads them.
        num_frames: Frames per clip in training.
        temperatures: Per kind of label what logits are to be divided by before a softmax; absent: by 1.
        parity: Against PyTorch.
    """

    file: str
    method: str
    inputs: tuple[TensorCard, ...]
    outputs: tuple[TensorCard, ...]
    streams: dict[str, StreamCard]
    needs_one_of: tuple[str, ...]
    classes: dict[Label, tuple[str, ...]]
    class_vectors: dict[Label, str] = Field(default_factory=dict)
    text_encoder: str = ""
    num_frames: int
    temperatures: dict[Label, float] = Field(default_factory=dict)
    parity: Parity


class EncoderCard(_Frozen):
    """What makes a stream.

    Attributes:
        file: Its graph, beside this card; empty where it was not exported.
        inputs: Of the graph.
        outputs: Of the graph.
        prepared: How frames or windows are prepared for it; none where its weights are not here.
        sha256: Of the weights that the model was trained on; empty where unknown.
        text: For a text tower, what its token ids are: ``end``, ``padding``, ``context``.
        parity: Against PyTorch; none where it was not exported.
        note: Why something is missing.
    """

    file: str = ""
    inputs: tuple[TensorCard, ...] = ()
    outputs: tuple[TensorCard, ...] = ()
    prepared: WeightCard | SensorCard | None = None
    sha256: str = ""
    text: dict[str, int] = Field(default_factory=dict)
    parity: Parity | None = None
    note: str = ""


class ExportCard(_Frozen):
    """What ``model.json`` says.

    Attributes:
        models: By their labels, such as ``noun`` or ``verb+noun``.
        encoders: By the name that the run called them.
        text_encoders: Likewise.
        versions: Of the libraries that wrote this.
        trained_with: Of the libraries that trained each model.
    """

    format: Literal["egoshift-onnx"] = "egoshift-onnx"
    schema_version: Literal[1] = 1
    models: dict[str, ModelCard]
    encoders: dict[str, EncoderCard] = Field(default_factory=dict)
    text_encoders: dict[str, EncoderCard] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    trained_with: dict[str, dict[str, str]] = Field(default_factory=dict)


def streams_of(config: CheckpointConfig) -> dict[str, StreamCard]:
    """Which encoder and view each stream of a trained model is of, as far as it says."""
    run = config.provenance.get("run")
    stated = run.get("streams") if isinstance(run, Mapping) else None
    found: Mapping[str, Any] = stated if isinstance(stated, Mapping) else {}
    return {
        name: StreamCard(encoder=str(found[name]["encoder"]), view=str(found[name]["view"]))
        if name in found
        else StreamCard()
        for name in config.streams
    }


def weights_of(config: CheckpointConfig, encoder: str) -> str:
    """The SHA-256 of the encoder's weights that a model's features were made by; empty where unknown."""
    stores: JsonValue = config.provenance.get("stores")
    made: Any = stores.get(encoder) if isinstance(stores, Mapping) else None
    return str(made["weights"]) if isinstance(made, Mapping) and "weights" in made else ""


def temperatures_of(config: CheckpointConfig) -> dict[Label, float]:
    """The temperatures fitted on held-out source clips, where there were any."""
    return {} if config.fit is None else {label: found.temperature for label, found in config.fit.calibration.items()}
