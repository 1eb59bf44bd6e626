"""A sensor's raw readings in order of time, and what had to be put right to get there."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64

from egoshift.errors import ConfigError, Fault

Unit = Literal["m/s^2", "g", "rad/s", "deg/s", "T", "Pa"]
"""What readings may be written in."""

STANDARD_GRAVITY = 9.80665
"""Metres per second squared in one g, by definition."""

SI: Mapping[Unit, tuple[Unit, float]] = {
    "m/s^2": ("m/s^2", 1.0),
    "g": ("m/s^2", STANDARD_GRAVITY),
    "rad/s": ("rad/s", 1.0),
    "deg/s": ("rad/s", math.pi / 180),
    "T": ("T", 1.0),
    "Pa": ("Pa", 1.0),
}
"""The unit that readings in each unit are turned into, and what they are multiplied by."""


def unit_named(name: str) -> Unit:
    """The unit that a person names.

    Raises:
        ConfigError: There is none of that name.
    """
    for unit in SI:
        if unit == name:
            return unit
    raise ConfigError(f"the unit {name!r} is not known; write one of {', '.join(SI)}")


LATEST_S = 86_400.0
"""Times further than this from the start of the video (a day) are absurd: no recording is that long."""


@dataclass(frozen=True)
class Samples:
    """The usable readings of one sensor in one video.

    Attributes:
        name: Which sensor, such as ``"gyroscope"``.
        axes: What each column of ``values`` is; ``("0", "1", "2")`` where the file does not tell.
        unit: What ``values`` are in, an SI unit.
        times_s: When each was taken, in seconds of the video, strictly ascending; at least one.
        values: The readings, all finite.
        defects: How many readings of the file had each kind of defect, by the kinds of ``arrange``.
    """

    name: str
    axes: tuple[str, ...]
    unit: Unit
    times_s: Float64[np.ndarray, " readings"]
    values: Float64[np.ndarray, "readings axes"]
    defects: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert len(self.times_s) > 0, "a sensor without readings is absent, not empty"
        assert bool(np.all(np.diff(self.times_s) > 0)), "readings stand in order of time, each time once"
        assert bool(np.isfinite(self.values).all() and np.isfinite(self.times_s).all()), "readings are finite"
        assert self.values.shape[1] == len(self.axes), "a name for each axis"
        assert SI[self.unit][0] == self.unit, "readings are in SI units"


@dataclass(frozen=True)
class Recording:
    """What the files of one video say.

    Attributes:
        sensors: The readings by the sensor's name. A sensor without usable readings is no key: it is absent.
        faults: One for each kind of defect, with how many readings have it and the row of the first.
    """

    sensors: Mapping[str, Samples]
    faults: tuple[Fault, ...] = ()


GREATEST = 1e30
"""A number further than this from zero was measured by nothing, and sums of such are no numbers any more."""


@dataclass(frozen=True)
class RawReadings:
    """What a file says of one sensor, before anything is left out or put in order.

    Attributes:
        name: Which sensor.
        axes: What each column of ``values`` is.
        unit: What ``values`` are in.
        values: The readings; NaN where a cell is empty or not a number.
        unreadable: Rows in which a cell holds something that is not a number; none by default.
    """

    name: str
    axes: tuple[str, ...]
    unit: Unit
    values: Float64[np.ndarray, "readings axes"]
    unreadable: Bool[np.ndarray, " readings"] | None = None


def arrange(
    path: Path,
    times_s: Float64[np.ndarray, " readings"],
    columns: Sequence[RawReadings],
    *,
    rows: Int64[np.ndarray, " readings"] | None = None,
    latest_s: float = LATEST_S,
) -> Recording:
    """Readings as a file has them, put in order; what is wrong is counted and named once a kind.

    In this order: readings without a time (``no-time``) or with an absurd one (``absurd-time``) are left out; steps
    back of the clock are counted (``backwards``) and the readings sorted; for each sensor, readings with an unreadable
    cell (``bad-cell``), an empty one (``empty-cell``) or a number that no
    sensor gives (``absurd-value``) are left out; readings at the same time (``repeated-time``) are
    averaged. A sensor of which nothing is left is absent (``no-readings``). Nothing is ever put in the place of what is
    left out.

    Args:
        path: The file, for the faults.
        times_s: When each reading was taken, in seconds of the video; NaN where that is not known.
        columns: The sensors, each with one row a time.
        rows: Where in the file each reading stands, as an editor counts lines; by default they have no rows.
        latest_s: Times further than this from zero are absurd.
    """
    notes = _Notes(path, rows)
    known = np.isfinite(times_s)
    notes.add("no-time", ~known, "{} without a time in the video", "left out; write the times if they are known")
    near = known & (np.abs(np.where(known, times_s, 0)) <= latest_s)
    far_s = times_s[known & ~near]
    notes.add(
        "absurd-time",
        known & ~near,
        f"{{}} more than {latest_s:g} s from the start of the video"
        + (f" (first {far_s[0]:g} s)" if len(far_s) else ""),
        "left out; correct the times, or name their unit",
    )
    kept = np.flatnonzero(near)
    _note_steps_back(notes, times_s, kept)
    order = kept[np.argsort(times_s[kept], kind="stable")]
    again = np.zeros(len(times_s), dtype=bool)
    again[order[1:]] = np.diff(times_s[order]) == 0
    notes.add("repeated-time", again, "{} at a time that an earlier one has", "averaged; write times with more digits")
    sensors = {}
    for column in columns:
        samples = _samples(column, times_s, order, notes)
        if samples is not None:
            sensors[column.name] = samples
    return Recording(sensors, tuple(notes.faults))


def joined(recordings: Sequence[Recording]) -> Recording:
    """Recordings of the same video by different files as one; each sensor is in one of them only."""
    names = [name for recording in recordings for name in recording.sensors]
    assert len(set(names)) == len(names), "a sensor stands in one file"
    sensors = {name: samples for recording in recordings for name, samples in recording.sensors.items()}
    return Recording(sensors, tuple(fault for recording in recordings for fault in recording.faults))


def earliest_s(times_s: Float64[np.ndarray, " readings"], latest_s: float = LATEST_S) -> float:
    """The first of times on a clock whose zero is not known; 0 where there are none.

    Those further than ``latest_s`` from the middle one are absurd and do not count.
    """
    known = times_s[np.isfinite(times_s)]
    near = known[np.abs(known - np.median(known)) <= latest_s] if len(known) else known
    return float(near.min()) if len(near) else 0.0


class _Notes:
    """Collects the defects of one file: counts by kind, and a fault a kind."""

    def __init__(self, path: Path, rows: Int64[np.ndarray, " readings"] | None):
        self.path, self.rows = path, rows
        self.counts: dict[str, int] = {}
        self.faults: list[Fault] = []

    def add(self, kind: str, bad: np.ndarray, message: str, remedy: str) -> None:
        count = int(bad.sum())
        if not count:
            return
        self.counts[kind] = count
        row = None if self.rows is None else int(self.rows[int(np.argmax(bad))])
        readings = f"{count} reading{'s' if count > 1 else ''}"
        self.faults.append(Fault(kind, self.path, message.format(readings), remedy, row))


def _note_steps_back(notes: _Notes, times_s: np.ndarray, kept: np.ndarray) -> None:
    back = np.zeros(len(times_s), dtype=bool)
    back[kept[1:]] = np.diff(times_s[kept]) < 0
    if back.any():
        first = int(np.argmax(back))
        before_s, after_s = times_s[kept[np.searchsorted(kept, first) - 1]], times_s[first]
        message = f"the clock runs backwards at {{}} (first from {before_s:.3f} to {after_s:.3f} s)"
        notes.add("backwards", back, message, "sorted by time; check that sensor and video show the same motion")


def _samples(column: RawReadings, times_s: np.ndarray, order: np.ndarray, notes: _Notes) -> Samples | None:
    """The readings of one sensor in order of time; none where nothing is usable."""
    own = _Notes(notes.path, notes.rows)
    missing = np.isnan(column.values)
    absurd = (np.abs(np.where(missing, 0, column.values)) > GREATEST).any(axis=1)
    empty = missing.any(axis=1) | absurd
    unreadable = np.zeros(len(empty), dtype=bool) if column.unreadable is None else column.unreadable
    asked = np.zeros(len(empty), dtype=bool)
    asked[order] = True
    if not (asked & ~empty).any():
        message = f"{column.name}: none of {len(empty)} readings can be used"
        notes.faults.append(Fault("no-readings", notes.path, message, "the sensor counts as absent in this video"))
        return None
    own.add("bad-cell", asked & unreadable, f"{column.name}: {{}} with text for a number", "left out; write numbers")
    remedy = "left out; fill them in if they are known"
    own.add("absurd-value", asked & absurd, f"{column.name}: {{}} beyond {GREATEST:g}", remedy)
    own.add("empty-cell", asked & empty & ~unreadable & ~absurd, f"{column.name}: {{}} with an empty cell", remedy)
    notes.faults += own.faults
    used = order[~empty[order]]
    distinct_s, which = np.unique(times_s[used], return_inverse=True)
    unit, factor = SI[column.unit]
    sums = np.zeros((len(distinct_s), len(column.axes)))
    np.add.at(sums, which, column.values[used] * factor)
    values = sums / np.bincount(which)[:, None]
    return Samples(column.name, column.axes, unit, distinct_s, values, {**notes.counts, **own.counts})
