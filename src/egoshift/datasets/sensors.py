"""Where the files of several sensors lie, and how much of a data set each of them covers."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from egoshift.datasets.assembly import Sensors
from egoshift.datasets.checks import Sieve
from egoshift.datasets.tables import Column, read_csv
from egoshift.errors import Fault
from egoshift.foreign import is_there
from egoshift.headers import has_sound_track
from egoshift.records import Dataset, SensorFile, SensorLayout

SENSORS = ("video", "audio", "imu")
"""The sensors of MMG-Ego4D."""

ARIA_PARTS = {"video": ("camera-rgb",), "audio": ("mic",), "imu": ("imu-left", "imu-right")}
"""What a sensor can be in a Project Aria recording; the first is meant where nothing is said."""

IMU_LAYOUTS: tuple[SensorLayout, ...] = ("ego4d", "gopro", "wear")
"""How the tables of an IMU can be laid out; the first is meant where nothing is said."""

_HEADERS_AT_ONCE = 8

_COLUMNS = {
    "video": Column("text"),
    "sensor": Column("text"),
    "path": Column("text"),
    "part": Column("text", required=False, blank=True),
    "layout": Column("text", required=False, blank=True),
}


@dataclass(frozen=True)
class SensorCoverage:
    """How much of a data set one sensor recorded.

    Attributes:
        sensor: Its name.
        recordings: Recordings that it is in.
        recordings_total: Recordings that clips lie in.
        clips: Clips of recordings that it is in.
        clips_total: All clips.
    """

    sensor: str
    recordings: int
    recordings_total: int
    clips: int
    clips_total: int

    def __str__(self) -> str:
        recordings = f"{self.recordings} of {self.recordings_total} recordings"
        return f"{self.sensor}: {recordings}, {self.clips} of {self.clips_total} clips"


def sensor_coverage(dataset: Dataset) -> tuple[SensorCoverage, ...]:
    """How much of a data set of several sensors each of them covers; empty for a data set of videos alone."""
    counts = dict(dataset.clips.group_by("video_id").len().iter_rows())
    names = dict.fromkeys(name for files in dataset.sensors.values() for name in files)
    having = {name: [video for video in counts if name in dataset.sensors.get(video, {})] for name in names}
    return tuple(
        SensorCoverage(name, len(videos), len(counts), sum(counts[video] for video in videos), len(dataset.clips))
        for name, videos in having.items()
    )


def found_sensors(
    media: Mapping[str, Path], imu: Mapping[str, SensorFile], heard: Mapping[str, bool] | None = None
) -> dict[str, dict[str, SensorFile]]:
    """The sensors of each recording, by where files lie: pictures and sound in its video, an IMU's table beside.

    A video whose sound is not told of is opened, several at once: some milliseconds each.

    Args:
        media: Video files and folders of frames, by the recording's name.
        imu: Inertial tables, by the recording's name.
        heard: Whether a video has sound, where that is known.
    """
    heard = heard or {}
    unknown = [video for video, path in media.items() if video not in heard and not path.is_dir()]
    with ThreadPoolExecutor(_HEADERS_AT_ONCE) as pool:
        found = zip(unknown, pool.map(has_sound, [media[video] for video in unknown]), strict=True)
        heard = {**heard, **dict(found)}
    sensors: dict[str, dict[str, SensorFile]] = {}
    for video, path in media.items():
        sensors[video] = {"video": SensorFile(path, "av")}
        if heard.get(video) and not path.is_dir():
            sensors[video]["audio"] = SensorFile(path, "av")
    for video, file in imu.items():
        sensors.setdefault(video, {})["imu"] = file
    return sensors


def listed_sensors(path: Path) -> tuple[dict[str, dict[str, SensorFile]], list[Fault]]:
    """The sensors of each recording as a CSV file ``video,sensor,path,part,layout`` lists them.

    A path is relative to the CSV file. One that ends in ``.vrs`` is a Project Aria recording, of which ``part``
    names the sensor; an ``imu`` in any other file is a table in Ego4D's columns or, by its ``layout``, a GoPro's (or a
    folder of one recording's tables) or WEAR's; ``video`` and ``audio`` are what FFmpeg reads. ``part`` and ``layout``
    may be left out. A file that is not there, or an ``audio`` without sound, is a fault, and the sensor is absent.

    Raises:
        DataError: The CSV file cannot be read.
    """
    table = read_csv(path, _COLUMNS)
    rows = table.rows.with_columns(pl.col("part").fill_null(""))
    places = {text: path.parent / text for text in rows["path"].unique()}
    lacking = [text for text, place in places.items() if not is_there(place)]
    sieve = Sieve(rows)
    sieve.check(
        ~pl.col("sensor").is_in(SENSORS),
        "unknown-sensor",
        pl.format("sensor {} is unknown", "sensor"),
        f"use {', '.join(SENSORS[:-1])} or {SENSORS[-1]}",
    )
    sieve.check(
        pl.struct("video", "sensor").is_first_distinct().not_(),
        "duplicate-sensor",
        pl.format("the {} of {} is already listed above", "sensor", "video"),
        "remove one of the two",
    )
    sieve.check(
        pl.col("path").is_in(lacking),
        "missing-sensor-file",
        pl.format("there is no file {} for the {} of {}", "path", "sensor", "video"),
        "put it there, or remove the row: the sensor counts as absent",
    )
    is_table = (pl.col("sensor") == "imu") & ~pl.col("path").str.to_lowercase().str.ends_with(".vrs")
    sieve.check(
        pl.col("layout").is_not_null() & ~(is_table & pl.col("layout").is_in(IMU_LAYOUTS)),
        "bad-value",
        pl.format("layout is {} for the {} in {}", "layout", "sensor", "path"),
        f"leave it empty, or for an imu's tables use {', '.join(IMU_LAYOUTS[:-1])} or {IMU_LAYOUTS[-1]}",
    )
    sensors: dict[str, dict[str, SensorFile]] = {}
    faults = [*table.faults, *sieve.faults]
    columns = ("video", "sensor", "path", "part", "layout", "row")
    for video, sensor, text, part, layout, row in sieve.kept.select(columns).iter_rows():
        file = _sensor_file(sensor, places[text], part, layout)
        fault = _unusable(path, sensor, file, row)
        if fault is None:
            sensors.setdefault(video, {})[sensor] = file
        else:
            faults.append(fault)
    return sensors, faults


def absent_everywhere(place: Path, dataset: Dataset, looked_for: Mapping[str, str]) -> list[Fault]:
    """A fault for each sensor that no recording has.

    Args:
        place: The file or folder that the faults name.
        dataset: With its sensors.
        looked_for: By sensor, what was looked for, in words.
    """
    present = {name for files in dataset.sensors.values() for name in files}
    return [
        Fault("absent-sensor", place, f"no recording has {name} ({words})", "add its files, or do without the sensor")
        for name, words in looked_for.items()
        if name not in present
    ]


def has_sound(path: Path) -> bool:
    """Whether a video file has a sound track; a folder of frames, and what cannot be opened, has none."""
    return not path.is_dir() and has_sound_track(path)


def videos_of(sensors: Sensors) -> dict[str, Path]:
    """Each recording's video, where it is one that FFmpeg reads."""
    files = {video: found["video"] for video, found in sensors.items() if "video" in found}
    return {video: file.path for video, file in files.items() if file.layout == "av"}


def _sensor_file(sensor: str, path: Path, part: str, layout: SensorLayout | None) -> SensorFile:
    if path.suffix.lower() == ".vrs":
        return SensorFile(path, "aria", part or ARIA_PARTS[sensor][0])
    return SensorFile(path, (layout or IMU_LAYOUTS[0]) if sensor == "imu" else "av", part)


def _unusable(table: Path, sensor: str, file: SensorFile, row: int) -> Fault | None:
    if file.layout == "aria" and file.part not in ARIA_PARTS[sensor]:
        message = f"part is {file.part!r}, expected {' or '.join(ARIA_PARTS[sensor])}"
        return Fault("bad-value", table, message, "correct it", row)
    if file.layout != "aria" and file.part:
        message = f"part is {file.part!r}, but only a Project Aria recording (.vrs) has parts"
        return Fault("bad-value", table, message, "leave it empty", row)
    if sensor == "audio" and file.layout == "av" and not has_sound(file.path):
        message = f"{file.path.name} has no sound"
        return Fault(
            "no-sound", table, message, "correct the file, or remove the row: the sensor counts as absent", row
        )
    return None
