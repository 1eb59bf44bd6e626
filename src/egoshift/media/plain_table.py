"""Tables of others, CSV and Parquet, none of which costs much more than its file is long.

Polars unpacks a compressed CSV file whatever its name says, and a column of a Parquet file that repeats one value takes
next to nothing there and everything once it is read.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from egoshift.errors import Fault, MediaError

MOST_CELLS, CELLS_A_BYTE = 10_000_000, 16
"""How many cells are read of a Parquet file: so many, and so many more for each byte of it. Boxes of frames at random
take two bytes a cell; frames without any box, which shrink most, a tenth."""

MOST_TEXT = 4096
"""Bytes of a cell; the longest is the name of a video."""

_PACKED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
    **{b"\x78" + level: ("zlib", "Python's zlib.decompress") for level in (b"\x01", b"\x5e", b"\x9c", b"\xda")},
}
"""By the first bytes of what Polars would unpack: how it is compressed, and what unpacks it."""


def read_csv(path: Path, **options: Any) -> pl.DataFrame:
    """What ``polars.read_csv`` gives with these options; of one file, and of one that is not compressed.

    Raises:
        MediaError: It is compressed.
        OSError: It cannot be read.
        polars.exceptions.PolarsError: It is no such table.
    """
    with path.open("rb") as file:
        head = file.read(4)
    for start, (kind, program) in _PACKED.items():
        if head.startswith(start):
            message = f"is compressed with {kind}, and could be of any size unpacked"
            raise _fault(path, message, f"unpack it first, for instance with {program}")
    return pl.read_csv(path, glob=False, **options)


def read_parquet(path: Path, choose: Callable[[Sequence[str]], list[str]]) -> pl.DataFrame:
    """Some columns of a Parquet file: numbers as they are, all else as text.

    Args:
        path: The file.
        choose: From the names of all its columns, those to read.

    Raises:
        MediaError: A column holds neither numbers nor texts, or it has far more rows than a file of its size should.
        OSError: It cannot be read.
        polars.exceptions.PolarsError: It is no such file; or a ``PanicException``.
    """
    table = pl.scan_parquet(path, glob=False)
    schema = table.collect_schema()
    names = choose(schema.names())
    for name in names:
        if schema[name].is_nested() or schema[name] == pl.Object:
            message = f"{name} holds {schema[name]}, which is neither numbers nor texts"
            raise _fault(path, message, "write one value a row")
    most_rows = (MOST_CELLS + CELLS_A_BYTE * path.stat().st_size) // len(names)
    # Asked for in this way, no more is made of it, whatever the file says of its length.
    rows = table.select(names).head(most_rows + 1).collect()
    if len(rows) > most_rows:
        message = f"has more than {most_rows} rows, too many for a file of {path.stat().st_size} bytes"
        raise _fault(path, message, "leave out rows that repeat others, or give a CSV file")
    lengths = rows.select(pl.col(pl.String).str.len_bytes().max(), pl.col(pl.Binary).bin.size().max())
    longest = max((length or 0 for length in lengths.row(0)), default=0) if lengths.width else 0
    if longest > MOST_TEXT:
        raise _fault(path, f"has a text of {longest} bytes", f"give texts of at most {MOST_TEXT}")
    return rows.with_columns(pl.col(name).cast(pl.String) for name in names if not schema[name].is_numeric())


def _fault(path: Path, message: str, remedy: str) -> MediaError:
    return MediaError(Fault("beyond-bounds", path, message, remedy))
