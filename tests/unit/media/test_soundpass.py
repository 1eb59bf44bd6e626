from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.errors import MediaError
from egoshift.media.sound import Sound, read_sound
from egoshift.media.soundpass import BLOCK_S, SoundPass
from egoshift.media.soundtrack import Piece, SoundTrack
from tests.fixtures.sounds import FRAME, melody_heard, write_sound
from tests.unit.media.test_sound import apart

STRETCHED: dict[str, dict[str, object]] = {
    "aac.mp4": {"codec": "aac", "pictures_s": 8.0},
    "late.mov": {"begin_s": 3.0, "pictures_s": 8.0},
    "odd.wav": {"rate_hz": 22_255},
    "cd.flac": {"rate_hz": 44_100, "codec": "flac"},
    "a.mp3": {"rate_hz": 44_100, "codec": "libmp3lame"},
    "gap.mp4": {"codec": "aac", "left_out": range(100, 130), "pictures_s": 8.0, "pictures_begin_s": 0.3},
}

WHOLE: dict[str, Sound] = {}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a name in STRETCHED, written when first asked for."""
    folder = tmp_path_factory.mktemp("sounds")

    def write(name: str) -> Path:
        path, how = folder / name, STRETCHED[name]
        rate_hz = how.get("rate_hz", 48_000)
        assert isinstance(rate_hz, int)
        return path if path.exists() else write_sound(path, melody_heard(8.0, rate_hz), **how)  # type: ignore[arg-type]

    return write


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(list(STRETCHED)), st.integers(0, 9000), st.integers(1, 4000))
def test_a_stretch_holds_what_the_whole_holds_there(
    written: Callable[[str], Path], name: str, start_ms: int, length_ms: int
) -> None:
    whole = WHOLE.get(name) or WHOLE.setdefault(name, read_sound(written(name), 0.0, 13.0))
    stretch = read_sound(written(name), start_ms / 1000, (start_ms + length_ms) / 1000)
    here = slice(16 * start_ms, 16 * (start_ms + length_ms))
    assert stretch.start_s == start_ms / 1000
    np.testing.assert_array_equal(stretch.mask, whole.mask[here])
    np.testing.assert_allclose(stretch.samples, whole.samples[here], atol=1e-4)  # AAC fills in noise of its own


def test_stretches_of_one_length_have_as_many_samples_wherever_they_begin(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", melody_heard(2.0, 16_000), 16_000)
    starts = np.random.default_rng(0).uniform(0, 3, 30).tolist()
    assert {len(read_sound(path, start, start + 0.3).samples) for start in starts} == {4800}


@pytest.mark.parametrize(("name", "error", "slack"), [("gap.nut", 3e-5, 0), ("gap.mkv", 0.05, 6)])
def test_a_gap_in_the_stamps_is_absent_and_shifts_nothing(tmp_path: Path, name: str, error: float, slack: int) -> None:
    path = write_sound(tmp_path / name, melody_heard(4.0, 48_000), left_out=range(60, 90))
    sound = read_sound(path)
    first, second = -(-60 * FRAME // 3), -(-90 * FRAME // 3)  # at a third of the rate
    assert sound.present[0] == (0, first)
    assert abs(sound.present[1][0] - second) <= slack  # Matroska rounds to half a millisecond
    assert len(sound.present) == 2
    assert not sound.samples[~sound.mask].any()
    assert apart(sound.samples[:first]) < 3e-5
    begin = sound.present[1][0]
    assert apart(sound.samples[begin : sound.present[1][1]], begin / 16_000) < error
    assert sound.num_corrupt == sound.num_repeated == 0


@pytest.mark.parametrize(("begin_s", "num_repeated"), [(2.0, 16_000), (3.4, 0)])
def test_stamps_that_go_backwards_repeat_nothing(tmp_path: Path, begin_s: float, num_repeated: int) -> None:
    parts = [
        write_sound(tmp_path / f"{index}.ts", melody_heard(3.0, 48_000, when), codec="mp2", begin_s=when)
        for index, when in enumerate((0.0, begin_s))
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    sound = read_sound(path)
    assert abs(sound.num_repeated - num_repeated) < 1600
    assert abs(len(sound.samples) - 16_000 * (begin_s + 3.0)) < 1600
    assert len(sound.present) == (1 if num_repeated else 2)


def test_a_track_may_change_its_rate_and_channels(tmp_path: Path) -> None:
    one = write_sound(tmp_path / "1.ts", melody_heard(2.0, 48_000), 48_000, codec="mp2")
    tune = melody_heard(2.0, 32_000, 2.03)
    two = write_sound(tmp_path / "2.ts", [tune, tune], 32_000, codec="mp2", layout="stereo", begin_s=2.03)
    path = tmp_path / "joined.ts"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    sound = read_sound(path)
    (_, first), *_, (second, stop) = sound.present
    assert first < second  # and between them one frame that the decoder takes for the old kind
    assert apart(sound.samples[:32_000], -481 / 48_000) < 0.05  # the encoder's delay: there is no time before 0
    assert apart(sound.samples[second:stop], second / 16_000) < 0.05


def test_a_rate_that_changes_without_a_gap_is_followed(tmp_path: Path) -> None:
    halves = [(0.0, 48_000), (1.0, 32_000)]
    pieces = [
        Piece(begin_s, rate_hz, melody_heard(1.0, rate_hz, begin_s)[None].astype(np.float32))
        for begin_s, rate_hz in halves
    ]
    given = [run for run in SoundPass(tmp_path / "any")._resampled(iter(pieces)) if len(run[1])]
    samples = np.concatenate([samples for _, samples in given])
    assert [first for first, _ in given] == np.cumsum([0, *(len(part) for _, part in given[:-1])]).tolist()
    assert len(samples) == 32_000
    for first in (0, 16_000):
        assert apart(samples[first : first + 16_000], first / 16_000) < 1e-4


def test_numbers_that_are_none_are_damage(tmp_path: Path) -> None:
    tune = melody_heard(2.0, 16_000).astype(np.float32)
    tune[16_100] = np.nan
    tune[20_000] = np.inf
    sound = read_sound(write_sound(tmp_path / "a.mov", tune, 16_000, codec="pcm_f32le"))
    assert sound.num_corrupt == 2
    assert np.isfinite(sound.samples).all()
    assert not sound.mask[[16_100, 20_000]].any()
    assert sound.mask.sum() == 32_000 - 2 * FRAME
    np.testing.assert_allclose(sound.samples[sound.mask], tune[sound.mask], atol=1e-7)


def test_what_follows_a_short_damaged_packet_is_not_brought_forward(tmp_path: Path) -> None:
    tune = melody_heard(0.5, 192_000).astype(np.float32)
    tune[50 * FRAME] = np.nan  # a packet of 5 ms, less than stamps may differ from the samples counted
    sound = read_sound(write_sound(tmp_path / "a.nut", tune, 192_000, codec="pcm_f32le"))
    assert sound.num_corrupt == 1
    (_, first), (second, stop) = sound.present
    assert (first, second) == (4267, 4352)
    assert apart(sound.samples[second:stop], second / 16_000) < 1e-4


def test_a_seek_that_lands_too_late_is_made_good(
    written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read_sound(written("cd.flac"), 3.0, 4.0)
    seek = SoundTrack._seek
    monkeypatch.setattr(SoundTrack, "_seek", lambda track, time_s: seek(track, time_s + 2))
    found = read_sound(written("cd.flac"), 3.0, 4.0)
    assert found.present == expected.present == ((0, 16_000),)
    np.testing.assert_allclose(found.samples, expected.samples, atol=1e-5)


def test_a_pass_gives_a_little_at_a_time(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.nut", melody_heard(20.0, 48_000), left_out=range(100, 130))
    reading = SoundPass(path, 1.0, 15.0)
    position, parts = reading.first, []
    for first, samples in reading.blocks():
        assert first >= position
        assert 0 < len(samples) <= 2 * BLOCK_S * 16_000
        position = first + len(samples)
        parts.append(samples)
    assert position == reading.stop == 15 * 16_000
    sound = read_sound(path, 1.0, 15.0)
    np.testing.assert_array_equal(np.concatenate(parts), sound.samples[sound.mask])


@pytest.mark.parametrize("times", [(-0.1, 1.0), (1.0, 0.5), (float("nan"), None), (0.0, float("inf"))])
def test_times_that_are_none_are_refused(tmp_path: Path, times: tuple[float, float | None]) -> None:
    with pytest.raises(MediaError, match=r"sound was asked for from .*; give times of which the first is at"):
        read_sound(tmp_path / "a.wav", *times)
