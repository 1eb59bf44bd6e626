"""What the page draws: the likeliest classes of steps, traces, crops; each against a slow, obvious twin."""

from pathlib import Path

import numpy as np
import pytest

from egoshift.app.answers import TOP_K, top_of_steps
from egoshift.app.pictures import NUM_CROPS, crop_times
from egoshift.app.traces import NUM_BINS, binned_motion, sound_peaks
from egoshift.media import read_sound
from tests.fixtures.predictors import write_colourful


def test_the_likeliest_classes_are_those_of_sorting() -> None:
    table = np.random.default_rng(0).random((20, 9), np.float32)
    table[3] = np.nan
    for step, top in enumerate(top_of_steps(table)):
        slow = [] if step == 3 else sorted(enumerate(table[step]), key=lambda pair: -pair[1])[:TOP_K]
        assert [index for index, _ in top] == [index for index, _ in slow]
        assert [share for _, share in top] == pytest.approx([share for _, share in slow], abs=1e-4)
    assert [len(top) for top in top_of_steps(table[:1, :2])] == [2]


def test_sound_is_the_loudest_sample_of_each_part(tmp_path: Path) -> None:
    path = write_colourful(tmp_path / "walk.mp4")
    peaks = sound_peaks(path, 8.0)
    samples = np.abs(read_sound(path, 0.0, 8.0, sample_rate_hz=8000).samples)
    for part in range(0, NUM_BINS, 37):
        inside = [value for k, value in enumerate(samples) if int(k / 8000 / 8.0 * NUM_BINS) == part]
        assert peaks[part] == pytest.approx(max(inside))
    assert peaks[NUM_BINS * 3 // 8] > 0.3
    assert peaks[NUM_BINS // 8] < 0.01


def test_motion_is_the_farthest_step_from_rest_of_each_part() -> None:
    rng = np.random.default_rng(1)
    times_s = np.sort(rng.uniform(-1, 12, 4000))
    times_s = times_s[(times_s < 5) | (times_s > 6)]
    values = rng.normal(size=(len(times_s), 3)) + np.array([0, 9.8, 0])
    found = binned_motion(times_s, values, 10.0)
    rest = np.median(values, axis=0)
    for part in range(NUM_BINS):
        inside = (times_s >= 0) & (times_s < 10) & ((times_s / 10 * NUM_BINS).astype(int) == part)
        slow = max((float(np.sqrt(((value - rest) ** 2).sum())) for value in values[inside]), default=np.nan)
        assert found[part] == pytest.approx(slow, nan_ok=True)
    assert np.isnan(found[int(0.55 * NUM_BINS)])


def test_crops_are_spread_over_their_stretch() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        times_s = np.sort(rng.uniform(0, 20, int(rng.integers(1, 60))))
        start_s = float(rng.uniform(0, 19))
        stop_s = start_s + float(rng.uniform(0, 5))
        chosen = crop_times(times_s, start_s, stop_s)
        inside = [k for k, time in enumerate(times_s) if start_s <= time <= stop_s]
        if inside:
            assert set(chosen) <= set(inside)
            assert chosen == sorted(set(chosen))
            assert len(chosen) == min(NUM_CROPS, len(inside))
            assert (chosen[0], chosen[-1]) == (inside[0], inside[-1])
        else:
            assert chosen == [min(range(len(times_s)), key=lambda k: abs(times_s[k] - (start_s + stop_s) / 2))]
