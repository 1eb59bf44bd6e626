"""One writer per store."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from egoshift.errors import StoreError

LOCK = "lock"


@contextmanager
def writing(store: Path) -> Iterator[None]:
    """Holds a store for writing.

    The lock is the kernel's, on a file that names the holder: a process that is killed lets go of it, and a number
    that another process has since been given cannot be mistaken for the holder's.

    Args:
        store: The folder, which exists.

    Raises:
        StoreError: Another process is writing this store.
    """
    path = store / LOCK
    handle = _acquire(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 200).decode(errors="replace").strip() or "another process"
            os.close(handle)
            raise StoreError(
                f"{path.parent}: {holder} is writing this store; wait until it is done, or stop it and run this again"
            ) from None
        if _is_still(path, handle):
            break
        os.close(handle)  # the former holder removed the file between our opening and our locking it
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    return handle


def _is_still(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False
