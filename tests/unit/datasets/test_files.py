"""Files into records: what a person's editor and export leave in them."""

from pathlib import Path

import pytest

from egoshift.datasets.files import parse_csv, read_json, read_lines
from egoshift.errors import DataError


def write(tmp_path: Path, contents: str | bytes) -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return path


def test_lines_count_as_in_an_editor_whatever_stands_between(tmp_path: Path) -> None:
    records = parse_csv(write(tmp_path, '\ufeffa,b\n1,"two\nlines"\n\n3,4\r\n5,6'))
    assert records.header == ("a", "b")
    assert records.lines == (2, 5, 6)
    assert records.fields == (["1", "two\nlines"], ["3", "4"], ["5", "6"])


def test_a_record_of_another_length_is_named_with_its_line(tmp_path: Path) -> None:
    records = parse_csv(write(tmp_path, "a,b\n1,2\n1,2,3\n4\n"))
    assert records.lines == (2,)
    assert [(fault.row, fault.message) for fault in records.faults] == [
        (3, "3 fields, expected 2"),
        (4, "1 fields, expected 2"),
    ]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("", "the file is empty"),
        ("a;b\n1;2\n", "columns are separated by ';'; separate them by commas"),
        ("a\tb\n1\t2\n", "columns are separated by tabs; separate them by commas"),
        ("a|b\n1|2\n", "columns are separated by '|'; separate them by commas".replace("|", "[|]")),
        ("a,b,a\n1,2,3\n", "columns given twice: a"),
        (b"a,b\n\xff\xfe,2\n", "not UTF-8 text .* save it as UTF-8"),
        ("a,b\n" + "x" * 200_000 + ",2\n", "not a CSV file"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, contents: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_csv(write(tmp_path, contents))


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    for read in (parse_csv, read_json, read_lines):
        with pytest.raises(DataError, match=r"absent\.csv: no such file; put it there"):
            read(tmp_path / "absent.csv")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Is a directory"):
        read_lines(tmp_path)


def test_broken_json_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{"clips": [\n  {"a": 1},\n  {"a"\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"broken\.json, row 4: not JSON"):
        read_json(path)


def test_lines_that_hold_nothing_are_passed_over_and_counted(tmp_path: Path) -> None:
    assert read_lines(write(tmp_path, "\none 1\n\n two 2 \n")) == [(2, "one 1"), (4, "two 2")]
