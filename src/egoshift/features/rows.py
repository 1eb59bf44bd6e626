"""The rows of one video, however long it is: made in files, written and read a bounded number of bytes at a time.

A two-hour video at 4 Hz has 28,800 rows: 30 MB of a CLIP's features, and 4.3 GB of pictures. So while they are filled
they lie in files that the kernel writes out and takes out of memory as it needs to, and afterwards in a *part*, one
``.safetensors`` file. Its last array, ``checksums``, holds an xxh3-64 of each array before it and, last, of the header.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash
from jaxtyping import Float64

from egoshift.files import write_atomically
from egoshift.foreign import parse_json

Rows = Mapping[str, npt.NDArray[np.generic]]
"""The rows of one video, by array name."""

Layout = Mapping[str, tuple[np.dtype, tuple[int, ...]]]
"""Type and shape of a row, by array name."""

CHUNK_BYTES = 1 << 24
"""How much of an array is in flight at once."""

CHECKSUMS = "checksums"
_DIGEST_BYTES = 8

_TYPES = {"<f8": "F64", "<f4": "F32", "<f2": "F16", "|u1": "U8"}
_DTYPES = {name: np.dtype(code) for code, name in _TYPES.items()}


def new_rows(layout: Layout, num_rows: int, folder: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Rows of zeros, in files without names that are gone with the process.

    Args:
        layout: Which arrays.
        num_rows: At least one.
        folder: Where there is room for them.

    Raises:
        OSError: There is no room.
    """
    rows: dict[str, npt.NDArray[np.generic]] = {}
    for name, (dtype, row_shape) in layout.items():
        with TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):  # else a full disk would end the process without a word
                os.posix_fallocate(file.fileno(), 0, row_bytes(dtype, row_shape) * num_rows)
            rows[name] = np.memmap(file, dtype, "w+", shape=(num_rows, *row_shape))
    return rows


def row_bytes(dtype: np.dtype, row_shape: Sequence[int]) -> int:
    """Size of one row."""
    return int(np.prod(row_shape, dtype=np.int64)) * dtype.itemsize


def chunks(array: npt.NDArray[np.generic]) -> Iterator[npt.NDArray[np.generic]]:
    """An array in pieces of a bounded number of bytes."""
    step = _rows_at_once(array)
    for start in range(0, len(array), step):
        yield array[start : start + step]


def times_of(sources: Sequence[Rows]) -> Float64[np.ndarray, " times"]:
    """The times of the rows of several sources, in order."""
    return np.sort(np.concatenate([source["times"] for source in sources]), kind="stable")


class PartFile(NamedTuple):
    """What a part holds.

    Attributes:
        metadata: What lies in its header.
        rows: Its arrays, mapped.
        hashes: What the xxh3-64 of each array's bytes is to be.
    """

    metadata: Mapping[str, str]
    rows: Rows
    hashes: Mapping[str, str]


def write_rows(path: Path, sources: Sequence[Rows], metadata: Mapping[str, str]) -> None:
    """Writes the rows of one video from several sources as a part, sorted by time.

    Args:
        path: The part.
        sources: With the same arrays, one of which is ``times``.
        metadata: To lie in the file's header.
    """
    order = np.argsort(np.concatenate([source["times"] for source in sources]), kind="stable")
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, array in sources[0].items():
        begin, end = end, end + row_bytes(array.dtype, array.shape[1:]) * len(order)
        shape = [len(order), *array.shape[1:]]
        header[name] = {"dtype": _TYPES[array.dtype.str], "shape": shape, "data_offsets": [begin, end]}
    shape = [len(sources[0]) + 1, _DIGEST_BYTES]
    header[CHECKSUMS] = {"dtype": "U8", "shape": shape, "data_offsets": [end, end + shape[0] * shape[1]]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the arrays begin at a multiple of 8 bytes
    opening = len(text).to_bytes(8, "little") + text
    write_atomically(path, _content(opening, sources, order))


def read_rows(path: Path) -> PartFile:
    """The header of a part, whose checksum is compared, and its arrays, which are not read.

    Raises:
        ValueError: It is cut short, or its header is not as it was written.
    """
    num_bytes = path.stat().st_size
    with path.open("rb") as file:
        opening = file.read(8)
        length = int.from_bytes(opening, "little")
        if num_bytes < 8 + length + _DIGEST_BYTES:
            raise ValueError("is cut short")
        opening += file.read(length)
        file.seek(num_bytes - _DIGEST_BYTES)
        if file.read() != xxhash.xxh3_64_digest(opening):
            raise ValueError("its header is not as it was written, or it is cut short")
    header = parse_json(opening[8:])
    try:
        metadata = header.pop("__metadata__")
        arrays = {
            name: np.memmap(path, _DTYPES[of["dtype"]], "r", len(opening) + of["data_offsets"][0], tuple(of["shape"]))
            for name, of in header.items()
        }
        digests = arrays.pop(CHECKSUMS)
    except (AttributeError, KeyError, TypeError, IndexError, OverflowError, OSError) as error:
        raise ValueError(f"is no part of a store ({type(error).__name__})") from None
    hashes = {name: digest.tobytes().hex() for name, digest in zip(arrays, digests[:-1], strict=True)}
    return PartFile(metadata, arrays, hashes)


def map_rows(path: Path) -> Rows:
    """The arrays of a part, mapped."""
    return read_rows(path).rows


def hash_of(array: npt.NDArray[np.generic]) -> str:
    """The xxh3-64 of an array's bytes."""
    digest = xxhash.xxh3_64()
    for chunk in chunks(array):
        digest.update(np.ascontiguousarray(chunk).data)
    return digest.hexdigest()


def damaged_arrays(rows: Rows, hashes: Mapping[str, str]) -> tuple[str, ...]:
    """The names of those arrays whose bytes do not have the hash that they are to have; all are read."""
    return tuple(name for name, array in rows.items() if name in hashes and hash_of(array) != hashes[name])


def _content(opening: bytes, sources: Sequence[Rows], order: npt.NDArray[np.int64]) -> Iterator[bytes | memoryview]:
    yield opening
    digests = []
    begins = np.cumsum([0, *(len(source["times"]) for source in sources)])
    for name, array in sources[0].items():
        step, digest = _rows_at_once(array), xxhash.xxh3_64()
        for start in range(0, len(order), step):
            wanted = order[start : start + step]
            found = np.empty((len(wanted), *array.shape[1:]), array.dtype)
            for source, begin, end in zip(sources, begins, begins[1:], strict=False):
                own = (begin <= wanted) & (wanted < end)
                found[own] = source[name][wanted[own] - begin]
            digest.update(found.data)
            yield found.data
        digests.append(digest.digest())
    yield b"".join(digests) + xxhash.xxh3_64_digest(opening)


def _rows_at_once(array: npt.NDArray[np.generic]) -> int:
    return max(1, CHUNK_BYTES // max(1, row_bytes(array.dtype, array.shape[1:])))
