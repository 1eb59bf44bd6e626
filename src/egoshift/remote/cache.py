"""Copies of objects: fetched once, checked at each use, and those of videos dropped again where room is needed."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import xxhash

from egoshift.errors import RemoteError
from egoshift.remote.objects import Object, UnreachableError, filesystem, listing, open_pieces, told
from egoshift.remote.places import cache_folder, url_of
from egoshift.remote.records import Listing, Record, beside, digest_of, locked, read_listing, read_record, write

LATER = tuple(".mp4 .mkv .avi .mov .webm .m4v .vrs .wav .flac .mp3 .m4a .ogg .jpg .jpeg .png .npy".split())
"""What in a folder is fetched when it is opened: pictures and sound, and the arrays of stores that lie in it."""

WORK = ".work"
"""Marks what is written here and is not published yet."""

ROOM_GB = 50.0
"""How much of what is fetched when it is opened is kept, unless ``EGOSHIFT_CACHE_GB`` says otherwise."""

_JUST_USED_S = 60.0
_AT_ONCE = 8
_CHUNK = 1 << 22
_log = logging.getLogger("egoshift.remote")
_checking = threading.RLock()
_checked: set[tuple[Path, bool]] = set()
_hashed: set[Path] = set()


def here(path: Path, *, everything: bool = False) -> Path:
    """Sees to it that what a path stands for is here as it is there now, and gives the path.

    Asks the store once a process: what is new or has changed there is fetched, what is gone there goes here, and the
    bytes of each copy are compared with their digest. In a folder, files of ``LATER`` stay empty until they are opened.
    Where the store does not answer, the copies of the last time are used, and that is told. A path outside the cache is
    left alone, and so is what is being written here.

    Args:
        path: Of a file or of a folder.
        everything: Whether in a folder all files are fetched.

    Raises:
        RemoteError: It cannot be read, and there is no copy of it.
    """
    url = url_of(path)
    if url is None:
        return path
    path = Path(os.path.abspath(path))
    with _checking:
        if not {(path, everything), (path, True)} & _checked:
            if _being_written(path):
                _log.warning("%s: has work of this machine that is not published yet, which is used", url)
            else:
                with _kept(url):
                    _bring(path, url, everything)
            _checked.add((path, everything))
    return path


def whole(path: Path) -> Path:
    """The path of a file about to be opened, fetched if it was not or is damaged; others make room for it."""
    record = read_record(path) if url_of(path) is not None else None
    if record is None or not record.later:
        return path
    if record.digest is None or not _is_whole(path, record):
        url = url_of(path) or ""
        found = listing(url)
        if not found or "" not in found:
            raise RemoteError(f"{url}: is not there any more; run the command again")
        with _kept(url):
            _fetch(path, found[""], later=True)
            _make_room()
    os.utime(beside(path, ".json"))
    return path


def ranges(path: Path) -> BufferedReader | None:
    """Reads an object that is not fetched yet piece by piece, for its header; None for all that is here."""
    record = read_record(path) if url_of(path) is not None else None
    if record is None or record.digest is not None:
        return None
    if (pieces := open_pieces(url_of(path) or "")) is None:
        whole(path)
    return pieces


def forget_checks() -> None:
    """Asks every store anew from now on, as another process would."""
    with _checking:
        _checked.clear()
        _hashed.clear()


@contextmanager
def _kept(url: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        remedy = "make room there, or set EGOSHIFT_CACHE to another folder"
        raise RemoteError(f"{url}: cannot be kept in {cache_folder()} ({reason}); {remedy}") from None


def _being_written(path: Path) -> bool:
    """Whether it, or a folder that it is in, is."""
    inside = path.relative_to(cache_folder() / "files").parents
    return any(beside(place, WORK).exists() for place in (path, *(path.parents[: max(0, len(inside) - 2)])))


def _bring(path: Path, url: str, everything: bool) -> None:
    try:
        found = listing(url)
    except UnreachableError as error:
        if not _is_here(path, everything):
            raise
        _log.warning("%s; the copy here is used", str(error).partition(";")[0])
        return
    known = read_listing(path)
    for name in () if known is None else known.names:
        if (found is None or name not in found) and not _being_written(path / name):
            _drop(path / name)
    if found is None:
        _drop(path)
        beside(path, ".list").unlink(missing_ok=True)
        return
    own = {name: object for name, object in found.items() if not _being_written(path / name)}
    wait = [name for name in own if name and Path(name).suffix.lower() in LATER and not everything]
    for name in wait:
        _await(path / name, own[name])
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        tasks = [pool.submit(_fetch, path / name, own[name]) for name in own.keys() - set(wait)]
        fetched = [task.result() for task in tasks]
    if any(fetched):
        count = f"{sum(size > 0 for size in fetched)} files, " if "" not in found else ""
        _log.info("fetched %s (%s%.1f MB)", url, count, sum(fetched) / 1e6)
    if "" not in found:
        path.mkdir(parents=True, exist_ok=True)
        write(path, Listing(names=tuple(found)))


def _fetch(path: Path, object: Object, *, later: bool = False) -> int:
    """Fetches an object unless its copy is whole and the newest; gives how many bytes it took."""
    with locked(path):
        record = read_record(path)
        if record is not None and record.key == object.key and record.digest is not None:
            if _is_whole(path, record):
                return 0
            _log.warning("%s: the copy here was damaged and is fetched again", object.url)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.fetching")
        try:
            digest = _copy(object, unfinished)
            num_bytes = unfinished.stat().st_size
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        write(path, Record(key=object.key, digest=digest, later=later))
        _hashed.add(path)
        return num_bytes


def _copy(object: Object, to: Path) -> str:
    fs, place = filesystem(object.url)
    digest, num_bytes = xxhash.xxh3_128(), 0
    try:
        with told(object.url):
            source = fs.open(place, "rb", cache_type="none")
    except FileNotFoundError:
        raise RemoteError(f"{object.url}: is not there any more; run the command again") from None
    with source, to.open("wb") as file:  # what goes wrong with our own file is no fault of the store
        while chunk := _chunk(source, object.url):
            digest.update(chunk)
            num_bytes += file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if object.num_bytes is not None and num_bytes != object.num_bytes:
        raise UnreachableError(f"{object.url}: gave {num_bytes} of {object.num_bytes} bytes; run the command again")
    return digest.hexdigest()


def _chunk(source: Any, url: str) -> bytes:
    with told(url):
        return bytes(source.read(_CHUNK))


def _is_whole(path: Path, record: Record) -> bool:
    """Whether the bytes are those that were fetched; they are read once a process."""
    if path not in _hashed and path.is_file() and digest_of(path) == record.digest:
        _hashed.add(path)
    return path.is_file() and path in _hashed


def _is_here(path: Path, everything: bool) -> bool:
    """Whether there is a copy of all that was there the last time."""
    known = read_listing(path)
    for place in [path / name for name in known.names] if known is not None else [path]:
        record = read_record(place)
        if record is None or (record.digest is not None and not _is_whole(place, record)):
            return False
        if record.digest is None and (everything or not place.is_file() or known is None):
            return False
    return True


def _await(path: Path, object: Object) -> None:
    """Leaves an empty file in the place of an object, unless its copy is here."""
    record = read_record(path)
    if record is None or record.key != object.key or not path.is_file():
        _empty(path)
        write(path, Record(key=object.key, later=True))


def _empty(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.empty")
    unfinished.touch()
    unfinished.replace(path)  # whoever has the old bytes open keeps them


def _drop(path: Path) -> None:
    """Removes a copy, but nothing that was made here."""
    if read_record(path) is not None:
        path.unlink(missing_ok=True)
        beside(path, ".json").unlink(missing_ok=True)


def _make_room() -> None:
    """Empties the files that were not opened for longest, until what is fetched when opened is within its room."""
    try:
        room = float(os.environ.get("EGOSHIFT_CACHE_GB") or ROOM_GB) * 1e9
    except ValueError:
        given = os.environ["EGOSHIFT_CACHE_GB"]
        raise RemoteError(f"EGOSHIFT_CACHE_GB is {given!r}; give a number of gigabytes") from None
    root, copies = cache_folder(), []
    for place in (root / "records").rglob("*.json"):
        path = (root / "files" / place.relative_to(root / "records")).with_suffix("")
        record = read_record(path)
        if record is not None and record.later and record.digest is not None and path.is_file():
            copies.append((place.stat().st_mtime, path.stat().st_size, path, record))
    taken = sum(size for _, size, _, _ in copies)
    for used_s, size, path, record in sorted(copies, key=lambda copy: copy[0]):
        if taken <= room or time.time() - used_s < _JUST_USED_S:
            return
        with locked(path, wait=False) as held:
            if held:
                _empty(path)
                write(path, record.model_copy(update={"digest": None}))
                _hashed.discard(path)
                taken -= size
