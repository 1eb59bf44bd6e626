"""Segments to judge, from a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from egoshift.datasets.tables import Column, read_csv
from egoshift.datasets.videos import media_id
from egoshift.errors import DataError, Fault
from egoshift.prediction.recording import recording_id


@dataclass(frozen=True)
class SegmentTable:
    """Segments by the name of their recording.

    Attributes:
        path: The table.
        spans: From when to when, by the recording's name; under ``""`` where the table names none.
    """

    path: Path
    spans: Mapping[str, list[tuple[float, float]]]

    def of(self, video: Path) -> list[tuple[float, float]]:
        """The segments of a recording.

        Raises:
            DataError: It has none.
        """
        found = self.spans.get("") or self.spans.get(recording_id(video)) or self.spans.get(video.name)
        if not found:
            message = f"has no segment of {video.name}; it has those of {', '.join(list(self.spans)[:5])}"
            raise DataError([Fault("no-segments", self.path, message, "add some, or leave the column video out")])
        return found


def read_segments(path: Path) -> SegmentTable:
    """A CSV file ``start,stop`` in seconds or HH:MM:SS, and optionally ``video``; other columns are passed over.

    Raises:
        DataError: It cannot be read, or a segment ends before it starts; names every such row.
    """
    columns = {
        "start": Column("seconds"),
        "stop": Column("seconds"),
        "video": Column("text", required=False, blank=True),
    }
    table = read_csv(path, columns)
    faults, spans = list(table.faults), dict[str, list[tuple[float, float]]]()
    for start_s, stop_s, video, row in table.rows.select("start", "stop", "video", "row").iter_rows():
        if not 0 <= start_s < stop_s:
            message = f"the segment lasts from {start_s:g} to {stop_s:g} s"
            faults.append(Fault("swapped-times", path, message, "give a start before its stop", row))
        spans.setdefault(media_id(Path(video)) if video else "", []).append((start_s, stop_s))
    if faults:
        raise DataError(faults)
    if not spans:
        raise DataError([Fault("empty-file", path, "holds no segment", "write one 'start,stop' a line")])
    return SegmentTable(path, spans)
