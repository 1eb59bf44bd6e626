"""What subtitles say when: the names of a timeline as one row of cues that follow each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from egoshift.prediction.timeline import Segment, Timeline
from egoshift.records import Label

SPOKEN: tuple[Label, ...] = ("verb", "noun")
"""The tracks whose names together say what an action's name says, in the order in which they are said."""


@dataclass(frozen=True)
class Cue:
    """A text and when it is shown.

    Attributes:
        start_ms: From when.
        stop_ms: Until when; later than ``start_ms``.
        text: One line.
    """

    start_ms: int
    stop_ms: int
    text: str


def milliseconds(time_s: float) -> int:
    """A time in whole milliseconds. What begins where another stops still does so after rounding."""
    return round(time_s * 1000)


def cues(timeline: Timeline) -> tuple[Cue, ...]:
    """The cues of a timeline: of its actions, or else of verbs and nouns together, such as "take cup".

    A cue lasts as long as its text stays the same. Background, and what rounding leaves no millisecond, has none. Where
    segments of one track overlap, as given ones may, all their names are said: "cut / stir".
    """
    tracks = [timeline.tracks["action"]] if "action" in timeline.tracks else _spoken(timeline)
    changes = [_changes(track) for track in tracks]
    times = sorted({time for track in changes for time in track})
    going_on: list[dict[int, str]] = [{} for _ in tracks]
    current: list[Cue] = []
    for start, stop in pairwise(times):
        for track, names in zip(changes, going_on, strict=True):
            for number, name in track.get(start, ()):
                names.pop(number, None) if name is None else names.setdefault(number, name)
        text = " ".join(" / ".join(dict.fromkeys(names.values())) for names in going_on if names)
        if current and current[-1].text == text and current[-1].stop_ms == start:
            current[-1] = Cue(current[-1].start_ms, stop, text)
        elif text:
            current.append(Cue(start, stop, text))
    return tuple(current)


def clock(time_ms: int, separator: str) -> str:
    """``HH:MM:SS`` and three digits after the separator; more digits of hours where it takes them."""
    seconds, rest = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{separator}{rest:03d}"


def _spoken(timeline: Timeline) -> list[tuple[Segment, ...]]:
    return [timeline.tracks[label] for label in SPOKEN if label in timeline.tracks]


def _changes(track: Sequence[Segment]) -> dict[int, list[tuple[int, str | None]]]:
    """Which segments begin, with their names on one line, and which end, without, at each boundary of a track."""
    changes: dict[int, list[tuple[int, str | None]]] = {}
    for number, segment in enumerate(sorted(track, key=lambda each: each.start_s)):
        name = " ".join(segment.name.split())
        start, stop = milliseconds(segment.start_s), milliseconds(segment.stop_s)
        if name and start < stop:
            changes.setdefault(start, []).append((number, name))
            changes.setdefault(stop, []).append((number, None))
    return changes
