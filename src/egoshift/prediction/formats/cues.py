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

    A cue lasts as long as its text stays the same. Background, and what rounding leaves no millisecond, has none.
    """
    tracks = [timeline.tracks["action"]] if "action" in timeline.tracks else _spoken(timeline)
    names = [_by_boundary(track) for track in tracks]
    times = sorted({time for track in names for time in track})
    said = [""] * len(names)
    current: list[Cue] = []
    for start, stop in pairwise(times):
        said = [track.get(start, name) for track, name in zip(names, said, strict=True)]
        text = " ".join(filter(None, said))
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


def _by_boundary(track: Sequence[Segment]) -> dict[int, str]:
    """What is said from each boundary of a track on: its names on one line, nothing in background and gaps."""
    said: dict[int, str] = {}
    for segment in track:
        said[milliseconds(segment.start_s)] = " ".join(segment.name.split())
        said[milliseconds(segment.stop_s)] = ""
    return said
