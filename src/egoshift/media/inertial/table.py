"""The readings of a sensor's comma-separated file as numbers, by the position of their columns.

Such files are long and written by machines, so their faults are counted rather than named one by one; and their
headers may leave columns without a name, so columns are asked for by position.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64, Int64

from egoshift.errors import DataError, Fault, MediaError
from egoshift.media.plain_table import read_csv

_EMPTY = ("null", "nan", "none", "na", "n/a")
"""What else is written for an empty cell, in lower case."""

MOST_COLUMNS = 1_000
MOST_HEADER = 65_536
"""In characters. Room and time go by the columns, of which a small file could name a million."""

_FEW_CELLS = 1_000_000
"""For so many nobody needs to ask whether they stand in the file."""


@dataclass(frozen=True)
class TextTable:
    """A comma-separated file as text; lines that hold nothing are no rows.

    Attributes:
        path: The file.
        header: The names of the columns, stripped; some may be empty.
        cells: One column of text a name, called by its position; null where a cell is empty.
        rows: The line each row stands on, as an editor counts (the header is line 1).
    """

    path: Path
    header: tuple[str, ...]
    cells: pl.DataFrame
    rows: Int64[np.ndarray, " rows"]

    def numbers(
        self, positions: Sequence[int]
    ) -> tuple[Float64[np.ndarray, "rows columns"], Bool[np.ndarray, " rows"]]:
        """Some columns as numbers, NaN where a cell holds none, and the rows in which a cell holds something else."""
        values = np.empty((len(self.rows), len(positions)), np.float64, order="F")
        unreadable = np.zeros(len(self.rows), dtype=bool)
        for column, position in enumerate(positions):  # one at a time: texts take several times the room of numbers
            text = self.cells.select(pl.col(str(position)).str.strip_chars().alias("text"))
            number = text.select(pl.col("text").cast(pl.Float64, strict=False).alias("number"))
            number = number.select(pl.when(pl.col("number").is_finite()).then(pl.col("number")))
            values[:, column] = number["number"].to_numpy()
            odd = text.filter(number["number"].is_null())["text"]
            is_empty = odd.is_null() | (odd == "") | odd.str.to_lowercase().is_in(_EMPTY)
            unreadable[number["number"].is_null().to_numpy()] |= ~is_empty.to_numpy()
        return values, unreadable


def read_table(path: Path) -> TextTable:
    """The cells of a comma-separated file with a header.

    Rows that are too short end in empty cells; what a row has beyond the header is not read.

    Raises:
        DataError: The file is missing, empty, not text, or its columns are separated by something else; or it is made
            to take much more room than the cells that it holds.
    """
    try:
        header = _header(path)
        _check_lines(path, len(header))
        schema = {str(position): pl.String() for position in range(len(header))}
        cells = (
            read_csv(path, has_header=False, skip_rows=1, schema=schema, truncate_ragged_lines=True)
            if header
            else pl.DataFrame()
        )
    except MediaError as error:
        raise DataError([error.fault]) from None
    except FileNotFoundError:
        raise data_error("missing-file", path, "no such file", "put it there, or correct the path") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise data_error("unreadable-file", path, f"cannot be read ({reason})", "make it readable") from None
    except (UnicodeDecodeError, csv.Error, pl.exceptions.PolarsError) as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).partition("\n")[0]
        raise data_error("bad-csv", path, f"not a CSV file ({reason})", "export it again") from None
    if not header:
        raise data_error("empty-file", path, "the file is empty", "export it again")
    for separator, name in ((";", "';'"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise data_error("bad-csv", path, f"columns are separated by {name}", "separate them by commas", 1)
    held = ~cells.select(pl.all_horizontal(pl.all().is_null()).alias("blank"))["blank"]
    rows = np.arange(len(cells), dtype=np.int64) + 2
    if held.all():
        return TextTable(path, header, cells, rows)
    return TextTable(path, header, cells.filter(held), rows[held.to_numpy()])


def _header(path: Path) -> tuple[str, ...]:
    """The names of the columns; none of a file that is empty."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = next(csv.reader(_first_lines(path, file)), [])
    if len(names) > MOST_COLUMNS:
        raise _too_wide(path, f"names {len(names)} columns, and at most {MOST_COLUMNS} are read")
    return tuple(name.strip() for name in names)


def _first_lines(path: Path, file: TextIO) -> Iterator[str]:
    """Lines, of which a quoted name may take several, until they are too many characters for a header."""
    left = MOST_HEADER
    while line := file.readline(left + 1):
        left -= len(line)
        if left < 0:
            raise _too_wide(path, f"goes on beyond {MOST_HEADER} characters")
        yield line


def _too_wide(path: Path, found: str) -> DataError:
    remedy = "give the table of a sensor, or export fewer columns"
    return data_error("wide-header", path, f"the header {found}", remedy, 1)


def _check_lines(path: Path, num_columns: int) -> None:
    """Refuse a file whose lines lack most cells: room is made for each, and the least line takes one byte.

    A cell that stands in the file, empty or not, has a separator after it; so there are no more cells than bytes.
    """
    num_bytes = num_lines = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            num_bytes += len(block)
            num_lines += block.count(b"\n")
    if num_lines * num_columns > 2 * num_bytes + _FEW_CELLS:
        message = f"most of its {num_lines} lines lack most of the {num_columns} columns"
        raise data_error("short-lines", path, message, "export it again")


def positions_of(table: TextTable, names: Sequence[str]) -> tuple[int, ...]:
    """Where the columns with some names stand.

    Raises:
        DataError: A name is missing or stands twice; holds a fault for each.
    """
    faults = []
    for name in names:
        count = table.header.count(name)
        if count == 0:
            message = f"column {name!r} is missing; the file has {_listed(table.header)}"
            faults.append(Fault("missing-column", table.path, message, "name its columns, or use the original file", 1))
        elif count > 1:
            message = f"column {name!r} is given {count} times"
            faults.append(Fault("duplicate-column", table.path, message, "keep one of them", 1))
    if faults:
        raise DataError(faults)
    return tuple(table.header.index(name) for name in names)


def data_error(kind: str, path: Path, message: str, remedy: str, row: int | None = None) -> DataError:
    """The error for one fault of a file."""
    return DataError([Fault(kind, path, message, remedy, row)])


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"
