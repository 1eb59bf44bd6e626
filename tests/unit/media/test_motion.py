"""The motion of the picture, and its use: the shift of a gyroscope."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from egoshift.media import motion_energy, probe, spaced_frames
from egoshift.media.inertial import estimate_desync
from egoshift.media.motion import RATE_HZ
from tests.fixtures.videos import textured_frames, write_video


def slow_energy(frames: list[np.ndarray]) -> list[float]:
    side = max(1, frames[0].shape[0] // 32)
    rows, columns = frames[0].shape[0] // side, frames[0].shape[1] // side
    total = []
    for before, after in pairwise(frames):
        apart = 0.0
        for row in range(rows):
            for column in range(columns):
                place = slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side)
                apart += abs(float(after[place].astype(float).mean()) - float(before[place].astype(float).mean()))
        total.append(apart / (rows * columns))
    return total


@pytest.mark.parametrize("size", [(70, 100), (20, 30), (64, 48)])
def test_it_is_the_mean_absolute_difference_of_small_grey_pictures(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(4)]
    times_s, motion = motion_energy(zip((0.0, 0.1, 0.3, 0.4), frames, strict=True))
    np.testing.assert_allclose(times_s, [0.05, 0.2, 0.35])
    np.testing.assert_allclose(motion, slow_energy(frames), rtol=1e-4)


def test_fewer_than_two_pictures_have_no_motion() -> None:
    for frames in ([], [(0.0, np.zeros((8, 8, 3), np.uint8))]):
        times_s, motion = motion_energy(frames)
        assert (len(times_s), len(motion)) == (0, 0)


@pytest.mark.parametrize(("rate_hz", "every"), [(30, 3), (12, 1), (25, 2), (5, 1)])
def test_frames_are_a_whole_number_of_the_videos_own_apart(tmp_path: Path, rate_hz: int, every: int) -> None:
    info = probe(write_video(tmp_path / "video.mp4", textured_frames(20), rate_hz))
    found = list(spaced_frames(info, 10.0))
    np.testing.assert_allclose([time_s for time_s, _ in found], np.arange(0, 20, every) / rate_hz, atol=1e-9)
    assert 0.5 * RATE_HZ <= rate_hz / every <= 1.5 * RATE_HZ
    assert len(list(spaced_frames(info, 0.5))) < len(found)


def test_a_gyroscope_that_is_late_is_found_out() -> None:
    """A picture that is moved as fast as the head turns: what is seen and what is felt, 0.4 s apart."""
    times_s = np.arange(0, 20, 0.1)
    felt_s = np.arange(0, 20, 0.005)

    def turning(at_s: np.ndarray) -> np.ndarray:
        speed: np.ndarray = np.clip(np.sin(1.7 * at_s) * np.sin(0.43 * at_s + 1), 0, None)
        return speed

    places = np.cumsum(turning(times_s))
    picture = np.kron(np.random.default_rng(1).integers(0, 256, (8, 40), dtype=np.uint8), np.ones((8, 8), np.uint8))
    frames = [np.roll(picture, int(6 * place), axis=1)[..., None].repeat(3, axis=2) for place in places]
    seen_s, motion = motion_energy(zip(times_s, frames, strict=True))
    rotation = np.stack([turning(felt_s), np.zeros_like(felt_s), np.zeros_like(felt_s)], axis=1)
    found = estimate_desync(felt_s + 0.4, rotation, seen_s, motion)
    assert found is not None
    assert found.lag_s == pytest.approx(0.4, abs=0.06)
    assert found.correlation > 0.7
