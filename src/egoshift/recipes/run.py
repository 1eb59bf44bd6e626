"""A run as data: clips, streams, method, text, optimiser and selection; frozen, validated, stored in every result."""

import difflib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from egoshift.encoders import PIXELS
from egoshift.errors import ConfigError
from egoshift.records import Label
from egoshift.training import FitSettings
from egoshift.training.classifiers import CLASSIFIERS


class StreamRef(BaseModel):
    """Where a method's stream comes from: a view of the store that this encoder filled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: str = Field(
        description="Hub id, folder, file, or one that is shipped; pixels:NAME for its prepared pictures"
    )
    view: Literal["full", "hand"] = "full"


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
    text_encoder: str
    templates: tuple[str, ...] = Field(default=("{}",), min_length=1)
    fit: FitSettings = FitSettings()
    held_out: float = Field(default=0.1, gt=0, lt=1, description="Share of training videos that selection looks at")
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

    @model_validator(mode="after")
    def _fields_fit_together(self) -> "Run":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels {self.labels} name a kind twice")
        if self.fit.selection == "oracle" and not self.test:
            raise ValueError("fit.selection 'oracle' needs a target; give a data card in test")
        if self.text_encoder not in {stream.encoder.removeprefix(PIXELS) for stream in self.streams.values()}:
            raise ValueError(f"text_encoder {self.text_encoder!r} made none of the streams; name one of their encoders")
        return self


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
    base = path.parent
    return run.model_copy(
        update={
            "train": base / run.train,
            "test": tuple(base / card for card in run.test),
            "synonyms": None if run.synonyms is None else base / run.synonyms,
        }
    )


def absolute(run: Run) -> Run:
    """The same run with paths that hold from any folder."""
    return run.model_copy(
        update={
            "train": run.train.absolute(),
            "test": tuple(card.absolute() for card in run.test),
            "synonyms": None if run.synonyms is None else run.synonyms.absolute(),
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
            _child(place, leaf, assignment, leaf=True)
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
