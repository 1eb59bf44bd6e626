"""A run as data: clips, streams, method, text, optimiser and selection; frozen, validated, stored in every result."""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from egoshift.encoders import PIXELS, SIGNAL, sensor_of
from egoshift.errors import ConfigError
from egoshift.features import View
from egoshift.methods import METHODS
from egoshift.records import Label, Split
from egoshift.training import FitSettings, Objective
from egoshift.training.classifiers import CLASSIFIERS


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
                raise ValueError(f"{self.name} has no option {option!r}{_nearest(option, accepted)}")
        return self


class FewShot(BaseModel):
    """Episodes of novel classes; the fields of ``evaluation.FewShotSettings``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ways: int = Field(default=5, ge=2)
    shots: int = Field(default=5, ge=1)
    queries: int = Field(default=15, ge=1)
    num_episodes: int = Field(default=1000, ge=1)
    seed: int = Field(default=0, ge=0)
    path: Path | None = Field(default=None, description="A list of episodes instead of a draw")
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
    train: Path = Field(description="Data card (or folder of videos) to train on")
    test: tuple[Path, ...] = Field(default=(), description="Data cards to evaluate on, besides the source")
    labels: tuple[Label, ...] = Field(default=("noun", "verb"), min_length=1)
    together: bool = Field(default=False, description="One model for all labels instead of one for each")
    method: MethodSpec
    streams: dict[str, StreamRef] = Field(min_length=1)
    text_encoder: str = Field(
        default="", validate_default=True, description="What makes class vectors; for sensors with a linear head none"
    )
    templates: tuple[str, ...] = Field(default=("{}",), min_length=1)
    splits: tuple[Split, ...] = Field(default=("train",), min_length=1, description="Clips that are trained on")
    start: tuple[Path, ...] = Field(
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
    synonyms: Path | None = Field(default=None, description="CSV name,canonical: names that count as shared")

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


def read_run(path: Path) -> Run:
    """A run from a YAML file; paths in it are relative to the file.

    Raises:
        ConfigError: The file is missing, is not YAML, or has fields that do not fit (all of them named).
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give a run file or a recipe's name") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected fields such as 'train' and 'method', got {type(values).__name__}")
    run = validated(values, place=str(path))
    return _with_paths(run, lambda given: path.parent / given)


def absolute(run: Run) -> Run:
    """The same run with paths that hold from any folder."""
    return _with_paths(run, Path.absolute)


def _with_paths(run: Run, change: Callable[[Path], Path]) -> Run:
    episodes = run.few_shot
    if episodes is not None and episodes.path is not None:
        episodes = episodes.model_copy(update={"path": change(episodes.path)})
    return run.model_copy(
        update={
            "train": change(run.train),
            "test": tuple(change(card) for card in run.test),
            "synonyms": None if run.synonyms is None else change(run.synonyms),
            "start": tuple(change(folder) for folder in run.start),
            "few_shot": episodes,
        }
    )


def write_run(run: Run, path: Path) -> None:
    """Write the run, defaults included, as a YAML file that ``read_run`` takes; paths become absolute."""
    fields = absolute(run).model_dump(mode="json")
    path.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")


def override(run: Run, assignments: Sequence[str]) -> Run:
    """The run with fields replaced, each assignment being ``field.field=value`` with the value in YAML.

    Example:
        >>> override(run, ["fit.epochs=3", "method.options.alpha=1.0"])  # doctest: +SKIP

    Raises:
        ConfigError: An assignment without ``=``, a field that does not exist, or a value that does not fit.
    """
    values = run.model_dump()
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment}: expected field=value, such as fit.epochs=5")
        *parents, leaf = name.strip().split(".")
        place = values
        for parent in parents:
            place = _child(place, parent, assignment)
        if not (name.startswith("method.options.") and len(parents) == 2):  # options are checked by MethodSpec
            _child(place, leaf, assignment, leaf=text.strip() not in _NOTHING)
        try:
            place[leaf] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {assignment}: the value is not YAML: {' '.join(str(error).split())}") from error
    return validated(values, place="--set " + " ".join(assignments)) if assignments else run


def validated(values: Mapping[str, Any], *, place: str) -> Run:
    """The run that these values describe; ``place`` is named in the error.

    Raises:
        ConfigError: One line per field that does not fit.
    """
    try:
        return Run.model_validate(values)
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            field = ".".join(str(part) for part in fault["loc"])
            hint = _nearest(str(fault["loc"][-1]), Run.model_fields) if fault["type"] == "extra_forbidden" else ""
            lines.append(f"{place}: {field or 'run'}: {fault['msg'].removeprefix('Value error, ')}{hint}")
        raise ConfigError("\n".join(lines)) from error


_NOTHING = ("null", "~")
"""What takes a whole group away, where the group may be absent; if it may not, validation says so."""


def _child(place: Any, name: str, assignment: str, *, leaf: bool = False) -> Any:
    if not isinstance(place, dict) or name not in place:
        known = place if isinstance(place, dict) else {}
        raise ConfigError(f"--set {assignment}: there is no field {name!r}{_nearest(name, known)}")
    if isinstance(place[name], dict) and leaf:
        raise ConfigError(f"--set {assignment}: {name!r} is a group; set one of its fields: {', '.join(place[name])}")
    return place[name]


def _nearest(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(known)}" if known else ""
