"""WEAR's watches: one table a person, ``raw/inertial/50hz/sbj_N.csv``, with an accelerometer on each of four limbs.

Source: https://github.com/mariusbock/wear. The tables have no times: their rows are 50 a second from the start of the
video. The documents read here do not name a unit; the watches (Bangle.js) give multiples of g, and so do others who
read the set. ``egoshift data check`` says so where the data disagree.
"""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from egoshift.media.inertial.samples import RawReadings, Recording, Unit, arrange
from egoshift.media.inertial.table import data_error, positions_of, read_table

RATE_HZ = 50.0
LIMBS = ("right_arm", "right_leg", "left_leg", "left_arm")
AXES = ("x", "y", "z")

LAYOUT = {f"{limb}_accelerometer": 3 for limb in LIMBS}
"""The sensors and how many axes each has, in the order of the file."""

_BACKGROUND = ("", "null", "nan")


@dataclass(frozen=True)
class Span:
    """From when to when rows have one label, in seconds of the video."""

    label: str
    start_s: float
    stop_s: float


def read_wear(path: Path, *, unit: Unit = "g") -> tuple[Recording, tuple[Span, ...]]:
    """The four sensors of one person (``right_arm_accelerometer``, ...), and what was done when.

    Args:
        path: The table.
        unit: What accelerations are in.

    Returns:
        The sensors, and the labelled stretches in order of time. Rows without a label are background and in none.

    Raises:
        DataError: The file cannot be read, lacks columns, or is of several persons, whose rows would share times.
    """
    table = read_table(path)
    names = [f"{limb}_acc_{axis}" for limb in LIMBS for axis in AXES]
    positions = positions_of(table, ("sbj_id", *names, "label"))
    persons = table.cells[str(positions[0])].drop_nulls().unique().sort().to_list()
    if len(persons) > 1:
        message = f"readings of {len(persons)} persons ({', '.join(persons[:5])})"
        raise data_error("several-persons", path, message, "give each person a file")
    columns = []
    for number, name in enumerate(LAYOUT):
        values, unreadable = table.numbers(positions[1 + 3 * number : 4 + 3 * number])
        columns.append(RawReadings(name, AXES, unit, values, unreadable))
    times_s = np.arange(len(table.rows)) / RATE_HZ
    recording = arrange(path, times_s, columns, rows=table.rows)
    labels = table.cells[str(positions[-1])].fill_null("").str.strip_chars().to_list()
    return recording, _spans(labels)


def _spans(labels: list[str]) -> tuple[Span, ...]:
    spans = []
    start = 0
    for label, group in groupby(labels):
        stop = start + len(list(group))
        if label.lower() not in _BACKGROUND:
            spans.append(Span(label, start / RATE_HZ, stop / RATE_HZ))
        start = stop
    return tuple(spans)
