"""Looking at files that a person gave, before they are taken."""

from pathlib import Path

from egoshift.app.refusals import RefusedError
from egoshift.errors import EgoshiftError


def check_inertial(path: Path, name: str) -> None:
    """Refuse a table that holds no inertial measurements, rather than fail every run with it.

    Args:
        path: The table, in Ego4D's layout.
        name: What the person calls it.

    Raises:
        RefusedError: It cannot be read, or holds nothing.
    """
    from egoshift.media import read_inertial
    from egoshift.records import SensorFile

    try:
        held = read_inertial(SensorFile(path, "ego4d")).sensors
    except EgoshiftError as error:
        raise RefusedError(422, str(error).replace(str(path), name)) from None
    if not held:
        raise RefusedError(422, f"{name}: holds no readings; give another")


def check_no_playlist(path: Path, name: str) -> None:
    """Refuse a list of files that poses as a video; what else is wrong with a file, probing says better.

    Args:
        path: The file.
        name: What the person calls it.

    Raises:
        RefusedError: It is none of ``egoshift.headers.WHOLE_FORMATS``.
    """
    from egoshift.headers import is_list

    if is_list(path):
        raise RefusedError(422, f"{name}: is no video file; give one such as mp4, mov, mkv or webm")


def has_sound(path: Path) -> bool:
    """Whether a video has a sound track that can be read."""
    from egoshift.media import probe_sound

    try:
        return probe_sound(path) is not None
    except EgoshiftError:
        return False  # the run says what is wrong with it
