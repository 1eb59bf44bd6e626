from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egoshift.errors import MediaError
from egoshift.media import VideoInfo, probe, read_frames
from tests.fixtures.videos import SIZE, read_index, write_frames


def indices_at(folder: Path, times_s: list[float], rate_hz: float = 10.0) -> list[int]:
    return [read_index(frame) for _, frame in read_frames(folder, np.array(times_s), rate_hz)]


def test_numbered_frames_count_from_one_and_are_shown_in_turn(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "P01_01", range(1, 13))
    assert indices_at(folder, [0.0, 0.09, 0.1, 0.55, 1.1, 1.19]) == [0, 0, 1, 5, 11, 11]


@pytest.mark.parametrize(
    "name", ["{:04d}.png".format, "{}.jpg".format, "img-{:06d}.JPEG".format, "P01_01_frame_{:010d}.jpg".format]
)
def test_other_names_and_digits_are_read_by_their_number(tmp_path: Path, name: Callable[[int], str]) -> None:
    folder = write_frames(tmp_path, range(1, 12), name)
    assert indices_at(folder, [0.0, 0.95, 1.05]) == [0, 9, 10]


def test_a_folder_with_a_frame_zero_starts_there(tmp_path: Path) -> None:
    folder = write_frames(tmp_path, range(1, 12), lambda number: f"{number - 1}.jpg")
    assert indices_at(folder, [0.0, 0.1, 1.0]) == [0, 1, 10]
    assert probe(folder, 10.0).num_frames == 11


def test_times_at_the_beginnings_of_frames_give_those_frames_at_any_rate(tmp_path: Path) -> None:
    folder = write_frames(tmp_path, range(1, 200))
    for rate_hz in (59.94005994005994, 29.97, 50.0, 23.976):
        assert indices_at(folder, (np.arange(199) / rate_hz).tolist(), rate_hz) == list(range(199))


def test_times_on_one_frame_share_one_array(tmp_path: Path) -> None:
    folder = write_frames(tmp_path, range(1, 5))
    frames = [frame for _, frame in read_frames(folder, np.array([0.01, 0.05, 0.11]), 10.0)]
    assert frames[0] is frames[1]
    assert frames[1] is not frames[2]


def test_probe_tells_what_a_folder_is(tmp_path: Path) -> None:
    folder = write_frames(tmp_path, range(1, 13))
    (tmp_path / "readme.txt").write_text("other files are let be")
    width, height = SIZE
    assert probe(folder, 24.0) == VideoInfo(folder, 0.5, width, height, 24.0, 12, 0, "frames")


def test_the_last_frame_is_shown_to_the_end_and_for_one_frame_more(tmp_path: Path) -> None:
    folder = write_frames(tmp_path, range(1, 11))
    assert indices_at(folder, [1.0, 1.09]) == [9, 9]
    with pytest.raises(MediaError, match=r"no frame at 1\.200 s: its 10 frames end at 1\.000 s; correct the time"):
        indices_at(folder, [1.0, 1.2])


def test_a_grey_or_transparent_frame_is_given_in_colour(tmp_path: Path) -> None:
    Image.new("L", (8, 4), 100).save(tmp_path / "1.png")
    Image.new("RGBA", (8, 4), (1, 2, 3, 4)).save(tmp_path / "2.png")
    grey, clear = (frame for _, frame in read_frames(tmp_path, np.array([0.0, 0.1]), 10.0))
    np.testing.assert_array_equal(grey, np.full((4, 8, 3), 100, np.uint8))
    np.testing.assert_array_equal(clear, np.broadcast_to(np.array([1, 2, 3], np.uint8), (4, 8, 3)))


def test_gaps_in_the_numbering_are_listed(tmp_path: Path) -> None:
    folder = write_frames(tmp_path, [2, 3, 4, 7, 8, 10])
    text = r"4 of 10 frames are missing \(numbers 1, 5-6, 9\); unpack or download the frames again"
    with pytest.raises(MediaError, match=text) as caught:
        probe(folder, 10.0)
    assert caught.value.fault.kind == "missing-frames"


def test_a_missing_frame_is_named_when_it_is_wanted_and_not_before(tmp_path: Path) -> None:
    folder = write_frames(tmp_path, [1, 2, 3, 6])
    assert indices_at(folder, [0.25, 0.51]) == [2, 5]
    with pytest.raises(MediaError, match=r"shown at 0\.350 s is missing: 2 of 6 frames are missing \(numbers 4-5\)"):
        indices_at(folder, [0.25, 0.35])


def test_many_gaps_are_counted_rather_than_listed(tmp_path: Path) -> None:
    folder = write_frames(tmp_path, range(1, 40, 2))
    with pytest.raises(MediaError, match=r"19 of 39 .* \(numbers 2, 4, 6, 8, 10 and 14 more gaps\)"):
        probe(folder, 10.0)


@pytest.mark.parametrize("rate_hz", [None, 0.0, -1.0, float("nan")])
def test_a_folder_without_a_frame_rate_is_refused(tmp_path: Path, rate_hz: float | None) -> None:
    folder = write_frames(tmp_path, range(1, 4))
    with pytest.raises(MediaError, match=r"needs its frame rate, .*; state frame_rate_hz in the data card"):
        probe(folder, rate_hz)


def test_two_series_in_one_folder_are_refused(tmp_path: Path) -> None:
    write_frames(tmp_path, range(1, 4))
    write_frames(tmp_path, range(1, 4), "flow_{}.jpg".format)
    with pytest.raises(MediaError, match="do not make one series: names beginning 'flow_', 'frame_'; keep one series"):
        probe(tmp_path, 10.0)


def test_a_number_given_twice_is_refused(tmp_path: Path) -> None:
    write_frames(tmp_path, range(1, 4), "{}.jpg".format)
    write_frames(tmp_path, range(1, 4), "{:03d}.jpg".format)
    with pytest.raises(MediaError, match="do not make one series: numbers given twice"):
        probe(tmp_path, 10.0)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_frame_that_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    folder = write_frames(tmp_path, range(1, 4))
    (folder / "frame_0000000002.jpg").write_bytes(content)
    with pytest.raises(MediaError, match=r"frame_0000000002\.jpg: the frame cannot be decoded .*; unpack or download"):
        indices_at(folder, [0.05, 0.15])


def test_a_frame_that_was_cut_off_is_named(tmp_path: Path) -> None:
    folder = write_frames(tmp_path, range(1, 4))
    file = folder / "frame_0000000002.jpg"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(MediaError, match=r"frame_0000000002\.jpg: the frame cannot be decoded \(.*truncated"):
        indices_at(folder, [0.05, 0.15])


def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)  # a test may run as root, who may read everything
    with pytest.raises(MediaError, match="the folder cannot be read: Permission denied; check its permissions"):
        probe(tmp_path, 10.0)
