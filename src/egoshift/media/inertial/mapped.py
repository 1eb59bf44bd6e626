"""Anyone's comma-separated sensor file, by a map of its columns and their units."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from egoshift.errors import ConfigError
from egoshift.media.inertial.samples import LATEST_S, RawReadings, Recording, arrange, earliest_s, unit_named
from egoshift.media.inertial.table import positions_of, read_table

SECONDS: Mapping[str, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""How long one of each unit of time is."""


@dataclass(frozen=True)
class SensorColumns:
    """Where one sensor stands in the file.

    Attributes:
        name: What to call it, such as ``"accelerometer"``.
        columns: The names of its columns, one an axis.
        unit: What they are in, one of ``samples.SI``.

    Raises:
        ConfigError: The unit is not known, or there are no columns.
    """

    name: str
    columns: tuple[str, ...]
    unit: str

    def __post_init__(self) -> None:
        unit_named(self.unit)
        if not self.columns:
            raise ConfigError(f"{self.name!r} has no columns; name them")


@dataclass(frozen=True)
class ColumnMap:
    """How to read a file.

    Attributes:
        time: The column of times.
        time_unit: What they are in: ``s``, ``ms``, ``us`` or ``ns``.
        sensors: The sensors; columns that none names are not read.
        zero: The time, in ``time_unit``, at which the video's first frame is shown; ``"first"`` for the earliest in
            the file, where sensor and video began together.

    Raises:
        ConfigError: The unit of time is not known, or the sensors are not each named once.
    """

    time: str
    time_unit: str
    sensors: tuple[SensorColumns, ...]
    zero: float | Literal["first"] = 0.0

    def __post_init__(self) -> None:
        names = [sensor.name for sensor in self.sensors]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"a map of columns names each sensor once, and at least one; it names {names}")
        if self.time_unit not in SECONDS:
            raise ConfigError(f"the unit of time {self.time_unit!r} is not known; write one of {', '.join(SECONDS)}")


def read_mapped(path: Path, columns: ColumnMap, *, latest_s: float = LATEST_S) -> Recording:
    """The sensors of one video as a map of columns finds them, in SI units.

    Nanoseconds since 1970 are read to a quarter of a microsecond, which is what 64 bits hold.

    Args:
        path: The file.
        columns: How to read it.
        latest_s: Times further than this from ``columns.zero`` are absurd.

    Raises:
        DataError: The file cannot be read or lacks columns.
    """
    table = read_table(path)
    named = [name for sensor in columns.sensors for name in sensor.columns]
    positions = positions_of(table, (columns.time, *named))
    stamps = table.numbers(positions[:1])[0][:, 0]
    second = SECONDS[columns.time_unit]
    zero = earliest_s(stamps, latest_s / second) if columns.zero == "first" else columns.zero
    found, after = [], 1
    for sensor in columns.sensors:
        values, unreadable = table.numbers(positions[after : after + len(sensor.columns)])
        found.append(RawReadings(sensor.name, sensor.columns, unit_named(sensor.unit), values, unreadable))
        after += len(sensor.columns)
    return arrange(path, (stamps - zero) * second, found, rows=table.rows, latest_s=latest_s)
