"""How far a sensor's clock is from the video's: when the head turns, the picture moves.

In Ego4D, sensor and video of perhaps half the recordings are off by up to a second
(https://github.com/facebookresearch/Ego4d/issues/158). What the gyroscope feels and how much the picture changes rise
and fall together; the shift at which they agree best says by how much.

Measured on 60 videos of EgoWorld, of 20 and 40 s, with the motion of the picture known: the shift is right within 25 ms
in all of them, also in those whose head is rather shoved than turned, where the correlation is low (0.3). With the mean
absolute difference of drawn frames, 12 a second, it was right within 65 ms on 5 videos (correlation 0.45 to 0.78).

It cannot tell that a file belongs to another video: where the head turns but once or twice, any two videos can be
shifted onto each other.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from egoshift.media.inertial.checks import Finding
from egoshift.media.inertial.interpolation import interpolate
from egoshift.media.inertial.samples import Samples

RATE_HZ = 60.0
"""Points a second at which both are compared."""

MAX_LAG_S = 2.0
"""How far they may be apart."""

APART_S = 0.5
"""Shifts closer than this to the best one are the same peak."""

LEAST_OVERLAP_S = 5.0
"""With less than this in common, nothing is estimated."""


@dataclass(frozen=True)
class Desync:
    """Where sensor and picture agree best.

    Attributes:
        lag_s: How much later the sensor says that things happened than the video shows them; to put it right, take
            this from the sensor's times. Positive or negative.
        correlation: How well they agree then, -1 to 1.
        confidence: How much worse they agree at any shift that is more than ``APART_S`` from this one, 0 to 2. Below
            0.1, another shift explains the data nearly as well.
    """

    lag_s: float
    correlation: float
    confidence: float


def estimate_desync(
    times_s: Float64[np.ndarray, " readings"],
    rotation: Float64[np.ndarray, "readings axes"],
    frame_times_s: Float64[np.ndarray, " frames"],
    motion: Float64[np.ndarray, " frames"],
    *,
    max_lag_s: float = MAX_LAG_S,
) -> Desync | None:
    """The shift between a gyroscope and the motion of the picture, by their correlation.

    The length of the rotation is averaged over a frame's time, as the motion of the picture is, and both are taken
    ``RATE_HZ`` times a second. At each shift, Pearson's correlation over what they have in common then; the best is
    refined by a parabola through it and its neighbours.

    Args:
        times_s: When the rotations were felt, strictly ascending.
        rotation: In any unit.
        frame_times_s: The middle of the time over which each motion was, strictly ascending: for the difference of two
            frames, half way between them.
        motion: How much the picture moved or changed then, in any unit, not negative.
        max_lag_s: The largest shift looked for.

    Returns:
        The shift; none where the two have too little in common or one of them never changes.
    """
    if len(times_s) < 2 or len(frame_times_s) < 2:
        return None
    width_s = float(np.median(np.diff(frame_times_s)))
    shown_first, shown_last = np.ceil(frame_times_s[0] * RATE_HZ), np.floor(frame_times_s[-1] * RATE_HZ)
    felt_first, felt_last = np.ceil(times_s[0] * RATE_HZ), np.floor(times_s[-1] * RATE_HZ)
    shown = interpolate(frame_times_s, motion[:, None], np.arange(shown_first, shown_last + 1) / RATE_HZ)[:, 0]
    felt_s = np.arange(felt_first, felt_last + 1) / RATE_HZ
    felt = _averaged(times_s, np.linalg.norm(rotation, axis=1), felt_s, width_s)
    offset = int(felt_first - shown_first)
    lags = np.arange(-round(max_lag_s * RATE_HZ), round(max_lag_s * RATE_HZ) + 1)
    # At a lag, point k of the picture belongs to point k + lag - offset of the sensor.
    scores = np.array([_correlation(shown, felt, int(lag) - offset) for lag in lags])
    if np.isnan(scores).all():
        return None
    best = int(np.nanargmax(scores))
    rivals = scores[np.abs(lags - lags[best]) > APART_S * RATE_HZ]
    rival = float(np.nanmax(rivals)) if np.isfinite(rivals).any() else -1.0
    lag = float(lags[best]) + _vertex(scores[max(best - 1, 0) : best + 2])
    return Desync(lag / RATE_HZ, float(scores[best]), float(scores[best]) - rival)


def desync_finding(
    samples: Samples,
    desync: Desync | None,
    *,
    tolerance_s: float = 0.1,
    least_correlation: float = 0.4,
    least_confidence: float = 0.1,
) -> Finding | None:
    """A finding where sensor and video are surely apart; none where they are not, or it cannot be told.

    Args:
        samples: The gyroscope.
        desync: What was estimated for it.
        tolerance_s: Less than this is no fault.
        least_correlation: With less, it cannot be told. In EgoWorld, 97 % of the videos reach it, half of them 0.99.
        least_confidence: With less, another shift explains the data nearly as well.
    """
    if desync is None or abs(desync.lag_s) <= tolerance_s:
        return None
    if desync.correlation < least_correlation or desync.confidence < least_confidence:
        return None
    way = "later" if desync.lag_s > 0 else "earlier"
    message = f"says that things happen {abs(desync.lag_s):.2f} s {way} than the video shows them"
    message += f" (correlation {desync.correlation:.2f}, {desync.confidence:.2f} above any other shift)"
    return Finding("desync", samples.name, 1, message, "shift its times, or leave the sensor out of this video")


def _averaged(times_s: np.ndarray, values: np.ndarray, at_s: np.ndarray, width_s: float) -> np.ndarray:
    """The mean of the straight lines through the values over ``width_s`` around each time."""
    steps, rises = np.diff(times_s), np.diff(values)
    areas = np.concatenate([[0.0], np.cumsum(steps * (values[1:] + values[:-1]) / 2)])

    def area_to(end_s: np.ndarray) -> np.ndarray:
        left = np.clip(np.searchsorted(times_s, end_s, side="right") - 1, 0, len(steps) - 1)
        since = end_s - times_s[left]
        area: np.ndarray = areas[left] + since * (values[left] + rises[left] / steps[left] * since / 2)
        return area

    start_s = np.clip(at_s - width_s / 2, times_s[0], times_s[-1])
    stop_s = np.clip(at_s + width_s / 2, times_s[0], times_s[-1])
    averaged: np.ndarray = (area_to(stop_s) - area_to(start_s)) / (stop_s - start_s)
    return averaged


def _correlation(shown: np.ndarray, felt: np.ndarray, shift: int) -> float:
    """Pearson's correlation of ``shown[k]`` and ``felt[k + shift]`` over all k that both have; NaN where too few."""
    first, stop = max(0, -shift), min(len(shown), len(felt) - shift)
    if stop - first < LEAST_OVERLAP_S * RATE_HZ:
        return float("nan")
    one, other = shown[first:stop], felt[first + shift : stop + shift]
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale > 0 else float("nan")


def _vertex(three: np.ndarray) -> float:
    """Where the parabola through three neighbouring values has its top, -0.5 to 0.5; 0 where there are not three."""
    if len(three) < 3 or not np.isfinite(three).all():
        return 0.0
    before, at, after = three
    bend = before - 2 * at + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
