"""Annotation files as typed tables: every fault of a file found at once, bad rows named and left out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import polars as pl

from egoshift.datasets.files import parse_csv
from egoshift.datasets.times import seconds
from egoshift.errors import DataError, Fault

T = TypeVar("T")
Kind = Literal["text", "integer", "number", "seconds"]

_EXPECTED: Mapping[Kind, str] = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number, not negative",
    "seconds": "seconds or HH:MM:SS.ff",
}


@dataclass(frozen=True)
class Column:
    """What a column must hold.

    Attributes:
        kind: ``seconds`` also takes HH:MM:SS in text files; ``number`` and ``seconds`` are not negative.
        required: The file must have the column.
        blank: A cell may be empty; it becomes null.
    """

    kind: Kind
    required: bool = True
    blank: bool = False


@dataclass(frozen=True)
class Table:
    """The good rows of one file.

    Attributes:
        path: The file.
        rows: The columns asked for (an optional column that is absent is all null), and where each row stands:
            ``file``, ``row`` (its line as an editor counts; null in JSON) and ``entry`` (its index from 0; null in
            text files).
        faults: One for each bad cell or record.
        num_rows: Records in the file, good or bad.
    """

    path: Path
    rows: pl.DataFrame
    faults: tuple[Fault, ...]
    num_rows: int


class Reads:
    """Reads of several files, so that what is wrong with any of them is told at once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def attempt(self, read: Callable[[], T]) -> T | None:
        """What the call returns; none, and its faults noted, where it raised a ``DataError``."""
        try:
            return read()
        except DataError as error:
            self.faults.extend(error.faults)
            return None

    def finish(self) -> None:
        """Ends the reading of files.

        Raises:
            DataError: An attempt failed; holds the faults of all.
        """
        if self.faults:
            raise DataError(self.faults)


def read_csv(path: Path, columns: Mapping[str, Column]) -> Table:
    """Reads the named columns of a comma-separated file with a header; other columns are ignored.

    Raises:
        DataError: The file cannot be read, lacks columns, or a column holds the wrong thing in every row.
    """
    records = parse_csv(path)
    _require(path, columns, set(records.header))
    index = {name: records.header.index(name) for name in columns if name in records.header}
    cells = {name: [fields[position] for fields in records.fields] for name, position in index.items()}
    texts = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String)).select(pl.all().str.strip_chars())
    texts = texts.with_columns(pl.when(pl.all() != "").then(pl.all()))
    parsed = texts.select(_from_text(name, columns[name].kind) for name in cells)
    places = pl.DataFrame({"row": records.lines, "entry": None}, schema={"row": pl.Int64, "entry": pl.Int64})
    table = _sift(path, columns, texts, parsed, places)
    faults = sorted(records.faults + table.faults, key=lambda fault: fault.row or 0)
    return Table(path, table.rows, tuple(faults), table.num_rows + len(records.faults))


def read_entries(path: Path, entries: object, columns: Mapping[str, Column]) -> Table:
    """Takes the named fields of a JSON list of objects; other fields are ignored.

    Raises:
        DataError: It is no list of objects, or a field is absent or holds the wrong thing in every entry.
    """
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        message = f"holds a {type(entries).__name__} where a list of objects was expected"
        raise DataError([Fault("wrong-type", path, message, "download the file again")])
    if entries:
        _require(path, columns, {name for name in columns if any(name in entry for entry in entries)})
    cells = {name: [entry.get(name) for entry in entries] for name in columns}
    texts = pl.DataFrame(
        {name: [None if value is None else str(value) for value in values] for name, values in cells.items()},
        schema=dict.fromkeys(columns, pl.String),
    )
    parsed = pl.DataFrame([_from_json(name, cells[name], column.kind) for name, column in columns.items()])
    places = pl.DataFrame(
        {"row": None, "entry": range(len(entries))}, schema={"row": pl.Int64, "entry": pl.Int64}, nan_to_null=False
    )
    return _sift(path, columns, texts, parsed, places)


def _require(path: Path, columns: Mapping[str, Column], present: set[str]) -> None:
    absent = [name for name, column in columns.items() if column.required and name not in present]
    faults = [
        Fault("missing-column", path, f"{name!r} is missing", f"add {name!r}, or use the original file")
        for name in absent
    ]
    if faults:
        raise DataError(faults)


def _from_text(name: str, kind: Kind) -> pl.Expr:
    text = pl.col(name)
    if kind == "text":
        return text
    if kind == "seconds":
        return seconds(text).alias(name)
    number = text.cast(pl.Float64, strict=False)
    if kind == "number":
        return pl.when(number.is_finite() & (number >= 0)).then(number).alias(name)
    whole = pl.when(number.is_finite() & (number == number.floor())).then(number)
    return whole.cast(pl.Int64, strict=False).alias(name)


def _from_json(name: str, values: Sequence[object], kind: Kind) -> pl.Series:
    if kind == "text":
        return pl.Series(name, [value if isinstance(value, str) and value else None for value in values], pl.String)
    if kind == "integer":
        whole = [
            value if isinstance(value, int) and abs(value) < 2**63 and not isinstance(value, bool) else None
            for value in values
        ]
        return pl.Series(name, whole, pl.Int64)
    numbers = [_number(value) for value in values]
    series = pl.Series(name, numbers, pl.Float64)
    return series.to_frame().select(pl.when(pl.col(name).is_finite() & (pl.col(name) >= 0)).then(pl.col(name)))[name]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return None


def _sift(
    path: Path, columns: Mapping[str, Column], texts: pl.DataFrame, parsed: pl.DataFrame, places: pl.DataFrame
) -> Table:
    """Rows whose cells are all as their columns ask, and a fault for each cell that is not."""
    absent = [pl.lit(None, _DTYPES[column.kind]).alias(name) for name, column in columns.items() if name not in parsed]
    rows = pl.concat([parsed, places], how="horizontal").with_columns(*absent, file=pl.lit(str(path)))
    rows = rows.select(*columns, *places.columns, "file")  # in one order, whichever columns a file lacks
    faults, file_faults = [], []
    good = pl.Series([True] * len(rows), dtype=pl.Boolean)
    for name in parsed.columns:
        column = columns[name]
        bad = parsed[name].is_null() & (texts[name].is_not_null() if column.blank else True)
        good &= ~bad
        cells = zip(*(series.filter(bad) for series in (texts[name], rows["row"], rows["entry"])), strict=True)
        found = [_cell_fault(path, name, column, text, row, entry) for text, row, entry in cells]
        if found and len(found) == len(rows):
            message = f"column {name!r} holds {_shown(texts[name][0])} and the like in every row"
            remedy = f"give {_EXPECTED[column.kind]}"
            file_faults.append(Fault("wrong-type", path, message, remedy))
        faults.extend(found)
    if file_faults:
        raise DataError(file_faults)
    return Table(path, rows.filter(good), tuple(faults), len(rows))


_DTYPES: Mapping[Kind, pl.DataType] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "seconds": pl.Float64(),
}


def _cell_fault(path: Path, name: str, column: Column, text: str | None, row: int | None, entry: int | None) -> Fault:
    place = "" if entry is None else f"entry {entry}: "
    kind = "bad-time" if column.kind == "seconds" else "bad-value"
    message = f"{place}{name} is {_shown(text)}, expected {_EXPECTED[column.kind]}"
    return Fault(kind, path, message, "correct it", row)


def _shown(text: str | None) -> str:
    if text is None:
        return "empty"
    return repr(text if len(text) <= 40 else text[:39] + "…")
