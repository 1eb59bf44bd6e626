"""Made-up results of models of several modalities, with a number of its own in each place."""

from collections.abc import Sequence
from itertools import product
from typing import Any

from egoshift.evaluation.modality_result import ANY_MODALITY, Clips, Example, ModalityResult, SubsetRow, SweepRow, Task
from egoshift.losses.subsets import Modalities, modality_subsets, subset_pairs

ALL = ("video", "audio", "imu")
SEVEN = modality_subsets(ALL)
RATES = (0.0, 0.25, 0.5, 0.75, 1.0)


def row(
    support: Sequence[str], query: Sequence[str], value: float, task: Task = "many-shot", **fields: Any
) -> SubsetRow:
    """A row with an interval of two points to either side."""
    ends = {"low": value - 2, "high": value + 2, "n": 100} | fields
    return SubsetRow(task=task, support=tuple(support), query=tuple(query), value=value, **ends)


def full_support(modalities: Modalities = ALL, *, task: Task = "many-shot", first: float = 60.0) -> list[SubsetRow]:
    """Seen by all in training, by any subset in use; each subset a point less than the one before."""
    return [row(modalities, query, first - number, task) for number, query in enumerate(modality_subsets(modalities))]


def matrix(modalities: Modalities = ALL, *, first: float = 70.0) -> list[SubsetRow]:
    """Few-shot from every subset to every subset."""
    pairs = list(subset_pairs(modalities, "any"))
    return [row(*pair, first - 40 * number / len(pairs), "few-shot") for number, pair in enumerate(pairs)]


def sweep(modalities: Modalities = ALL, *, first: float = 60.0) -> list[SweepRow]:
    """Falling the faster, the earlier the modality stands."""
    kinds = (*modalities, ANY_MODALITY)
    return [
        SweepRow(missing=kind, rate=rate, value=value, low=value - 3, high=value + 3, n=100)
        for (number, kind), rate in product(enumerate(kinds), RATES)
        for value in [first - rate * 30 / (1 + number)]
    ]


def by_clips(clips: Sequence[Clips], *, first: float = 50.0) -> list[SubsetRow]:
    """Many-shot rows of several kinds of clips."""
    return [
        row(ALL, query, first - 7 * number - place, clips=kind)
        for number, kind in enumerate(clips)
        for place, query in enumerate(SEVEN)
    ]


def result(rows: Sequence[SubsetRow], variant: str = "mmg_many_shot", **fields: Any) -> ModalityResult:
    """A result with these rows, of 5-way 5-shot episodes where it has any."""
    given = {"method": "fusion", "train": "kitchen", "test": "kitchen", "modalities": ALL} | fields
    if any(line.task == "few-shot" for line in rows):
        given = {"episodes": {"ways": 5, "shots": 5, "queries": 15, "seed": 0}} | given
    return ModalityResult(variant=variant, rows=tuple(rows), **given)


EXAMPLE = Example(
    support_modalities=("video",),
    query_modalities=("audio", "imu"),
    query="clip-0",
    support=(("clip-1", "clip-2"), ("clip-3", "clip-4"), ("clip-5", "clip-6")),
    classes=("wash pan", "cut <b>onion</b>", "mop the floor"),
    target=0,
    predicted=1,
)
