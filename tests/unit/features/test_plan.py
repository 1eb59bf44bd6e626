import numpy as np
import pytest
from pydantic import ValidationError

from egoshift.features import FramePlan
from egoshift.features.plan import ticks


def times(plan: FramePlan, clips: list[tuple[float, float]], duration_s: float = 100.0) -> list[float]:
    starts, stops = np.array(clips, np.float64).T
    return list(map(float, plan.times(starts, stops, duration_s)))


def test_a_grid_has_four_times_a_second_unless_told_otherwise():
    assert FramePlan() == FramePlan(kind="grid", rate_hz=4.0)
    assert times(FramePlan(), [(0.3, 1.0), (0.6, 1.3)]) == [0.5, 0.75, 1.0, 1.25]
    assert times(FramePlan(rate_hz=2), [(0.0, 1.0), (5.0, 6.0)]) == [0.0, 0.5, 5.0, 5.5]


def test_exact_bins_are_sixteen_unless_told_otherwise():
    assert FramePlan(kind="exact") == FramePlan(kind="exact", num_frames=16)
    assert times(FramePlan(kind="exact", num_frames=2), [(0.0, 4.0), (2.0, 6.0)]) == [1.0, 3.0, 5.0]


def test_times_that_a_rounding_tells_apart_are_one_time():
    plan = FramePlan(kind="exact", num_frames=1)
    assert times(plan, [(0.1, 0.5), (0.1 + 1e-12, 0.5)]) == pytest.approx([0.3])


@pytest.mark.parametrize("plan", [FramePlan(), FramePlan(kind="exact", num_frames=4)])
def test_no_time_lies_past_the_end_of_the_video(plan):
    found = times(plan, [(0.0, 2.04), (1.99, 2.03)], duration_s=2.0)
    assert max(found) <= 2.0
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_frames": 16}, "num_frames has no meaning for kind 'grid'; give rate_hz"),
        ({"kind": "exact", "rate_hz": 4.0}, "rate_hz has no meaning for kind 'exact'; give num_frames"),
    ],
)
def test_what_the_kind_does_not_need_is_not_taken(values, message):
    with pytest.raises(ValidationError, match=message):
        FramePlan(**values)


@pytest.mark.parametrize("plan", [FramePlan(), FramePlan(kind="exact")])
def test_a_plan_is_read_as_it_was_written(plan):
    assert FramePlan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize(
    "values", [{"rate_hz": -1}, {"rate_hz": 0}, {"kind": "exact", "num_frames": -2}, {"kind": "all"}, {"fps": 4}]
)
def test_plans_that_cannot_be_are_refused(values):
    with pytest.raises(ValidationError):
        FramePlan(**values)


def test_ticks_are_whole_microseconds():
    assert ticks(np.array([[0.1, 1 / 3], [2.0, 0.7]])).tolist() == [[100_000, 333_333], [2_000_000, 700_000]]
