"""The one JSON file of a model of several modalities: what it scores from every subset of them."""

from typing import Literal

from pydantic import Field

from egoshift.evaluation.result import Counts, Frozen, Provenance, ResultFile, Selection
from egoshift.losses.subsets import Modalities
from egoshift.records import Label

Task = Literal["many-shot", "few-shot"]
"""Classes that were trained on with all their clips, or classes of which a handful of clips is shown."""

Setting = Literal["regular", "missing", "zero-shot", "other"]
"""Which of the paper's settings a pair of subsets belongs to: all modalities on both sides; all in training (support)
and some of them at use (query); none in common; or none of these."""

Clips = Literal["all", "shared", "novel", "shared-generalised", "novel-generalised"]
"""As ``Subset`` of results of one modality. In few-shot rows the classes are the novel ones."""

ANY_MODALITY = "any"
"""In a sweep: each modality of each sample is missing with that rate, but never all of a sample."""


Reason = Literal["no-modality", "lacks-a-modality", "other-class", "unlabelled"]
"""Why a clip does not count: it has nothing of the query; it lacks one of all modalities (episodes are of clips that
have each, so that all pairs are compared on the same); its class is not among those asked for; or it is not known."""


class SubsetRow(Frozen):
    """Accuracy in percent from one pair of subsets of the modalities, with its 95% interval.

    Attributes:
        task: Many-shot: micro top-1 over clips, the interval over videos. Few-shot: the mean over episodes, the
            interval over episodes.
        label: The kind of label.
        support: What labelled training clips (many-shot) or the support (few-shot) were seen by.
        query: What the clips to recognise are seen by.
        clips: Of which classes the clips are, and among which the model chooses.
        value: The accuracy, 0 to 100.
        low: The interval's lower end; None where it cannot be known.
        high: The interval's upper end, likewise.
        n: Clips or episodes.
    """

    task: Task
    label: Label = "action"
    support: Modalities
    query: Modalities
    clips: Clips = "all"
    value: float = Field(ge=0, le=100)
    low: float | None = None
    high: float | None = None
    n: int = Field(ge=1)


class SweepRow(Frozen):
    """Micro top-1 in percent where a share of the samples lacks a modality, with its 95% interval over videos.

    Attributes:
        label: The kind of label.
        missing: Which modality, or ``ANY_MODALITY``.
        rate: The share of samples without it, 0 to 1.
        value: The accuracy, 0 to 100.
        low: The interval's lower end; None where it cannot be known.
        high: The interval's upper end, likewise.
        n: Clips.
    """

    label: Label = "action"
    missing: str
    rate: float = Field(ge=0, le=1)
    value: float = Field(ge=0, le=100)
    low: float | None = None
    high: float | None = None
    n: int = Field(ge=1)


class LeftOut(Frozen):
    """Clips that do not count in the rows of a task, each under the first reason that applies.

    Attributes:
        task: Of the rows.
        label: The kind of label.
        query: The subset that was asked for; in few-shot rows all modalities.
        reason: Why.
        n: How many clips, above 0.
    """

    task: Task
    label: Label = "action"
    query: Modalities
    reason: Reason
    n: int = Field(ge=1)


class Example(Frozen):
    """One query of one episode, for a person to look at.

    Attributes:
        support_modalities: What the support was seen by.
        query_modalities: What the query was seen by.
        query: The clip's id.
        support: Per class of the episode, the ids of its support clips.
        classes: The names of the episode's classes.
        target: Which of them is right.
        predicted: Which of them is nearest.
    """

    support_modalities: Modalities
    query_modalities: Modalities
    query: str
    support: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    target: int
    predicted: int


class ModalityResult(ResultFile):
    """One evaluation of one trained model of several modalities on one data set.

    Attributes:
        kind: Tells this file from other results.
        schema_version: Of this file format.
        method: The name of the fusion.
        variant: The run, which tells results of one method apart.
        train: The data set trained on.
        test: The data set evaluated on.
        modalities: All modalities of the model, in its order.
        selection: How the weights were chosen.
        seed: Of the training.
        episodes: ``ways``, ``shots``, ``queries`` and ``episodes`` of the few-shot rows, and the ``seed`` of the draw
            where they were drawn and not read; empty where there are none.
        rows: One per task, kind of clips and pair of subsets.
        sweep: One per modality and rate of the missing-rate sweep.
        examples: Queries to look at.
        counts: Clips evaluated and left out, whatever the subset.
        left_out: Clips left out of the rows of a subset.
        provenance: What made the result.
    """

    kind: Literal["egoshift-modalities"] = "egoshift-modalities"
    schema_version: Literal[1] = 1
    method: str
    variant: str = ""
    train: str
    test: str
    modalities: Modalities
    selection: Selection = "none"
    seed: int = 0
    episodes: dict[str, int] = Field(default_factory=dict)
    rows: tuple[SubsetRow, ...]
    sweep: tuple[SweepRow, ...] = ()
    examples: tuple[Example, ...] = ()
    counts: Counts = Counts()
    left_out: tuple[LeftOut, ...] = ()
    provenance: Provenance = Provenance()

    def setting(self, row: SubsetRow) -> Setting:
        """Which of the paper's settings a row belongs to."""
        support, query, everything = set(row.support), set(row.query), set(self.modalities)
        if not support & query:
            return "zero-shot"
        if support != everything:
            return "other"
        return "regular" if query == everything else "missing"
