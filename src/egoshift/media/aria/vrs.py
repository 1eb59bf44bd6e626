"""VRS, the container of Project Aria: opened through the ``vrs`` package, and what that package does not tell.

A VRS file is a header and a chain of records, each of which begins with its own length; an index record lists the
others (https://github.com/facebookresearch/vrs, ``vrs/FileFormat.h`` and ``vrs/IndexRecord.h``). The package drops
without a word what an index lists and a shortened file does not hold, so completeness is checked here.
"""

import mmap
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from egoshift.errors import ConfigError, EgoshiftError
from egoshift.foreign import parse_json
from egoshift.media.container import FETCH_AGAIN, media_error
from egoshift.remote import whole

_FILE_HEADER = struct.Struct("<8s Q I I q q q")  # magic, creation, sizes of headers, index, description, first record
_RECORD_HEADER = struct.Struct("<I I i I d H B B I")
_MAGIC = b"VisionRe"
_DATA = 3
_PLAIN_INDEX, _STREAM_BYTES, _ENTRY_BYTES = 2, 6, 19
_VALUE_BYTES = {"uint8_t": 1, "uint16_t": 2, "uint32_t": 4, "int64_t": 8, "uint64_t": 8, "double": 8}
_LAYOUT = re.compile(rb'\{"data_layout":\[.*?\]\}', re.DOTALL)

_ONE_AT_A_TIME = Lock()


def open_vrs(path: Path) -> Any:
    """A ``pyvrs.reader.SyncVRSReader`` of a whole file.

    Raises:
        ConfigError: The package is not installed.
        MediaError: There is no such file, it is no VRS file, or it was cut short.
    """
    require_vrs()
    from pyvrs.reader import SyncVRSReader

    index_at = _index_at(whole(path))
    try:
        with _silence():
            reader = SyncVRSReader(path)
    except (RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).replace(str(path), "it").split()) or type(error).__name__
        raise media_error("not-a-recording", path, f"cannot be opened as VRS ({reason})", FETCH_AGAIN) from None
    expected = _listed_records(path, index_at, len(reader.stream_ids))
    if expected is not None and reader.n_records < expected:
        reader.close()
        message = f"holds {reader.n_records} of the {expected} records that its index lists; it was cut short"
        raise media_error("truncated-recording", path, message, FETCH_AGAIN)
    return reader


def require_vrs() -> None:
    """Raises a ConfigError where the package is not installed."""
    try:
        import pyvrs.reader  # noqa: F401
    except ImportError:
        raise ConfigError('Project Aria recordings need the vrs package; run: pip install "egoshift[aria]"') from None


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Whatever a damaged recording makes the package or its values trip over becomes one fault.

    Raises:
        MediaError: Something went wrong in other ways than those that are known.
    """
    try:
        yield
    except EgoshiftError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise media_error("damaged-recording", path, f"cannot be read ({reason})", FETCH_AGAIN) from None


def payload_bytes(path: Path, recordable_type: int) -> dict[float, int]:
    """How long the data records of one kind of device are, uncompressed and without their headers, by timestamp.

    Args:
        path: A whole file.
        recordable_type: The kind of device, the first half of a stream's id.
    """
    sizes: dict[float, int] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        at, end = _FILE_HEADER.unpack_from(view)[2], len(view)
        while at + _RECORD_HEADER.size <= end:
            length, _, kind, _, time_s, _, record_type, _, uncompressed = _RECORD_HEADER.unpack_from(view, at)
            if length < _RECORD_HEADER.size:
                raise media_error("damaged-recording", path, f"a record at byte {at} has no length", FETCH_AGAIN)
            if kind == recordable_type and record_type == _DATA:
                sizes[time_s] = uncompressed or length - _RECORD_HEADER.size
            at += length
    return sizes


def layout_bytes(path: Path, names: tuple[str, ...], vector_lengths: dict[str, int]) -> int:
    """How long the fields before a record's content are, in bytes.

    Args:
        path: The file, whose description names the fields of each record.
        names: The fields that the record has.
        vector_lengths: How many values each of its vectors has.

    Raises:
        MediaError: No record is described that has these fields and no others.
    """
    with path.open("rb") as file:
        *_, description_at, _ = _FILE_HEADER.unpack(file.read(_FILE_HEADER.size))
        file.seek(description_at)
        described = file.read(_RECORD_HEADER.unpack(file.read(_RECORD_HEADER.size))[0] - _RECORD_HEADER.size)
    for text in _LAYOUT.findall(described):
        fields = {field["name"]: field["type"] for field in parse_json(text)["data_layout"]}
        if set(fields) == set(names):
            return sum(_field_bytes(kind, vector_lengths.get(name, 0)) for name, kind in fields.items())
    message = f"describes no record with the fields {', '.join(names)}"
    raise media_error("unknown-layout", path, message, "read it with a newer vrs package")


def _field_bytes(kind: str, length: int) -> int:
    """A value's own bytes; for a vector eight that say where it is, and its values."""
    form, _, value = kind.rstrip(">").partition("<")
    return _VALUE_BYTES[value] if form == "DataPieceValue" else 8 + length * _VALUE_BYTES[value]


def _index_at(path: Path) -> int:
    """Where the index begins, after a look at whether this is a VRS file at all."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(_FILE_HEADER.size)
    except FileNotFoundError:
        raise media_error("missing-recording", path, "there is no such recording", "check the path") from None
    except OSError as error:
        message = f"the recording cannot be read: {error.strerror}"
        raise media_error("unreadable-file", path, message, "check its permissions and the disk") from None
    if size == 0:
        raise media_error("empty-file", path, "the recording is empty (0 bytes)", FETCH_AGAIN)
    if not start.startswith(_MAGIC):
        raise media_error("not-a-recording", path, "is not a VRS file", "give a Project Aria recording (.vrs)")
    if len(start) < _FILE_HEADER.size:
        raise media_error("truncated-recording", path, f"ends at byte {size}; it was cut short", FETCH_AGAIN)
    index_at: int = _FILE_HEADER.unpack(start)[4]
    if not 0 <= index_at < 2**62:
        raise media_error("damaged-recording", path, f"names byte {index_at} as its index's", FETCH_AGAIN)
    if index_at == 0:
        message = "has no index: its recording was broken off, or it was cut short"
        raise media_error("truncated-recording", path, message, FETCH_AGAIN)
    if index_at + _RECORD_HEADER.size > size:
        message = f"ends at byte {size}, before its index at byte {index_at}; it was cut short"
        raise media_error("truncated-recording", path, message, FETCH_AGAIN)
    return index_at


def _listed_records(path: Path, index_at: int, num_streams: int) -> int | None:
    """How many records the index lists, by its length: 6 bytes a stream, 19 a record, and two counts of 4.

    None for an index of another form.
    """
    with path.open("rb") as file:
        file.seek(index_at)
        length, _, _, form, *_, uncompressed = _RECORD_HEADER.unpack(file.read(_RECORD_HEADER.size))
    entries = (uncompressed or length - _RECORD_HEADER.size) - 8 - _STREAM_BYTES * num_streams
    listed, rest = divmod(entries, _ENTRY_BYTES)
    return listed if form == _PLAIN_INDEX and rest == 0 else None


@contextmanager
def _silence() -> Iterator[None]:
    """The package writes to the process's standard error whatever it does, in colours, and has no switch for it."""
    with _ONE_AT_A_TIME:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
