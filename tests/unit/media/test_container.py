from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import av
import pytest
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.errors import MediaError
from egoshift.media import probe
from egoshift.media.container import Clock, freed, open_video
from tests.fixtures.videos import index_frame, write_video


def test_packets_that_nobody_takes_are_given_back() -> None:
    ended: list[int] = []

    def packets() -> Iterator[int]:
        try:
            yield from range(5)
        finally:
            ended.append(1)

    given = packets()  # which somebody else holds, as PyAV's own generator is never ended by being dropped
    taken = freed(given)
    assert [next(taken), next(taken)] == [0, 1]
    assert not ended
    del taken
    assert ended == [1]
    assert list(freed(packets())) == [0, 1, 2, 3, 4]


@settings(deadline=None, max_examples=100)
@given(
    st.integers(1, 10**6),
    st.sampled_from([(1, 90_000), (1, 1000), (1, 15_360), (1001, 30_000), (1, 600)]),
    st.integers(-(10**6), 10**6),
)
def test_a_frame_is_shown_from_its_own_beginning(ticks: int, base: tuple[int, int], origin: int) -> None:
    clock = Clock(origin, Fraction(*base), Fraction(30))
    begin = origin + ticks
    assert clock.last_tick(clock.seconds(begin)) == begin
    assert clock.last_tick(clock.seconds(begin) - 0.9 * float(clock.time_base)) == begin - 1


def test_ticks_rounded_to_milliseconds_do_not_hide_the_frame_that_begins() -> None:
    clock = Clock(0, Fraction(1, 1000), Fraction(30))
    assert [clock.last_tick(index / 30) for index in range(7)] == [0, 33, 67, 100, 133, 167, 200]


def test_coarse_ticks_do_not_bring_a_frame_forward() -> None:
    clock = Clock(0, Fraction(1, 30), Fraction(30))
    assert [clock.last_tick(time_s) for time_s in (0.0, 0.02, 0.0327, 0.0334)] == [0, 0, 0, 1]


def test_a_video_of_a_coding_without_decoder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "video.mp4", 3)
    fake = create_autospec(InputContainer, instance=True)
    fake.streams.video = [SimpleNamespace(codec_context=None, disposition=Disposition.default, index=0)]
    fake.format.name = "mp4"
    monkeypatch.setattr(av, "open", lambda *_, **__: fake)
    with pytest.raises(MediaError, match="its coding has no decoder here; write it anew with `ffmpeg"):
        open_video(path)
    fake.close.assert_called_once()


def test_a_video_of_which_nothing_can_be_decoded_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", 5)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for packet in packets:
        assert packet.pos is not None
        data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(data)
    with pytest.raises(MediaError, match="not one frame of the video can be decoded; write it anew"):
        probe(path)


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.flac"), "w") as container:
        sound = container.add_stream("flac", rate=16_000, layout="mono")
        cover = container.add_stream("png", rate=1)
        assert isinstance(cover, VideoStream)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "rgb24"
        cover.disposition = Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(index_frame(0), format="rgb24")
        container.mux([*cover.encode(picture), *cover.encode(None)])
        silence = av.AudioFrame(format="s16", layout="mono", samples=1024)
        silence.sample_rate = 16_000
        container.mux([*sound.encode(silence), *sound.encode(None)])
    with pytest.raises(MediaError, match="holds no video, only a cover picture and audio; give the file"):
        probe(tmp_path / "song.flac")


def test_a_playlist_may_not_open_other_addresses(tmp_path: Path) -> None:
    playlist = tmp_path / "video.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(MediaError, match=r"not a video that FFmpeg knows|not one frame|no video"):
        probe(playlist)


def descriptors() -> Iterator[str]:
    yield from (str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_files_are_closed_after_success_and_after_refusal(tmp_path: Path) -> None:
    good = write_video(tmp_path / "good.mp4", 3)
    probe(good)
    (tmp_path / "text.txt").write_text("not a video\n" * 100)
    with pytest.raises(MediaError, match="single picture or a text"):
        probe(tmp_path / "text.txt")
    assert not [name for name in descriptors() if name.startswith(str(tmp_path))]


def test_metadata_that_are_no_text_do_not_hide_the_pictures(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 5)
    content = path.read_bytes()
    name = b"Lavf"  # the writer's name, which Matroska keeps as text
    assert name in content
    path.write_bytes(content.replace(name, b"\xff\xfe\xff\xfe"))
    assert probe(path).duration_s == pytest.approx(5 / 30, abs=0.01)
