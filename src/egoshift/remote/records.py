"""What is known of each copy in the cache; lies beside the copies in a tree of its own, written in one step."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xxhash
from pydantic import BaseModel, ValidationError

from egoshift.files import write_atomically
from egoshift.remote.places import cache_folder

_CHUNK = 1 << 22


class Record(BaseModel):
    """What is known of one copy.

    Attributes:
        key: Of the object that it is a copy of; see ``Object``.
        digest: XXH3 of its bytes; none of an empty file that stands for an object not fetched yet.
        later: Whether it is fetched when it is opened, and may be dropped to make room.
    """

    key: str
    digest: str | None = None
    later: bool = False


class Listing(BaseModel):
    """What was in a folder when it was last fetched: its objects' paths from it."""

    names: tuple[str, ...]


def beside(path: Path, suffix: str) -> Path:
    """Where something that is known of a copy is kept."""
    kept = cache_folder() / "records" / path.relative_to(cache_folder() / "files")
    return kept.with_name(kept.name + suffix)


def read_record(path: Path) -> Record | None:
    """The record of a copy; none where there is none, as of files that were made here."""
    try:
        return Record.model_validate_json(beside(path, ".json").read_bytes())
    except (OSError, ValidationError):
        return None


def read_listing(path: Path) -> Listing | None:
    """What a folder held; none where it was never fetched to the end."""
    try:
        return Listing.model_validate_json(beside(path, ".list").read_bytes())
    except (OSError, ValidationError):
        return None


def write(path: Path, known: Record | Listing) -> None:
    """Keeps what is known of a copy."""
    place = beside(path, ".json" if isinstance(known, Record) else ".list")
    # Not durable: what is lost is asked for again, and there may be a hundred thousand of them.
    write_atomically(place, known.model_dump_json().encode(), durable=False)


def digest_of(path: Path) -> str:
    """XXH3 of a file's bytes."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Holds one copy against all other threads and processes; tells whether it does, if it was not to wait."""
    place = beside(path, ".lock")
    place.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
