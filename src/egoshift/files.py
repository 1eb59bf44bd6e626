"""Files that are either whole or as before, whenever the process is killed."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

UNFINISHED = ".tmp"
"""How the name of a file ends that is being written."""


def write_atomically(path: Path, content: bytes | Iterable[bytes | memoryview], *, durable: bool = True) -> None:
    """Writes a file that is, whatever happens, either not there (or as before) or there with all of its content.

    See ``replacing``.

    Args:
        path: The file to write; missing folders are made.
        content: What it shall hold, at once or piece by piece.
        durable: Whether it has reached the disk when this returns; what can be made again need not have.
    """
    with replacing(path, durable=durable) as unfinished, unfinished.open("wb") as file:
        file.writelines([content] if isinstance(content, bytes) else content)


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A file beside the target, for whoever writes by name; afterwards it takes the target's name.

    Its bytes reach the disk before that. It is locked meanwhile: a second process that writes the same target waits,
    and one that was killed, or interrupted in the moment of its making, leaves a file that the next writer takes up, so
    that such files do not add up. After any other exception it is gone and the target is as before.

    Args:
        path: The target; missing folders are made.
        durable: Whether it has reached the disk when this returns; what can be made again need not have.
    """
    make_folder(path.parent)
    unfinished, handle = _own(path)
    try:
        try:
            yield unfinished
            if durable:
                sync_file(unfinished)
            unfinished.replace(path)
        except BaseException as error:
            with suppress(OSError):  # what it failed of is told
                unfinished.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno is not None and error.filename is None:
                error.filename = str(path)  # writing and syncing do not say of which file
            raise
    finally:
        os.close(handle)
    if durable:
        sync_folder(path.parent)


@contextmanager
def moving_into(folder: Path) -> Iterator[Path]:
    """A folder within another, for whoever writes files that name each other; afterwards they are moved out of it.

    Each is whole or as before. They are moved in the falling order of their names, so that ``model.onnx`` comes after
    ``model.onnx.data``, which it names. What a process that was killed has left is thrown away.

    Args:
        folder: Where they go; made where missing.
    """
    make_folder(folder)
    within = folder / f".files{UNFINISHED}"
    shutil.rmtree(within, ignore_errors=True)
    within.mkdir()
    try:
        yield within
        files = sorted(within.iterdir(), key=lambda file: file.name, reverse=True)
        for file in files:
            sync_file(file)
        for file in files:
            file.replace(folder / file.name)
            sync_folder(folder)
    finally:
        shutil.rmtree(within, ignore_errors=True)


def sync_file(path: Path) -> None:
    """Makes the bytes of a file last through a power cut."""
    _sync(path, os.O_RDWR)


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, where they are missing, with names that last through a power cut."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last through a power cut."""
    _sync(folder, os.O_RDONLY)


def plain(name: str, between: str = "-") -> str:
    """A name, maybe a stranger's, as a part of a file's: letters, digits, dots and dashes, which lead nowhere."""
    return re.sub(r"[^\w.-]+", between, name)


def is_still(path: Path, handle: int) -> bool:
    """Whether a path still leads to the file that is open."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _own(path: Path) -> tuple[Path, int]:
    """The empty file to write into, held by this call alone until its handle is closed."""
    unfinished = path.with_name(path.name + UNFINISHED)
    while True:
        handle = os.open(unfinished, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # a file system without locks: a name of its own, which no other process has
            os.close(handle)
            unfinished = path.with_name(f"{path.name}.{uuid4().hex}{UNFINISHED}")
            return unfinished, os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        if is_still(unfinished, handle):
            os.ftruncate(handle, 0)
            return unfinished, handle
        os.close(handle)  # another process gave it the target's name between our opening and our locking it
