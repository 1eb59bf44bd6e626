"""Plain tables of boxes: every accepted form, and every fault of a file together."""

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from egoshift.errors import DataError, MediaError
from egoshift.media import VideoInfo
from egoshift.media.box_table import BoxTable, read_box_table

INFO = VideoInfo(Path("v.mp4"), 10.0, 640, 480, 30.0, 300, 0, "h264")
HEADER = "video,time_s,left,top,right,bottom"


def write(folder: Path, *lines: str) -> Path:
    path = folder / "boxes.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def fault_lines(path: Path) -> list[str]:
    with pytest.raises(DataError) as error:
        read_box_table(path)
    lines = str(error.value).splitlines()
    assert all(line.startswith(str(path)) for line in lines)
    return [line.removeprefix(str(path)) for line in lines]


def test_shares_at_seconds_are_taken_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, "a,1.0,0.1,0.2,0.3,0.4", "b,1.0,0,0,0.5,0.5", "a,1.0,0.2,0.2,0.6,0.3")
    found = BoxTable(path).locate("a", np.array([1.0, 5.0]), [], INFO)
    np.testing.assert_allclose(found.boxes, [(0.1, 0.2, 0.6, 0.4), (0, 0, 1, 1)], rtol=1e-6)
    assert found.origin.tolist() == [1, 0]


def test_pixels_at_frames_are_divided_by_the_size_of_the_video(tmp_path: Path) -> None:
    path = write(tmp_path, "video,frame,left_px,top_px,right_px,bottom_px", "a,60,64,48,320,480")
    found = BoxTable(path).locate("a", np.array([2.0]), [], INFO)
    np.testing.assert_allclose(found.boxes, [(0.1, 0.1, 0.5, 1.0)], rtol=1e-6)
    assert found.origin.tolist() == [1]
    assert BoxTable(path, frame_rate_hz=10.0).locate("a", np.array([2.0, 6.0]), [], INFO).origin.tolist() == [0, 1]


def test_a_parquet_file_means_the_same_as_a_csv(tmp_path: Path) -> None:
    lines = ["video,time_s,left,top,right,bottom,kind,score,contact", "a,1.0,0.1,0.2,0.3,0.4,hand,0.9,true"]
    csv = write(tmp_path, *lines, "a,1.0,0.5,0.5,0.6,0.6,object,0.5,true", "a,1.5,,,,,,,")
    parquet = tmp_path / "boxes.parquet"
    pl.read_csv(csv).write_parquet(parquet)
    one, other = (BoxTable(path).locate("a", np.array([1.0, 1.2, 1.5]), [], INFO) for path in (csv, parquet))
    np.testing.assert_array_equal(one.boxes, other.boxes)
    assert one.origin.tolist() == other.origin.tolist() == [1, 2, 0]
    np.testing.assert_allclose(one.boxes[0], (0.1, 0.2, 0.6, 0.6), rtol=1e-6)


def test_objects_count_where_touched_seen_well_and_beside_a_hand(tmp_path: Path) -> None:
    rows = [
        "a,1,0.1,0.1,0.2,0.2,hand,0.9,",
        "a,1,0.3,0.1,0.4,0.2,object,0.01,yes",
        "a,1,0.5,0.1,0.6,0.2,object,0.001,yes",
        "a,1,0.7,0.1,0.8,0.2,object,0.9,no",
        "a,3,0.1,0.1,0.2,0.2,hand,0.7,",
        "a,3,0.7,0.1,0.8,0.2,object,0.9,yes",
        "a,5,0.1,0.1,0.2,0.2,Hand,,0",
    ]
    path = write(tmp_path, HEADER + ",kind,score,contact", *rows)
    found = BoxTable(path).locate("a", np.array([1.0, 3.0, 5.0]), [], INFO)
    assert found.origin.tolist() == [1, 0, 1]
    expected = [(0.1, 0.1, 0.4, 0.2), (0, 0, 1, 1), (0.1, 0.1, 0.2, 0.2)]
    np.testing.assert_allclose(found.boxes, expected, rtol=1e-6)


def test_a_row_with_empty_edges_says_that_no_hand_was_seen(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, "a,1.0,0.1,0.2,0.3,0.4", "a,1.2,,,,", "a,1.4,0.1,0.2,0.3,0.4")
    assert BoxTable(path).locate("a", np.array([1.1, 1.2, 1.3]), [], INFO).origin.tolist() == [2, 0, 0]


