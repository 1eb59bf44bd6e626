"""Finding a data set's videos: files, or folders of numbered frames, anywhere under one folder."""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from egoshift.errors import DataError, Fault

VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v")
FRAME_SUFFIXES = (".jpg", ".jpeg", ".png")

# A folder of frames can hold 200,000 files: its first few entries tell what it is.
_LOOK_AT = 64


def find_media(folder: Path, *, required: bool = True) -> tuple[Path, ...]:
    """Every video file and every folder of numbered frames under a folder, whatever the nesting.

    Hidden files are passed over. The order is fixed: files before folders of frames, shallow before deep, then by
    name; so where an id is found twice, the first is the one to use.

    Args:
        folder: Where to look.
        required: Whether the folder must exist; if not, an absent one holds nothing.

    Raises:
        DataError: There is no such folder.
    """
    if not folder.is_dir():
        if not required:
            return ()
        fault = Fault("missing-folder", folder, "no such folder of videos", "correct 'videos' in the data card")
        raise DataError([fault])
    found = _walk(folder, set(), is_root=True)
    return tuple(sorted(found, key=lambda path: (path.is_dir(), len(path.parts), path.as_posix())))


def by_stem(media: Sequence[Path]) -> Mapping[str, Path]:
    """Media by id: a file's name without its suffix, a folder's name; the first of equals."""
    ids: dict[str, Path] = {}
    for path in media:
        ids.setdefault(media_id(path), path)
    return ids


def media_id(path: Path) -> str:
    """A video file's name without its suffix; the name of a folder of frames."""
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name


def _walk(folder: Path, seen: set[str], *, is_root: bool) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:
        return  # a link that leads back
    seen.add(real)
    if not is_root and _holds_frames(folder):
        yield folder
        return
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in visible:
        if entry.is_dir():
            yield from _walk(Path(entry.path), seen, is_root=False)
        elif entry.name.lower().endswith(VIDEO_SUFFIXES):
            yield Path(entry.path)


def _holds_frames(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        first = [entry for entry in islice(entries, _LOOK_AT) if not entry.name.startswith(".")]
    frames = [entry for entry in first if entry.name.lower().endswith(FRAME_SUFFIXES)]
    others = [entry for entry in first if entry.is_dir() or entry.name.lower().endswith(VIDEO_SUFFIXES)]
    return bool(frames) and not others
