"""What a process holds at a moment, and whether a series of such moments grows."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil


@dataclass(frozen=True)
class Held:
    """What a process and its children hold.

    Attributes:
        minute: Since the beginning.
        MiB: Memory that is theirs alone.
        handles: Open files, sockets and pipes of the process itself.
        threads: Of the process itself.
        files: In the folder of temporary files.
    """

    minute: float
    MiB: float
    handles: int
    threads: int
    files: int


def held(process: psutil.Process, minute: float, temporary: Path) -> Held:
    """Looks at a process now."""
    MiB = process.memory_full_info().uss / 2**20
    for child in process.children(recursive=True):
        try:
            MiB += child.memory_full_info().uss / 2**20
        except psutil.NoSuchProcess:  # ended while it was looked at
            continue
    files = sum(len(names) for _, _, names in os.walk(temporary))  # what is removed meanwhile is no error to walk
    return Held(minute, MiB, process.num_fds(), process.num_threads(), files)


def growth_per_hour(minutes: Sequence[float], values: Sequence[float], *, warm: float = 0.25) -> float:
    """The slope of a series by the median of all pairs' slopes (Theil 1950, Sen 1968), without its beginning.

    >>> growth_per_hour([0, 10, 20, 30, 40], [90, 5, 5, 6, 5])
    0.0

    Args:
        minutes: When, ascending.
        values: What was held.
        warm: The share of the time that is left out, in which caches fill.
    """
    t, y = np.asarray(minutes, float), np.asarray(values, float)
    late = t >= t[0] + warm * (t[-1] - t[0])
    t, y = t[late], y[late]
    first, second = np.triu_indices(len(t), 1)
    apart = t[second] - t[first]
    slopes = (y[second] - y[first])[apart > 0] / apart[apart > 0]
    return float(60 * np.median(slopes)) if len(slopes) else 0.0
