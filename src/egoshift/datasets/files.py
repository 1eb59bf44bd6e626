"""Files into lines, records and JSON values; what cannot be read becomes a fault that names the line."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from egoshift.errors import DataError, Fault
from egoshift.foreign import parse_json

_OTHER_SEPARATORS = {";": "';'", "\t": "tabs", "|": "'|'"}


@dataclass(frozen=True)
class Records:
    """A comma-separated file, as text.

    Attributes:
        header: The column names.
        lines: The line each record starts on, as an editor counts (the header is line 1).
        fields: The fields of each record, as many as the header has.
        faults: Records with another number of fields.
    """

    header: tuple[str, ...]
    lines: tuple[int, ...]
    fields: tuple[list[str], ...]
    faults: tuple[Fault, ...]


def parse_csv(path: Path) -> Records:
    """Splits a comma-separated file with a header into records; blank lines are no records.

    Raises:
        DataError: The file is missing, empty, not text, or its header names a column twice.
    """
    lines, fields, faults = [], [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = tuple(name.strip() for name in next(reader, []))
            line = reader.line_num
            for record in reader:
                if len(record) == len(header):
                    lines.append(line + 1)
                    fields.append(record)
                elif record:
                    message = f"{len(record)} fields, expected {len(header)}"
                    remedy = "quote fields that hold commas, fill in those that are absent"
                    faults.append(Fault("wrong-fields", path, message, remedy, line + 1))
                line = reader.line_num
    except csv.Error as error:
        raise DataError([Fault("bad-csv", path, f"not a CSV file ({error})", "export it again")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError([_unreadable(path, error)]) from None
    _check_header(path, header)
    return Records(header, tuple(lines), tuple(fields), tuple(faults))


def read_json(path: Path) -> object:
    """The contents of a JSON file.

    Raises:
        DataError: The file is missing or is not JSON; names the line.
    """
    try:
        contents: object = parse_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError([_unreadable(path, error)]) from None
    except ValueError as error:
        message, row = getattr(error, "msg", str(error)), getattr(error, "lineno", None)
        raise DataError([Fault("bad-json", path, f"not JSON ({message})", "download the file again", row)]) from None
    return contents


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a text file that hold something, stripped, with their numbers from 1.

    Raises:
        DataError: The file is missing or is not text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError([_unreadable(path, error)]) from None
    return [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> Fault:
    if isinstance(error, FileNotFoundError):
        return Fault("missing-file", path, "no such file", "put it there, or correct the data card")
    if isinstance(error, UnicodeDecodeError):
        return Fault("bad-text", path, f"not UTF-8 text (byte {error.start})", "save it as UTF-8")
    return Fault("unreadable-file", path, error.strerror or type(error).__name__, "make it readable")


def _check_header(path: Path, header: Sequence[str]) -> None:
    if not header:
        raise DataError([Fault("empty-file", path, "the file is empty", "export it again")])
    other = next((name for sign, name in _OTHER_SEPARATORS.items() if len(header) == 1 and sign in header[0]), None)
    if other is not None:
        raise DataError([Fault("bad-csv", path, f"columns are separated by {other}", "separate them by commas", 1)])
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        message = f"columns given twice: {', '.join(twice)}"
        raise DataError([Fault("duplicate-column", path, message, "keep one of each", 1)])
