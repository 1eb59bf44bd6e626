"""A small data set of several sensors, what can go wrong with one of them, and what is then said."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.fixtures.sounds import melody_heard, write_sound
from tests.fixtures.videos import write_video

CARD = "name: mmg\nformat: mmg\nannotations: .\nvideos: .\n"
CLIPS = (
    "clip_id,video,start_s,stop_s,class,group,split\na0,a,0,1,mop,base,train\na1,a,1,2,cook,base,val\n"
    "b0,b,0.5,1.5,mop,base,train\nc0,c,0,2,cook,base,val\n"
)
SENSORS = [
    "video,sensor,path,part",
    *(f"{video},{sensor},{video}.mp4," for video in "ab" for sensor in ("video", "audio")),
    *(f"{video},imu,imu/{video}.csv," for video in "abc"),
]
"""Recordings a and b have all sensors; c has an IMU alone."""

HEADER = (
    *("component_idx", "component_timestamp_ms", "canonical_timestamp_ms"),
    *(f"{kind}_{axis}" for kind in ("gyro", "accl") for axis in "xyz"),
)
IMU = "imu/b.csv"
Table = list[list[object]]


def readings(seconds: float = 2.0) -> Table:
    """A head that turns a little, 200 readings a second: gravity and its turning, nothing suspicious."""
    random = np.random.default_rng(0)
    rows: Table = []
    for index in range(round(200 * seconds)):
        time_ms = 5.0 * index
        turn, shake = 0.5 * math.sin(index / 20), random.normal(0, 0.1, 6)
        values = (turn, -turn / 2, turn / 3, 0.3, 9.7, 0.8)
        rows.append([0, time_ms, time_ms, *(round(float(v + s), 6) for v, s in zip(values, shake, strict=True))])
    return rows


def write_table(path: Path, rows: Sequence[Sequence[object]], separator: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [HEADER, *rows]
    path.write_text("".join(separator.join(map(str, line)) + "\n" for line in lines), encoding="utf-8")


def changed(columns: slice, change: Callable[[float], object], rows: slice = slice(None)) -> Callable[[Path], None]:
    """Changes the values of some columns in some rows of recording b's table."""

    def spoil(folder: Path) -> None:
        table = readings()
        for row in table[rows]:
            row[columns] = [change(float(str(value))) for value in row[columns]]
        write_table(folder / IMU, table)

    return spoil


GYROSCOPE, ACCELEROMETER, STAMP = slice(3, 6), slice(6, 9), slice(2, 3)


def one_sample(folder: Path) -> None:
    write_table(folder / IMU, readings()[:1])


def backwards(folder: Path) -> None:
    table = readings()
    write_table(folder / IMU, [*table[:100], *table[200:300], *table[100:200], *table[300:]])


def semicolons(folder: Path) -> None:
    write_table(folder / IMU, readings(), ";")


def semicolons_where_there_is_nothing_else(folder: Path) -> None:
    write_table(folder / "imu/c.csv", readings(), ";")


def no_gyroscope_column(folder: Path) -> None:
    path = folder / IMU
    path.write_text(path.read_text().replace("gyro_y", "gyro_why"))


def sound_of(seconds: float, begin_s: float = 0.0) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        sound = melody_heard(seconds, 48_000)
        write_sound(folder / "b.mp4", sound, codec="aac", pictures_s=2.0, begin_s=begin_s)

    return spoil


def no_sound(folder: Path) -> None:
    write_video(folder / "b.mp4", 20, 10)


def no_imu_anywhere(folder: Path) -> None:
    lines = (folder / "sensors.csv").read_text().splitlines()
    kept = [line for line in lines if ",imu," not in line]
    (folder / "sensors.csv").write_text("\n".join(kept) + "\n")
    (folder / "clips.csv").write_text("\n".join(CLIPS.splitlines()[:-1]) + "\n")


def lost_table(folder: Path) -> None:
    (folder / IMU).unlink()


@dataclass(frozen=True)
class Bad:
    """What goes wrong and what is said about it.

    Attributes:
        spoil: Does it.
        lines: What the lines about it say, in their order; ``{}`` is the folder.
        counts: Faults by kind.
        warnings: Warnings by kind.
        usable: Clips that can be used, of all.
        imu: Recordings of which the accelerometer can be used.
    """

    spoil: Callable[[Path], None]
    lines: tuple[str, ...]
    counts: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    usable: tuple[int, int] = (4, 4)
    imu: int = 3


