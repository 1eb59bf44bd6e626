from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import av
import numpy as np
import pytest
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from PIL import Image

from egoshift.errors import MediaError
from egoshift.media.sound import probe_sound, read_sound
from egoshift.media.soundpass import SoundBlock, SoundPass
from egoshift.media.soundtrack import open_sound
from tests.fixtures.sounds import melody_heard, spoil, write_sound
from tests.fixtures.videos import index_frame
from tests.unit.media.test_sound import apart


def refusals(path: Path) -> list[MediaError]:
    """What reading and probing a file are refused with."""
    errors = []
    for read in (read_sound, probe_sound):
        with pytest.raises(MediaError) as caught:
            read(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
        errors.append(caught.value)
    return errors


def assert_refused(path: Path, kind: str, words: str) -> None:
    for error in refusals(path):
        assert error.fault.kind == kind
        assert words in str(error)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "nowhere.wav", "missing-recording", "there is no such recording; check the path")
    (tmp_path / "empty.wav").write_bytes(b"")
    assert_refused(tmp_path / "empty.wav", "empty-file", "the recording is empty (0 bytes); download")
    (tmp_path / "noise.wav").write_bytes(np.random.default_rng(0).bytes(5000))
    assert_refused(tmp_path / "noise.wav", "not-a-recording", "that FFmpeg knows")
    (tmp_path / "text.txt").write_text("hello\n" * 100)
    assert_refused(tmp_path / "text.txt", "not-a-recording", "is a single picture or a text (tty)")
    Image.fromarray(index_frame(1)).save(tmp_path / "picture.png")
    assert_refused(tmp_path / "picture.png", "not-a-recording", "is a single picture or a text (png_pipe)")


def test_a_track_with_nothing_in_it_is_told_apart(tmp_path: Path) -> None:
    with_pictures = write_sound(tmp_path / "empty.mkv", np.zeros(0), pictures_s=2.0)
    alone = write_sound(tmp_path / "empty.wav", np.zeros(100), 16_000)
    header = alone.read_bytes().partition(b"data")[0]
    alone.write_bytes(header + b"data" + bytes(4))
    for path in (with_pictures, alone):
        assert_refused(path, "empty-sound", "has a sound track with nothing in it; leave the sound out")


def test_a_track_of_which_nothing_can_be_decoded_is_told_apart(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp4", melody_heard(2.0, 48_000), codec="aac", pictures_s=2.0)
    count = spoil(path, lambda _: True)
    assert_refused(path, "undecodable-sound", f"not one of the {count} packets of its sound can be decoded; write it")


CUT: dict[str, dict[str, object]] = {
    "a.mp4": {"codec": "aac", "options": {"movflags": "faststart"}},
    "pictures.mp4": {"codec": "aac", "options": {"movflags": "faststart"}, "pictures_s": 10.0},
    "a.mkv": {"codec": "aac", "pictures_s": 10.0},
    "a.flac": {"codec": "flac"},
}


@pytest.mark.parametrize("name", CUT)
def test_a_file_that_was_cut_off_is_read_up_to_the_cut_and_then_refused(tmp_path: Path, name: str) -> None:
    path = write_sound(tmp_path / name, melody_heard(10.0, 48_000), **CUT[name])  # type: ignore[arg-type]
    assert probe_sound(path) is not None
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    assert_refused(path, "truncated-sound", "s, though its header announces 10.0")
    assert apart(read_sound(path, 1.0, 3.0).samples, 1.0) < 0.04
    given: list[SoundBlock] = []
    with pytest.raises(MediaError, match="it was cut off; download or copy it again"):
        given.extend(SoundPass(path, 1.0, 9.0).blocks())
    assert sum(len(samples) for _, samples in given) > 2 * 16_000


def test_a_wav_file_that_was_cut_off_is_read_but_for_its_broken_packet(tmp_path: Path) -> None:
    """FFmpeg takes such a file for a shorter one, and marks what lies across the cut."""
    path = write_sound(tmp_path / "a.wav", melody_heard(10.0, 48_000))
    path.write_bytes(path.read_bytes()[:575_001])
    sound = read_sound(path)
    assert sound.num_corrupt == 1
    assert len(sound.present) == 1
    assert 5.8 < len(sound.samples) / 16_000 < 6.0
    assert apart(sound.samples) < 3e-5


def test_an_mp4_without_its_index_is_refused(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp4", melody_heard(5.0, 48_000), codec="aac")
    path.write_bytes(path.read_bytes()[:20_000])
    assert_refused(path, "truncated-recording", "its index (moov) cannot be read")


def test_damage_inside_flac_is_absent_and_not_heard(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mka", melody_heard(4.0, 48_000), codec="flac")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = np.random.default_rng(1).bytes(300)
    path.write_bytes(data)
    sound = read_sound(path)
    assert sound.num_corrupt == 1
    assert len(sound.present) == 2
    for first, stop in sound.present:
        assert apart(sound.samples[first:stop], first / 16_000) < 0.05  # half a millisecond of Matroska's


def test_pictures_that_cannot_be_decoded_leave_the_sound_without_a_time_zero(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp4", melody_heard(2.0, 48_000), codec="aac", pictures_s=1.0)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for place, size in places:
        assert place is not None
        data[place : place + size] = bytes(size)
    path.write_bytes(data)
    assert_refused(path, "undecodable-frame", "not one frame of the video can be decoded")


def test_a_cover_picture_sets_no_time_zero(tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    with av.open(str(path), "w") as container:
        track = container.add_stream("flac", rate=16_000, layout="mono")
        cover = container.add_stream("png", rate=1)
        assert isinstance(cover, VideoStream)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "rgb24"
        cover.disposition = Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(index_frame(0), format="rgb24")
        container.mux([*cover.encode(picture), *cover.encode(None)])
        tune = np.round(32767 * melody_heard(1.0, 16_000)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(tune[None], format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux([*track.encode(frame), *track.encode(None)])
    assert apart(read_sound(path).samples) < 3e-5


def test_a_track_of_a_coding_without_decoder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_sound(tmp_path / "a.wav", melody_heard(1.0, 16_000), 16_000)
    fake = create_autospec(InputContainer, instance=True)
    fake.streams.audio = [SimpleNamespace(codec_context=None, index=0)]
    fake.format.name = "wav"
    monkeypatch.setattr(av, "open", lambda *_, **__: fake)
    with pytest.raises(MediaError, match="the coding of its sound has no decoder here; write it anew with `ffmpeg"):
        open_sound(path)
    fake.close.assert_called_once()
