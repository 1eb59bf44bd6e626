"""Typed tables: the good rows, and every bad cell named."""

from functools import partial
from pathlib import Path

import pytest

from egoshift.datasets.tables import Column, Reads, read_csv, read_entries
from egoshift.errors import DataError

COLUMNS = {
    "name": Column("text"),
    "start": Column("seconds"),
    "class": Column("integer", blank=True),
    "weight": Column("number", required=False, blank=True),
}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_good_rows_are_typed_and_know_where_they_stand(tmp_path: Path) -> None:
    path = write(tmp_path, "extra,class,start,name\nx, 3 ,00:01:00.5, cup \ny,,2,pan\nz,4.0,3,lid\n")
    table = read_csv(path, COLUMNS)
    assert table.rows.to_dicts() == [
        {"name": "cup", "start": 60.5, "class": 3, "weight": None, "file": str(path), "row": 2, "entry": None},
        {"name": "pan", "start": 2.0, "class": None, "weight": None, "file": str(path), "row": 3, "entry": None},
        {"name": "lid", "start": 3.0, "class": 4, "weight": None, "file": str(path), "row": 4, "entry": None},
    ]
    assert (table.faults, table.num_rows) == ((), 3)


def test_every_bad_cell_is_named_with_its_row_and_its_row_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, "name,start,class\na,1,1\n,soon,2\nb,2,2.5\nc,3,1,9\nd,4,4\n")
    table = read_csv(path, COLUMNS)
    assert table.rows["name"].to_list() == ["a", "d"]
    assert [(fault.row, fault.kind, fault.message) for fault in table.faults] == [
        (3, "bad-value", "name is empty, expected text"),
        (3, "bad-time", "start is 'soon', expected seconds or HH:MM:SS.ff"),
        (4, "bad-value", "class is '2.5', expected a whole number"),
        (5, "wrong-fields", "4 fields, expected 3"),
    ]
    assert table.num_rows == 5


def test_all_missing_columns_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_csv(write(tmp_path, "class\n1\n"), COLUMNS)
    assert [fault.message for fault in caught.value.faults] == ["'name' is missing", "'start' is missing"]


def test_a_column_that_is_wrong_in_every_row_is_a_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column 'start' holds 'x' and the like in every row; give seconds"):
        read_csv(write(tmp_path, "name,start,class\na,x,1\nb,y,2\n"), COLUMNS)


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, "name,start,class\n"), COLUMNS)
    assert (len(table.rows), table.num_rows) == (0, 0)
    assert table.rows.schema == read_csv(write(tmp_path, "name,start,class\na,1,2\n"), COLUMNS).rows.schema


def test_entries_are_typed_and_named_by_their_index() -> None:
    path = Path("clips.json")
    good = {"name": "cup", "start": 1, "class": 2, "weight": 0.5, "more": [1]}
    bad = {"name": 5, "start": -1.0, "class": True, "weight": "heavy"}
    table = read_entries(path, [good, bad, {**good, "class": None}], COLUMNS)
    assert table.rows["entry"].to_list() == [0, 2]
    assert table.rows["class"].to_list() == [2, None]
    assert [fault.message for fault in table.faults] == [
        "entry 1: name is '5', expected text",
        "entry 1: start is '-1.0', expected seconds or HH:MM:SS.ff",
        "entry 1: class is 'True', expected a whole number",
        "entry 1: weight is 'heavy', expected a number, not negative",
    ]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"a": 1}, "holds a dict where a list of objects was expected"),
        ([1, 2], "where a list of objects was expected"),
        ([{"name": "a"}, {"name": "b", "class": 1}], "'start' is missing"),
        ([{"name": "a", "start": "x", "class": 1}], "column 'start' holds 'x'"),
    ],
)
def test_entries_of_another_layout_are_refused(entries: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_entries(Path("clips.json"), entries, COLUMNS)


def test_the_faults_of_several_files_are_told_together(tmp_path: Path) -> None:
    reads = Reads()
    assert reads.attempt(partial(read_csv, tmp_path / "one.csv", COLUMNS)) is None
    assert reads.attempt(lambda: 7) == 7
    reads.attempt(partial(read_csv, tmp_path / "two.csv", COLUMNS))
    with pytest.raises(DataError) as caught:
        reads.finish()
    assert [fault.path.name for fault in caught.value.faults] == ["one.csv", "two.csv"]
    Reads().finish()
