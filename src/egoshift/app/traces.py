"""Sound and inertial measurements of a recording, as few enough numbers to draw."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Float64

from egoshift.app.recordings import Recording
from egoshift.errors import EgoshiftError
from egoshift.media import SoundPass, read_inertial
from egoshift.records import SensorFile

NUM_BINS = 1200
"""About one a pixel of a wide screen."""

SOUND_RATE_HZ = 8000


def traces(recording: Recording) -> dict[str, object]:
    """What the page draws under the timeline.

    Returns:
        ``audio``: the loudest amplitude, 0 to 1, in each of ``NUM_BINS`` equal parts of the video, and ``imu``: by the
        sensor its unit, and the largest step away from its median in each part; null where nothing was read. What
        could not be read at all is absent and stands in ``notices``.
    """
    duration_s = recording.duration_s
    told: dict[str, object] = {}
    notices = []
    if recording.has_sound:
        try:
            told["audio"] = _rounded(sound_peaks(recording.path, duration_s))
        except EgoshiftError as error:
            notices.append(recording.public(str(error)))
    if "imu" in recording.sensors:
        try:
            told["imu"] = _inertial(recording.sensors["imu"], duration_s)
        except EgoshiftError as error:
            notices.append(recording.public(str(error)))
    return {**told, "notices": notices}


def sound_peaks(path: Path, duration_s: float) -> Float32[np.ndarray, " bins"]:
    """The loudest amplitude in each of ``NUM_BINS`` equal parts of the video; NaN where there is no sound.

    Raises:
        MediaError: The sound cannot be read.
    """
    peaks = np.full(NUM_BINS, np.nan, np.float32)
    reading = SoundPass(path, 0.0, duration_s, sample_rate_hz=SOUND_RATE_HZ)
    for first, samples in reading.blocks():
        times_s = np.arange(first, first + len(samples)) / SOUND_RATE_HZ
        bins = (times_s / duration_s * NUM_BINS).astype(int).clip(max=NUM_BINS - 1)
        np.fmax.at(peaks, bins, np.abs(samples))
    return peaks


def binned_motion(
    times_s: Float64[np.ndarray, " readings"], values: Float64[np.ndarray, "readings axes"], duration_s: float
) -> Float64[np.ndarray, " bins"]:
    """How far readings step away from the sensor's median, the farthest in each of ``NUM_BINS`` equal parts.

    Returns:
        Euclidean distances in the sensor's unit; NaN where no reading was taken.
    """
    farthest = np.full(NUM_BINS, np.nan)
    inside = (times_s >= 0) & (times_s < duration_s)
    bins = (times_s[inside] / duration_s * NUM_BINS).astype(int)
    away = np.linalg.norm(values[inside] - np.median(values, axis=0), axis=1)
    np.fmax.at(farthest, bins, away)
    return farthest


def _inertial(path: Path, duration_s: float) -> dict[str, object]:
    sensors = read_inertial(SensorFile(path, "ego4d")).sensors
    return {
        name: {"unit": samples.unit, "values": _rounded(binned_motion(samples.times_s, samples.values, duration_s))}
        for name, samples in sensors.items()
    }


def _rounded(values: Float[np.ndarray, " bins"]) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 3) for value in values]
