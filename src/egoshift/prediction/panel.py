"""The panel under an overlaid recording: what is recognised now, how surely, and where in the timeline that is.

It changes with the steps of the timeline, not with the frames, so it is drawn anew a few times a second at most; only
the cursor moves between.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from egoshift.prediction.colours import RGB, colours
from egoshift.prediction.lettering import Lettering
from egoshift.prediction.timeline import Prediction, Segment
from egoshift.records import LABELS, Label

INK: RGB = (245, 245, 245)
FAINT: RGB = (140, 146, 154)
GROUND: RGB = (17, 20, 24)
TROUGH: RGB = (52, 57, 64)
"""What is not filled of a bar, and background in the strip."""

NOTHING = "\N{EN DASH}"
"""Shown where no class is sure enough, or nothing could be read."""


@dataclass(frozen=True)
class Row:
    """What one kind of label has to say at one time.

    Attributes:
        label: The kind of label.
        name: The class that leads; empty where none is sure enough.
        percent: How sure, 0 to 100.
    """

    label: Label
    name: str
    percent: int


class Panel:
    """Draws the panel of one recording.

    Args:
        prediction: The timeline and the numbers behind it.
        width: Of the panel, in pixels; even.
        size_px: Height of letters.
    """

    def __init__(self, prediction: Prediction, width: int, size_px: int):
        self._prediction, self._width = prediction, width
        timeline = prediction.timeline
        self._labels = [label for label in LABELS if label in timeline.tracks]
        self._starts = {label: [segment.start_s for segment in timeline.tracks[label]] for label in self._labels}
        self._colours = {label: colours(timeline.tracks[label]) for label in self._labels}
        self._lettering = Lettering(size_px)
        self._gap = max(4, size_px // 2)
        self._row = round(size_px * 1.5)
        # Even, as the planes of colour are half as fine: thin bands keep their colours.
        self._thickness = 2 * max(2, round(size_px / 6))
        self._strip_top = 2 * round((self._row * len(self._labels) + self._gap) / 2)
        self.height = self._strip_top + self._pitch * len(self._labels) + 2 * round(self._gap / 2)
        self._empty = self._ground()
        self._drawn: tuple[tuple[Row, ...], UInt8[np.ndarray, "height width 3"]] | None = None

    @property
    def _pitch(self) -> int:
        """From one band of the strip to the next."""
        return self._thickness + 2

    @property
    def lettering(self) -> Lettering:
        """What draws the words; knows which characters it could not."""
        return self._lettering

    @property
    def strip_rows(self) -> slice:
        """The rows of pixels over which the cursor goes; from an even one on, and an even number."""
        return slice(self._strip_top - 2, self._strip_top + self._pitch * len(self._labels))

    def cursor(self, time_s: float) -> slice:
        """The columns of pixels that stand for a time; from an even one on, and an even number."""
        width = 2 * max(1, round(self._thickness / 6))
        left = 2 * (max(0, min(self._column(time_s), self._width - self._gap) - width // 2) // 2)
        return slice(left, left + width)

    def rows(self, time_s: float) -> tuple[Row, ...]:
        """What to write at a time, one row for each kind of label."""
        return tuple(self._now(label, time_s) for label in self._labels)

    def picture(self, time_s: float) -> UInt8[np.ndarray, "height width 3"]:
        """The panel at a time, without the cursor; the same array object as long as nothing changes."""
        rows = self.rows(time_s)
        if self._drawn is None or self._drawn[0] != rows:
            self._drawn = (rows, self._draw(rows))
        return self._drawn[1]

    def _now(self, label: Label, time_s: float) -> Row:
        segment = self._segment(label, time_s)
        if segment is None or segment.is_background:
            return Row(label, "", 0)
        return Row(label, segment.name, round(100 * self._confidence(label, segment, time_s)))

    def _segment(self, label: Label, time_s: float) -> Segment | None:
        place = int(np.searchsorted(self._starts[label], time_s, side="right")) - 1
        track = self._prediction.timeline.tracks[label]
        return track[place] if place >= 0 and time_s < track[place].stop_s else None

    def _confidence(self, label: Label, segment: Segment, time_s: float) -> float:
        """That of the step nearest in time; the segment's where the step could not be read."""
        evidence, names = self._prediction.evidence, self._prediction.timeline.classes.get(label, ())
        if label in evidence.probabilities and segment.name in names and len(evidence.times_s):
            step = int(np.abs(evidence.times_s - time_s).argmin())
            value = float(evidence.probabilities[label][step, names.index(segment.name)])
            if np.isfinite(value):
                return value
        return segment.confidence

    def _draw(self, rows: tuple[Row, ...]) -> UInt8[np.ndarray, "height width 3"]:
        image = self._empty.copy()
        on = ImageDraw.Draw(image)
        for place, row in enumerate(rows):
            self._draw_row(on, row, self._gap // 2 + place * self._row + self._row // 2)
        return np.asarray(image)

    def _draw_row(self, on: ImageDraw.ImageDraw, row: Row, middle: int) -> None:
        gap, letters = self._gap, self._lettering
        named = gap + self._thickness + gap  # after the swatch
        if self._width >= 20 * gap + letters.width("action"):
            letters.draw(on, named, middle, row.label, FAINT)
            named += max(letters.width(label) for label in self._labels) + 3 * gap // 2
        colour = self._colours[row.label].get(row.name, FAINT)
        right = self._draw_number(on, row, middle, named, colour) if row.name else self._width - gap
        name = letters.shortened(row.name or NOTHING, right - gap - named)
        letters.draw(on, named, middle, name, INK if row.name else FAINT)
        if row.name:
            height = self._row // 4
            on.rectangle((gap, middle - height, gap + self._thickness - 1, middle + height), fill=colour)

    def _draw_number(self, on: ImageDraw.ImageDraw, row: Row, middle: int, named: int, colour: RGB) -> int:
        """Draw the bar of a row and its number, where there is room; gives the column at which they begin."""
        gap, letters = self._gap, self._lettering
        text, number = f"{row.percent}%", self._width - gap - letters.width("100%")
        length, half = min((self._width - named) // 4, 16 * gap), max(2, self._row // 6)
        left = number - gap - length
        if left < named + 4 * gap:
            return self._width - gap
        on.rectangle((left, middle - half, left + length - 1, middle + half), fill=TROUGH)
        if filled := round(length * row.percent / 100):
            on.rectangle((left, middle - half, left + filled - 1, middle + half), fill=colour)
        letters.draw(on, self._width - gap - letters.width(text), middle, text, INK)
        return left

    def _ground(self) -> Image.Image:
        """The panel with the strip and without rows."""
        image = Image.new("RGB", (self._width, self.height), GROUND)
        on = ImageDraw.Draw(image)
        for place, label in enumerate(self._labels):
            top = self._strip_top + place * self._pitch
            bottom = top + self._thickness - 1
            on.rectangle((self._gap, top, max(self._gap, self._width - self._gap - 1), bottom), fill=TROUGH)
            for segment in self._prediction.timeline.tracks[label]:
                if not segment.is_background:
                    left, right = self._column(segment.start_s), self._column(segment.stop_s)
                    on.rectangle((left, top, max(left, right - 1), bottom), fill=self._colours[label][segment.name])
        return image

    def _column(self, time_s: float) -> int:
        share = time_s / max(self._prediction.timeline.duration_s, 1e-9)
        return self._gap + round(min(max(share, 0.0), 1.0) * (self._width - 2 * self._gap))
