"""What teaching brought: top-1 before and after on segments that were not taught on, with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from egoshift.evaluation import bootstrap_interval
from egoshift.features import AbstractFeatureSource
from egoshift.records import Label

FEWEST_RECORDINGS = 5
"""Held-out recordings from which intervals are over recordings; below, they are over segments."""


@dataclass(frozen=True)
class Gain:
    """What teaching did for one kind of label, on held-out segments, in percent of them.

    Attributes:
        label: The kind of label.
        before: Top-1 before; None where the model could not choose among these classes.
        after: Top-1 after.
        before_interval: Its 95% interval; None where there is too little for one.
        after_interval: Likewise.
        difference: After minus before, with its paired 95% interval.
        clips: How many held-out segments.
        classes: How many classes there are to choose among.
    """

    label: Label
    before: float | None
    after: float
    before_interval: tuple[float, float] | None
    after_interval: tuple[float, float] | None
    difference: tuple[float, float, float] | None
    clips: int
    classes: int

    @property
    def verdict(self) -> str:
        """In a word or two, whether it helped."""
        if self.before is None:
            return "new classes"
        if self.difference is None or self.difference[1] <= 0 <= self.difference[2]:
            return "no clear difference"
        return "it helped" if self.difference[1] > 0 else "it did harm"


def gain_of(
    label: Label, before: Mapping[Label, Tensor] | None, after: Mapping[Label, Tensor], test: AbstractFeatureSource
) -> Gain:
    """What teaching did for one kind of label.

    Args:
        label: Which.
        before: Logits of the held-out segments by the model as it was; None where it could not choose among the
            classes.
        after: Logits by the taught model.
        test: The segments.
    """
    known = test.targets[label] >= 0
    targets = test.targets[label][known]
    videos = [group for group, there in zip(test.groups, known.tolist(), strict=True) if there]
    # Of a few recordings no interval can be known; then segments stand for themselves.
    groups = tuple(videos) if len(set(videos)) >= FEWEST_RECORDINGS else tuple(str(k) for k in range(len(videos)))
    hits = (after[label].argmax(1)[known] == targets).long()
    value, interval = _percent(hits), bootstrap_interval(hits, groups)
    num_classes = after[label].shape[1]
    if before is None:
        return Gain(label, None, value, None, interval, None, len(targets), num_classes)
    old = (before[label].argmax(1)[known] == targets).long()
    paired = bootstrap_interval(hits - old, groups)
    difference = None if paired is None else (value - _percent(old), *paired)
    own = bootstrap_interval(old, groups)
    return Gain(label, _percent(old), value, own, interval, difference, len(targets), num_classes)


def _percent(hits: Tensor) -> float:
    return 100.0 * float(hits.float().mean())
