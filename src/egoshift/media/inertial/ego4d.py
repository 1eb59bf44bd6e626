"""Ego4D's head IMU: one table a video, ``imu/<video_uid>.csv``.

The layout and its documented defects are those of https://ego4d-data.org/docs/data/imu. The times that count are the
canonical ones, milliseconds of the canonical video; they are empty for what was cut from it. The documents give no
units; those of the cameras are m/s^2 and rad/s.

**Deviations** from the loaders in use (pytorchvideo, imu2clip): an empty cell is absence, never 0; times are sorted and
never made up anew from an assumed rate; nothing is normalised here.
"""

from pathlib import Path

import numpy as np

from egoshift.errors import Fault
from egoshift.media.inertial.samples import LATEST_S, RawReadings, Recording, Unit, arrange
from egoshift.media.inertial.table import positions_of, read_table

COMPONENT, TIME = "component_idx", "canonical_timestamp_ms"
GYROSCOPE = ("gyro_x", "gyro_y", "gyro_z")
ACCELEROMETER = ("accl_x", "accl_y", "accl_z")
AXES = ("x", "y", "z")

RATE_HZ = 200.0
"""About what the sensors run at: 198 to 202 readings a second are seen."""


def read_ego4d_imu(
    path: Path, *, acceleration_unit: Unit = "m/s^2", rotation_unit: Unit = "rad/s", latest_s: float = LATEST_S
) -> Recording:
    """The sensors ``accelerometer`` and ``gyroscope`` of one video, on its canonical clock.

    A video may have been joined from several components. Their readings follow each other by their canonical times;
    where components take turns more often than that allows, a fault says so (``mixed-components``), for then the
    times of one of them are wrong.

    Args:
        path: The table.
        acceleration_unit: What accelerations are in.
        rotation_unit: What rotations are in.
        latest_s: Times further than this from zero are absurd.

    Raises:
        DataError: The file cannot be read or lacks columns.
    """
    table = read_table(path)
    positions = positions_of(table, (COMPONENT, TIME, *ACCELEROMETER, *GYROSCOPE))
    times_ms, _ = table.numbers(positions[1:2])
    acceleration, bad_acceleration = table.numbers(positions[2:5])
    rotation, bad_rotation = table.numbers(positions[5:8])
    columns = [
        RawReadings("accelerometer", AXES, acceleration_unit, acceleration, bad_acceleration),
        RawReadings("gyroscope", AXES, rotation_unit, rotation, bad_rotation),
    ]
    times_s = times_ms[:, 0] / 1000
    recording = arrange(path, times_s, columns, rows=table.rows, latest_s=latest_s)
    components, _ = table.numbers(positions[:1])
    mixed = _mixed(path, components[:, 0], times_s, latest_s)
    return Recording(recording.sensors, recording.faults + mixed)


def _mixed(path: Path, components: np.ndarray, times_s: np.ndarray, latest_s: float) -> tuple[Fault, ...]:
    """A fault where the readings of several components lie among each other in time."""
    placed = np.isfinite(components) & (np.abs(np.nan_to_num(times_s, nan=np.inf)) <= latest_s)
    ordered = components[placed][np.argsort(times_s[placed], kind="stable")]
    turns = int(np.count_nonzero(np.diff(ordered)))
    num_components = len(np.unique(ordered))
    if turns < max(1, num_components):
        return ()
    message = f"readings of {num_components} components take turns {turns} times; {num_components - 1} was expected"
    remedy = "they are kept in order of time; check that sensor and video show the same motion"
    return (Fault("mixed-components", path, message, remedy),)
