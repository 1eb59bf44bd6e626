"""Work on something that lies in a store: it is fetched, changed here, and put back when it is finished."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from egoshift.errors import RemoteError
from egoshift.processes import processes
from egoshift.remote.cache import WORK, here
from egoshift.remote.objects import Object, filesystem, listing, told
from egoshift.remote.places import url_of
from egoshift.remote.records import Record, beside, digest_of, read_record, write

_READ_ONLY = {"http", "https"}
_BUCKETS = {"s3", "s3a", "gs", "gcs", "abfs", "az", "memory"}
"""Stores without folders to be made first; making one would make the bucket."""

_log = logging.getLogger("egoshift.remote")


@contextmanager
def work_on(path: Path, last: Sequence[str] = ()) -> Iterator[None]:
    """Fetches what a path stands for, and publishes what the block made of it; a path outside the cache is left alone.

    If the block or the publishing fails, what was made stays here, and the same call goes on from it.

    Args:
        path: The file or folder to be written.
        last: Names of files that vouch for the others in their folder: they are taken away there before any of these
            changes and put back after all of them, so that what is half published is never taken for finished.

    Raises:
        RemoteError: It cannot be read or written, or somebody else changed it meanwhile. What can never be written is
            refused before anything is made.
    """
    url = url_of(path)
    if url is None:
        yield
        return
    if not processes().is_first:  # of several processes that share the work the first writes
        here(path)
        yield
        return
    if url.partition("://")[0] in _READ_ONLY:
        raise RemoteError(
            f"{url}: can be read but not written; give another place (for features: `features` in a data card)"
        )
    mark = beside(path, WORK)
    if not mark.exists():
        here(path, everything=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    try:
        yield
    except BaseException:
        if not _changed(path):
            mark.unlink(missing_ok=True)
        raise
    try:
        _publish(path, url, last)
    except RemoteError as error:
        reason, _, remedy = str(error).rpartition("; ")
        raise RemoteError(f"{reason}; nothing made here is lost: {remedy}, and run the same command again") from None
    mark.unlink(missing_ok=True)


def _publish(path: Path, url: str, last: Sequence[str]) -> None:
    changed = _changed(path)
    there = dict(listing(url) or {})
    names = {file: "" if file == path else file.relative_to(path).as_posix() for file in changed}
    for file, digest in list(changed.items()):
        _check_unchanged_there(file, digest, there.get(names[file]))
    folders = {file.parent for file in changed if file.name not in last}
    seals = [file for file in _files(path) if file.name in last and (file in changed or file.parent in folders)]
    fs, _ = filesystem(url)
    for seal in seals:
        name = seal.relative_to(path).as_posix()
        if seal.parent in folders and name in there:
            with told(f"{url}/{name}"):
                fs.rm_file(filesystem(f"{url}/{name}")[1])
    ordered = [*(file for file in changed if file not in seals), *seals]
    for file in ordered:
        _put(file, changed.get(file) or digest_of(file))
    if ordered:
        size = sum(file.stat().st_size for file in ordered) / 1e6
        _log.info("published %s (%d files, %.1f MB)", url, len(ordered), size)


def _files(path: Path) -> list[Path]:
    """What is to be published: no hidden or temporary files and no locks."""
    if path.is_file():
        return [path]
    return [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.suffix != ".tmp"
        and file.name != "lock"
    ]


def _changed(path: Path) -> dict[Path, str]:
    """The files that are not as they are there, with their digests; empty stand-ins are as they are there."""
    changed = {}
    for file in _files(path):
        record = read_record(file)
        if record is not None and record.digest is None and file.stat().st_size == 0:
            continue
        digest = digest_of(file)
        if record is None or record.digest != digest:
            changed[file] = digest
    return changed


def _check_unchanged_there(file: Path, digest: str, there: Object | None) -> None:
    """Refuses to write over what somebody else put there since it was fetched."""
    record = read_record(file)
    if there is None or (record is not None and record.key == there.key):
        return
    fs, place = filesystem(there.url)
    import xxhash

    with told(there.url):
        theirs = xxhash.xxh3_128_hexdigest(fs.cat_file(place)) if there.num_bytes == file.stat().st_size else ""
    if theirs != digest:  # else an upload of ours that was cut off before it was noted
        raise RemoteError(f"{there.url}: was changed by somebody else meanwhile; move one of the two away")


def _put(file: Path, digest: str) -> None:
    url = url_of(file)
    assert url is not None, "what is published lies in the cache"
    fs, place = filesystem(url)
    try:
        with told(url):
            if url.partition("://")[0] not in _BUCKETS:
                fs.makedirs(os.path.dirname(place), exist_ok=True)
            fs.put_file(str(file), place)
            found = (listing(url) or {}).get("")
    except FileNotFoundError:
        raise RemoteError(f"{url}: cannot be written, there is no such bucket; make it") from None
    if found is None or found.num_bytes not in (None, file.stat().st_size):
        raise RemoteError(f"{url}: did not arrive whole; check the store")
    write(file, Record(key=found.key, digest=digest))
