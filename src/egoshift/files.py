"""Files that are either whole or as before, whenever the process is killed."""

import os
from collections.abc import Iterable
from pathlib import Path


def write_atomically(path: Path, content: bytes | Iterable[bytes | memoryview]) -> None:
    """Writes a file that is, whatever happens, either not there (or as before) or there with all of its content.

    The bytes go to a file beside the target, reach the disk, and take the target's name in one step.

    Args:
        path: The file to write; missing folders are made.
        content: What it shall hold, at once or piece by piece.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    try:
        with unfinished.open("wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
