"""Videos whose frames carry their number (tests/fixtures/videos.py), so that every frame given can be checked."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from egoshift.errors import MediaError
from egoshift.media import VideoInfo, probe, read_frames
from tests.fixtures.videos import SIZE, index_frame, read_index, write_audio, write_video

NUM = 60
VARIABLE = tuple(float(Fraction(index, 30) + Fraction(index // 10, 4)) for index in range(NUM))

CONTAINERS: dict[str, dict[str, object]] = {
    "h264.mp4": {},
    "h264.mkv": {},
    "h264.mov": {"codec": "libx264", "audio": True},
    "h264.ts": {},
    "plain.mp4": {"b_frames": 0},
    "fragments.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "hevc.mp4": {"codec": "libx265"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "vp9.mp4": {"codec": "libvpx-vp9"},
    "late.mp4": {"start_s": 1.5},
    "late.mkv": {"start_s": 1.5},
    "ntsc.mp4": {"rate_hz": 30_000 / 1001},
    "variable.mp4": {"times_s": VARIABLE},
    "variable.mkv": {"times_s": VARIABLE},
    "turned.mp4": {"rotation": 90},
    "on_its_head.mp4": {"rotation": 180},
    "turned_left.mov": {"rotation": 270},
    "mirrored.mp4": {"rotation": 90, "flip": True},
    "refreshed.mp4": {"options": {"x264-params": "intra-refresh=1"}},
}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The video of a name in CONTAINERS, written when first asked for."""
    folder = tmp_path_factory.mktemp("videos")

    def write(name: str) -> Path:
        path = folder / name
        return path if path.exists() else write_video(path, NUM, **CONTAINERS[name])  # type: ignore[arg-type]

    return write


def begins_s(path: Path) -> list[float]:
    """When each frame begins, from decoding everything: the slow twin of all seeking."""
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    return [time - times[0] for time in times]


def indices_at(path: Path, times_s: list[float], threads: int = 1) -> list[int]:
    pairs = list(read_frames(path, np.array(times_s), threads=threads))
    assert [place for place, _ in pairs] == list(range(len(times_s)))
    return [read_index(frame) for _, frame in pairs]


def shown_at(begins: list[float], times_s: list[float]) -> list[int]:
    return [max(index for index, begin in enumerate(begins) if begin <= time_s + 1e-5) for time_s in times_s]


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_frame_is_given_at_its_time(video: Callable[[str], Path], name: str) -> None:
    begins = begins_s(video(name))
    assert len(begins) == NUM
    assert indices_at(video(name), begins) == list(range(NUM))
    assert indices_at(video(name), [begin + 0.02 for begin in begins]) == list(range(NUM))


@pytest.mark.parametrize("name", CONTAINERS)
def test_frames_across_gaps_are_the_ones_shown(video: Callable[[str], Path], name: str) -> None:
    begins = begins_s(video(name))
    for chosen in ([40], [0, 59], [13, 14, 35, 36, 47], [2, 23, 24, 25, 58], [11, 12, 33, 34]):
        times = [begins[index] + 0.015 for index in chosen]
        assert indices_at(video(name), times) == chosen


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_any_ascending_times_give_what_decoding_everything_gives(
    video: Callable[[str], Path], data: st.DataObject
) -> None:
    path = video(data.draw(st.sampled_from(("h264.mp4", "hevc.mp4", "vp9.webm", "variable.mp4", "late.mkv"))))
    begins = begins_s(path)
    times = sorted(data.draw(st.lists(st.floats(0, begins[-1]).map(lambda t: round(t, 3) + 0.0005), max_size=12)))
    times = [time_s for time_s in times if min(abs(time_s - begin) for begin in begins) > 1e-3]
    assert indices_at(path, times) == shown_at(begins, times)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9"])
