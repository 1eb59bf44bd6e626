"""A timeline as a file to take along."""

from collections.abc import Mapping
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from egoshift.prediction.timeline import Timeline

FORMATS: Mapping[str, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "eaf": "application/xml",
}
"""The formats of a download, and what each is sent as."""


def download(timeline: "Timeline", format: str, folder: Path) -> bytes:
    """The timeline as the content of a file.

    Args:
        timeline: Of which recording it does not matter: the name in it is written, not opened.
        format: A key of ``FORMATS``.
        folder: The private folder, in which it is written for a moment.
    """
    from egoshift.prediction.formats import write_timeline

    with TemporaryDirectory(dir=folder) as place:
        path = Path(place) / f"timeline.{format}"
        write_timeline(timeline, format, path)
        return path.read_bytes()


def disposition(name: str, format: str) -> str:
    """The header that names a download after the video, whatever letters that has."""
    return f"attachment; filename=\"timeline.{format}\"; filename*=UTF-8''{quote(PurePath(name).stem)}.{format}"
