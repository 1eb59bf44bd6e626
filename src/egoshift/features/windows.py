"""Clips as windows of a store's rows, and the row nearest to a time."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64, Int, Int64

from egoshift.features.plan import ticks
from egoshift.features.store import Store

_TICKS_PER_VIDEO = 1 << 42  # 50 days: videos lie one after another on one axis, so that one search finds all


@dataclass(frozen=True)
class Windows:
    """The rows of a store that lie in each of n clips.

    Rows in which a sensor was off are left out; ``first`` and ``stop`` count the others.

    Attributes:
        keys: For each row that is left, its video and its time as one ascending number.
        rows: For each of these, its number in the store.
        origins: For each clip, the key of its video's beginning.
        first: For each clip, its first row.
        stop: One after its last row; every window of a clip that is there has at least one row.
    """

    keys: Int64[np.ndarray, " rows"]
    rows: Int64[np.ndarray, " rows"]
    origins: Int64[np.ndarray, " n"]
    first: Int64[np.ndarray, " n"]
    stop: Int64[np.ndarray, " n"]

    @classmethod
    def of(cls, store: Store, clips: pl.DataFrame) -> "Windows":
        """The windows of clips; those of clips that the store does not hold mean nothing.

        Rows from a clip's start up to, not including, its end are its own. Where it has none, it borrows the row
        nearest its centre.
        """
        keys, ranks = _keys(store)
        # Of a sensor that was off throughout no window means anything, but each shall name a row that exists.
        rows = store.recorded if len(store.recorded) else np.arange(len(store), dtype=np.int64)
        keys = keys[rows]
        origins = np.array([ranks.get(video_id, -1) for video_id in clips["video_id"]], np.int64) * _TICKS_PER_VIDEO
        starts, stops = (ticks(clips[name].to_numpy()) for name in ("start_s", "stop_s"))
        first, stop = np.searchsorted(keys, origins + starts), np.searchsorted(keys, origins + stops)
        video_first = np.searchsorted(keys, origins)
        video_stop = np.maximum(np.searchsorted(keys, origins + _TICKS_PER_VIDEO), video_first + 1)
        borrowed = _nearest(keys, origins + (starts + stops) // 2, video_first, video_stop)
        lonely = first == stop
        return cls(keys, rows, origins, np.where(lonely, borrowed, first), np.where(lonely, borrowed + 1, stop))

    def nearest(
        self, chosen: Int[np.ndarray, " batch"], times_s: Float64[np.ndarray, "batch bins"]
    ) -> Int64[np.ndarray, "batch bins"]:
        """For each of some clips, the row of its window nearest to each time; of two as near, the earlier.

        Args:
            chosen: Which clips.
            times_s: Times in each of them, in seconds.
        """
        asked = self.origins[chosen, None] + ticks(times_s)
        found = _nearest(self.keys, asked, self.first[chosen, None], self.stop[chosen, None])
        rows: Int64[np.ndarray, "batch bins"] = self.rows[found]
        return rows

    def subset(self, chosen: Int[np.ndarray, " chosen"]) -> "Windows":
        """Some of the clips."""
        return Windows(self.keys, self.rows, self.origins[chosen], self.first[chosen], self.stop[chosen])


def recorded(store: Store, clips: pl.DataFrame) -> Bool[np.ndarray, " clips"]:
    """In which clips there is something at half of the stored times or more; clips without one have nothing."""
    keys, ranks = _keys(store)
    counts = np.concatenate([[0], np.cumsum(np.isin(np.arange(len(store)), store.recorded))])
    origins = np.array([ranks.get(video_id, -1) for video_id in clips["video_id"]], np.int64) * _TICKS_PER_VIDEO
    first, stop = (np.searchsorted(keys, origins + ticks(clips[name].to_numpy())) for name in ("start_s", "stop_s"))
    enough: Bool[np.ndarray, " clips"] = (counts[stop] - counts[first]) * 2 >= np.maximum(stop - first, 1)
    return enough


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
    first, stop = np.minimum(first, len(keys) - 1), np.minimum(stop, len(keys))  # of videos without a row
    before, after = np.clip(after - 1, first, stop - 1), np.clip(after, first, stop - 1)
    rows: Int64[np.ndarray, "*shape"] = np.where(keys[after] - asked < asked - keys[before], after, before)
    return rows
