"""Sounds whose samples tell when they are heard (tests/fixtures/sounds.py), written in many ways and read back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import MediaError
from egoshift.media import probe
from egoshift.media.sound import SoundInfo, probe_sound, read_sound
from egoshift.world.film import encode
from egoshift.world.noises import SOUND_RATE_HZ
from egoshift.world.script import write_script
from egoshift.world.sound import synthesise
from egoshift.world.style import HOME_STYLE
from tests.fixtures.sounds import melody, melody_heard, spoil, write_sound
from tests.fixtures.videos import write_frames, write_video


def apart(samples: np.ndarray, begin_s: float = 0.0, rate_hz: int = 16_000) -> float:
    """How far samples are from the melody at their time, as a root mean square; one sample's shift makes 0.1 of it.

    25 ms at either end are left out, where a resampler and a codec hear the cut as well.
    """
    expected = melody(begin_s + np.arange(len(samples)) / rate_hz)
    edge = rate_hz // 40
    return float(np.sqrt(np.square(samples - expected)[edge:-edge].mean()))


# How it is written, how far what is read may be from what was written, and how far its end may be, in samples.
CODINGS: dict[str, tuple[dict[str, object], float, int]] = {
    "a.wav": ({"rate_hz": 44_100}, 3e-5, 0),
    "u8.wav": ({"rate_hz": 16_000, "codec": "pcm_u8"}, 0.003, 0),
    "s24.wav": ({"codec": "pcm_s24le"}, 1e-5, 0),
    "s32.wav": ({"codec": "pcm_s32le"}, 1e-5, 0),
    "s64.wav": ({"codec": "pcm_s64le"}, 1e-5, 0),
    "f32.wav": ({"rate_hz": 16_000, "codec": "pcm_f32le"}, 1e-7, 0),
    "f64.mov": ({"codec": "pcm_f64le"}, 1e-5, 0),
    "odd.wav": ({"rate_hz": 12_345}, 3e-5, 0),
    "wide.wav": ({"rate_hz": 96_000}, 3e-5, 0),
    "a.flac": ({"rate_hz": 22_050, "codec": "flac"}, 3e-5, 0),
    "a.mkv": ({"codec": "flac"}, 3e-5, 0),
    "a.avi": ({}, 3e-5, 0),
    "fragments.mp4": ({"codec": "flac", "options": {"movflags": "frag_every_frame+empty_moov"}}, 3e-5, 0),
    "aac.mp4": ({"codec": "aac"}, 0.03, 500),
    "aac.mkv": ({"rate_hz": 44_100, "codec": "aac"}, 0.03, 500),
    "pictures.mp4": ({"codec": "aac", "pictures_s": 3.0}, 0.03, 500),
    "opus.mkv": ({"codec": "libopus"}, 0.02, 500),
    "a.opus": ({"codec": "libopus"}, 0.02, 500),
    "a.mp3": ({"rate_hz": 44_100, "codec": "libmp3lame"}, 0.03, 800),
}


@pytest.mark.parametrize("name", CODINGS)
def test_every_sample_is_heard_at_its_time(tmp_path: Path, name: str) -> None:
    written, error, end = CODINGS[name]
    rate_hz = written.get("rate_hz", 48_000)
    assert isinstance(rate_hz, int)
    path = write_sound(tmp_path / name, melody_heard(3.0, rate_hz), **written)  # type: ignore[arg-type]
    sound = read_sound(path)
    assert apart(sound.samples[:48_000]) < error
    assert abs(len(sound.samples) - 48_000) <= end
    assert (sound.start_s, sound.num_corrupt, sound.num_repeated) == (0.0, 0, 0)
    assert sound.present == ((0, len(sound.samples)),)
    assert sound.mask.all()


@pytest.mark.parametrize("wanted_hz", [8000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("rate_hz", [11_025, 16_000, 48_000])
def test_sound_is_given_at_any_rate(tmp_path: Path, rate_hz: int, wanted_hz: int) -> None:
    path = write_sound(tmp_path / "a.wav", melody_heard(2.0, rate_hz), rate_hz)
    sound = read_sound(path, sample_rate_hz=wanted_hz)
    assert len(sound.samples) == 2 * wanted_hz
    assert apart(sound.samples, rate_hz=wanted_hz) < 3e-5


def test_what_the_wanted_rate_cannot_hold_is_filtered_out(tmp_path: Path) -> None:
    times_s = np.arange(96_000) / 48_000
    path = write_sound(tmp_path / "a.wav", melody(times_s) + 0.3 * np.sin(2 * np.pi * 9000 * times_s))
    assert apart(read_sound(path).samples) < 1e-3  # without a filter it would be heard at 7 kHz, 0.3 loud


@pytest.mark.parametrize(("layout", "count"), [("stereo", 2), ("5.1", 6), ("7.0", 7), ("7.1", 8)])
def test_channels_are_averaged_with_equal_weights_or_one_is_taken(tmp_path: Path, layout: str, count: int) -> None:
    tune = melody_heard(1.0, 16_000)
    path = write_sound(
        tmp_path / "a.wav", [(k + 1) / count * tune for k in range(count)], 16_000, codec="pcm_f32le", layout=layout
    )
    mean = read_sound(path).samples
    np.testing.assert_allclose(mean, tune * (count + 1) / (2 * count), atol=1e-6)
    for channel in range(count):
        np.testing.assert_allclose(read_sound(path, channel=channel).samples, (channel + 1) / count * tune, atol=1e-6)
    with pytest.raises(MediaError, match=f"has {count} channels, so there is no channel {count}; give a channel from"):
        read_sound(path, channel=count)


def test_eight_channels_apart_from_each_other_in_memory_are_read(tmp_path: Path) -> None:
    tune = melody_heard(2.0, 48_000)
    path = write_sound(tmp_path / "a.opus", [(k + 1) / 8 * tune for k in range(8)], codec="libopus", layout="7.1")
    sound = read_sound(path)
    assert apart(sound.samples / 0.5625) < 0.02


def test_a_track_that_begins_late_is_absent_until_then(tmp_path: Path) -> None:
    tune = melody_heard(2.0, 48_000, begin_s=1.5)
    path = write_sound(tmp_path / "late.mov", tune, begin_s=1.5, pictures_s=4.0)
    sound = read_sound(path, 0.0, 4.0)
    assert sound.present == ((24_000, 56_000),)
    assert len(sound.samples) == 64_000
    assert apart(sound.samples[24_000:56_000], 1.5) < 3e-5
    assert not sound.samples[~sound.mask].any()
    info = probe_sound(path)
    assert info == SoundInfo(path, 1.5, 3.5, 48_000, 1, 1, "pcm_s16le")
    assert probe(path).duration_s == pytest.approx(4.0, abs=1e-3)


@pytest.mark.parametrize("name", ["early.mov", "early.mkv"])
def test_time_zero_is_the_first_frame_shown(tmp_path: Path, name: str) -> None:
    path = write_sound(tmp_path / name, melody_heard(3.0, 48_000), pictures_s=2.0, pictures_begin_s=0.7)
    sound = read_sound(path)
    assert abs(len(sound.samples) - 36_800) <= 8  # Matroska rounds to half a millisecond
    assert apart(sound.samples, 0.7) < 3e-5
    info = probe_sound(path)
    assert info is not None
    assert info.start_s == pytest.approx(-0.7, abs=1e-3)
    assert info.stop_s == pytest.approx(2.3, abs=1e-3)


def test_sound_that_ends_before_what_is_asked_for_is_absent_from_there(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "short.mov", melody_heard(1.0, 48_000), pictures_s=3.0)
    assert read_sound(path, 0.5, 2.5).present == ((0, 8000),)
    nothing = read_sound(path, 2.0, 3.0)
    assert (nothing.present, len(nothing.samples), nothing.start_s) == ((), 16_000, 2.0)
    assert not nothing.samples.any()


def test_a_missing_track_is_told_apart(tmp_path: Path) -> None:
    silent = write_video(tmp_path / "silent.mp4", 5)
    frames = write_frames(tmp_path / "frames", [1, 2, 3])
    for path in (silent, frames):
        assert probe_sound(path) is None
        with pytest.raises(MediaError, match="holds no sound; give the file that holds the sound") as caught:
            read_sound(path)
        assert caught.value.fault.kind == "no-sound-track"


def test_the_first_of_several_tracks_is_read_and_all_are_counted(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "two.mkv", melody_heard(2.0, 48_000), num_tracks=2, pictures_s=2.0)
    info = probe_sound(path)
    assert info is not None
    assert info.num_tracks == 2
    assert apart(read_sound(path).samples) < 3e-5


def test_silence_is_present(tmp_path: Path) -> None:
    sound = read_sound(write_sound(tmp_path / "a.wav", np.zeros(16_000), 16_000))
    assert sound.mask.all()
    assert not sound.samples.any()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40, 100])
def test_even_the_shortest_sound_is_read(tmp_path: Path, count: int) -> None:
    path = write_sound(tmp_path / "a.wav", melody_heard(1.0, 48_000)[:count])
    assert read_sound(path).present == ((0, -(-count // 3)),)


def test_damaged_packets_are_counted_and_absent_and_the_rest_is_in_place(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp4", melody_heard(6.0, 48_000), codec="aac", pictures_s=6.0)
    num_spoilt = spoil(path, lambda time_s: 2.0 < time_s < 2.5)
    sound = read_sound(path)
    assert sound.num_corrupt == num_spoilt == 24
    assert len(sound.present) == 2
    (_, first), (second, stop) = sound.present
    assert 2.0 <= first / 16_000 <= 2.05
    assert 2.45 <= second / 16_000 <= 2.55
    assert apart(sound.samples[:first]) < 0.03
    assert apart(sound.samples[second : stop - 500], second / 16_000) < 0.03
    assert read_sound(path, 3.0, 5.0).num_corrupt == 0
    assert replace(read_sound(path, 1.0, 6.0), samples=sound.samples[:0]).num_corrupt == num_spoilt


def test_what_the_world_wrote_is_heard_when_it_happened(tmp_path: Path) -> None:
    style = replace(HOME_STYLE, room_db=-60.0)
    script = write_script("v", "100", "train", style, 20.0, (3, 1, 1))
    written = synthesise(script)
    frames = (np.full((64, 64, 3), 60 + index % 100, np.uint8) for index in range(script.num_frames))
    encode(tmp_path / "world.mp4", frames, (64, 64), script.style.rate_hz, written)
    sound = read_sound(tmp_path / "world.mp4")
    assert abs(len(sound.samples) / 16_000 - len(written) / SOUND_RATE_HZ) < 0.03
    assert sound.num_corrupt == 0
    assert len(sound.present) == 1
    lags = _lags(written, sound.samples)
    assert len(lags) >= 5
    assert max(lags) - min(lags) <= 1
    assert abs(np.median(lags)) <= 1


def _lags(written: np.ndarray, heard: np.ndarray) -> list[int]:
    """By how many samples at 16 kHz the loud seconds of a sound come late; what is above 4 kHz is not compared."""
    low = np.convolve(written, np.hanning(13) / np.hanning(13).sum(), mode="same")[::3]
    heard = np.convolve(heard, np.hanning(5) / np.hanning(5).sum(), mode="same")
    lags = []
    for first in range(8000, min(len(low), len(heard)) - 24_000, 16_000):
        part = low[first : first + 16_000]
        if np.abs(part).max() > 0.05:
            scores = [float(part @ heard[first + lag : first + lag + 16_000]) for lag in range(-80, 81)]
            lags.append(int(np.argmax(scores)) - 80)
    return lags
