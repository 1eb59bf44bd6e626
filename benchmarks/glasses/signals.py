"""What the accelerometers of ClassyGlass say of labels and mounting, recording by recording, without any training."""

from collections.abc import Iterable
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from jaxtyping import Float64

from benchmarks.glasses.folds import WINDOW_S
from egoshift.media.inertial.glasses import CODINGS, Entry, read_glasses
from egoshift.media.inertial.samples import Recording

STANDARD_GRAVITY = 9.80665
Values = Float64[np.ndarray, "reading axis"]


def signals(archive: Path) -> dict[str, Any]:
    """How lively *running* is and which way gravity points while *standing*, by person.

    Args:
        archive: The file of ClassyGlass.

    Returns:
        ``running_g``: by user, the median over windows of 4 s of the standard deviation of the acceleration's length,
        in g. ``standing_y_g``: by user, the mean of the y axis over their recordings, in g.
    """
    return of_recordings(read_glasses(archive))


def of_recordings(recordings: Iterable[tuple[Entry, Recording]]) -> dict[str, Any]:
    """The same of recordings that were read already; those without an accelerometer are left out."""
    running: dict[str, list[float]] = {}
    standing: dict[str, list[float]] = {}
    for entry, recording in recordings:
        if "accelerometer" not in recording.sensors:
            continue
        values_g = recording.sensors["accelerometer"].values / STANDARD_GRAVITY
        if entry.name == "running":
            running.setdefault(str(entry.user), []).extend(liveliness(values_g))
        if entry.name == "standing":
            standing.setdefault(str(entry.user), []).append(float(values_g[:, 1].mean()))
    return {
        "running_g": {user: round(median(found), 3) for user, found in running.items()},
        "standing_y_g": {user: round(fmean(found), 3) for user, found in standing.items()},
    }


def liveliness(values: Values) -> list[float]:
    """The standard deviation of the length within each whole window of 4 s, in the unit of the values."""
    lengths = np.linalg.norm(values, axis=1)
    size = round(WINDOW_S * CODINGS["acc"].rate_hz)
    whole = lengths[: len(lengths) // size * size].reshape(-1, size)
    return [float(one) for one in whole.std(axis=1, ddof=1)]
