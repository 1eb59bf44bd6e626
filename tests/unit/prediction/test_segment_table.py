"""Segments to judge: found by the recording's name, refused with every row that cannot be used."""

from pathlib import Path

import pytest

from egoshift.errors import DataError
from egoshift.prediction.segment_table import read_segments


def table(folder: Path, text: str) -> Path:
    path = folder / "segments.csv"
    path.write_text(text)
    return path


def test_without_a_video_segments_are_of_any_recording(tmp_path: Path):
    found = read_segments(table(tmp_path, "start,stop,note\n0,1.5,a\n0:01:00,61.25,b\n"))
    assert found.of(Path("a.mp4")) == found.of(Path("b.wav")) == [(0.0, 1.5), (60.0, 61.25)]


@pytest.mark.parametrize("name", ["walk", "walk.mp4"])
def test_segments_of_a_video_by_its_name_with_and_without_suffix(tmp_path: Path, name: str):
    found = read_segments(table(tmp_path, f"video,start,stop\n{name},0,1\nrun,2,3\n{name},4,5\n"))
    assert found.of(Path("somewhere/walk.mp4")) == [(0.0, 1.0), (4.0, 5.0)]


@pytest.mark.parametrize("name", ["walk", "walk.wav"])
def test_segments_of_a_sound_file(tmp_path: Path, name: str):
    found = read_segments(table(tmp_path, f"video,start,stop\n{name},0,1\n"))
    assert found.of(Path("somewhere/walk.wav")) == [(0.0, 1.0)]


def test_a_recording_without_segments_is_named_with_those_that_have_some(tmp_path: Path):
    found = read_segments(table(tmp_path, "video,start,stop\nwalk,0,1\n"))
    with pytest.raises(DataError, match=r"segments\.csv: has no segment of run\.mp4; it has those of walk"):
        found.of(Path("run.mp4"))


def test_every_bad_row_is_named(tmp_path: Path):
    with pytest.raises(DataError) as error:
        read_segments(table(tmp_path, "start,stop\n0,1\n3,2\n1,1\nsoon,2\n"))
    assert sorted(fault.row for fault in error.value.faults if fault.row is not None) == [3, 4, 5]


@pytest.mark.parametrize("text", ["start,stop\n", "begin,end\n0,1\n", ""])
def test_a_table_of_no_segment_is_refused(tmp_path: Path, text: str):
    with pytest.raises(DataError, match=r"segments\.csv"):
        read_segments(table(tmp_path, text))