def test_all_faults_of_a_file_are_named_together_with_their_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEADER + ",kind,score,contact",
        "a,1.0,0.1,0.2,0.3,0.4,hand,0.9,true",
        ",1.0,0.1,0.2,0.3,0.4,hand,0.9,true",
        "a,soon,0.1,0.2,0.3,0.4,hand,0.9,true",
        "a,-1,0.1,0.2,0.3,0.4,hand,0.9,true",
        "a,1.0,0.1,,0.3,0.4,hand,0.9,true",
        "a,1.0,0.3,0.2,0.1,0.4,hand,0.9,true",
        "a,1.0,64,48,128,96,hand,0.9,true",
        "a,1.0,0.1,0.2,0.3,0.4,foot,0.9,true",
        "a,1.0,0.1,0.2,0.3,0.4,hand,90,true",
        "a,1.0,0.1,0.2,0.3,0.4,hand,0.9,maybe",
        "a,,0.1,0.2,inf,0.4,hand,0.9,true",
        "a,,0.1,0.2,0.3,0.4,hand,0.9,true",
    )
    assert fault_lines(path) == [
        ", row 4: time_s is no finite number ('soon'); write a number",
        ", row 12: right is no finite number ('inf'); write a number",
        ", row 3: names no video; write its id",
        ", row 5: time_s is empty or negative (-1.0); write when the box was seen",
        ", row 13: time_s is empty or negative (None); write when the box was seen",
        ", row 6: has some edges and not others; write all four, or none",
        ", row 7: left > right or top > bottom; swap them",
        ", row 8: has an edge outside [0, 1]; give shares of the frame, or name the columns left_px, top_px, right_px, "
        "bottom_px",
        ", row 9: unknown kind ('foot'); write hand or object",
        ", row 10: score outside [0, 1] (90.0); rescale it",
        ", row 11: unknown contact ('maybe'); write true or false",
    ]


def test_many_faults_of_one_kind_are_counted(tmp_path: Path) -> None:
    lines = fault_lines(write(tmp_path, HEADER, *["a,1.0,0.3,0.2,0.1,0.4"] * 1000))
    assert len(lines) == 21
    assert lines[0].startswith(", row 2: ")
    assert lines[-1] == ": left > right or top > bottom, in 980 more rows; swap them"


def test_rows_of_a_parquet_file_are_counted_from_one(tmp_path: Path) -> None:
    path = tmp_path / "boxes.parquet"
    table = {"video": ["a"], "frame": [3], "left": [0.4], "top": [0.1], "right": [0.2], "bottom": [0.3]}
    pl.DataFrame(table).write_parquet(path)
    assert fault_lines(path) == [", row 1: left > right or top > bottom; swap them"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "clip,left,top,right",
            [
                ": has no column video; it has: clip, left, top, right; keep exactly one",
                ": has no column time_s or frame; it has: clip, left, top, right; keep exactly one",
                ": has no column bottom; give left, top, right, bottom as shares of the frame, or left_px, top_px, "
                "right_px, bottom_px in pixels",
            ],
        ),
        (
            "video,time_s,frame,left,top,right,bottom",
            [
                ": has both columns time_s and frame; it has: video, time_s, frame, left, top, right, bottom; "
                "keep exactly one"
            ],
        ),
        (
            "video,frame,left,top,right,bottom,left_px",
            [
                ": has boxes both as shares and in pixels; give left, top, right, bottom as shares of the frame, or "
                "left_px, top_px, right_px, bottom_px in pixels"
            ],
        ),
        (
            "video,frame",
            [
                ": has no column left, top, right, bottom; give left, top, right, bottom as shares of the frame, or "
                "left_px, top_px, right_px, bottom_px in pixels"
            ],
        ),
    ],
)
def test_wrong_columns_are_named_together(tmp_path: Path, header: str, expected: list[str]) -> None:
    assert fault_lines(write(tmp_path, header, ",".join("1" for _ in header.split(",")))) == expected


@pytest.mark.parametrize("name", ["boxes.csv", "boxes.parquet"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe\x00"])
def test_an_unreadable_table_gives_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert len(fault_lines(path)) == (1 if name.endswith("parquet") or not content else 3)


def test_a_missing_table_gives_one_line(tmp_path: Path) -> None:
    (line,) = fault_lines(tmp_path / "absent.csv")
    assert line.startswith(": is no readable table (")


def test_a_video_without_rows_is_named_rather_than_shown_whole(tmp_path: Path) -> None:
    table = BoxTable(write(tmp_path, HEADER, "a,1.0,0.1,0.2,0.3,0.4"))
    assert [fault.message for fault in table.faults(["a", "a.mp4", "b"])] == [
        "has no row of video 'a.mp4'",
        "has no row of video 'b'",
    ]
    with pytest.raises(MediaError, match=r"has no row of video 'b'; use the ids of the data set"):
        table.locate("b", np.zeros(1), [], INFO)


def test_the_faults_of_the_table_itself_are_told_before_those_of_videos(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, "a,1.0,0.3,0.2,0.1,0.4")
    table = BoxTable(path)
    assert [fault.kind for fault in table.faults(["a", "b"])] == ["swapped-edges"]
    path.unlink()  # read once, however often it is asked
    with pytest.raises(DataError, match="row 2: left > right"):
        table.locate("a", np.zeros(1), [], INFO)


def test_the_description_says_what_decides_the_boxes_and_nothing_of_this_machine(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, "a,1.0,0.1,0.2,0.3,0.4")
    assert json.loads(json.dumps(BoxTable(path).description)) == {
        "kind": "boxes",
        "source": "boxes.csv",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "hand_threshold": 0.8,
        "object_threshold": 0.01,
        "frame_rate_hz": None,
        "max_gap_s": 1.0,
    }
