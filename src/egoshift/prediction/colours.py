"""Which colour stands for which class of a timeline, wherever it is shown."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from egoshift.prediction.timeline import Segment

RGB = tuple[int, int, int]

PALETTE: tuple[RGB, ...] = (
    (78, 155, 224),
    (242, 142, 43),
    (89, 181, 96),
    (225, 87, 89),
    (176, 122, 200),
    (237, 201, 72),
    (64, 186, 178),
    (255, 137, 167),
    (170, 133, 100),
    (154, 196, 92),
)
"""Told apart next to each other, and bright enough for black letters on them and for a dark background."""

OTHER: RGB = (150, 150, 150)
"""Stands for every class that leads for less time than those in the palette."""


def ranked(track: Sequence[Segment]) -> tuple[str, ...]:
    """The classes that lead anywhere in a track, those that lead longest first; without background."""
    led_s: dict[str, float] = defaultdict(float)
    for segment in track:
        if not segment.is_background:
            led_s[segment.name] += segment.stop_s - segment.start_s
    return tuple(sorted(led_s, key=lambda name: (-led_s[name], name)))


def colours(track: Sequence[Segment]) -> Mapping[str, RGB]:
    """The colour of each class that leads anywhere in a track."""
    return {name: PALETTE[place] if place < len(PALETTE) else OTHER for place, name in enumerate(ranked(track))}
