"""What comes over the wire, piece by piece into a private file, until there is too much of it."""

import errno
from collections.abc import AsyncIterator, Sequence
from pathlib import Path, PurePosixPath

from egoshift.app.limits import MEGABYTE
from egoshift.app.refusals import RefusedError

LONGEST_NAME = 120


def shown_name(name: str) -> str:
    """A given name as it is shown: its last part, in characters that can be printed, not too long.

    >>> shown_name("films/kitchen.mp4"), shown_name("../../etc/passwd"), shown_name("")
    ('kitchen.mp4', 'passwd', 'video')
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(letter for letter in last if letter.isprintable())[:LONGEST_NAME].strip() or "video"


def safe_suffix(name: str, known: Sequence[str]) -> str:
    """The ending of a name, as one of the known ones; empty for any other."""
    suffix = PurePosixPath(name).suffix.lower()
    return next((one for one in known if one == suffix), "")


async def receive(
    pieces: AsyncIterator[bytes], path: Path, name: str, announced: str | None, *, max_mb: float, kind: str = ""
) -> None:
    """Write what comes into a file that only this user can read.

    Args:
        pieces: What comes.
        path: The file; not there yet.
        name: What the person calls it.
        announced: The request's own word for its length, by which too much is refused before it comes.
        max_mb: How large it may be, in millions of bytes.
        kind: What may be so large, where other files may be larger.

    Raises:
        RefusedError: It is too large or empty, or the disk is full.
    """
    max_bytes = int(max_mb * MEGABYTE)
    takes = f"this page takes {f'{kind} of ' if kind else ''}{max_mb:g} MB; cut it, or raise --max-mb"
    if announced is not None and announced.isdigit() and int(announced) > max_bytes:
        raise RefusedError(413, f"{name}: is {int(announced) / MEGABYTE:.0f} MB, and {takes}")
    size = 0
    try:
        with path.open("xb") as file:
            path.chmod(0o600)
            async for piece in pieces:
                size += len(piece)
                if size > max_bytes:
                    raise RefusedError(413, f"{name}: is over {max_mb:g} MB, and {takes}")
                file.write(piece)
    except OSError as error:
        raise not_written(name, error) from None
    if size == 0:
        raise RefusedError(422, f"{name}: is empty; choose another")


def not_written(name: str, error: OSError) -> RefusedError:
    """For a file that the server cannot keep."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RefusedError(507, f"{name}: the disk of the server is full; free some space and try again")
    return RefusedError(500, f"{name}: cannot be written ({error.strerror}); see to the server's temporary folder")
