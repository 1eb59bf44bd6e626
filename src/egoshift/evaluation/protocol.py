"""What is counted: all classes, the shared and the novel ones, and two data sets joined by a harmonic mean.

Protocol of X-MIC's tables: the main number is micro top-1. For Table 2 only the clips whose class is in the subset are
kept and the classifier chooses among the subset's classes (the others' logits become minus infinity). Since that hides
the harder question, the ``-generalised`` subsets keep the same clips and let it choose among all classes.

Intervals are over videos. Shared and novel clips come from the same videos, so their harmonic mean is resampled with
the same draws for both; within- and cross-data-set results come from different videos and are drawn independently.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from egoshift.errors import ResultError
from egoshift.evaluation.answers import Answers, Question, answers_of
from egoshift.evaluation.bootstrap import NUM_RESAMPLES, Tally, draw_videos, interval, measure, ones
from egoshift.evaluation.metrics import harmonic_mean
from egoshift.evaluation.result import Metric, MetricRow, Outcomes, Result, Subset
from egoshift.records import Label, Scores

METRICS: tuple[Metric, ...] = ("top1", "top5", "macro", "f1")
"""What is measured on every subset that has clips."""


def outcomes_of(
    scores: Scores, shared: Sequence[int] | None = None, novel: Sequence[int] | None = None
) -> tuple[Outcomes, ...]:
    """Reduces logits to predictions and ranks, once per label space.

    Args:
        scores: One kind of label.
        shared: Indices of the test classes that the training vocabulary has too; None where not asked for.
        novel: Indices of the test classes it has not.

    Returns:
        The outcomes among all classes, then among the shared and the novel ones where given.

    Raises:
        ValueError: If a class index does not fit the logits or is both shared and novel.
    """
    return ordered(answers_of(scores, Question(shared, novel)))


def ordered(answers: Answers) -> tuple[Outcomes, ...]:
    """Answers as outcomes, once per label space: by video, without the clips whose class is not of the space."""
    numbers = {video: number for number, video in enumerate(dict.fromkeys(answers.groups))}
    videos = torch.tensor([numbers[video] for video in answers.groups], dtype=torch.int64)
    order = videos.argsort(stable=True)
    outcomes = []
    for space, ranks in answers.ranks.items():
        clips = order[ranks[order] >= 0]
        outcomes.append(
            Outcomes(
                label=answers.label,
                space=space,
                videos=tuple(numbers),
                clips=tuple(torch.bincount(videos[clips], minlength=len(numbers)).tolist()),
                targets=tuple(answers.targets[clips].tolist()),
                predicted=tuple(answers.predicted[space][clips].tolist()),
                ranks=tuple(ranks[clips].tolist()),
            )
        )
    return tuple(outcomes)


def evaluate_scores(
    scores: Scores,
    shared: Sequence[int] | None = None,
    novel: Sequence[int] | None = None,
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> list[MetricRow]:
    """All numbers of one kind of label, with intervals.

    Args:
        scores: The logits and targets.
        shared: Indices of the classes shared with the training vocabulary; None leaves these rows out.
        novel: Indices of the classes novel to it, likewise.
        num_resamples: Resamples of the videos behind each interval.
        seed: Of the resamples.

    Returns:
        ``top1``, ``top5``, ``macro`` and ``f1`` per subset, and ``hm`` of the shared and novel ``top1`` (restricted:
        subset ``novel``; generalised: subset ``novel-generalised``). A subset without clips has no rows.
    """
    return rows_of(outcomes_of(scores, shared, novel), num_resamples=num_resamples, seed=seed)


def rows_of(
    outcomes: Sequence[Outcomes],
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
    metrics: Sequence[Metric] = (*METRICS, "hm"),
) -> list[MetricRow]:
    """The rows of ``evaluate_scores`` from outcomes alone, such as those of a stored result.

    Args:
        outcomes: Of one kind of label: all classes, and the shared and novel ones where they were asked for.
        num_resamples: Resamples of the videos behind each interval.
        seed: Of the resamples.
        metrics: What to measure.
    """
    if not outcomes or not outcomes[0].videos:
        return []
    draws = draw_videos(len(outcomes[0].videos), num_resamples, torch.Generator().manual_seed(seed))
    sides = {subset: _Side(part, among, draws) for subset, (part, among) in _subsets(outcomes).items()}
    measured = [metric for metric in METRICS if metric in metrics]
    rows = [side.row(metric, subset) for subset, side in sides.items() if side.n for metric in measured]
    pairs: tuple[tuple[Subset, Subset], ...] = (("shared", "novel"), ("shared-generalised", "novel-generalised"))
    for first, second in pairs if "hm" in metrics else ():
        if first in sides and second in sides and sides[first].n and sides[second].n:
            rows.append(_harmonic(sides[first], sides[second], second))
    return rows


def count_subsets(outcomes: Sequence[Outcomes]) -> dict[Subset, int]:
    """Clips per subset, with 0 for those that have no rows."""
    return {subset: _count(part, among) for subset, (part, among) in _subsets(outcomes).items()}


def harmonic_row(
    within: Result, cross: Result, label: Label, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> MetricRow | None:
    """The harmonic mean of one model's top-1 on its own data set and on another, from the two results alone.

    Args:
        within: The result on the data set trained on.
        cross: The result on another data set.
        label: The kind of label.
        num_resamples: Resamples of the videos behind the interval.
        seed: Of the resamples.

    Returns:
        The row ``hm`` of subset ``all``; None where a result has no clips with this label.

    Raises:
        ResultError: If the results are not of one trained model.
    """
    for field in ("method", "variant", "train", "seed"):
        ours, theirs = getattr(within, field), getattr(cross, field)
        if ours != theirs:
            raise ResultError(
                f"the harmonic mean joins two results of one trained model, but their {field} differs: "
                f"{ours!r} on {within.test}, {theirs!r} on {cross.test}"
            )
    generator = torch.Generator().manual_seed(seed)
    sides = []
    for result in (within, cross):
        for part in result.outcomes:
            if part.label == label and part.space == "all" and part.targets:
                sides.append(_Side(part, None, draw_videos(len(part.videos), num_resamples, generator)))
    return _harmonic(sides[0], sides[1], "all") if len(sides) == 2 else None


@dataclass(frozen=True)
class _Side:
    """The clips of one subset and how their videos were drawn."""

    outcomes: Outcomes
    among: frozenset[int] | None
    draws: Tensor

    @cached_property
    def tally(self) -> Tally:
        """The clips, counted once for all metrics."""
        return Tally.of(self.outcomes, self.among)

    @property
    def n(self) -> int:
        return int(self.tally.clips.sum())

    def value(self, metric: Metric) -> float:
        return measure(metric, self.tally, ones(self.outcomes)).item()

    def resampled(self, metric: Metric) -> Float64[Tensor, " resample"]:
        return measure(metric, self.tally, self.draws)

    @property
    def has_interval(self) -> bool:
        """One video says nothing about how videos differ."""
        return int((self.tally.clips > 0).sum()) > 1

    def row(self, metric: Metric, subset: Subset) -> MetricRow:
        ends = interval(self.resampled(metric)) if self.has_interval else None
        return MetricRow(
            label=self.outcomes.label,
            metric=metric,
            subset=subset,
            value=self.value(metric),
            low=ends[0] if ends else None,
            high=ends[1] if ends else None,
            n=self.n,
        )


def _harmonic(first: _Side, second: _Side, subset: Subset) -> MetricRow:
    ends = None
    if first.has_interval and second.has_interval:
        ours, theirs = first.resampled("top1"), second.resampled("top1")
        sums = ours + theirs
        ends = interval(torch.where(sums == 0, 0.0, 2 * ours * theirs / sums))
    return MetricRow(
        label=first.outcomes.label,
        metric="hm",
        subset=subset,
        value=harmonic_mean(first.value("top1"), second.value("top1")),
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        n=first.n + second.n,
    )


def _subsets(outcomes: Sequence[Outcomes]) -> dict[Subset, tuple[Outcomes, frozenset[int] | None]]:
    """Per subset, the outcomes to read and the classes whose clips count."""
    spaces = {part.space: part for part in outcomes}
    subsets: dict[Subset, tuple[Outcomes, frozenset[int] | None]] = {"all": (spaces["all"], None)}
    pairs: tuple[tuple[Literal["shared", "novel"], Subset], ...] = (
        ("shared", "shared-generalised"),
        ("novel", "novel-generalised"),
    )
    for restricted, generalised in pairs:
        if restricted in spaces:
            subsets[restricted] = (spaces[restricted], None)
            subsets[generalised] = (spaces["all"], frozenset(spaces[restricted].targets))
    return subsets


def _count(outcomes: Outcomes, among: frozenset[int] | None) -> int:
    return len(outcomes.targets) if among is None else sum(target in among for target in outcomes.targets)
