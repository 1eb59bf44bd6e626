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
        turns: For each row that is left, the last key that is nearer to it than to the next row, or as near. A key is
            a video and a time as one number, ascending from row to row.
        rows: For each of these, its number in the store; none where no row is left out.
        origins: For each clip, the key of its video's beginning.
        first: For each clip, its first row.
        stop: One after its last row; every window of a clip that is there has at least one row.
        starts: For each clip, the key of its first row.
        rates: For each clip, its rows per microsecond, in the mean.
    """

    turns: Int64[np.ndarray, " rows"]
    rows: Int64[np.ndarray, " rows"] | None
    origins: Int64[np.ndarray, " n"]
    first: Int64[np.ndarray, " n"]
    stop: Int64[np.ndarray, " n"]
    starts: Int64[np.ndarray, " n"]
    rates: Float64[np.ndarray, " n"]

    @classmethod
    def of(cls, store: Store, clips: pl.DataFrame) -> "Windows":
        """The windows of clips; those of clips that the store does not hold mean nothing.

        Rows from a clip's start up to, not including, its end are its own. Where it has none, it borrows the row
        nearest its centre.
        """
        keys, ranks = _keys(store)
        # Of a sensor that was off throughout no window means anything, but each shall name a row that exists.
        rows = None if len(store.recorded) in (0, len(store)) else store.recorded
        keys = keys if rows is None else keys[rows]
        turns = np.append(keys[:-1] + np.diff(keys) // 2, np.iinfo(np.int64).max)
        origins = np.array([ranks.get(video_id, -1) for video_id in clips["video_id"]], np.int64) * _TICKS_PER_VIDEO
        starts, stops = (ticks(clips[name].to_numpy()) for name in ("start_s", "stop_s"))
        first, stop = np.searchsorted(keys, origins + starts), np.searchsorted(keys, origins + stops)
        video_first = np.searchsorted(keys, origins)
        video_stop = np.maximum(np.searchsorted(keys, origins + _TICKS_PER_VIDEO), video_first + 1)
        lonely = first == stop
        borrowed = _nearest(turns, origins + (starts + stops) // 2, video_first, video_stop)
        first, stop = np.where(lonely, borrowed, first), np.where(lonely, borrowed + 1, stop)
        lengths = keys[stop - 1] - keys[first]
        rates = (stop - 1 - first) / np.maximum(lengths, 1)
        return cls(turns, rows, origins, first, stop, keys[first], rates)

    def nearest(
        self, chosen: Int[np.ndarray, " batch"], times_s: Float64[np.ndarray, "batch bins"]
    ) -> Int64[np.ndarray, "batch bins"]:
        """For each of some clips, the row of its window nearest to each time; of two as near, the earlier.

        Args:
            chosen: Which clips.
            times_s: Times in each of them, in seconds.
        """
        asked = self.origins[chosen, None] + ticks(times_s)
        first, last = self.first[chosen, None], self.stop[chosen, None] - 1
        # Where rows lie at equal distances this is the row already, which costs two looks instead of a search.
        found: Int64[np.ndarray, "batch bins"] = first + np.rint(
            (asked - self.starts[chosen, None]) * self.rates[chosen, None]
        ).astype(np.int64)
        found = np.minimum(np.maximum(found, first), last)
        wrong = (asked > self.turns[found]) & (found < last) | (asked <= self.turns[found - 1]) & (found > first)
        if wrong.any():
            clip = np.nonzero(wrong)[0]
            found[wrong] = _nearest(self.turns, asked[wrong], first[clip, 0], last[clip, 0] + 1)
        return found if self.rows is None else self.rows[found]

    def spans(self) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
        """For each clip, the store's rows that it is read from: the first, and one after the last."""
        if self.rows is None:
            return self.first, self.stop
        return self.rows[self.first], self.rows[self.stop - 1] + 1

    def subset(self, chosen: Int[np.ndarray, " chosen"]) -> "Windows":
        """Some of the clips."""
        per_clip = (self.origins, self.first, self.stop, self.starts, self.rates)
        return Windows(self.turns, self.rows, *(values[chosen] for values in per_clip))


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
    turns: Int64[np.ndarray, " rows"],
    asked: Int64[np.ndarray, " asked"],
    first: Int64[np.ndarray, " asked"],
    stop: Int64[np.ndarray, " asked"],
) -> Int64[np.ndarray, " asked"]:
    """The row nearest to each asked key, between ``first`` and ``stop``; of two as near, the earlier."""
    first, stop = np.minimum(first, len(turns) - 1), np.minimum(stop, len(turns))  # of videos without a row
    rows: Int64[np.ndarray, " asked"] = np.clip(np.searchsorted(turns, asked), first, stop - 1)
    return rows
