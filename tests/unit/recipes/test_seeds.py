import math
import random

import pytest

from egoshift.recipes.seeds import mean_interval, student_quantile

PUBLISHED = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 9: 2.262, 14: 2.145, 29: 2.045}
"""Two-sided 95% points of Student's t as printed in every table of it."""


@pytest.mark.parametrize(("df", "value"), PUBLISHED.items())
def test_quantiles_are_those_of_the_published_tables(df, value):
    assert student_quantile(df) == pytest.approx(value, abs=5e-4)


def test_other_coverages_and_the_limit_of_many_degrees_of_freedom():
    assert student_quantile(4, 0.99) == pytest.approx(4.604, abs=5e-4)
    assert student_quantile(1, 0.5) == pytest.approx(1.0)  # the quartiles of Cauchy's distribution
    assert student_quantile(10_000) == pytest.approx(1.960, abs=5e-4)


def test_a_quantile_encloses_its_share_of_the_density():
    def density(t: float, df: int) -> float:
        log_factor = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
        return math.exp(log_factor - (df + 1) / 2 * math.log1p(t * t / df))

    for df in (1, 2, 3, 8, 11):
        end, steps = student_quantile(df, 0.9), 20_000
        middles = ((step + 0.5) * end / steps for step in range(steps))
        assert 2 * sum(density(t, df) for t in middles) * end / steps == pytest.approx(0.9, abs=1e-6)


def test_the_interval_of_three_values_by_hand():
    ends = mean_interval([2.0, 4.0, 6.0])
    reach = 4.302653 * 2.0 / math.sqrt(3)
    assert ends == pytest.approx((4 - reach, 4 + reach), abs=1e-5)
    assert mean_interval([2.0]) is None


def test_the_interval_covers_the_truth_in_95_of_100_cases():
    generator = random.Random(0)
    covered = 0
    for _ in range(4000):
        ends = mean_interval([generator.gauss(1.0, 5.0) for _ in range(3)])
        assert ends is not None
        covered += ends[0] <= 1.0 <= ends[1]
    assert covered / 4000 == pytest.approx(0.95, abs=0.012)
