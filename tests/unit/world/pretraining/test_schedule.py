import math
from itertools import pairwise

import pytest

from egoshift.world.pretraining.schedule import WARM_UP_STEPS, learning_rates


def test_rates_warm_up_and_then_fall_to_nothing_as_half_a_cosine() -> None:
    found = dict(learning_rates(1000, 60.0, 0.01))
    assert list(found) == list(range(1, 1001))
    assert found[WARM_UP_STEPS // 2] == pytest.approx(0.005 * (0.5 + 0.5 * math.cos(math.pi * 0.05)))
    assert found[500] == pytest.approx(0.005)
    assert found[1000] == pytest.approx(0)
    falling = [rate for step, rate in found.items() if step > WARM_UP_STEPS]
    assert all(later < earlier for earlier, later in pairwise(falling))


def test_where_time_runs_out_first_the_cosine_is_complete_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr("egoshift.world.pretraining.schedule.time.monotonic", lambda: float(next(clock)))
    found = list(learning_rates(100_000, 5.0, 1.0))
    assert len(found) == 300  # a second each, of five minutes
    assert found[149][1] == pytest.approx(0.5, abs=0.01)
    assert found[-1][1] == pytest.approx(0, abs=1e-4)
