"""A timeline as a file that other tools open."""

from collections.abc import Callable, Mapping
from pathlib import Path

from egoshift.errors import ConfigError
from egoshift.files import write_atomically
from egoshift.prediction.formats.csv import csv_text
from egoshift.prediction.formats.eaf import eaf_text
from egoshift.prediction.formats.json import json_text, read_timeline
from egoshift.prediction.formats.srt import srt_text
from egoshift.prediction.formats.vtt import vtt_text
from egoshift.prediction.timeline import Timeline

__all__ = ["FORMATS", "read_timeline", "timeline_bytes", "write_timeline"]

FORMATS: Mapping[str, Callable[[Timeline, Path], str]] = {
    "json": json_text,
    "csv": csv_text,
    "srt": srt_text,
    "vtt": vtt_text,
    "eaf": eaf_text,
}
"""What writes each format: from a timeline and the path of the file to its text. The names are also the suffixes."""


def timeline_bytes(timeline: Timeline, format: str, path: Path) -> bytes:
    """The content of a file.

    Args:
        timeline: What was recognised.
        format: A key of ``FORMATS``.
        path: Where the file will lie; nothing is written.
    """
    # Half a character, as names of files may hold where they are not UTF-8, has no place in any of these formats.
    return FORMATS[format](timeline, path).encode(errors="replace")


def write_timeline(timeline: Timeline, format: str, path: Path) -> None:
    """Writes a timeline to a file, which is there with all of its content or is as before.

    Args:
        timeline: What was recognised.
        format: A key of ``FORMATS``.
        path: The file to write; missing folders are made.

    Raises:
        ConfigError: There is no such format, or the file cannot be written.
    """
    if format not in FORMATS:
        raise ConfigError(f"format {format!r}: expected one of {', '.join(FORMATS)}")
    content = timeline_bytes(timeline, format, path)
    try:
        write_atomically(path, content)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"{path}: cannot be written ({reason}); free some space, or choose another folder"
        raise ConfigError(message) from None
