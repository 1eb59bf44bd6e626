"""A timeline as a file to take along."""

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from egoshift.prediction.timeline import Segment, Timeline

FORMATS: Mapping[str, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "eaf": "application/xml",
}
"""The formats of a download, and what each is sent as."""

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def download(timeline: "Timeline", format: str) -> bytes:
    """The timeline as the content of a file.

    Args:
        timeline: Its video is the name that the person knows.
        format: A key of ``FORMATS``.
    """
    from egoshift.prediction.formats import timeline_bytes

    if format == "eaf":  # It links the video by its place: beside it, wherever that is, and at none of this machine's.
        timeline = timeline.model_copy(update={"video": f"/{timeline.video}"})
    if format == "csv":
        timeline = without_formulas(timeline)
    return timeline_bytes(timeline, format, Path(f"/timeline.{format}"))


def without_formulas(timeline: "Timeline") -> "Timeline":
    """The timeline with an apostrophe before each name that a spreadsheet would take for a formula and work out."""

    def text(name: str) -> str:
        return f"'{name}" if name.startswith(_FORMULAS) else name

    def plain(segment: "Segment") -> "Segment":
        guesses = tuple(guess.model_copy(update={"name": text(guess.name)}) for guess in segment.guesses)
        return segment.model_copy(update={"name": text(segment.name), "guesses": guesses})

    tracks = {label: tuple(plain(segment) for segment in track) for label, track in timeline.tracks.items()}
    return timeline.model_copy(update={"tracks": tracks})


def disposition(name: str, format: str) -> str:
    """The header that names a download after the video, whatever letters that has."""
    return f"attachment; filename=\"timeline.{format}\"; filename*=UTF-8''{quote(PurePath(name).stem)}.{format}"
