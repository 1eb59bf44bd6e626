import math
from statistics import fmean, stdev

import pytest

from egoshift.recipes.claims.judge import joint_verdict, verdict_of
from egoshift.recipes.seeds import student_quantile


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([5.0, 6.0, 7.0], "reproduced"),
        ([-5.0, -6.0, -7.0], "not reproduced"),
        ([5.0, 6.0, -7.0], "undecided"),
        ([1.0, 2.0, 30.0], "undecided"),  # all above zero, but one world is not like the others
        ([0.0, 0.0, 0.0], "undecided"),
        ([5.0, 5.0], "undecided"),  # two seeds decide nothing, however alike
        ([5.0], "undecided"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(differences, verdict):
    assert verdict_of(differences) == verdict


def test_the_interval_decides_exactly_at_zero():
    differences = [1.0, 2.0, 3.0]
    reach = student_quantile(2) * stdev(differences) / math.sqrt(3)
    above = [value - fmean(differences) + reach for value in differences]
    assert verdict_of([value + 1e-6 for value in above]) == "reproduced"
    assert verdict_of([value - 1e-6 for value in above]) == "undecided"


@pytest.mark.parametrize(
    ("verdicts", "joint"),
    [
        (["reproduced", "reproduced"], "reproduced"),
        (["reproduced", "undecided"], "undecided"),
        (["reproduced", "not reproduced"], "not reproduced"),
        (["undecided", "not reproduced"], "not reproduced"),
    ],
)
def test_a_claim_holds_only_if_every_comparison_does(verdicts, joint):
    assert joint_verdict(verdicts) == joint
