"""The overlay's file: the sound is kept, and it is whole or not there."""

import os
import resource
from pathlib import Path

import av
import numpy as np
import pytest

from egoshift.errors import ConfigError, MediaError
from egoshift.media import read_sound
from egoshift.prediction.overlay import write_overlay
from tests.fixtures.sounds import melody_heard, write_sound
from tests.fixtures.videos import SIZE, read_index, textured_frames, write_frames, write_video
from tests.unit.prediction.overlays import decoded, prediction


def coding_of_sound(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams.audio]


def likeness(video: Path, overlaid: Path) -> float:
    """How alike the sounds of two files are at the same times: 1 for the same.

    Matroska stores times in milliseconds, so either may be off by one there; the melody's 1571 Hz tell a tenth of that.
    """
    before, after = (read_sound(each, 0.6, 1.4).samples for each in (video, overlaid))
    most = 16 if video.suffix == ".mkv" else 0  # samples of 16 kHz
    end = len(before) - most
    return max(
        float(np.corrcoef(before[most:end], after[most + lag : end + lag])[0, 1]) for lag in range(-most, most + 1)
    )


@pytest.mark.parametrize(
    ("name", "codec", "kept"),
    [
        ("a.mp4", "aac", "aac"),
        ("a.ts", "aac", "aac"),
        ("a.mkv", "pcm_s16le", "aac"),
        ("a.mkv", "flac", "flac"),
        ("a.mkv", "libopus", "opus"),
        ("a.mkv", "libmp3lame", "mp3"),
    ],
)
def test_sound_is_copied_where_mp4_holds_it_and_heard_when_it_was(tmp_path, name, codec, kept):
    heard = melody_heard(2.0, 48_000)
    video = write_sound(tmp_path / name, heard, codec=codec, pictures_s=2.0)
    write_overlay(prediction(video), tmp_path / "out.mp4")
    assert coding_of_sound(tmp_path / "out.mp4")[0].startswith(kept)
    assert likeness(video, tmp_path / "out.mp4") > 0.98


@pytest.mark.parametrize(("sound_s", "pictures_s"), [(0.5, 0.0), (0.0, 0.5), (3.0, 3.25)])
@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "pcm_s16le"), ("a.mov", "pcm_s16le"), ("a.mp4", "aac")])
def test_sound_and_pictures_that_begin_apart_stay_apart(tmp_path, name, codec, sound_s, pictures_s):
    heard = melody_heard(2.0, 48_000)
    path = tmp_path / name
    video = write_sound(path, heard, codec=codec, begin_s=sound_s, pictures_s=1.5, pictures_begin_s=pictures_s)
    write_overlay(prediction(video), tmp_path / "out.mp4")
    assert likeness(video, tmp_path / "out.mp4") > 0.98
    assert decoded(tmp_path / "out.mp4")[0][0] == 0


def test_a_recording_without_sound_stays_without(tmp_path):
    write_overlay(prediction(write_video(tmp_path / "a.mp4", 5)), tmp_path / "out.mp4")
    assert coding_of_sound(tmp_path / "out.mp4") == []


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_an_interruption_finishes_the_file_where_it_is(tmp_path, codec):
    video = write_sound(tmp_path / "a.mkv", melody_heard(4.0, 48_000), codec=codec, pictures_s=4.0)
    seen = []

    def interrupt(done: float, total: float) -> None:
        seen.append(done)
        if done > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_overlay(prediction(video), tmp_path / "out.mp4", interrupt)
    assert sorted(os.listdir(tmp_path)) == ["a.mkv", "out.mp4"]
    times, pictures = decoded(tmp_path / "out.mp4")
    assert [read_index(picture[: SIZE[1]]) for picture in pictures] == list(range(len(seen)))
    assert 1 < times[-1] < 1.5
    assert coding_of_sound(tmp_path / "out.mp4") == ["aac"]


def test_progress_goes_from_the_first_frame_to_the_last(tmp_path):
    told = []
    video = write_video(tmp_path / "a.mp4", 20, 10)
    write_overlay(prediction(video), tmp_path / "out.mp4", lambda done, total: told.append((done, total)))
    assert np.array(told) == pytest.approx(np.array([(index / 10, 2.0) for index in range(20)]))


@pytest.mark.parametrize("room", [0, 3000, 20_000])
def test_a_disk_without_room_leaves_what_was_there_and_says_so_in_one_line(tmp_path, room):
    """At the header, in the middle, and at the index."""
    video = write_video(tmp_path / "a.mp4", textured_frames(60, (256, 192)), audio=True)
    out = tmp_path / "out" / "o.mp4"
    out.parent.mkdir()
    out.write_bytes(b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        with pytest.raises(ConfigError) as caught:
            write_overlay(prediction(video), out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value) == f"{out}: cannot be written (File too large); free some space, or choose another place"
    assert os.listdir(out.parent) == ["o.mp4"]
    assert out.read_bytes() == b"before"


def test_a_full_disk_at_the_very_end_leaves_nothing_broken(tmp_path):
    video = write_video(tmp_path / "a.mp4", textured_frames(30, (256, 192)))
    write_overlay(prediction(video), tmp_path / "whole.mp4")
    size = (tmp_path / "whole.mp4").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for missing in (1, 500, 2000):
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size - missing, limits[1]))
            with pytest.raises(ConfigError, match="File too large"):
                write_overlay(prediction(video), tmp_path / "out.mp4")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert sorted(os.listdir(tmp_path)) == ["a.mp4", "whole.mp4"]


def test_pictures_that_cannot_be_decoded_are_counted_and_the_rest_is_drawn(tmp_path):
    video = write_video(tmp_path / "a.mp4", textured_frames(60), gop=10, b_frames=0, audio=True)
    with av.open(str(video)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
    content = bytearray(video.read_bytes())
    for packet in packets[20:30]:
        assert packet.pos is not None
        content[packet.pos : packet.pos + packet.size] = bytes([255]) * packet.size
    video.write_bytes(content)
    notices = write_overlay(prediction(video), tmp_path / "out.mp4")
    assert len(notices) == 1
    assert notices[0].endswith("packets of pictures could not be decoded")
    times, pictures = decoded(tmp_path / "out.mp4")
    last = [read_index(picture[: SIZE[1]]) for picture in pictures[-20:]]
    assert last == list(range(40, 60))
    assert times[-1] == pytest.approx(59 / 30, abs=1e-3)


def test_what_cannot_be_overlaid_is_refused_at_once(tmp_path):
    folder = write_frames(tmp_path / "frames", [1, 2])
    with pytest.raises(ConfigError, match=r"frames: is a folder of frames.*ffmpeg"):
        write_overlay(prediction(folder), tmp_path / "out.mp4")
    video = write_video(tmp_path / "a.mp4", 5)
    with pytest.raises(ConfigError, match=r"out\.avi: an overlay is written as mp4"):
        write_overlay(prediction(video), tmp_path / "out.avi")
    (tmp_path / "link.mp4").symlink_to(video)
    for out in (video, tmp_path / "link.mp4"):
        with pytest.raises(ConfigError, match="is the recording itself"):
            write_overlay(prediction(video), out)
    with pytest.raises(MediaError, match="no such video"):
        write_overlay(prediction(tmp_path / "none.mp4"), tmp_path / "out.mp4")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_overlay(prediction(video), tmp_path / "file" / "out.mp4")
    assert len(read_index_of(video)) == 5


def read_index_of(video: Path) -> list[int]:
    with av.open(str(video)) as container:
        return [read_index(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
