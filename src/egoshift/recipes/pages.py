"""Pages that people write around a part that a command writes, between two marks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from egoshift.errors import ConfigError


def changed_text(assignments: Sequence[str], encoders: Mapping[str, str] | None = None) -> str:
    """What was changed for every run alike, as a sentence; empty where nothing was.

    >>> changed_text(["fit.epochs=2"], {"openai/clip-vit-base-patch16": "./clip"})
    'Changed for every run: fit.epochs=2; ./clip in place of openai/clip-vit-base-patch16.'
    """
    changes = [*assignments, *(f"{other} in place of {name}" for name, other in (encoders or {}).items())]
    return f"Changed for every run: {'; '.join(changes)}." if changes else ""


def filled(page: Path, marks: tuple[str, str], text: str, *, new: str = "") -> str:
    """The page's content with another text between its marks; all else is as it was.

    Args:
        page: The file.
        marks: The line that the text begins after, and the one that it ends before.
        text: What goes between them.
        new: What the page holds where there is none yet.

    Raises:
        ConfigError: The page cannot be read, or has not one place for the text.
    """
    begin, end = marks
    try:
        before = page.read_text(encoding="utf-8") if new == "" or page.exists() else new
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise ConfigError(f"{page}: cannot be read ({reason}); give the folder of this page") from None
    if before.count(begin) != 1 or before.count(end) != 1 or before.index(begin) > before.index(end):
        raise ConfigError(f"{page}: needs one line {begin} and after it one {end}, between which the tables go")
    start, stop = before.index(begin) + len(begin), before.index(end)
    return f"{before[:start]}\n{text}\n{before[stop:]}"
