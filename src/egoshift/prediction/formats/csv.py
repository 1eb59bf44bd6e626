"""CSV: a row for every segment of every kind of label, for spreadsheets and data frames.

The columns are ``label, start_s, stop_s, name, guess_1, confidence_1, guess_2, confidence_2, ...``. ``name`` is the
decision and is empty for background; the guesses are the numbers behind it, the best first, as many as the segment with
the most of them has. So a row of background still tells which class was likeliest, and nobody has to compare names to
learn which confidence belongs to which. Times are in seconds to a microsecond.
"""

import csv
import io
from pathlib import Path

from egoshift.prediction.timeline import Segment, Timeline


def csv_text(timeline: Timeline, path: Path) -> str:
    """The timeline as a table with a heading; see the module.

    Args:
        timeline: What was recognised.
        path: Where the text will lie; it makes no difference.
    """
    most = max((len(segment.guesses) for track in timeline.tracks.values() for segment in track), default=1)
    guesses = [f"{what}_{place}" for place in range(1, most + 1) for what in ("guess", "confidence")]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["label", "start_s", "stop_s", "name", *guesses])
    for label, track in timeline.tracks.items():
        for segment in track:
            cells = [label, *_cells(segment)]
            writer.writerow(cells + [""] * (4 + 2 * most - len(cells)))
    return text.getvalue()


def _cells(segment: Segment) -> list[str]:
    guesses = [cell for guess in segment.guesses for cell in (guess.name, _number(guess.confidence))]
    return [_number(segment.start_s), _number(segment.stop_s), segment.name, *guesses]


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
