"""Sensors with clocks of their own on one uniform grid that begins with the video."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64
from torch import Tensor

from egoshift.errors import ConfigError
from egoshift.media.inertial.interpolation import interpolate
from egoshift.media.inertial.lowpass import filtered
from egoshift.media.inertial.samples import Samples

Layout = Mapping[str, int]
"""Sensors by name and how many axes each has: the same for all videos of a data set."""

HEAD_LAYOUT: Layout = MappingProxyType({"accelerometer": 3, "gyroscope": 3})
"""What Ego4D, EPIC-KITCHENS and GoPro have."""

RATE_HZ = 200.0
"""Points of the grid a second, as in imu2clip and ImageBind; the slides' storage figure for IMU agrees with it."""

MAX_GAP_S = 0.1
"""Steps of a sensor's clock longer than this are gaps, for sensors of 25 Hz and more."""

LONGEST_STEP = 2.5
"""Slower sensors: steps longer than so many of the sensor's own are gaps."""

FASTER = 1.05
"""Sensors faster than the grid by more than this are low-passed; what others could fold back is its last twentieth."""

_SLACK = 1e-6  # of a step of the grid: 0.7 * 10 is a little more than 7 in floating point, and still point 7


@dataclass(frozen=True)
class Gridded:
    """The sensors of one video at the times ``k / rate_hz``.

    Attributes:
        rate_hz: Points a second; the first is the video's first frame.
        layout: The sensors, in the order of the columns.
        values: The readings, in SI units; NaN where a sensor is absent, so that nobody takes absence for rest.
        present: Whether each sensor has readings there.
    """

    rate_hz: float
    layout: Layout
    values: Float32[Tensor, "times channels"]
    present: Bool[Tensor, "times sensors"]

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the columns of ``values``: ``accelerometer.0``, ``accelerometer.1``, ..."""
        return channel_names(self.layout)


def channel_names(layout: Layout) -> tuple[str, ...]:
    """The names of all axes of all sensors: ``accelerometer.0``, ``accelerometer.1``, ..."""
    return tuple(f"{sensor}.{axis}" for sensor, num_axes in layout.items() for axis in range(num_axes))


def onto_grid(
    sensors: Mapping[str, Samples],
    duration_s: float,
    *,
    layout: Layout = HEAD_LAYOUT,
    rate_hz: float = RATE_HZ,
    max_gap_s: float = MAX_GAP_S,
) -> Gridded:
    """The readings of several sensors at the same times, from the video's first frame to its end.

    Each sensor by itself: its readings fall into runs between gaps. Within a run, and half a step of the sensor to
    either side of it, the sensor is present; elsewhere it is absent. A sensor that is faster than the grid by more than
    ``FASTER`` is low-passed (see ``lowpass``), any other interpolated (see ``interpolation``). Nothing reaches over a
    gap: neither interpolation nor filter.

    Args:
        sensors: The readings by the sensor's name; those that the layout does not name are not used.
        duration_s: The length of the video.
        layout: Which sensors, in which order.
        rate_hz: Points a second.
        max_gap_s: See ``gap_limit_s``.

    Raises:
        ConfigError: A sensor has another number of axes than the layout says.
    """
    num_times = num_points(duration_s, rate_hz)
    values = torch.full((num_times, sum(layout.values())), math.nan, dtype=torch.float32)
    present = torch.zeros((num_times, len(layout)), dtype=torch.bool)
    column = 0
    for number, (name, num_axes) in enumerate(layout.items()):
        if name in sensors:
            samples = sensors[name]
            if len(samples.axes) != num_axes:
                has = f"{name} has {len(samples.axes)} axes ({', '.join(samples.axes)})"
                raise ConfigError(f"{has}, the layout says {num_axes}; give all videos the same sensors")
            found, there = _resampled(samples, num_times, rate_hz, max_gap_s)
            values[:, column : column + num_axes] = torch.from_numpy(found)
            present[:, number] = torch.from_numpy(there)
        column += num_axes
    return Gridded(rate_hz, layout, values, present)


def num_points(duration_s: float, rate_hz: float) -> int:
    """How many points ``k / rate_hz`` there are from 0 up to, not including, the end."""
    return max(0, math.ceil(duration_s * rate_hz - _SLACK))


def step_s(times_s: Float64[np.ndarray, " readings"]) -> float | None:
    """The time from one reading to the next, as its median; none where there is one reading only."""
    return float(np.median(np.diff(times_s))) if len(times_s) > 1 else None


def gap_limit_s(times_s: Float64[np.ndarray, " readings"], max_gap_s: float = MAX_GAP_S) -> float:
    """How long a step of a sensor's clock must be to be a gap: ``max_gap_s``, for slow sensors ``LONGEST_STEP``."""
    return max(max_gap_s, LONGEST_STEP * (step_s(times_s) or 0.0))


def runs(times_s: Float64[np.ndarray, " readings"], max_gap_s: float = MAX_GAP_S) -> list[tuple[int, int]]:
    """From which reading up to, not including, which there is no gap; in order, all readings being in one."""
    breaks = np.flatnonzero(np.diff(times_s) > gap_limit_s(times_s, max_gap_s)) + 1
    edges = [0, *breaks.tolist(), len(times_s)]
    return list(pairwise(edges))


def rate_hz_of(times_s: Float64[np.ndarray, " readings"], max_gap_s: float = MAX_GAP_S) -> float | None:
    """Readings a second, gaps left out; none where no two readings belong together."""
    steps = np.diff(times_s)
    inside = steps[steps <= gap_limit_s(times_s, max_gap_s)]
    return float(len(inside) / inside.sum()) if len(inside) else None


def _resampled(
    samples: Samples, num_times: int, rate_hz: float, max_gap_s: float
) -> tuple[Float32[np.ndarray, "times axes"], Bool[np.ndarray, " times"]]:
    times_s = samples.times_s
    values = np.full((num_times, len(samples.axes)), np.nan, dtype=np.float32)
    present = np.zeros(num_times, dtype=bool)
    half_s = (step_s(times_s) or 1 / rate_hz) / 2
    source_hz = rate_hz_of(times_s, max_gap_s) or 0.0
    for start, stop in runs(times_s, max_gap_s):
        own_s, own = times_s[start:stop], samples.values[start:stop]
        first = max(0, math.ceil((own_s[0] - half_s) * rate_hz - _SLACK))
        end = min(num_times, math.floor((own_s[-1] + half_s) * rate_hz + _SLACK) + 1)
        if first >= end:
            continue
        if source_hz > FASTER * rate_hz:
            values[first:end] = filtered(own_s, own, first, end, rate_hz=rate_hz, source_hz=source_hz)
        else:
            values[first:end] = interpolate(own_s, own, np.arange(first, end) / rate_hz)
        present[first:end] = True
    return values, present
