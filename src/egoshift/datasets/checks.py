"""Faults that need the videos' durations: segments that reach past the end."""

from collections.abc import Mapping

import polars as pl

from egoshift.errors import Fault
from egoshift.records import Dataset


def media_faults(dataset: Dataset, durations_s: Mapping[str, float]) -> tuple[Fault, ...]:
    """One fault for each clip that stops after its video does.

    Args:
        dataset: The data set as read.
        durations_s: Duration by video id, in seconds; clips of videos that are not named here are not judged.
    """
    return ()
