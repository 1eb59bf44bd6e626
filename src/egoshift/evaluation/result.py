"""The one JSON file that an evaluation writes; tables, plots and pages read nothing else."""

import json
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from egoshift.errors import ResultError
from egoshift.files import write_atomically
from egoshift.foreign import parse_json
from egoshift.records import Label
from egoshift.sealed import ALTERED, OR_EDITED, is_as_sealed, sealed

Metric = Literal["top1", "top5", "macro", "f1", "hm"]
"""``top1`` and ``top5`` are micro accuracies, ``macro`` is the mean accuracy per class, ``f1`` the mean F1 per class
(both over the classes that occur in the targets), ``hm`` the harmonic mean of two ``top1``."""

Subset = Literal["all", "shared", "novel", "shared-generalised", "novel-generalised"]
"""Which clips are counted: those of all classes, or of the classes shared with or novel to the training vocabulary.
Plain ``shared`` and ``novel`` let the classifier choose among the subset's classes only; ``-generalised`` among all."""

Space = Literal["all", "shared", "novel"]
"""The classes that the classifier chooses among."""

Selection = Literal["best", "last", "oracle", "none"]
"""How the weights were chosen: best epoch on source validation, last epoch, best epoch on the *target* (to be labelled
wherever it is printed), or nothing to choose (no training)."""


_ResultFile = TypeVar("_ResultFile", bound="ResultFile")

_ANEW = "write it again with `egoshift evaluate`"


