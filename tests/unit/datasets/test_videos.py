"""Finding videos in the folders that downloads and people leave."""

from pathlib import Path

import pytest

from egoshift.datasets.videos import by_stem, find_media
from egoshift.errors import DataError
from tests.unit.datasets.writing import touch


def test_files_and_folders_of_frames_are_found_at_any_depth(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "P01_01.MP4",
        "P01/videos/P01_02.mp4",
        "P01/rgb_frames/P01_03/frame_0000000001.jpg",
        "P01/rgb_frames/P01_03/frame_0000000002.jpg",
        "P01/flow_frames/P01_03/u/frame_0000000001.jpg",
        "notes.txt",
        "._P01_04.MP4",
        "clips/a.webm",
    )
    found = by_stem(find_media(tmp_path))
    assert found == {
        "P01_01": tmp_path / "P01_01.MP4",
        "P01_02": tmp_path / "P01/videos/P01_02.mp4",
        "P01_03": tmp_path / "P01/rgb_frames/P01_03",
        "a": tmp_path / "clips/a.webm",
        "u": tmp_path / "P01/flow_frames/P01_03/u",
    }


def test_a_file_goes_before_a_folder_of_frames_and_shallow_before_deep(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "deep/er/a.mp4", "deep/a.mp4", "deep/a.mkv")
    assert [path.relative_to(tmp_path).as_posix() for path in find_media(tmp_path)] == [
        "deep/a.mkv",
        "deep/a.mp4",
        "deep/er/a.mp4",
        "a",
    ]
    assert by_stem(find_media(tmp_path))["a"] == tmp_path / "deep/a.mkv"


def test_pictures_beside_videos_are_no_folder_of_frames(tmp_path: Path) -> None:
    touch(tmp_path, "day/1.jpg", "day/a.mp4", "cover.jpg")
    assert find_media(tmp_path) == (tmp_path / "day/a.mp4",)


def test_a_link_that_leads_back_is_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, "day/a.mp4")
    (tmp_path / "day/back").symlink_to(tmp_path)
    assert find_media(tmp_path) == (tmp_path / "day/a.mp4",)


def test_an_absent_folder_is_refused_where_it_is_needed(tmp_path: Path) -> None:
    assert find_media(tmp_path / "absent", required=False) == ()
    with pytest.raises(DataError, match="no such folder of videos; correct 'videos' in the data card"):
        find_media(tmp_path / "absent")


def test_the_folder_itself_is_no_folder_of_frames(tmp_path: Path) -> None:
    touch(tmp_path, "1.jpg", "2.jpg")
    assert find_media(tmp_path) == ()
