from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from egoshift.media import probe
from egoshift.world.film import encode
from egoshift.world.noises import SOUND_RATE_HZ

CLICKS_S = (0.5, 3.3, 7.123, 9.9)


def _grey(count: int) -> list[np.ndarray]:
    return [np.full((64, 64, 3), 60 + index % 100, np.uint8) for index in range(count)]


@pytest.fixture
def clicks() -> np.ndarray:
    samples = np.random.default_rng(0).normal(0, 1e-4, 10 * SOUND_RATE_HZ).astype(np.float32)
    for time_s in CLICKS_S:
        first = round(time_s * SOUND_RATE_HZ)
        samples[first : first + 48] = 0.8
    return samples


def _heard(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Samples and when each is to be heard, as the file says it."""
    samples, times = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert frame.time is not None
            samples.append(frame.to_ndarray()[0])
            times.append(frame.time + np.arange(frame.samples) / frame.sample_rate)
    return np.concatenate(samples), np.concatenate(times)


@pytest.mark.parametrize("rate_hz", [12, 24])
def test_clicks_are_heard_when_they_were_made(tmp_path: Path, clicks: np.ndarray, rate_hz: int) -> None:
    encode(tmp_path / "clicks.mp4", _grey(10 * rate_hz), (64, 64), rate_hz, clicks)
    samples, times = _heard(tmp_path / "clicks.mp4")
    for time_s in CLICKS_S:
        near = np.abs(times - time_s) < 0.3
        assert abs(times[near][np.abs(samples[near]).argmax()] - time_s) < 0.002


def test_both_tracks_begin_at_once_and_last_as_long(tmp_path: Path, clicks: np.ndarray) -> None:
    encode(tmp_path / "clicks.mp4", _grey(120), (64, 64), 12, clicks)
    with av.open(str(tmp_path / "clicks.mp4")) as container:
        assert [(stream.type, stream.start_time) for stream in container.streams] == [("video", 0), ("audio", 0)]
        sound = container.streams.audio[0]
        assert sound.codec_context.name == "aac"
        assert sound.codec_context.layout.nb_channels == 1
        assert sound.time_base == Fraction(1, SOUND_RATE_HZ)
        assert sound.duration is not None
        # A block of the encoder is 21 ms.
        assert sound.duration / SOUND_RATE_HZ == pytest.approx(10.0, abs=0.022)
    assert probe(tmp_path / "clicks.mp4").duration_s == pytest.approx(10.0, abs=0.001)


def test_without_sound_there_is_no_sound_track(tmp_path: Path) -> None:
    encode(tmp_path / "mute.mp4", _grey(12), (64, 64), 12)
    with av.open(str(tmp_path / "mute.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_a_video_that_breaks_off_leaves_no_file_of_its_name(tmp_path: Path) -> None:
    def frames() -> Iterator[np.ndarray]:
        yield from _grey(3)
        raise RuntimeError("the renderer broke")

    with pytest.raises(RuntimeError, match="the renderer broke"):
        encode(tmp_path / "part.mp4", frames(), (64, 64), 12)
    assert not (tmp_path / "part.mp4").exists()
