"""Telemetry of GoPro cameras as their users' tools export it, one table a sensor, and EPIC-KITCHENS' own such tables.

Two families of layouts are read, told apart by the header:

* ``Milliseconds,AcclX,AcclY,AcclZ`` and ``Milliseconds,GyroX,GyroY,GyroZ``, as EPIC-KITCHENS-100 has them in
  ``<participant>/meta_data/<video_id>-accl.csv`` and ``-gyro.csv``; other columns are not read.
* ``cts,date,Accelerometer [m/s2],1,2,temperature [°C]`` of https://github.com/JuanIrache/gopro-telemetry. The first
  column of values is called after the sensor and its unit (``[m/s2]``, ``[m/s²]``, ``[rad/s]``); the others are
  numbered or without a name, or all have their axis: ``Accelerometer (z) [m/s2]``. Either of ``cts`` and ``date`` may
  be missing. Axes x, y and z are given in this order, whatever the file's.

Each sensor has its own clock and rate, and a camera may have none of them. Telemetry may end before the video does:
what is missing is missing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from egoshift.errors import DataError, Fault
from egoshift.media.inertial.samples import LATEST_S, RawReadings, Recording, Unit, arrange, earliest_s, joined
from egoshift.media.inertial.table import TextTable, data_error, positions_of, read_table

if TYPE_CHECKING:
    from egoshift.records import SensorFile

XYZ = ("x", "y", "z")

_SENSORS: dict[str, tuple[str, Unit]] = {
    "accelerometer": ("Accl", "m/s^2"),
    "gyroscope": ("Gyro", "rad/s"),
}
"""By sensor, how EPIC's columns begin, and the cameras' own unit."""

_UNITS: dict[str, Unit] = {
    "m/s2": "m/s^2",
    "m/s²": "m/s^2",
    "m/s^2": "m/s^2",
    "g": "g",
    "rad/s": "rad/s",
    "deg/s": "deg/s",
    "°/s": "deg/s",
}

_TITLE = re.compile(r"(?P<sensor>accelerometer|gyroscope)\s*(\((?P<axis>[^)]*)\))?\s*(\[(?P<unit>[^\]]*)\])?", re.I)
_REMEDY = "export it again, or give a map of its columns"


def read_epic_imu(file: "SensorFile", *, latest_s: float = LATEST_S) -> Recording:
    """The sensors of one video of EPIC-KITCHENS-100; one without a file is absent, which is normal there.

    Args:
        file: Of the layout ``epic``.
        latest_s: Times further than this from zero are absurd.

    Raises:
        DataError: There are files, and none of them can be read.
    """
    return read_those_there(file.files, latest_s=latest_s)


def read_those_there(paths: Sequence[Path], *, latest_s: float = LATEST_S) -> Recording:
    """What ``read_gopro`` reads of those tables that exist; of none, no sensor."""
    return read_gopro([path for path in paths if path.exists()], latest_s=latest_s)


def read_gopro(
    paths: Sequence[Path], *, unnamed_axes: tuple[str, str, str] | None = None, latest_s: float = LATEST_S
) -> Recording:
    """The sensors of one video, ``accelerometer`` or ``gyroscope`` as each table's header says.

    A table that cannot be read makes its sensor absent; its fault is among those of the recording.

    Args:
        paths: The tables of one video, one a sensor.
        unnamed_axes: What axes the columns are where the header does not tell. Exports of HERO6 and HERO7 that do
            tell have ``("z", "x", "y")``; by default the file's order is kept, as axes ``0``, ``1``, ``2``.
        latest_s: Times further than this from zero are absurd.

    Raises:
        DataError: No table can be read, or two are of the same sensor; holds the faults of all.
    """
    tables: dict[str, _Telemetry] = {}
    faults: list[Fault] = []
    for path in paths:
        try:
            read = _read(path, unnamed_axes)
            if read.column.name in tables:
                message = f"a second table of the {read.column.name}, after {tables[read.column.name].table.path}"
                raise data_error("two-tables", path, message, "give one table a sensor")
            tables[read.column.name] = read
        except DataError as error:
            faults += error.faults
    if faults and (not tables or any(fault.kind == "two-tables" for fault in faults)):
        raise DataError(faults)
    dates_s = [read.times_s for read in tables.values() if read.is_date]
    first_s = earliest_s(np.concatenate(dates_s), latest_s) if dates_s else 0.0
    recordings = [
        arrange(
            read.table.path,
            read.times_s - first_s if read.is_date else read.times_s,
            [read.column],
            rows=read.table.rows,
            latest_s=latest_s,
        )
        for read in tables.values()
    ]
    return joined([*recordings, Recording({}, tuple(faults))])


@dataclass(frozen=True)
class _Telemetry:
    """One table; where it has dates alone, its times are seconds since 1970."""

    table: TextTable
    times_s: np.ndarray
    is_date: bool
    column: RawReadings


def _read(path: Path, unnamed_axes: tuple[str, str, str] | None) -> _Telemetry:
    table = read_table(path)
    if "Milliseconds" in table.header:
        return _read_milliseconds(table)
    times_s, is_date = _times(table)
    titles = {position: match for position, name in enumerate(table.header) if (match := _TITLE.fullmatch(name))}
    if not titles:
        message = f"no column of an accelerometer or a gyroscope; the file has {', '.join(map(repr, table.header))}"
        raise data_error("missing-column", path, message, _REMEDY, 1)
    first, title = next(iter(titles.items()))
    sensor = title["sensor"].lower()
    unit = _SENSORS[sensor][1] if title["unit"] is None else _UNITS.get(title["unit"].strip())
    if unit is None:
        raise data_error("unknown-unit", path, f"the {sensor} is in {title['unit']!r}", _REMEDY, 1)
    named = [position for position, match in titles.items() if match["sensor"].lower() == sensor]
    if len(named) == 3:
        positions, axes = named, tuple(str(titles[position]["axis"]).strip().lower() for position in named)
        if sorted(axes) == list(XYZ):
            positions, axes = [positions[axes.index(axis)] for axis in XYZ], XYZ
    else:
        positions, axes = _unnamed(table, first, sensor), unnamed_axes or ("0", "1", "2")
        if sorted(axes) == list(XYZ):
            positions, axes = [positions[axes.index(axis)] for axis in XYZ], XYZ
    values, unreadable = table.numbers(positions)
    return _Telemetry(table, times_s, is_date, RawReadings(sensor, axes, unit, values, unreadable))


def _read_milliseconds(table: TextTable) -> _Telemetry:
    for sensor, (prefix, unit) in _SENSORS.items():
        if any(name.startswith(prefix) for name in table.header):
            positions = positions_of(table, ("Milliseconds", *(f"{prefix}{axis}" for axis in "XYZ")))
            values, unreadable = table.numbers(positions[1:])
            times_s = table.numbers(positions[:1])[0][:, 0] / 1000
            return _Telemetry(table, times_s, False, RawReadings(sensor, XYZ, unit, values, unreadable))
    message = f"neither AcclX nor GyroX stands beside Milliseconds; the file has {', '.join(map(repr, table.header))}"
    raise data_error("missing-column", table.path, message, _REMEDY, 1)


def _times(table: TextTable) -> tuple[np.ndarray, bool]:
    """Seconds of the video by ``cts`` (milliseconds), or by ``date``, and then since 1970."""
    if "cts" in table.header:
        return table.numbers(positions_of(table, ("cts",)))[0][:, 0] / 1000, False
    if "date" in table.header:
        text = table.cells[str(positions_of(table, ("date",))[0])].str.strip_chars()
        dates = text.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
        return dates.dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6, True
    message = f"no column Milliseconds, cts or date; the file has {', '.join(map(repr, table.header))}"
    raise data_error("missing-column", table.path, message, _REMEDY, 1)


def _unnamed(table: TextTable, first: int, sensor: str) -> list[int]:
    """The sensor's own column and the two after it, which have numbers for names, or none."""
    following = table.header[first + 1 : first + 3]
    if len(following) == 2 and all(name == "" or name.isdigit() for name in following):
        return [first, first + 1, first + 2]
    message = f"the {sensor} has not three columns; the file has {', '.join(map(repr, table.header))}"
    raise data_error("missing-column", table.path, message, _REMEDY, 1)
