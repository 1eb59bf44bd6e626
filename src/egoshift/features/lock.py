"""One writer per store, or per folder of another kind, on one machine or on several."""

import errno
import fcntl
import logging
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from egoshift.errors import EgoshiftError, StoreError
from egoshift.files import is_still

LOCK = "lock"

_POLL_S, _ASKING_S = 0.5, 0.01
_OF_ONE_MACHINE = frozenset(
    "apfs bcachefs btrfs exfat ext2 ext3 ext4 f2fs hfs jfs ntfs3 overlay ramfs reiserfs tmpfs vfat xfs zfs".split()
)
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
"""Of file systems that know no locks, as Lustre and NFS can be mounted."""

_HOLDER = re.compile(r"process (?P<process>\d+) on (?P<host>\S+)")

_log = logging.getLogger("egoshift.features")


@dataclass(frozen=True)
class Work:
    """What a folder is held for, in the words of whoever is refused.

    Attributes:
        doing: What its holder does.
        remedy: What to do about it.
        broken_off: What a holder that was killed has left, and what becomes of it.
        refusal: The kind of error.
    """

    doing: str
    remedy: str
    broken_off: str
    refusal: type[EgoshiftError]


STORE = Work(
    doing="is writing this store",
    remedy="wait until it is done (--wait), or stop it and run this again",
    broken_off="was killed while it wrote this store; going on from what it finished",
    refusal=StoreError,
)


@contextmanager
def writing(store: Path, *, wait: bool = False, work: Work = STORE) -> Iterator[None]:
    """Holds a store for writing.

    The lock is the kernel's, on a file that names the holder: a process that is killed lets go of it, and a number
    that another process has since been given cannot be mistaken for the holder's. The file of a killed process is
    taken over, and that is told. Where several machines see the store, a kernel may know nothing of another's locks: a
    file that names another host is then left to a person.

    Args:
        store: The folder, which exists.
        wait: Whether to wait while another process holds it.
        work: What it is held for.

    Raises:
        StoreError: Another process is writing this store, or may be; of other work its own kind of error.
    """
    path = store / LOCK
    handle = _acquire(path, wait, work)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def holder(store: Path) -> str | None:
    """Who is writing a store, such as ``process 12 on kitchen``, or may be; none where nobody is."""
    try:
        handle = os.open(store / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _named(handle)
    else:
        return _named(handle) if _may_be_elsewhere(store, _named(handle)) else None
    finally:
        os.close(handle)


def _acquire(path: Path, wait: bool, work: Work) -> int:
    told, tries = False, 0
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        found = _named(handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                _log.warning("%s: no file here can be locked; see to it that nothing else writes it", path.parent)
                break
            os.close(handle)
            if not isinstance(error, BlockingIOError):
                raise
            tries += 1
            if not wait and tries > 1:  # the first time it may have been one who only asked for the holder
                raise work.refusal(f"{path.parent}: {found} {work.doing}; {work.remedy}") from None
            if tries > 1 and not told:
                _log.info("%s: waiting for %s, which %s", path.parent, found, work.doing)
                told = True
            time.sleep(_POLL_S if tries > 1 else _ASKING_S)
            continue
        if is_still(path, handle):
            break
        os.close(handle)  # the former holder removed the file between our opening and our locking it
    found = _named(handle)
    if _may_be_elsewhere(path.parent, found):
        os.close(handle)
        raise work.refusal(
            f"{path.parent}: {found} {work.doing}, or was killed; if it does not run any more, remove {path} and run "
            "this again"
        )
    if _HOLDER.match(found):
        _log.warning("%s: %s %s", path.parent, found, work.broken_off)
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    return handle


def _named(handle: int) -> str:
    """Whom a lock's file names."""
    return os.pread(handle, 200, 0).decode(errors="replace").strip() or "another process"


def _may_be_elsewhere(store: Path, found: str) -> bool:
    """Whether whom a lock's file names, and who does not hold it here, may hold it on another machine."""
    named = _HOLDER.match(found)
    return named is not None and named["host"] != socket.gethostname() and not _is_of_one_machine(store)


def _is_of_one_machine(folder: Path) -> bool:
    """Whether a folder lies on a file system that no other kernel sees, so that this one knows of every lock."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    path = folder.resolve()
    kinds = {Path(fields[1].replace("\\040", " ")): fields[2] for fields in map(str.split, mounts.splitlines())}
    return next((kinds[place] for place in (path, *path.parents) if place in kinds), "") in _OF_ONE_MACHINE
