"""Paired differences of several worlds in, a verdict out.

One seed is one world (other people, objects, videos) and one training seed, so an interval says what further worlds
would give. It is Student's t interval of the mean difference; no correction is made for the number of comparisons.
"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Literal

Verdict = Literal["reproduced", "not reproduced", "undecided", "not run"]

COVERAGE = 0.95
FEWEST_SEEDS = 3
"""Below this nothing is decided, whatever the interval."""


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


def paired_interval(differences: Sequence[float]) -> tuple[float, float] | None:
    """The 95% interval of the mean difference over seeds; None for one seed, which does not say how worlds differ."""
    if len(differences) < 2:
        return None
    reach = student_quantile(len(differences) - 1) * stdev(differences) / math.sqrt(len(differences))
    mean = fmean(differences)
    return mean - reach, mean + reach


def verdict_of(differences: Sequence[float]) -> Verdict:
    """What differences claimed to be above 0 say: the whole interval must lie on one side."""
    ends = paired_interval(differences)
    if ends is None or len(differences) < FEWEST_SEEDS:
        return "undecided"
    if ends[0] > 0:
        return "reproduced"
    return "not reproduced" if ends[1] < 0 else "undecided"


def joint_verdict(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of a claim that makes several comparisons: one that fails refutes it, all must hold to confirm it."""
    if not verdicts:
        return "not run"
    if "not reproduced" in verdicts:
        return "not reproduced"
    return "reproduced" if all(verdict == "reproduced" for verdict in verdicts) else "undecided"