class Frozen(BaseModel):
    """A part of a result: immutable, and no field that the schema does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MetricRow(Frozen):
    """One number with its 95% interval over videos, in percent.

    Attributes:
        label: The kind of label.
        metric: Which number.
        subset: Over which clips.
        value: The number itself, 0 to 100.
        low: The interval's lower end; None where fewer than two videos were seen, so that no interval can be known.
        high: The interval's upper end, likewise.
        n: Clips behind the number; for ``hm`` the clips of both sides together.
    """

    label: Label
    metric: Metric
    subset: Subset
    value: float = Field(ge=0, le=100)
    low: float | None = None
    high: float | None = None
    n: int = Field(ge=1)


class Outcomes(Frozen):
    """What was predicted for each clip, kept so that any number and interval can be computed from results alone.

    The clips are ordered by video, so that one count per video says which clips are its own.

    Attributes:
        label: The kind of label.
        space: The classes the classifier chose among: all, the shared or the novel ones. Clips of other classes are
            absent.
        videos: All videos of the evaluated clips of this label, the same for each space.
        clips: Per video, its number of clips here (0 where it has none of the space's classes).
        targets: Per clip, the right class.
        predicted: Per clip, the class with the highest logit (the lowest index among equals).
        ranks: Per clip, how many classes came before the right one.
    """

    label: Label
    space: Space
    videos: tuple[str, ...]
    clips: tuple[int, ...]
    targets: tuple[int, ...]
    predicted: tuple[int, ...]
    ranks: tuple[int, ...]

    @model_validator(mode="after")
    def _lengths_agree(self) -> "Outcomes":
        counts = {sum(self.clips), len(self.targets), len(self.predicted), len(self.ranks)}
        if len(counts) > 1 or len(self.videos) != len(self.clips):
            raise ValueError("outcomes need one count per video and one target, prediction and rank per clip")
        return self


class ClassRow(Frozen):
    """How one class fared among all classes: ``correct`` of its ``n`` clips; ``predicted`` times it was answered."""

    label: Label
    index: int
    name: str
    n: int
    correct: int
    predicted: int


class ConfusedPair(Frozen):
    """``n`` clips of class ``target`` were taken for class ``predicted``."""

    target: int
    predicted: int
    n: int


class Confusion(Frozen):
    """Which classes were taken for which, among all classes.

    Attributes:
        label: The kind of label.
        pairs: The most frequent mistakes, most frequent first.
        matrix: Counts by target (rows) and prediction; None above 100 classes.
    """

    label: Label
    pairs: tuple[ConfusedPair, ...]
    matrix: tuple[tuple[int, ...], ...] | None = None


class EpochRow(Frozen):
    """One epoch of training: its learning rate, mean loss and, where validated, micro top-1 in percent per label."""

    epoch: int
    lr: float
    loss: float
    validation: dict[Label, float] = Field(default_factory=dict)
    seconds: float = 0.0

    @property
    def score(self) -> float | None:
        """What the best epoch is chosen by: the mean of the labels' top-1; None where nothing was validated."""
        return sum(self.validation.values()) / len(self.validation) if self.validation else None


class Calibration(Frozen):
    """How a model's confidences relate to its hits, for one kind of label.

    Attributes:
        temperature: What logits are divided by before the softmax.
        ece_before: Expected calibration error at temperature 1, in percent.
        ece_after: The same at ``temperature``.
        clips: On how many clips.
    """

    temperature: float
    ece_before: float
    ece_after: float
    clips: int


class Counts(Frozen):
    """How many clips were evaluated, and what became of the others.

    Attributes:
        evaluated: Per kind of label, clips with a label.
        unlabelled: Per kind of label, clips left out because this label is not annotated.
        subsets: Per kind of label and subset, clips; a subset with 0 has no rows.
        videos: Per kind of label, videos with at least one evaluated clip.
        dropped: Clips left out before evaluation, by kind of fault (for example not covered by the store).
        faults: Faults of the annotation files, by kind.
    """

    evaluated: dict[Label, int] = Field(default_factory=dict)
    unlabelled: dict[Label, int] = Field(default_factory=dict)
    subsets: dict[Label, dict[Subset, int]] = Field(default_factory=dict)
    videos: dict[Label, int] = Field(default_factory=dict)
    dropped: dict[str, int] = Field(default_factory=dict)
    faults: dict[str, int] = Field(default_factory=dict)


class Overlap(Frozen):
    """What the evaluated clips share with those trained on; all zero is as it should be.

    Attributes:
        videos: Videos of evaluated clips that training saw too.
        clips: Evaluated clips of these videos.
        moments: Those of them that overlap a training clip in time, which a run must allow (``overlap: tell``).
        unknown: Models that training began with of which it is not known what they were trained on.
    """

    videos: int = 0
    clips: int = 0
    moments: int = 0
    unknown: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What a reader of the numbers must know, as the end of a sentence; empty where nothing is shared."""
        if not self.clips:
            return ""
        when = f"at moments that it saw: {self.moments}" if self.moments else "none at a moment that it saw"
        return f"training saw {self.videos} of the tested videos (tested clips in them: {self.clips}; {when})"


class Provenance(Frozen):
    """What made the result.

    Attributes:
        versions: Of the libraries.
        stores: Digests of the features by encoder, and of models that training began with.
        data: Digest of the clips evaluated on with their labels, and of the classes; empty in results of before it was
            kept.
        model: Digests of the model's files, by which a model trained anew is told; empty in results of before they were
            kept.
        run: The run, defaults and overrides included.
        card: The data card evaluated on; empty in results of before it was kept.
        overlap: What the evaluated clips share with those trained on; None in results of before it was looked for.
        command: As it was called.
        created: When, in UTC.
    """

    versions: dict[str, str] = Field(default_factory=dict)
    stores: dict[str, JsonValue] = Field(default_factory=dict)
    data: str = ""
    model: dict[str, str] = Field(default_factory=dict)
    run: dict[str, JsonValue] = Field(default_factory=dict)
    card: str = ""
    overlap: Overlap | None = None
    command: str = ""
    created: str = ""


class ResultFile(Frozen):
    """What is written as one JSON file, with one entry of a list a line so that it can be read and compared as text.

    Attributes:
        checksum: In the file, xxh3-128 of it with nothing between these quotes; empty in older ones and in memory.
    """

    checksum: str = ""

    @classmethod
    def read(cls: type[_ResultFile], path: Path) -> _ResultFile:
        """Reads a result file.

        Args:
            path: The JSON file.

        Raises:
            ResultError: If the file is absent, not such a result, of another schema version, or not as it was written.
        """
        content = result_text(path)
        try:
            result = cls.model_validate_json(content)
        except ValidationError as error:
            raise ResultError(_schema_faults(path, content, error)) from None
        if not is_as_sealed(content.encode(), result.checksum):
            raise ResultError(f"{path}: {ALTERED}; {_ANEW}, {OR_EDITED}")
        return result.model_copy(update={"checksum": ""})

    def write(self, path: Path) -> None:
        """Writes the result as JSON, whole or not at all; folders are made."""
        fields = {**self.model_dump(mode="json", exclude={"checksum"}), "checksum": ""}
        lines = ",\n".join(f"{json.dumps(name)}: {_lines(value)}" for name, value in fields.items())
        write_atomically(path, sealed(f"{{\n{lines}\n}}\n").encode())


class Result(ResultFile):
    """One evaluation of one trained model on one data set.

    Attributes:
        schema_version: Of this file format.
        method: The name of a method or a fusion.
        variant: The preset or run that tells results of one method apart, such as ``"released"``.
        train: The data set trained on; for methods without training, the one whose classes count as known.
        test: The data set evaluated on.
        selection: How the weights were chosen.
        seed: Of the training.
        rows: The numbers.
        counts: Clips evaluated and left out.
        per_class: One row per class and label, in the order of the vocabulary.
        confusion: One per label.
        outcomes: Per label and label space, what was predicted for each clip.
        history: The epochs of training.
        calibration: Per kind of label, how confidences relate to hits here, without and with the temperature fitted on
            the source; of labels that have one.
        provenance: What made the result.
    """

    schema_version: Literal[1] = 1
    method: str
    variant: str = ""
    train: str
    test: str
    selection: Selection = "none"
    seed: int = 0
    rows: tuple[MetricRow, ...]
    counts: Counts = Counts()
    per_class: tuple[ClassRow, ...] = ()
    confusion: tuple[Confusion, ...] = ()
    outcomes: tuple[Outcomes, ...] = ()
    history: tuple[EpochRow, ...] = ()
    calibration: dict[Label, Calibration] = Field(default_factory=dict)
    provenance: Provenance = Provenance()


def result_text(path: Path) -> str:
    """The content of a result file.

    Raises:
        ResultError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise ResultError(f"{path}: cannot be read ({reason}); give the path of a result's JSON file") from None


def _lines(value: object) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join("  " + json.dumps(entry, ensure_ascii=False) for entry in value) + "\n]"
    return json.dumps(value, ensure_ascii=False)


def _schema_faults(path: Path, content: str, error: ValidationError) -> str:
    """Why a file is not a result, in one line."""
    try:
        version = parse_json(content).get("schema_version", 1)
    except (ValueError, AttributeError):
        return f"{path}: is not a result file (a JSON object is expected); {_ANEW}"
    if version != 1:
        return f"{path}: has result schema version {version!r}, this egoshift reads version 1; {_ANEW}"
    faults = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors()[:5])
    more = f" (and {error.error_count() - 5} more)" if error.error_count() > 5 else ""
    return f"{path}: does not fit the result schema: {faults}{more}; {_ANEW}"
