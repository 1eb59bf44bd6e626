"""Which times of a video are encoded, given the clips that lie in it."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64
from pydantic import BaseModel, ConfigDict, Field, model_validator

from egoshift.media.sampling import exact_times, grid_times

Times = Float64[np.ndarray, " times"]
PerClip = Float64[np.ndarray, " clips"]

TICKS_PER_S = 1_000_000


class FramePlan(BaseModel):
    """The rule that turns clips into frame times.

    ``grid``: every time ``k / rate_hz`` that falls inside a clip. Any clip, bin or random draw finds a stored frame
    within half a step, and clips that overlap share frames; right for training and for anything not yet decided.
    ``exact``: the centres of ``num_frames`` equal bins of each clip, for evaluation of just those clips.

    Attributes:
        kind: Which rule.
        rate_hz: Frames per second of the grid; none for ``exact``.
        num_frames: Bins per clip; none for ``grid``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["grid", "exact"] = "grid"
    rate_hz: float | None = Field(default=None, gt=0)
    num_frames: int | None = Field(default=None, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _only_what_the_kind_needs(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        is_grid = values.get("kind", "grid") == "grid"
        needed, default, other = ("rate_hz", 4.0, "num_frames") if is_grid else ("num_frames", 16, "rate_hz")
        if values.get(other) is not None:
            raise ValueError(f"{other} has no meaning for kind {'grid' if is_grid else 'exact'!r}; give {needed}")
        return {**values, needed: default if values.get(needed) is None else values[needed]}

    def times(self, starts_s: PerClip, stops_s: PerClip, duration_s: float) -> Times:
        """The times to encode of one video: sorted, distinct, within the video.

        Args:
            starts_s: Where each clip of the video begins.
            stops_s: Where it ends.
            duration_s: How long the video is.
        """
        starts, stops = np.minimum(starts_s, duration_s), np.minimum(stops_s, duration_s)
        if self.kind == "grid":
            assert self.rate_hz is not None, "a grid has a rate"
            times = grid_times(starts, stops, self.rate_hz)
        else:
            assert self.num_frames is not None, "exact bins have a number"
            times = exact_times(starts, stops, self.num_frames)
        return times[np.unique(ticks(times), return_index=True)[1]]


def ticks(times_s: Float64[np.ndarray, "*shape"]) -> Int64[np.ndarray, "*shape"]:
    """Times in whole microseconds: what times are compared by, so that no rounding of a float makes two of one."""
    whole: Int64[np.ndarray, "*shape"] = np.rint(times_s * TICKS_PER_S).astype(np.int64)
    return whole
