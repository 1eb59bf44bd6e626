"""Whether a place can be written to and has room, asked before the work begins rather than found out by it."""

import os
import shutil
from pathlib import Path

from egoshift.errors import ConfigError


def need_space(target: Path, num_bytes: int, what: str) -> None:
    """Refuses work whose files would not fit.

    What a quota leaves cannot be seen from here.

    Args:
        target: The file or folder to be written; what of its path is missing will be made.
        num_bytes: How much more will lie there at most, at one time.
        what: What takes the room, such as ``"features of 12 videos"``.

    Raises:
        ConfigError: Nothing can be written there, or there is too little room.
    """
    place = nearest(target)
    if not place.is_dir():
        if place != target:
            raise ConfigError(f"{target}: cannot be written, for {place} is a file; choose another place")
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConfigError(f"{target}: {place} cannot be written to (it is read-only for you); choose another place")
    free = shutil.disk_usage(place).free
    if num_bytes > free:
        raise ConfigError(
            f"{target}: {what} need about {in_units(num_bytes)}, and {in_units(free)} are free there; make room or "
            "choose another place"
        )


def nearest(path: Path) -> Path:
    """The path itself where it exists, else the nearest of its folders that does."""
    path = path.absolute()
    return next((place for place in (path, *path.parents) if place.exists()), path)


def in_units(num_bytes: float) -> str:
    """Bytes in the largest unit that leaves a digit before the point.

    >>> in_units(2073), in_units(1.5e12)
    ('2.07 kB', '1.5 TB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if num_bytes < 1000:
            return f"{num_bytes:.3g} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:,.3g} PB"
