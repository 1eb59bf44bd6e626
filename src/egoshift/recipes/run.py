"""A run as data: clips, streams, method, text, optimiser and selection; frozen, validated, stored in every result."""

import difflib
import inspect
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from egoshift.encoders import PIXELS, SIGNAL, sensor_of
from egoshift.features import View
from egoshift.methods import METHODS
from egoshift.records import Label, Split
from egoshift.remote.fields import Place
from egoshift.training import FitSettings, Objective
from egoshift.training.classifiers import CLASSIFIERS

OverlapRule = Literal["refuse", "tell"]
"""What becomes of tested clips that show what training saw (``egoshift.recipes.overlap``)."""


class StreamRef(BaseModel):
    """Where a method's stream comes from: a view of the store that this encoder filled, or a sensor's own signal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: str = Field(
        description="Hub id, folder, file, or one that is shipped; pixels:NAME for its prepared pictures; SENSOR:NAME "
        "for a sensor's encoder, such as imu:runs/imu/models/action; signal:SENSOR for what it reads"
    )
    view: View = "full"

    @model_validator(mode="before")
    @classmethod
    def _sensors_have_windows(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or "view" in values:
            return values
        encoder = str(values.get("encoder", ""))
        of_sensor = encoder.startswith(SIGNAL) or sensor_of(encoder) is not None
        return {**values, "view": "window"} if of_sensor else values


class MethodSpec(BaseModel):
    """A method by name, with arguments of its constructor; widths that follow from the features are filled in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> "MethodSpec":
        if self.name not in CLASSIFIERS:
            raise ValueError(f"no method {self.name!r}; there are {', '.join(CLASSIFIERS)}")
        accepted = inspect.signature(CLASSIFIERS[self.name]).parameters
        for option in self.options:
            if option not in accepted:
                raise ValueError(f"{self.name} has no option {option!r}{nearest(option, accepted)}")
        return self