def test_lossless_frames_come_back_as_they_were(tmp_path: Path, codec: str) -> None:
    path = write_video(tmp_path / "video.mkv", 20, codec=codec, lossless=True)
    frames = [frame for _, frame in read_frames(path, np.arange(20) / 30 + 0.01)]
    expected = np.stack([index_frame(index) for index in range(20)])
    difference = np.abs(np.stack(frames).astype(int) - expected)
    assert difference.max() <= 2  # 219 grey levels are stored for 256


def test_threads_change_nothing(video: Callable[[str], Path]) -> None:
    times = [0.1, 0.5, 1.4, 1.41, 1.9]
    assert indices_at(video("h264.mp4"), times, threads=0) == indices_at(video("h264.mp4"), times, threads=1)


def test_times_on_one_frame_share_one_array(video: Callable[[str], Path]) -> None:
    times = np.array([0.101, 0.11, 0.12, 0.14, 0.14])
    frames = [frame for _, frame in read_frames(video("h264.mp4"), times)]
    assert frames[0] is frames[1] is frames[2]
    assert frames[2] is not frames[3]
    assert frames[3] is frames[4]


def test_no_times_give_no_frames(video: Callable[[str], Path]) -> None:
    assert list(read_frames(video("h264.mp4"), np.array([]))) == []


@pytest.mark.parametrize("name", ["h264.mp4", "h264.mkv", "vp9.webm", "late.mp4", "h264.ts"])
def test_the_last_frame_is_shown_to_the_end_and_for_one_frame_more(video: Callable[[str], Path], name: str) -> None:
    info = probe(video(name))
    assert info.duration_s == pytest.approx(NUM / 30, abs=0.0011)
    assert indices_at(video(name), [info.duration_s - 0.001, info.duration_s, info.duration_s + 0.03]) == [NUM - 1] * 3


def test_a_time_beyond_the_end_is_refused_after_all_before_it_was_given(video: Callable[[str], Path]) -> None:
    frames = read_frames(video("h264.mp4"), np.array([1.0, 2.5]))
    assert read_index(next(frames)[1]) == 30
    with pytest.raises(
        MediaError, match=r"there is no frame at 2\.500 s: the video ends at 2\.000 s; correct the time"
    ):
        next(frames)


@pytest.mark.parametrize("times", [[-0.5, 1.0], [0.0, float("nan")], [0.0, float("inf")]])
def test_times_that_are_none_are_refused(video: Callable[[str], Path], times: list[float]) -> None:
    with pytest.raises(MediaError, match="is outside the video; correct the times"):
        list(read_frames(video("h264.mp4"), np.array(times)))


def test_times_that_descend_are_our_own_mistake(video: Callable[[str], Path]) -> None:
    with pytest.raises(AssertionError, match="times ascend"):
        list(read_frames(video("h264.mp4"), np.array([1.0, 0.5])))


@pytest.mark.parametrize(
    ("name", "degrees", "codec"),
    [
        ("h264.mp4", 0, "h264"),
        ("late.mp4", 0, "h264"),
        ("turned.mp4", 90, "h264"),
        ("on_its_head.mp4", 180, "h264"),
        ("turned_left.mov", 270, "h264"),
        ("mirrored.mp4", 90, "h264"),
        ("vp9.mp4", 0, "vp9"),
        ("hevc.mp4", 0, "hevc"),
    ],
)
def test_probe_tells_what_a_video_is(video: Callable[[str], Path], name: str, degrees: int, codec: str) -> None:
    width, height = SIZE  # as shown; the turned ones are stored upright
    info = probe(video(name))
    assert info == VideoInfo(video(name), info.duration_s, width, height, 30.0, NUM, degrees, codec)
    assert info.duration_s == pytest.approx(2.0, abs=1e-4)


def test_probe_counts_the_duration_from_the_pictures_not_the_sound(video: Callable[[str], Path]) -> None:
    assert probe(video("h264.mov")).duration_s == pytest.approx(2.0, abs=0.001)  # its sound lasts a second longer


