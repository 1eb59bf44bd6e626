"""Whether clips that are tested on show what training saw: the same moments, or other moments of the same videos."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float64, Int64

TOLERANCE_S = 0.02
"""Two clips that meet may reach into each other so far, by the rounding of times to frames: half a frame at 25 Hz."""

Names = Mapping[str, Iterable[Hashable]]
"""Per video id, all that the video is known by; two videos that share any of it are one."""


@dataclass(frozen=True)
class Moment:
    """A tested clip and a training clip that show the same moments."""

    tested: str
    trained: str
    video_id: str
    trained_video_id: str
    start_s: float
    stop_s: float

    def __str__(self) -> str:
        alias = "" if self.video_id == self.trained_video_id else f", the same file as {self.trained_video_id}"
        return f"{self.tested} and {self.trained} ({self.start_s:g} to {self.stop_s:g} s of {self.video_id}{alias})"


@dataclass(frozen=True)
class Shared:
    """What tested clips share with training clips.

    Attributes:
        videos: The tested clips' videos that training clips lie in too, by the tested clips' ids, sorted.
        clips: How many tested clips lie in them.
        moments: Each tested clip that overlaps a training clip in time, with the one of them that stops last; in
            the order of the tested clips.
    """

    videos: tuple[str, ...]
    clips: int
    moments: tuple[Moment, ...]


def shared_with_training(
    trained: pl.DataFrame,
    tested: pl.DataFrame,
    trained_as: Names,
    tested_as: Names,
    *,
    tolerance_s: float = TOLERANCE_S,
) -> Shared:
    """Which tested clips show videos, and moments of them, that training clips show.

    Args:
        trained: The clips that are trained on, columns ``CLIP_SCHEMA``.
        tested: The clips that are tested on.
        trained_as: What the videos of the training clips are known by.
        tested_as: What those of the tested clips are known by.
        tolerance_s: Clips overlap where each stops more than this after the other starts.
    """
    recordings = _one_number_each(trained_as, tested_as)
    ours = _numbered(trained, recordings[0])
    theirs = _numbered(tested, recordings[1])
    both = theirs.filter(pl.col("recording").is_in(ours["recording"].unique().implode()))
    groups = {number: group for (number,), group in ours.group_by("recording")}
    moments: list[tuple[int, Moment]] = []
    for (number,), group in both.group_by("recording"):
        moments += _moments(groups[number], group, tolerance_s)
    return Shared(
        videos=tuple(sorted(set(both["video_id"]))),
        clips=len(both),
        moments=tuple(moment for _, moment in sorted(moments, key=lambda pair: pair[0])),
    )


def canonical(known_as: Names) -> dict[str, str]:
    """Per video id, the first id of the same recording, so that one file under two names is one."""
    numbers, _ = _one_number_each(known_as, {})
    first: dict[int, str] = {}
    for video in sorted(numbers):
        first.setdefault(numbers[video], video)
    return {video: first[number] for video, number in numbers.items()}


def _one_number_each(ours: Names, theirs: Names) -> tuple[dict[str, int], dict[str, int]]:
    """A number per recording, the same for all videos that share a name, directly or through others."""
    parents: list[int] = []
    owners: dict[Hashable, int] = {}

    def root(number: int) -> int:
        while parents[number] != number:
            number = parents[number] = parents[parents[number]]
        return number

    def places(names: Names) -> dict[str, int]:
        found = {}
        for video, known_as in names.items():
            found[video] = len(parents)
            parents.append(len(parents))
            for name in known_as:
                parents[root(found[video])] = root(owners.setdefault(name, found[video]))
        return found

    both = places(ours), places(theirs)
    return {video: root(place) for video, place in both[0].items()}, {
        video: root(place) for video, place in both[1].items()
    }


def _numbered(clips: pl.DataFrame, recordings: Mapping[str, int]) -> pl.DataFrame:
    numbers = pl.DataFrame(
        {"video_id": list(recordings), "recording": list(recordings.values())},
        schema={"video_id": pl.String, "recording": pl.Int64},
    )
    clips = clips.select("clip_id", "video_id", "start_s", "stop_s").with_row_index("place")
    return clips.join(numbers, on="video_id", how="inner", maintain_order="left")


def _moments(trained: pl.DataFrame, tested: pl.DataFrame, tolerance_s: float) -> list[tuple[int, Moment]]:
    """Tested clips of one recording that overlap a training clip, each with its place among all."""
    trained = trained.sort("start_s", "place")
    starts, stops = (trained[name].to_numpy() for name in ("start_s", "stop_s"))
    own_starts, own_stops = (tested[name].to_numpy() for name in ("start_s", "stop_s"))
    # Of the clips that start before this one stops, the one that stops last overlaps it if any does.
    before = np.searchsorted(starts, own_stops - tolerance_s) - 1
    last = _last_to_stop(stops)[np.maximum(before, 0)]
    found = np.flatnonzero((before >= 0) & (stops[last] > own_starts + tolerance_s))
    moments = []
    for index in found.tolist():
        row, other = tested.row(index, named=True), trained.row(int(last[index]), named=True)
        times = max(row["start_s"], other["start_s"]), min(row["stop_s"], other["stop_s"])
        moments.append(
            (row["place"], Moment(row["clip_id"], other["clip_id"], row["video_id"], other["video_id"], *times))
        )
    return moments


def _last_to_stop(stops: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """For each clip, which of those up to it stops last; the first of several."""
    highest = np.maximum.accumulate(stops)
    is_new = np.concatenate([[True], stops[1:] > highest[:-1]])
    last: Int64[np.ndarray, " n"] = np.maximum.accumulate(np.where(is_new, np.arange(len(stops)), 0)).astype(np.int64)
    return last
