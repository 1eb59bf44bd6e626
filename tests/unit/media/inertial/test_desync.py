"""The shift between a gyroscope and the picture, by their motion."""

from typing import Any

import numpy as np
import pytest

from egoshift.media.inertial import Desync, Samples, desync_finding, estimate_desync

FRAMES_S = (np.arange(899) + 0.5) / 30  # between the frames of half a minute


def turns(times_s: np.ndarray, seed: int = 0) -> np.ndarray:
    """Rates of a head that turns now and then: bumps of 0.3 s to either side."""
    rng = np.random.default_rng(seed)
    centres, heights = np.sort(rng.uniform(0, 30, 15)), rng.uniform(-2, 2, (15, 3))
    bumps = np.exp(-0.5 * ((times_s[:, None] - centres) / 0.1) ** 2)
    rates: np.ndarray = bumps @ heights + 0.02 * rng.normal(size=(len(times_s), 3))
    return rates


def seen(seed: int = 0) -> np.ndarray:
    """How much the picture changes: more with quicker turns, but not in proportion, and with noise."""
    fine = np.linalg.norm(turns(np.arange(30_000) / 1000, seed), axis=1)
    average = np.convolve(fine, np.ones(33) / 33, mode="same")
    motion: np.ndarray = np.sqrt(np.interp(FRAMES_S, np.arange(30_000) / 1000, average))
    return motion + 0.05 * np.abs(np.random.default_rng(9).normal(size=len(motion)))


def estimate(lag_s: float, seed: int = 0, **options: Any) -> Desync:
    times_s = np.arange(6030) / 201
    found = estimate_desync(times_s + lag_s, turns(times_s, seed), FRAMES_S, seen(seed), **options)
    assert found is not None
    return found


@pytest.mark.parametrize("lag_s", [0.0, 0.5, -0.73, 1.9])
def test_the_shift_is_found_to_a_few_milliseconds(lag_s: float) -> None:
    found = estimate(lag_s)
    assert found.lag_s == pytest.approx(lag_s, abs=0.005)
    assert found.correlation > 0.9
    assert found.confidence > 0.3


def test_a_shift_beyond_what_is_looked_for_is_not_surely_found() -> None:
    assert abs(estimate(5.0).lag_s) <= 2.01
    assert estimate(5.0).correlation < 0.5
    assert estimate(5.0, max_lag_s=6.0).lag_s == pytest.approx(5.0, abs=0.005)


def test_the_correlation_is_pearsons_at_that_shift() -> None:
    times_s = np.arange(0, 20, 1 / 60)
    motion = np.abs(turns(times_s)[:, 0])
    still = np.zeros((len(times_s), 2))
    found = estimate_desync(times_s, np.concatenate([motion[:, None], still], axis=1), times_s, motion)
    assert found is not None
    averaged = np.convolve(np.pad(motion, 1, mode="edge"), [0.125, 0.75, 0.125], mode="valid")  # over one step
    expected = np.corrcoef(averaged[1:-1], motion[1:-1])[0, 1]
    assert found.correlation == pytest.approx(expected, abs=1e-4)
    assert found.lag_s == pytest.approx(0, abs=1e-3)


def test_nothing_is_estimated_from_too_little_or_from_rest() -> None:
    times_s = np.arange(6000) / 200
    rest = np.zeros((6000, 3))
    assert estimate_desync(times_s, rest, FRAMES_S, seen()) is None
    assert estimate_desync(times_s, turns(times_s), FRAMES_S, np.ones(len(FRAMES_S))) is None
    assert estimate_desync(times_s[:1], rest[:1], FRAMES_S, seen()) is None
    assert estimate_desync(times_s[:800], turns(times_s[:800]), FRAMES_S, seen()) is None
    assert estimate_desync(times_s + 1000, turns(times_s), FRAMES_S, seen()) is None


def test_a_sure_shift_becomes_a_finding_and_an_unsure_one_does_not() -> None:
    samples = Samples("gyroscope", ("x",), "rad/s", np.array([0.0]), np.zeros((1, 1)))
    finding = desync_finding(samples, Desync(0.62, 0.8, 0.5))
    assert finding is not None
    assert (finding.kind, finding.sensor, finding.count) == ("desync", "gyroscope", 1)
    assert finding.message == (
        "says that things happen 0.62 s later than the video shows them (correlation 0.80, 0.50 above any other shift)"
    )
    earlier = desync_finding(samples, Desync(-0.62, 0.8, 0.5))
    assert earlier is not None
    assert "0.62 s earlier" in earlier.message
    for unsure in (None, Desync(0.09, 0.9, 0.9), Desync(0.62, 0.39, 0.5), Desync(0.62, 0.8, 0.05)):
        assert desync_finding(samples, unsure) is None
    assert desync_finding(samples, Desync(0.09, 0.9, 0.9), tolerance_s=0.05) is not None
