"""Sensors with clocks of their own on one grid: what stays, what is absent, what moves with time."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.errors import ConfigError
from egoshift.media.inertial import HEAD_LAYOUT, Gridded, Samples, channel_names, onto_grid
from egoshift.media.inertial.grid import gap_limit_s, num_points, rate_hz_of, runs

ONE = {"s": 1}


def sensor(times_s: Any, values: Any) -> Samples:
    return Samples("s", ("0",), "Pa", np.asarray(times_s, dtype=np.float64), np.asarray(values, np.float64)[:, None])


def head(samples: Samples, name: str) -> Samples:
    values = np.repeat(samples.values, 3, axis=1)
    return Samples(name, ("x", "y", "z"), "m/s^2" if name == "accelerometer" else "rad/s", samples.times_s, values)


def grid(samples: Samples, duration_s: float, **options: Any) -> Gridded:
    return onto_grid({"s": samples}, duration_s, layout=ONE, **options)


def test_readings_on_the_grid_are_taken_over() -> None:
    found = grid(sensor(np.arange(400) / 200, np.arange(400)), 2.0)
    assert found.rate_hz == 200
    assert found.present.all()
    torch.testing.assert_close(found.values[:, 0], torch.arange(400.0))


def test_the_layout_names_the_channels_and_an_absent_sensor_is_nan_and_not_present() -> None:
    samples = sensor(np.arange(200) / 200, np.ones(200))
    found = onto_grid({"gyroscope": head(samples, "gyroscope"), "s": samples}, 1.0)
    assert found.channels == channel_names(HEAD_LAYOUT)
    assert found.channels == (
        *("accelerometer.0", "accelerometer.1", "accelerometer.2"),
        *("gyroscope.0", "gyroscope.1", "gyroscope.2"),
    )
    assert found.values[:, :3].isnan().all()
    assert found.present.tolist() == [[False, True]] * 200
    assert (found.values[:, 3:] == 1).all()
    nothing = onto_grid({}, 1.0)
    assert nothing.values.isnan().all()
    assert not nothing.present.any()


def test_a_sensor_with_other_axes_than_the_layout_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"s has 1 axes \(0\), the layout says 3"):
        onto_grid({"s": sensor([0.0], [1.0])}, 1.0, layout={"s": 3})


def test_gaps_are_absence_and_nothing_reaches_over_them() -> None:
    times_s = np.arange(600) / 200
    kept = (times_s < 1) | (times_s >= 1.5)
    values = np.where(times_s < 1, 1.0, 100.0)
    found = grid(sensor(times_s[kept], values[kept]), 3.0)
    at_s = torch.arange(600) / 200
    inside = (at_s < 1) | (at_s >= 1.5)
    assert torch.equal(found.present[:, 0], inside)
    assert torch.equal(found.values[:, 0].isnan(), ~inside)
    assert set(found.values[inside, 0].tolist()) == {1.0, 100.0}
    fast_s = np.arange(3000) / 1000
    kept = (fast_s < 1) | (fast_s >= 1.5)
    found = grid(sensor(fast_s[kept], np.where(fast_s < 1, 1.0, 100.0)[kept]), 3.0)
    assert torch.equal(found.present[:, 0], inside)
    assert (found.values[inside, 0] - torch.where(at_s < 1, 1.0, 100.0)[inside]).abs().max() < 1e-5


def test_the_threshold_decides_what_is_a_gap() -> None:
    times_s = np.delete(np.arange(400) / 200, np.arange(100, 110))  # a step of 55 ms
    samples = sensor(times_s, times_s)
    assert grid(samples, 2.0).present.all()
    found = grid(samples, 2.0, max_gap_s=0.05)
    assert int((~found.present).sum()) == 10
    assert gap_limit_s(times_s) == 0.1
    assert runs(times_s) == [(0, 390)]
    assert runs(times_s, 0.05) == [(0, 100), (100, 390)]


def test_the_steps_of_a_slow_sensor_are_no_gaps() -> None:
    times_s = np.arange(14) / 7
    assert gap_limit_s(times_s) == pytest.approx(2.5 / 7)
    found = grid(sensor(times_s, times_s), 2.0)
    assert int(found.present.sum()) == int(200 * (13.5 / 7)) + 1
    torch.testing.assert_close(found.values[:370, 0], torch.arange(370) / 200)


def test_a_reading_speaks_for_half_a_step_around_it() -> None:
    found = grid(sensor([0.502, 0.507], [3.0, 4.0]), 1.0)
    assert found.present[:, 0].nonzero().flatten().tolist() == [100, 101]
    assert found.values[100, 0] == 3.0
    assert found.values[101, 0] == pytest.approx(3.6)
    alone = grid(sensor([0.5], [7.0]), 1.0)
    assert alone.present[:, 0].nonzero().flatten().tolist() == [100]
    assert alone.values[100, 0] == 7.0


def test_readings_outside_the_video_do_not_count() -> None:
    times_s = np.arange(-200, 600) / 200
    found = grid(sensor(times_s, times_s), 1.0)
    torch.testing.assert_close(found.values[:, 0], torch.arange(200) / 200)
    assert not grid(sensor(times_s + 50, times_s), 1.0).present.any()
    assert len(grid(sensor(times_s, times_s), 0.0).values) == 0


def test_as_many_points_as_begin_before_the_end() -> None:
    assert num_points(1.0, 200) == 200
    assert num_points(0.7 * 10 / 7, 7) == 7
    assert num_points(1.001, 200) == 201


def test_rates_are_found_beside_gaps() -> None:
    times_s = np.arange(1000) / 201
    assert rate_hz_of(times_s) == pytest.approx(201)
    assert rate_hz_of(times_s[(times_s < 1) | (times_s > 3)]) == pytest.approx(201)
    assert rate_hz_of(np.array([1.0])) is None


@settings(max_examples=30, deadline=None)
@given(
    source_hz=st.sampled_from([50.0, 198.7, 201.0, 800.0]),
    steps=st.integers(-40, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_shift_in_time_stays_a_shift(source_hz: float, steps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    num = int(2 * source_hz)
    times_s = 1 + (np.arange(num) + rng.uniform(-0.3, 0.3, num)) / source_hz
    values = rng.normal(size=num)
    one = grid(sensor(times_s, values), 4.0)
    other = grid(sensor(times_s + steps / 200, values), 4.0)
    torch.testing.assert_close(
        other.values[40 + steps : 760 + steps], one.values[40:760], rtol=1e-4, atol=1e-4, equal_nan=True
    )
    assert one.present.any()


def test_two_sensors_with_other_clocks_and_rates_come_together() -> None:
    def motion(times_s: np.ndarray) -> np.ndarray:
        moved: np.ndarray = np.sin(2 * np.pi * 3 * times_s) + 0.5 * np.sin(2 * np.pi * 11 * times_s + 1)
        return moved

    slow_s, fast_s = 0.0013 + np.arange(1980) / 198.7, np.arange(-400, 10_000) / 1000
    sensors = {
        "accelerometer": head(sensor(fast_s, motion(fast_s)), "accelerometer"),
        "gyroscope": head(sensor(slow_s, motion(slow_s)), "gyroscope"),
    }
    found = onto_grid(sensors, 9.9)
    both = found.present.all(dim=1)
    assert both.float().mean() > 0.99
    apart = (found.values[:, 0] - found.values[:, 3])[both]
    assert apart.abs()[20:-20].max() < 0.002  # of a motion of 1.5: one is interpolated, the other filtered
