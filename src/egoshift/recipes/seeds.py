"""Student's t interval of a mean over seeds: what further trainings (and generated worlds) would give."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

COVERAGE = 0.95


def student_quantile(df: int, coverage: float = COVERAGE) -> float:
    """How many standard errors a two-sided Student-t interval reaches to either side.

    >>> round(student_quantile(2), 3)
    4.303

    Args:
        df: Degrees of freedom, at least 1.
        coverage: Probability inside the interval, between 0 and 1.
    """
    low, high = 0.0, math.pi / 2
    while True:
        angle = (low + high) / 2
        if angle in (low, high):  # neighbouring floats: no closer answer exists
            return math.tan(angle) * math.sqrt(df)
        if _probability_within(angle, df) < coverage:
            low = angle
        else:
            high = angle


def _probability_within(angle: float, df: int) -> float:
    """P(|T| < sqrt(df) tan(angle)) of Student's T: Abramowitz and Stegun, 26.7.3 (odd df) and 26.7.4 (even)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    first = 1 if df % 2 == 0 else 2
    term, total = (1.0, 1.0) if first == 1 else (cosine, cosine)
    for k in range(first, df - 2, 2):
        term *= cosine * cosine * k / (k + 1)
        total += term
    if first == 1:
        return sine * total
    return 2 / math.pi * (angle + (sine * total if df > 1 else 0.0))


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95% interval of the mean of values, one per seed; None for one seed, which does not say how seeds differ."""
    if len(values) < 2:
        return None
    reach = student_quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    mean = fmean(values)
    return mean - reach, mean + reach
