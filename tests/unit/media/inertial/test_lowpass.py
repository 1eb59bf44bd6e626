"""What passes from a fast sensor to a slower grid, and what does not."""

import numpy as np
import pytest
import torch

from egoshift.media.inertial.lowpass import CUTOFF, HALF_WIDTH, filtered, taps

RATE_HZ = 200.0


def passed(hz: float, source_hz: float, jitter: float = 0.0) -> tuple[float, float]:
    """Height (dB) and shift (radians) of what a sine of height 1 becomes: of its alias, above 100 Hz."""
    rng = np.random.default_rng(0)
    times_s = np.arange(int(12 * source_hz)) / source_hz
    times_s = np.sort(times_s + rng.uniform(-jitter, jitter, len(times_s)) / source_hz)
    found = filtered(
        times_s, np.sin(2 * np.pi * hz * times_s)[:, None], 200, 2200, rate_hz=RATE_HZ, source_hz=source_hz
    )[:, 0]
    if hz > RATE_HZ / 2:
        return 20 * np.log10(np.sqrt(2 * np.mean(found**2)) + 1e-12), 0.0
    at_s = np.arange(200, 2200) / RATE_HZ
    waves = np.stack([np.sin(2 * np.pi * hz * at_s), np.cos(2 * np.pi * hz * at_s)], axis=1)
    one, other = np.linalg.lstsq(waves, found, rcond=None)[0]
    return 20 * np.log10(np.hypot(one, other)), float(np.arctan2(other, one))


@pytest.mark.parametrize("factor", [5, 8, 20])
def test_the_filter_alone_passes_and_stops_what_it_says(factor: int) -> None:
    weights = taps(factor).numpy()
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(weights, weights[::-1], atol=1e-15)
    steps = np.arange(-HALF_WIDTH * factor, HALF_WIDTH * factor + 1) / factor

    def gain_db(share: np.ndarray) -> np.ndarray:
        responses = np.cos(np.pi * share[:, None] * steps) @ weights
        heights: np.ndarray = 20 * np.log10(np.abs(responses) + 1e-12)
        return heights

    assert np.abs(gain_db(np.linspace(0, 0.8, 801))).max() < 0.006
    assert gain_db(np.array([CUTOFF]))[0] == pytest.approx(-6.02, abs=0.01)
    assert gain_db(np.linspace(1.0, factor, 4001)).max() < -64


@pytest.mark.parametrize("jitter", [0.0, 0.1])
@pytest.mark.parametrize(("source_hz", "within_db"), [(400, 0.25), (800, 0.02), (812.3, 0.02), (1600, 0.02)])
def test_sines_up_to_80_hz_pass_where_they_are(source_hz: float, within_db: float, jitter: float) -> None:
    for hz in (1.0, 13.0, 50.0, 80.0):
        height_db, shift = passed(hz, source_hz, jitter)
        assert abs(height_db) <= within_db
        assert abs(shift) < 1e-3


@pytest.mark.parametrize("source_hz", [400.0, 800.0, 812.3, 1000.0])
def test_sines_above_the_grids_own_limit_are_64_db_down(source_hz: float) -> None:
    for hz in np.arange(100.5, source_hz * 0.49, 23.7):
        assert passed(float(hz), source_hz)[0] < -64


def test_on_an_uneven_clock_sines_up_to_a_quarter_of_the_rate_are_40_db_down() -> None:
    for hz in (101.0, 150.0, 200.0):
        assert passed(hz, 800.0, jitter=0.1)[0] < -40
    assert passed(390.0, 800.0, jitter=0.1)[0] > -30  # which is why the docstring warns of them


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    times_s = np.sort(rng.uniform(0, 3, 3000))
    values = rng.normal(size=(3000, 2))
    whole = filtered(times_s, values, -20, 640, rate_hz=RATE_HZ, source_hz=1000.0)
    monkeypatch.setattr("egoshift.media.inertial.lowpass._BLOCK", 37)
    np.testing.assert_allclose(
        filtered(times_s, values, -20, 640, rate_hz=RATE_HZ, source_hz=1000.0), whole, atol=1e-12
    )
    assert filtered(times_s, values, 5, 5, rate_hz=RATE_HZ, source_hz=1000.0).shape == (0, 2)


def test_a_constant_stays_one_up_to_the_edges() -> None:
    found = filtered(np.arange(50) / 1000, np.full((50, 1), 9.81), -1, 11, rate_hz=RATE_HZ, source_hz=1000.0)
    torch.testing.assert_close(torch.from_numpy(found), torch.full((12, 1), 9.81, dtype=torch.float64))
