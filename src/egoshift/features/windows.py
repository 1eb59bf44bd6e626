"""Clips as windows of a store's rows, and the row nearest to a time."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float64, Int, Int64

from egoshift.features.plan import ticks
from egoshift.features.store import Store

_TICKS_PER_VIDEO = 1 << 42  # 50 days: videos lie one after another on one axis, so that one search finds all


@dataclass(frozen=True)
class Windows:
    """The rows of a store that lie in each of n clips.

    Attributes:
        keys: For each row of the store, its video and its time as one ascending number.
        origins: For each clip, the key of its video's beginning.
        first: For each clip, its first row.
        stop: One after its last row; every window has at least one row.
    """

    keys: Int64[np.ndarray, " rows"]
    origins: Int64[np.ndarray, " n"]
    first: Int64[np.ndarray, " n"]
    stop: Int64[np.ndarray, " n"]

    @classmethod
    def of(cls, store: Store, clips: pl.DataFrame) -> "Windows":
        """The windows of clips whose videos are all in the store.

        Rows from a clip's start up to, not including, its end are its own. Where it has none, it borrows the row
        nearest its centre.
        """
        keys, ranks = _keys(store)
        ids = clips["video_id"].to_list()
        origins = np.array([ranks[video_id] for video_id in ids], np.int64) * _TICKS_PER_VIDEO
        starts, stops = (ticks(clips[name].to_numpy()) for name in ("start_s", "stop_s"))
        first, stop = np.searchsorted(keys, origins + starts), np.searchsorted(keys, origins + stops)
        video_first = np.array([store.offsets[video_id][0] for video_id in ids], np.int64)
        video_stop = video_first + np.array([store.offsets[video_id][1] for video_id in ids], np.int64)
        borrowed = _nearest(keys, origins + (starts + stops) // 2, video_first, video_stop)
        lonely = first == stop
        return cls(keys, origins, np.where(lonely, borrowed, first), np.where(lonely, borrowed + 1, stop))

    def nearest(
        self, chosen: Int[np.ndarray, " batch"], times_s: Float64[np.ndarray, "batch bins"]
    ) -> Int64[np.ndarray, "batch bins"]:
        """For each of some clips, the row of its window nearest to each time; of two as near, the earlier.

        Args:
            chosen: Which clips.
            times_s: Times in each of them, in seconds.
        """
        asked = self.origins[chosen, None] + ticks(times_s)
        return _nearest(self.keys, asked, self.first[chosen, None], self.stop[chosen, None])

    def subset(self, chosen: Int[np.ndarray, " chosen"]) -> "Windows":
        """Some of the clips."""
        return Windows(self.keys, self.origins[chosen], self.first[chosen], self.stop[chosen])


def _keys(store: Store) -> tuple[Int64[np.ndarray, " rows"], dict[str, int]]:
    counts = [num_rows for _, num_rows in store.offsets.values()]
    ranks = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return ticks(store.times_s) + ranks * _TICKS_PER_VIDEO, {video: rank for rank, video in enumerate(store.offsets)}


def _nearest(
    keys: Int64[np.ndarray, " rows"],
    asked: Int64[np.ndarray, "*shape"],
    first: Int64[np.ndarray, "..."],
    stop: Int64[np.ndarray, "..."],
) -> Int64[np.ndarray, "*shape"]:
    """The row nearest to each asked key, between ``first`` and ``stop``; of two as near, the earlier."""
    after = np.searchsorted(keys, asked)
    before, after = np.clip(after - 1, first, stop - 1), np.clip(after, first, stop - 1)
    rows: Int64[np.ndarray, "*shape"] = np.where(keys[after] - asked < asked - keys[before], after, before)
    return rows
