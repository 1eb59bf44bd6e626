"""The private temporary folder that everything a user gives is kept in, and that never outlives its server for long."""

import os
import re
import shutil
import tempfile
from pathlib import Path

_NAME = "egoshift-app-"
_OF_PROCESS = re.compile(rf"{_NAME}(\d+)-")


def make_private_folder() -> Path:
    """A new folder that only this user can enter; those that servers left behind which were killed are removed."""
    place = Path(tempfile.gettempdir())
    for folder in place.glob(f"{_NAME}*"):
        if _is_left_behind(folder):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_NAME}{os.getpid()}-", dir=place))


def remove_folder(folder: Path) -> None:
    """Remove a folder and all in it, whatever of it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_left_behind(folder: Path) -> bool:
    """Whether it is ours and its process no longer runs."""
    named = _OF_PROCESS.match(folder.name)
    try:
        found = folder.lstat()
    except OSError:
        return False
    if named is None or found.st_uid != os.getuid():
        return False
    try:
        os.kill(int(named[1]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
