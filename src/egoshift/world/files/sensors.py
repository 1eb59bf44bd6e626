"""Head IMU in the files of Ego4D and of EPIC-KITCHENS-100, with the defects that the real files have where asked for.

Ego4D's layout is that of https://ego4d-data.org/docs/data/imu, one table a video. EPIC-KITCHENS has two tables a
video, accelerations and rotations, whose clocks are not the same.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from egoshift.files import write_atomically
from egoshift.world.imu import Inertial, measure
from egoshift.world.script import Script

EGO4D_RATE_HZ = 201.0
"""Readings 4.975 ms apart, as in the data set's own sample."""

EPIC_RATES_HZ = {"accl": 200.0, "gyro": 198.7}

DIGITS = 7
"""Decimals of a number, finer than any sensor."""

NULL_SHARE = 0.1
"""The share of a video, from its start, whose place in it is not known where that is a defect."""

SWAPPED_S = 1.0
"""How much is out of order where that is a defect: as much, taken before what precedes it."""


@dataclass(frozen=True)
class Defects:
    """What is wrong with a sensor's file; by default, nothing.

    Attributes:
        gap_s: From when to when nothing was written, in seconds of the video.
        null_canonical: The first tenth has no canonical times, as what was recorded before a cut has. Ego4D only.
        no_acceleration: Accelerations are empty (Ego4D) or their file is missing (EPIC-KITCHENS).
        non_monotonic: Two neighbouring seconds in the middle of the video stand in the file the wrong way round.
        desync_s: How much later than in the video everything is said to have happened.
    """

    gap_s: tuple[float, float] | None = None
    null_canonical: bool = False
    no_acceleration: bool = False
    non_monotonic: bool = False
    desync_s: float = 0.0


FAULTLESS = Defects()


def ego4d_path(root: Path, script: Script) -> Path:
    """Where a video's table lies: ``imu/<video_uid>.csv``."""
    return root / "imu" / f"{script.video_id}.csv"


def epic_path(root: Path, script: Script, kind: str) -> Path:
    """Where a video's table of a kind (``accl`` or ``gyro``) lies: ``P01/meta_data/P01_101-accl.csv``."""
    return root / script.participant_id / "meta_data" / f"{script.video_id}-{kind}.csv"


def write_ego4d(root: Path, script: Script, defects: Defects = FAULTLESS) -> None:
    """Measure and write ``<root>/imu/<video_uid>.csv``.

    Args:
        root: The folder of the data set.
        script: The video.
        defects: What is wrong with the file.
    """
    felt = measure(script, EGO4D_RATE_HZ)
    order = _order(felt, defects)
    times_ms = (felt.times_s + defects.desync_s)[order] * 1000
    known_ms, acceleration = times_ms.copy(), felt.acceleration[order]
    # What is not a number is written as an empty cell.
    if defects.null_canonical:
        known_ms[felt.times_s[order] < NULL_SHARE * script.duration_s] = np.nan
    if defects.no_acceleration:
        acceleration[:] = np.nan
    columns = {
        "component_idx": np.zeros(len(order), dtype=np.int64),
        "component_timestamp_ms": times_ms,
        "canonical_timestamp_ms": known_ms,
        **{f"gyro_{axis}": felt.rotation[order, k] for k, axis in enumerate("xyz")},
        **{f"accl_{axis}": acceleration[:, k] for k, axis in enumerate("xyz")},
    }
    _write(ego4d_path(root, script), columns)


def write_epic(root: Path, script: Script, defects: Defects = FAULTLESS) -> None:
    """Measure and write ``<root>/<participant>/meta_data/<video>-accl.csv`` and ``-gyro.csv``.

    Args:
        root: The folder of the participants' folders.
        script: The video.
        defects: What is wrong with both files.

    Raises:
        ValueError: Canonical times are to be missing, which this layout does not have.
    """
    if defects.null_canonical:
        raise ValueError("EPIC-KITCHENS has no canonical times that could be missing; leave null_canonical out")
    for kind, rate_hz in EPIC_RATES_HZ.items():
        path = epic_path(root, script, kind)
        if kind == "accl" and defects.no_acceleration:
            path.unlink(missing_ok=True)  # a file that an earlier world left here
            continue
        felt = measure(script, rate_hz)
        order = _order(felt, defects)
        values = (felt.acceleration if kind == "accl" else felt.rotation)[order]
        times_ms = (felt.times_s + defects.desync_s)[order] * 1000
        named = {f"{kind.capitalize()}{axis}": values[:, k] for k, axis in enumerate("XYZ")}
        _write(path, {"Milliseconds": times_ms, **named})


def _order(felt: Inertial, defects: Defects) -> np.ndarray:
    """Which readings are written, in which order."""
    times_s = felt.times_s
    order = np.arange(len(times_s))
    if defects.non_monotonic:
        middle_s = times_s[-1] / 2
        low, middle, high = np.searchsorted(times_s, [middle_s - SWAPPED_S, middle_s, middle_s + SWAPPED_S])
        order = np.concatenate([order[:low], order[middle:high], order[low:middle], order[high:]])
    if defects.gap_s is not None:
        start_s, stop_s = defects.gap_s
        order = order[(times_s[order] < start_s) | (times_s[order] >= stop_s)]
    return order


def _write(path: Path, columns: dict[str, np.ndarray]) -> None:
    write_atomically(path, pl.DataFrame(columns, nan_to_null=True).write_csv(float_precision=DIGITS).encode())
