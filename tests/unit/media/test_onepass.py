"""What one pass decodes, and what it does with videos that are hard to seek in or damaged."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from egoshift.errors import MediaError
from egoshift.media import onepass, read_frames
from egoshift.media.container import VideoPacket
from tests.fixtures.videos import read_index, textured_frames, write_video

NUM = 120
GOP = 24


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of H.264 with bidirectional frames."""
    return write_video(tmp_path_factory.mktemp("videos") / "video.mp4", textured_frames(NUM), gop=GOP)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """When each frame that any pass of the test decodes begins, in ticks."""
    begins: list[int | None] = []
    decode = onepass.OnePass._decode

    def spied(self: onepass.OnePass, packet: VideoPacket | None, *, is_wanted: bool = True) -> list[VideoFrame]:
        frames = decode(self, packet, is_wanted=is_wanted)
        begins.extend(frame.pts for frame in frames)
        return frames

    monkeypatch.setattr(onepass.OnePass, "_decode", spied)
    return begins


def pictures(path: Path, indices: list[int] | range) -> list[np.ndarray]:
    return [frame for _, frame in read_frames(path, np.array(indices) / 30 + 0.01, threads=1)]


def everything(path: Path) -> list[np.ndarray]:
    """The slow twin: every frame, decoded one after the other."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("seed", range(6))
def test_skipped_and_dropped_frames_change_no_pixel_of_the_others(video: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    chosen = np.sort(random.choice(NUM, size=random.integers(1, 30), replace=False)).tolist()
    whole = everything(video)
    np.testing.assert_array_equal(np.stack(pictures(video, chosen)), np.stack([whole[index] for index in chosen]))


def test_skipping_gives_the_same_as_not_skipping(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [3, 30, 31, 100, 119]
    skipping = pictures(video, chosen)
    monkeypatch.setattr(onepass, "MIN_SKIP_FRAMES", NUM)
    np.testing.assert_array_equal(np.stack(skipping), np.stack(pictures(video, chosen)))


def test_a_gap_is_not_decoded(video: Path, decoded: list[int | None]) -> None:
    assert [read_index(picture) for picture in pictures(video, [2, 100])] == [2, 100]
    with av.open(str(video)) as container:
        keys = [packet.pts for packet in container.demux(video=0) if packet.is_keyframe and packet.pts is not None]
    behind = max(key for key in keys if key <= 100 * 3000)
    assert all(begin is None or begin <= 12 * 3000 or begin >= behind for begin in decoded)
    assert len(decoded) < 40


def test_no_frame_is_decoded_twice(video: Path, decoded: list[int | None]) -> None:
    pictures(video, sorted([*range(0, NUM, 7), *range(0, NUM, 31), *range(40, 60)]))
    assert len(decoded) == len(set(decoded))
    assert decoded == sorted(decoded, key=lambda begin: begin or 0)


def test_bidirectional_frames_that_nobody_wants_are_not_decoded(video: Path, decoded: list[int | None]) -> None:
    pictures(video, range(0, NUM, 6))
    assert len(decoded) < 0.8 * NUM


def test_nothing_is_decoded_behind_the_last_wanted_frame(video: Path, decoded: list[int | None]) -> None:
    pictures(video, range(10))
    assert len(decoded) < 20


@pytest.mark.parametrize(
    ("codec", "options"),
    [("libx264", {"x264-params": "open-gop=1:b-adapt=0:bframes=3:scenecut=0"}), ("libx265", {})],
    ids=["h264", "hevc"],
)
def test_keyframes_with_leading_frames_are_seeked_to_safely(
    tmp_path: Path, decoded: list[int | None], codec: str, options: dict[str, str]
) -> None:
    path = write_video(tmp_path / "video.mp4", textured_frames(NUM), codec=codec, gop=GOP, options=options)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    key, leading = 0, set()
    for packet in packets:
        key = (packet.pts or 0) if packet.is_keyframe else key
        leading |= {round((packet.pts or 0) / 3000)} if (packet.pts or 0) < key else set()
    assert leading, "this video's groups of pictures are open"
    whole = everything(path)
    for index in [*sorted(leading)[::2], 47, 48, 71, 72]:
        np.testing.assert_array_equal(pictures(path, [0, index])[1], whole[index])
    assert len(decoded) < 15 * NUM


def test_false_keyframes_are_found_out_and_nothing_is_given_twice(tmp_path: Path) -> None:
    options = {"x264-params": "intra-refresh=1:scenecut=0"}
    path = write_video(tmp_path / "video.mp4", textured_frames(NUM), gop=GOP, options=options)
    with av.open(str(path)) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0)) > 1, "it claims to have keyframes"
    chosen = [1, 2, 40, 80, 81, 119]
    assert [read_index(picture) for picture in pictures(path, chosen)] == chosen


def damaged(source: Path, target: Path, which: int, harm: Callable[[bytes], bytes]) -> int:
    """A copy with the payload of one packet changed; tells which frame it holds."""
    with av.open(str(source)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pos is not None and packet.size]
    packet, data = packets[which], bytearray(source.read_bytes())
    assert packet.pos is not None
    assert packet.pts is not None
    data[packet.pos : packet.pos + packet.size] = harm(bytes(data[packet.pos : packet.pos + packet.size]))
    target.write_bytes(data)
    return round(packet.pts / 3000)


@pytest.mark.parametrize("threads", [0, 1])
def test_a_frame_that_cannot_be_decoded_is_named_and_never_replaced(video: Path, tmp_path: Path, threads: int) -> None:
    index = damaged(video, tmp_path / "bad.mp4", 30, lambda payload: bytes(len(payload)))
    times = np.arange(NUM) / 30 + 0.01
    given: list[int] = []
    frames = read_frames(tmp_path / "bad.mp4", times, threads=threads)
    with pytest.raises(MediaError, match=r"shown at (\d\.\d+) s cannot be decoded.*; write it anew") as caught:
        given.extend(read_index(frame) for _, frame in frames)
    assert given == list(range(len(given)))
    assert index - 3 <= len(given) <= index  # a frame shown before may refer to the broken one
    assert f"{times[len(given)]:.3f} s" in str(caught.value)
    assert caught.value.fault.kind == "undecodable-frame"


def test_what_lies_before_and_after_the_damage_is_given(video: Path, tmp_path: Path) -> None:
    index = damaged(video, tmp_path / "bad.mp4", 30, lambda payload: bytes(len(payload)))
    whole = everything(video)
    chosen = [*range(index - 4), *range(NUM - GOP, NUM)]
    np.testing.assert_array_equal(
        np.stack(pictures(tmp_path / "bad.mp4", chosen)), np.stack([whole[i] for i in chosen])
    )


def test_frames_after_damage_are_trusted_again_from_the_next_keyframe_on(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onepass, "MIN_SKIP_FRAMES", NUM)  # a seek would forget the damage
    index = damaged(video, tmp_path / "bad.mp4", 30, lambda payload: bytes(len(payload)))
    whole = everything(video)
    chosen = [index - 6, *range(index // GOP * GOP + GOP + 1, NUM)]
    np.testing.assert_array_equal(
        np.stack(pictures(tmp_path / "bad.mp4", chosen)), np.stack([whole[i] for i in chosen])
    )


def test_a_frame_with_concealed_damage_is_not_given(video: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    index = damaged(
        video, tmp_path / "bad.mp4", 24, lambda data: data[: len(data) // 2] + noise.bytes(len(data) - len(data) // 2)
    )
    with pytest.raises(MediaError, match="cannot be decoded: the video is damaged there"):
        pictures(tmp_path / "bad.mp4", range(index, index + 2))


def test_a_codec_s_hidden_frame_leaves_the_one_before_on_screen(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = onepass.OnePass._decode

    def without_10(self: onepass.OnePass, packet: VideoPacket | None, *, is_wanted: bool = True) -> list[VideoFrame]:
        return [frame for frame in decode(self, packet, is_wanted=True) if frame.pts != 10 * 3000]

    monkeypatch.setattr(onepass.OnePass, "_decode", without_10)
    assert [read_index(picture) for picture in pictures(video, [8, 9, 10, 11])] == [8, 9, 9, 11]


def test_a_hole_of_more_than_one_frame_is_not_bridged(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = onepass.OnePass._decode

    def without_10(self: onepass.OnePass, packet: VideoPacket | None, *, is_wanted: bool = True) -> list[VideoFrame]:
        return [frame for frame in decode(self, packet, is_wanted=True) if frame.pts not in (9 * 3000, 10 * 3000)]

    monkeypatch.setattr(onepass.OnePass, "_decode", without_10)
    with pytest.raises(MediaError, match=r"shown at 0\.343 s cannot be decoded"):
        pictures(video, [8, 10, 11])
