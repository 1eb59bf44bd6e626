"""The grid of inertial sensors against convolutions written out one product at a time, in double precision."""

import math

import numpy as np
import pytest

from egoshift.media.inertial import Samples, onto_grid
from egoshift.media.inertial.lowpass import CUTOFF, HALF_WIDTH, KAISER_BETA, OVERSAMPLING
from tests.unit.media.inertial.test_interpolation import slow_value

RATE_HZ = 200.0


def bessel(x: float) -> float:
    """I0 by its power series."""
    return sum((x / 2) ** (2 * k) / math.factorial(k) ** 2 for k in range(30))


def weight(steps: float) -> float:
    """The windowed sinc, so many steps of the grid from its middle."""
    if abs(steps) > HALF_WIDTH:
        return 0.0
    window = bessel(KAISER_BETA * math.sqrt(1 - (steps / HALF_WIDTH) ** 2)) / bessel(KAISER_BETA)
    return window * (CUTOFF if steps == 0 else math.sin(math.pi * CUTOFF * steps) / (math.pi * steps))


def slow_filtered(times: list[float], values: list[float], at_s: float, source_hz: float) -> float:
    """The definition: interpolate onto the fine grid, multiply, add."""
    factor = math.ceil(OVERSAMPLING * source_hz / RATE_HZ)
    total = norm = 0.0
    for m in range(-HALF_WIDTH * factor, HALF_WIDTH * factor + 1):
        share = weight(m / factor)
        total += share * slow_value(times, values, at_s + m / (factor * RATE_HZ))
        norm += share
    return total / norm


def direct(times: list[float], values: list[float], at_s: float) -> float:
    """Every reading by itself, without any fine grid: it counts by the filter there and by the time it stands for."""
    total = norm = 0.0
    for k, (time, value) in enumerate(zip(times, values, strict=True)):
        stands_for = (times[min(k + 1, len(times) - 1)] - times[max(k - 1, 0)]) / 2
        share = weight((time - at_s) * RATE_HZ) * stands_for
        total += share * value
        norm += share
    return total / norm


def uneven(source_hz: float, duration_s: float, jitter: float) -> np.ndarray:
    rng = np.random.default_rng(3)
    num = int(source_hz * duration_s)
    times_s: np.ndarray = (np.arange(num) + rng.uniform(-jitter, jitter, num)) / source_hz
    return times_s


@pytest.mark.parametrize("source_hz", [420.0, 812.3])
def test_a_fast_sensor_is_filtered_by_the_definition(source_hz: float) -> None:
    times_s = uneven(source_hz, 0.6, 0.3)
    times_s = times_s[(times_s < 0.2) | (times_s > 0.35)]  # with a gap, over which nothing may reach
    values = np.random.default_rng(4).normal(size=len(times_s))
    samples = Samples("s", ("0",), "Pa", times_s, values[:, None])
    found = onto_grid({"s": samples}, 0.6, layout={"s": 1})
    steps = np.diff(times_s)
    found_hz = float(np.sum(steps <= 0.1) / steps[steps <= 0.1].sum())
    split = int(np.searchsorted(times_s, 0.3))
    expected = []
    for k, there in enumerate(found.present[:, 0].tolist()):
        if there:
            own = slice(0, split) if k / RATE_HZ < 0.3 else slice(split, None)
            expected.append(slow_filtered(times_s[own].tolist(), values[own].tolist(), k / RATE_HZ, found_hz))
    assert 85 <= len(expected) <= 95
    np.testing.assert_allclose(found.values[found.present[:, 0], 0], expected, rtol=0, atol=1e-6)


def test_a_slow_sensor_is_interpolated_by_the_definition() -> None:
    times_s = uneven(198.7, 1.0, 0.3)
    values = np.random.default_rng(5).normal(size=len(times_s))
    found = onto_grid({"s": Samples("s", ("0",), "Pa", times_s, values[:, None])}, 1.0, layout={"s": 1})
    assert found.present[:-2].all()
    at_s = np.flatnonzero(found.present[:, 0]) / RATE_HZ
    expected = [slow_value(times_s.tolist(), values.tolist(), float(at)) for at in at_s]
    np.testing.assert_allclose(found.values[found.present[:, 0], 0], expected, rtol=0, atol=1e-6)


def test_the_fine_grid_agrees_with_weighing_every_reading_by_itself() -> None:
    """For motion that the grid can hold; readings off their even times by up to a tenth of a step."""
    times_s = uneven(1000.0, 1.0, 0.1)
    values = sum(np.sin(2 * np.pi * hz * times_s + hz) for hz in (2.0, 9.0, 31.0))
    assert isinstance(values, np.ndarray)
    found = onto_grid({"s": Samples("s", ("0",), "Pa", times_s, values[:, None])}, 1.0, layout={"s": 1})
    inner = range(30, 170)
    expected = [direct(times_s.tolist(), values.tolist(), k / RATE_HZ) for k in inner]
    np.testing.assert_allclose(found.values[list(inner), 0], expected, rtol=0, atol=5e-3)
