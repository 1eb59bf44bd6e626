"""How well the segments of a timeline agree with annotated ones.

The segmental F1 score of Lea et al., *Temporal Convolutional Networks for Action Segmentation and Detection* (CVPR
2017, Section 4): a predicted segment is right if it overlaps an annotated one of its class by at least a share of their
union, and no other predicted segment has been found right for that one. It punishes timelines cut into pieces, which
accuracy per frame does not.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Span(NamedTuple):
    """A segment: its class, and from when to when it lasts, in seconds."""

    name: str
    start_s: float
    stop_s: float


class SegmentCounts(NamedTuple):
    """How many segments were right; counts of several recordings are added."""

    hits: int
    predicted: int
    annotated: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, in percent; 0 where nothing was predicted or annotated."""
        total = self.predicted + self.annotated
        return 200.0 * self.hits / total if total else 0.0


def segment_counts(predicted: Sequence[Span], annotated: Sequence[Span], overlap: float = 0.5) -> SegmentCounts:
    """The right segments of one recording.

    Args:
        predicted: Without background. Each is compared, in order of time, with the annotated segment of its class that
            it overlaps most; of equals the first.
        annotated: The truth; segments may overlap.
        overlap: Least intersection over union, above 0.

    >>> segment_counts([Span("cut", 0, 2), Span("cut", 2, 3)], [Span("cut", 0, 3)])
    SegmentCounts(hits=1, predicted=2, annotated=1)
    """
    found = np.zeros(len(annotated), dtype=bool)
    truth = np.array([(span.start_s, span.stop_s) for span in annotated], dtype=np.float64).reshape(-1, 2)
    names = np.array([span.name for span in annotated], dtype=object)
    hits = 0
    for span in sorted(predicted, key=lambda each: (each.start_s, each.stop_s)):
        same = np.minimum(truth[:, 1], span.stop_s) - np.maximum(truth[:, 0], span.start_s)
        union = np.maximum(truth[:, 1], span.stop_s) - np.minimum(truth[:, 0], span.start_s)
        shares = np.where(names == span.name, same / np.maximum(union, 1e-9), -1.0)
        best = int(shares.argmax()) if len(shares) else -1
        if best >= 0 and shares[best] >= overlap and not found[best]:
            found[best] = True
            hits += 1
    return SegmentCounts(hits, len(predicted), len(annotated))


def added(counts: Iterable[SegmentCounts]) -> SegmentCounts:
    """The counts of several recordings together."""
    columns = np.array(list(counts), dtype=np.int64).reshape(-1, 3).sum(0).tolist()
    return SegmentCounts(*columns)
