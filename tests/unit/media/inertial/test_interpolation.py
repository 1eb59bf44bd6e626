"""The curve through readings on clocks that are even, uneven and broken."""

import bisect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.media.inertial.interpolation import REGULAR, interpolate


def slow_value(times: list[float], values: list[float], at: float) -> float:
    """One time, by Hermite's four polynomials and the rules of the docstring."""
    at = min(max(at, times[0]), times[-1])
    if len(times) == 1:
        return values[0]
    k = min(max(bisect.bisect_right(times, at) - 1, 0), len(times) - 2)

    def slope_at(j: int) -> float:
        straight = (values[k + 1] - values[k]) / (times[k + 1] - times[k])
        if j in (0, len(times) - 1):
            return straight
        one, other = times[j] - times[j - 1], times[j + 1] - times[j]
        if max(one, other) > REGULAR * min(one, other):
            return straight
        # The derivative at its middle of Lagrange's parabola through three readings.
        return (
            values[j - 1] * -other / (one * (one + other))
            + values[j] * (other - one) / (one * other)
            + values[j + 1] * one / (other * (one + other))
        )

    width = times[k + 1] - times[k]
    u = (at - times[k]) / width
    h00, h10 = 2 * u**3 - 3 * u**2 + 1, u**3 - 2 * u**2 + u
    h01, h11 = -2 * u**3 + 3 * u**2, u**3 - u**2
    return h00 * values[k] + h10 * width * slope_at(k) + h01 * values[k + 1] + h11 * width * slope_at(k + 1)


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.floats(0.001, 1.0), max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_curve_is_hermites_one_time_at_a_time(steps: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    times_s = np.concatenate([[0.0], np.cumsum(steps)])
    values = rng.normal(size=(len(times_s), 2))
    at_s = np.concatenate([rng.uniform(-0.5, times_s[-1] + 0.5, 30), times_s])
    found = interpolate(times_s, values, at_s)
    expected = [[slow_value(times_s.tolist(), column.tolist(), float(at)) for column in values.T] for at in at_s]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_readings_are_met_and_the_ends_go_on() -> None:
    times_s, values = np.array([1.0, 2.0, 2.5]), np.array([[3.0], [5.0], [4.0]])
    found = interpolate(times_s, values, np.array([-9.0, 1.0, 2.0, 2.5, 99.0]))
    assert found[:, 0].tolist() == [3, 3, 5, 4, 4]


def test_parabolas_are_kept_exactly_between_regular_readings() -> None:
    times_s = np.array([0.0, 1.0, 2.5, 3.5, 5.0])
    at_s = np.linspace(1.0, 3.5, 50)
    found = interpolate(times_s, (times_s**2 - times_s)[:, None], at_s)
    np.testing.assert_allclose(found[:, 0], at_s**2 - at_s, atol=1e-12)


def test_two_readings_a_microsecond_apart_do_not_throw_the_curve_off() -> None:
    times_s = np.array([0.0, 0.005, 0.005001, 0.01, 0.015])
    values = np.array([0.0, 1.0, -1.0, 0.0, 0.0])[:, None]
    found = interpolate(times_s, values, np.linspace(0, 0.015, 1501))
    assert np.abs(found).max() <= 1.0 + 1e-9


@pytest.mark.parametrize(("share", "within_db"), [(0.05, 0.002), (0.1, 0.02), (0.2, 0.3)])
def test_sines_keep_their_height_as_documented(share: float, within_db: float) -> None:
    times_s = np.arange(2010) / 201
    at_s = np.arange(200, 1800) / 200
    hz = share * 201
    found = interpolate(times_s, np.sin(2 * np.pi * hz * times_s)[:, None], at_s)[:, 0]
    waves = np.stack([np.sin(2 * np.pi * hz * at_s), np.cos(2 * np.pi * hz * at_s)], axis=1)
    fitted = np.linalg.lstsq(waves, found, rcond=None)[0]
    assert abs(20 * np.log10(np.hypot(*fitted))) <= within_db
    assert abs(np.arctan2(fitted[1], fitted[0])) < 1e-3  # nor are they moved
