"""Long tables by position, with the faults of a whole file in one line."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from egoshift.errors import DataError
from egoshift.media.inertial.table import positions_of, read_table


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "sensor [1].csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def line_of(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_table(path)
    return str(error.value).removeprefix(str(path))


def test_cells_are_numbers_by_position_even_under_empty_names(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, '\ufeffcts, Accelerometer [m/s2] ,,\r\n1,2.5,-3e-2,"4"\r\n5,6,7,8\r\n'))
    assert table.header == ("cts", "Accelerometer [m/s2]", "", "")
    values, unreadable = table.numbers((1, 2, 3))
    np.testing.assert_array_equal(values, [[2.5, -0.03, 4], [6, 7, 8]])
    assert not unreadable.any()


def test_empty_cells_and_unreadable_ones_are_told_apart(tmp_path: Path) -> None:
    cells = ["", "NULL", "nan", "None", "NA", "x", "inf", "1,5", " 2 "]
    text = "t,v\n" + "".join(f'{k},"{cell}"\n' for k, cell in enumerate(cells))
    values, unreadable = read_table(write(tmp_path, text)).numbers((1,))
    assert np.isnan(values[:, 0]).tolist() == [True] * 8 + [False]
    assert values[8, 0] == 2
    assert unreadable.tolist() == [False] * 5 + [True] * 3 + [False]


def test_rows_are_counted_as_an_editor_does_and_blank_lines_are_none(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a,b\n1,2\n\n3\n4,5,6\n"))
    assert table.rows.tolist() == [2, 4, 5]
    np.testing.assert_array_equal(table.numbers((0, 1))[0], [[1, 2], [3, np.nan], [4, 5]])


def test_a_file_with_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a,b\n"))
    assert len(table.rows) == 0
    assert table.numbers((0, 1))[0].shape == (0, 2)


def test_files_that_are_no_tables_are_refused_in_one_line(tmp_path: Path) -> None:
    assert line_of(tmp_path / "none.csv") == ": no such file; put it there, or correct the path"
    assert line_of(tmp_path).startswith(": cannot be read (Is a directory)")
    assert line_of(write(tmp_path, "")) == ": the file is empty; export it again"
    semicolons, tabs = write(tmp_path, "a;b\n1;2\n"), "a\tb\n1\t2\n"
    assert line_of(semicolons) == ", row 1: columns are separated by ';'; separate them by commas"
    assert line_of(write(tmp_path, tabs)) == ", row 1: columns are separated by tabs; separate them by commas"
    assert line_of(write(tmp_path, b"a,b\n1,\xff\xfe\n")) == ": not a CSV file (not UTF-8); export it again"
    late = write(tmp_path, b"a,b\n" + b"1,2\n" * 100_000 + b"1,\xff\xfe\n")
    assert line_of(late) == ": not a CSV file (invalid utf-8 sequence); export it again"


def test_headers_that_no_sensor_has_are_refused_before_anything_is_made_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pl, "read_csv", None)
    remedy = "give the table of a sensor, or export fewer columns"
    columns = write(tmp_path, b"," * 1_000 + b"\n" + b"1\n")
    assert line_of(columns) == f", row 1: the header names 1001 columns, and at most 1000 are read; {remedy}"
    for endless in (b"," * 1_000_000 + b"\n", b"a" * 1_000_000, b'"' + b"a\n" * 500_000, b"a" * 70_000 + b",b\n1,2\n"):
        line = line_of(write(tmp_path, endless))
        assert line == f", row 1: the header goes on beyond 65536 characters; {remedy}"


def test_a_header_of_many_columns_is_read(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(1_000)]
    table = read_table(write(tmp_path, ",".join(names) + "\n" + ",".join("7" * 1_000) + "\n"))
    assert table.header == tuple(names)
    np.testing.assert_array_equal(table.numbers((0, 999))[0], [[7, 7]])


def test_a_header_over_several_lines_is_one(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, 'a,"b\nin m",c\n1,2,3\n'))
    assert table.header == ("a", "b\nin m", "c")
    np.testing.assert_array_equal(table.numbers((1,))[0], [[2]])


def test_many_lines_that_lack_most_cells_are_refused_before_room_is_made_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header, full = "a,b,c,d,e,f,g,h\n", "1,2,3,4,5,6,7,8\n"
    path = write(tmp_path, header + full + 300_000 * ",\n")
    with monkeypatch.context() as unread:
        unread.setattr(pl, "read_csv", None)
        assert line_of(path) == ": most of its 300002 lines lack most of the 8 columns; export it again"
    assert len(read_table(write(tmp_path, header + full + 300_000 * "1,,,,,,,\n")).rows) == 300_001
    assert len(read_table(write(tmp_path, header + full + 1_000 * "1\n")).rows) == 1_001


def test_all_missing_and_repeated_columns_are_named_together(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b,b\n1,2,3\n")
    with pytest.raises(DataError) as error:
        positions_of(read_table(path), ("a", "b", "c", "d"))
    assert str(error.value).splitlines() == [
        f"{path}, row 1: column 'b' is given 2 times; keep one of them",
        f"{path}, row 1: column 'c' is missing; the file has 'a', 'b', 'b'; name its columns, or use the original file",
        f"{path}, row 1: column 'd' is missing; the file has 'a', 'b', 'b'; name its columns, or use the original file",
    ]
