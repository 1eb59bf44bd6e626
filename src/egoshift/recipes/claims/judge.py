"""Paired differences of several worlds in, a verdict out.

One seed is one world (other people, objects, videos) and one training seed, so an interval says what further worlds
would give. It is Student's t interval of the mean difference; no correction is made for the number of comparisons.
"""

from collections.abc import Sequence
from typing import Literal

from egoshift.recipes.seeds import mean_interval

Verdict = Literal["reproduced", "not reproduced", "undecided"]

FEWEST_SEEDS = 3
"""Below this nothing is decided, whatever the interval."""


def verdict_of(differences: Sequence[float]) -> Verdict:
    """What differences claimed to be above 0 say: the whole interval must lie on one side."""
    ends = mean_interval(differences)
    if ends is None or len(differences) < FEWEST_SEEDS:
        return "undecided"
    if ends[0] > 0:
        return "reproduced"
    return "not reproduced" if ends[1] < 0 else "undecided"


def joint_verdict(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of a claim that makes several comparisons: one that fails refutes it, all must hold to confirm it."""
    assert verdicts, "a claim has comparisons that decide it"
    if "not reproduced" in verdicts:
        return "not reproduced"
    return "reproduced" if all(verdict == "reproduced" for verdict in verdicts) else "undecided"