class FewShot(BaseModel):
    """Episodes of novel classes; the fields of ``evaluation.FewShotSettings``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ways: int = Field(default=5, ge=2)
    shots: int = Field(default=5, ge=1)
    queries: int = Field(default=15, ge=1)
    num_episodes: int = Field(default=1000, ge=1)
    seed: int = Field(default=0, ge=0)
    path: Place | None = Field(default=None, description="A list of episodes instead of a draw")
    distance: Literal["squared-euclidean", "cosine"] = "squared-euclidean"
    normalise: bool = False


class Run(BaseModel):
    """Everything that decides a result.

    ``fit.selection`` says which epoch's weights are kept: ``best`` scores each epoch on training videos held out from
    the source data set, ``last`` trains to the end, ``oracle`` scores on the first target's own test clips, as the
    released X-MIC code does, and is labelled so wherever its numbers are printed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[\w.+-]+$", description="What the rows of a table are called")
    train: Place = Field(description="Data card (or folder of videos) to train on")
    test: tuple[Place, ...] = Field(default=(), description="Data cards to evaluate on, besides the source")
    labels: tuple[Label, ...] = Field(default=("noun", "verb"), min_length=1)
    together: bool = Field(default=False, description="One model for all labels instead of one for each")
    method: MethodSpec
    streams: dict[str, StreamRef] = Field(min_length=1)
    text_encoder: str = Field(
        default="", validate_default=True, description="What makes class vectors; for sensors with a linear head none"
    )
    templates: tuple[str, ...] = Field(default=("{}",), min_length=1)
    splits: tuple[Split, ...] = Field(default=("train",), min_length=1, description="Clips that are trained on")
    start: tuple[Place, ...] = Field(
        default=(),
        description="Trained models (RUN/models/LABELS) to begin with: one of the same method, or encoders of sensors",
    )
    objective: Objective = Field(default=Objective(), description="The losses")
    seen_by: tuple[str, ...] = Field(
        default=(), description="Streams that training on labelled clips sees, before and now; by default all"
    )
    fit: FitSettings = FitSettings()
    held_out: float = Field(default=0.1, gt=0, lt=1, description="Share of training videos that selection looks at")
    few_shot: FewShot | None = Field(default=None, description="Few-shot evaluation of the novel classes")
    shared_by: Literal["exact", "semantic"] = Field(
        default="exact", description="What makes a class shared: its name, or also the synonyms the data sets give"
    )
    synonyms: Place | None = Field(default=None, description="CSV name,canonical: names that count as shared")
    overlap: OverlapRule = Field(
        default="refuse", description="Tested clips that show what training saw are refused, or only told of"
    )

    @field_validator("templates")
    @classmethod
    def _one_place_for_the_name(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        for template in templates:
            if template.count("{}") != 1:
                raise ValueError(f"template {template!r} needs exactly one {{}} for the class name")
        return templates

    @field_validator("text_encoder")
    @classmethod
    def _methods_read_text(cls, text_encoder: str, fields: Any) -> str:
        method = fields.data.get("method")
        if not text_encoder and isinstance(method, MethodSpec) and method.name in METHODS:
            raise ValueError(f"{method.name} reads class text; name the encoder that makes it")
        return text_encoder

    @field_validator("splits")
    @classmethod
    def _others_are_evaluated_on(cls, splits: tuple[Split, ...]) -> tuple[Split, ...]:
        for split in splits:
            if split not in ("train", "unlabelled"):
                raise ValueError(f"clips of the split {split!r} are evaluated on; give train, unlabelled or both")
        return splits

    @model_validator(mode="after")
    def _fields_fit_together(self) -> "Run":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels {self.labels} name a kind twice")
        if self.fit.selection == "oracle" and not self.test:
            raise ValueError("fit.selection 'oracle' needs a target; give a data card in test")
        encoders = {stream.encoder.removeprefix(PIXELS) for stream in self.streams.values()}
        if self.method.name in METHODS and self.text_encoder not in encoders:
            raise ValueError(f"text_encoder {self.text_encoder!r} made none of the streams; name one of their encoders")
        if strange := [name for name in self.seen_by if name not in self.streams]:
            raise ValueError(f"seen_by names {strange[0]!r}, the streams are {', '.join(self.streams)}")
        return self

    @model_validator(mode="after")
    def _signals_are_of_the_sensor(self) -> "Run":
        for name, stream in self.streams.items():
            if stream.encoder.startswith(SIGNAL) and stream.encoder != SIGNAL + name:
                raise ValueError(
                    f"streams: {stream.encoder!r} is the signal of another sensor than the stream {name!r}"
                )
        sensor = self.method.options.get("sensor")
        given = {name: stream.encoder for name, stream in self.streams.items()}
        if self.method.name == "unimodal" and given != {sensor: f"{SIGNAL}{sensor}"}:
            expected = f"{sensor}: {SIGNAL}{sensor}"
            raise ValueError(f"streams: unimodal of sensor {sensor!r} reads {expected}, not {given}")
        encoders = self.method.options.get("encoders") or {}
        signals = {name for name, encoder in given.items() if encoder.startswith(SIGNAL)}
        if self.method.name != "unimodal" and signals != set(encoders):
            raise ValueError(
                f"streams: {', '.join(sorted(signals)) or 'none'} are signals, but method.options.encoders names "
                f"{', '.join(encoders) or 'none'}; give the same"
            )
        return self

    @model_validator(mode="after")
    def _training_fits_together(self) -> "Run":
        term = self.objective.alignment
        if self.objective.needs_labels and "train" not in self.splits:
            raise ValueError("splits: unlabelled clips alone have nothing for losses that read labels; add train")
        if self.seen_by and term and self.objective.needs_labels and not {term.anchor} < set(self.seen_by):
            raise ValueError(
                f"objective.alignment draws streams together with {term.anchor!r}, but training on labelled clips sees "
                f"{', '.join(self.seen_by)} (seen_by); align in a run before it, without losses that read labels"
            )
        if self.few_shot is not None and self.together and len(self.labels) > 1:
            raise ValueError("few_shot is of one kind of label a model; set together to false, or name one in labels")
        return self

    @property
    def has_results(self) -> bool:
        """Whether its model can be scored: by classes whose names training saw, or in episodes."""
        return bool(self.objective.cross_entropy) or self.few_shot is not None


def nearest(name: str, known: Mapping[str, object]) -> str:
    """What was probably meant, or what there is: the end of a line about a name that is unknown."""
    close = difflib.get_close_matches(name, list(known), n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(known)}" if known else ""