def test_probe_finds_the_duration_where_the_header_is_silent(video: Callable[[str], Path]) -> None:
    info = probe(video("h264.mkv"))
    assert info.duration_s == pytest.approx(2.0, abs=0.001)
    assert info.num_frames is None


def test_frames_are_as_large_as_probe_says(video: Callable[[str], Path]) -> None:
    for name in ("h264.mp4", "turned.mp4"):
        info = probe(video(name))
        (_, frame), *_ = read_frames(video(name), np.array([0.5]))
        assert frame.shape == (info.height, info.width, 3)


def cut(source: Path, target: Path, share: float = 0.6) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that are no usable video, each with what must be said of it."""
    fast = {"movflags": "faststart"}
    good = write_video(folder / "good.mp4", NUM)
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video\n" * 100)
    (folder / "text.txt").write_text("not a video\n" * 100)
    Image.new("RGB", (64, 64)).save(folder / "picture.mp4", format="jpeg")
    (folder / "folder.mp4").mkdir()
    (folder / "folder.mp4" / "readme.txt").write_text("no frames")
    return {
        "missing-video": (folder / "nowhere.mp4", "there is no such video; check the path"),
        "empty-file": (folder / "empty.mp4", r"the video is empty \(0 bytes\); download or copy it again"),
        "truncated-video": (
            cut(good, folder / "cut.mp4"),
            r"its index \(moov\) cannot be read: it was cut off.*; download",
        ),
        "truncated-video (its index comes first)": (
            cut(write_video(folder / "fast.mp4", 120, container_options=fast), folder / "cut_fast.mp4"),
            r"ends at \d\.\d+ s, though its header announces 4\.0+ s; it was cut off; download",
        ),
        "not-a-video": (folder / "text.mp4", "is not a video that FFmpeg knows .*; give a video file"),
        "not-a-video (but text)": (folder / "text.txt", r"is a single picture or a text \(tty\), not a video"),
        "not-a-video (but a picture)": (folder / "picture.mp4", r"is a single picture or a text \(jpeg_pipe\)"),
        "no-video-stream": (write_audio(folder / "sound.mp4"), "holds no video, only audio; give the file"),
        "no-frames": (folder / "folder.mp4", "holds no numbered frames among its 1 files"),
    }


def test_bad_files_are_refused_in_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    for kind, (path, text) in bad_files(tmp_path).items():
        with pytest.raises(MediaError, match=text) as caught:
            probe(path)
        assert str(caught.value).startswith(f"{path}: "), kind
        assert "\n" not in str(caught.value), kind
        assert caught.value.fault.kind == kind.split(" ")[0]
        assert caught.value.__suppress_context__ or caught.value.__context__ is None, kind


def test_bad_files_are_refused_alike_when_frames_are_read(tmp_path: Path) -> None:
    bad = bad_files(tmp_path)
    for kind, (path, text) in bad.items():
        if "index comes first" not in kind:
            with pytest.raises(MediaError, match=text):
                list(read_frames(path, np.array([0.0])))


def test_what_a_truncated_video_still_holds_is_given(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", 120, gop=6, container_options={"movflags": "faststart"})
    frames = read_frames(cut(whole, tmp_path / "cut.mp4"), np.array([0.1, 0.2, 3.9]))
    assert [read_index(next(frames)[1]), read_index(next(frames)[1])] == [3, 6]
    with pytest.raises(
        MediaError, match=r"no frame at 3\.900 s.*announces 4\.0+ s; it was cut off; download"
    ) as caught:
        next(frames)
    assert caught.value.fault.kind == "truncated-video"


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write_video(tmp_path / "video.mp4", 3)
    monkeypatch.setattr(Path, "open", refuse)  # a test may run as root, who may read everything
    with pytest.raises(MediaError, match="cannot be read: Permission denied; check its permissions") as caught:
        probe(path)
    assert caught.value.fault.kind == "unreadable-file"