CASES = {
    "one sample": Bad(
        one_sample,
        (
            "{}/imu/b.csv: accelerometer: one reading only, at 0.000 s; the sensor counts as absent",
            "{}/imu/b.csv: gyroscope: one reading only, at 0.000 s; the sensor counts as absent",
        ),
        {"one-reading": 2},
        imu=2,
    ),
    "constant": Bad(
        changed(GYROSCOPE, lambda _: 0.25),
        ("{}/imu/b.csv: gyroscope: the same value in all 400 readings of axis x, y, z; leave the sensor out",),
        warnings={"constant": 1},
    ),
    "NaN": Bad(
        changed(ACCELEROMETER, lambda _: "NaN", slice(10, 18)),
        ("{}/imu/b.csv, row 12: accelerometer: 8 readings with an empty cell; left out; fill them in",),
        {"empty-cell": 1},
    ),
    "NaN everywhere": Bad(
        changed(ACCELEROMETER, lambda _: "nan"),
        ("{}/imu/b.csv: accelerometer: none of 400 readings can be used; the sensor counts as absent",),
        {"no-readings": 1},
        imu=2,
    ),
    "text for numbers": Bad(
        changed(GYROSCOPE, lambda _: "still", slice(0, 2)),
        ("{}/imu/b.csv, row 2: gyroscope: 2 readings with text for a number; left out; write numbers",),
        {"bad-cell": 1},
    ),
    "in g": Bad(
        changed(ACCELEROMETER, lambda value: value / 9.80665),
        ("{}/imu/b.csv: accelerometer: the median acceleration is 0.99", "probably in g; say that it is in g"),
        warnings={"suspicious-unit": 1},
    ),
    "in degrees": Bad(
        changed(GYROSCOPE, lambda value: 5 * math.degrees(value)),
        ("{}/imu/b.csv: gyroscope: one reading in a hundred is above", "probably in deg/s; say that it is in deg/s"),
        warnings={"suspicious-unit": 1},
    ),
    "clock backwards": Bad(
        backwards,
        ("{}/imu/b.csv, row 202: the clock runs backwards at 1 reading (first from 1.495 to 0.500 s); sorted by time",),
        {"backwards": 1},
    ),
    "absurd times": Bad(
        changed(STAMP, lambda _: 1.7e12, slice(0, 3)),
        ("{}/imu/b.csv, row 2: 3 readings more than 86400 s from the start of the video (first 1.7e+09 s); left out",),
        {"absurd-time": 1},
    ),
    "cut short": Bad(
        changed(STAMP, lambda _: "", slice(100, None)),
        (
            "{}/imu/b.csv: accelerometer: present for 25% of the video (0.0 to 0.5 s of 2.0 s); clips in the rest",
            "{}/imu/b.csv: gyroscope: present for 25% of the video (0.0 to 0.5 s of 2.0 s); clips in the rest",
            "{}/imu/b.csv, row 102: 300 readings without a time in the video; left out; write the times",
        ),
        {"no-time": 1},
        {"low-coverage": 2},
    ),
    "wrong delimiter": Bad(
        semicolons,
        ("{}/imu/b.csv, row 1: columns are separated by ';'; separate them by commas",),
        {"bad-csv": 1},
        imu=2,
    ),
    "wrong delimiter, no other sensor": Bad(
        semicolons_where_there_is_nothing_else,
        ("{}/imu/c.csv, row 1: columns are separated by ';'; separate them by commas",),
        {"bad-csv": 1},
        usable=(3, 4),
        imu=2,
    ),
    "missing column": Bad(
        no_gyroscope_column,
        ("{}/imu/b.csv, row 1: column 'gyro_y' is missing; the file has ",),
        {"missing-column": 1},
        imu=2,
    ),
    "audio too short": Bad(
        sound_of(1.0),
        ("{}/b.mp4: audio: ends at 1.", "s, the video at 2.000 s; clips after that do without it; check that"),
        warnings={"ends-early": 1},
    ),
    "audio too long": Bad(
        sound_of(3.0),
        ("{}/b.mp4: audio: ends at 3.", "s, the video at 2.000 s; what goes beyond the video is not used; check that"),
        warnings={"ends-late": 1},
    ),
    "audio starts late": Bad(
        sound_of(1.2, 0.8),
        ("{}/b.mp4: audio: begins at 0.", "of the video; clips before that do without it"),
        warnings={"starts-late": 1},
    ),
    "no audio": Bad(
        no_sound,
        ("{}/sensors.csv, row 5: b.mp4 has no sound; correct the file, or remove the row",),
        {"no-sound": 1},
    ),
    "lost file": Bad(
        lost_table,
        ("{}/sensors.csv, row 7: there is no file imu/b.csv for the imu of b; put it there, or remove the row",),
        {"missing-sensor-file": 1},
        imu=2,
    ),
    "absent everywhere": Bad(
        no_imu_anywhere,
        ("{}/sensors.csv: no recording has imu (none is listed in sensors.csv); add its files, or do without",),
        {"absent-sensor": 1},
        usable=(3, 3),
        imu=0,
    ),
}
