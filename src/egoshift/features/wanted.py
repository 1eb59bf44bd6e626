"""What a store should hold of each video, and what of that is missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
import xxhash
from jaxtyping import Float64

from egoshift.features.manifest import VideoEntry
from egoshift.features.plan import FramePlan, ticks
from egoshift.features.source import Source

Times = Float64[np.ndarray, " times"]


@runtime_checkable
class Recorded(Protocol):
    """A file to encode from, such as a ``VideoInfo``."""

    @property
    def path(self) -> Path:
        """The file, or the folder of numbered frames."""

    @property
    def duration_s(self) -> float:
        """How long it is."""


@dataclass(frozen=True)
class Kept:
    """What is stored of a video already.

    Attributes:
        entry: What the manifest or the part says of it.
        times_s: Its times.
    """

    entry: VideoEntry
    times_s: Times


@dataclass(frozen=True)
class Wanted:
    """What a store should hold of one video.

    Attributes:
        video_id: Which video.
        info: Its file.
        num_clips: How many usable clips lie in it.
        asked_s: The times that those clips need.
        missing_s: Those of them that are not stored yet.
        source: What its rows are made of now.
        change: What makes it another source than that of the stored rows, in words; empty where these are of use.
    """

    video_id: str
    info: Recorded
    num_clips: int
    asked_s: Float64[np.ndarray, " asked"]
    missing_s: Float64[np.ndarray, " missing"]
    source: Source
    change: str = ""

    @property
    def replaced(self) -> bool:
        """Whether what is stored is of another source, and of no use."""
        return bool(self.change)

    def entry(self, times_s: Times) -> VideoEntry:
        """What the manifest will say once these times are stored."""
        return VideoEntry(
            rows=len(times_s),
            duration_s=self.info.duration_s,
            num_bytes=self.source.num_bytes,
            fingerprint=self.source.fingerprint,
            times_hash=xxhash.xxh3_64_hexdigest(times_s.tobytes()),
            read_as=self.source.read_as,
            hands=self.source.hands,
        )


def wanted_videos(
    clips: pl.DataFrame,
    videos: Mapping[str, Recorded],
    plan: FramePlan,
    kept: Mapping[str, Kept],
    source_of: Callable[[str], Source],
) -> tuple[Wanted, ...]:
    """What is wanted of each video that a clip lies in, in the order of their ids.

    Args:
        clips: Usable clips.
        videos: The file of each of their videos.
        plan: Which times.
        kept: What is stored already, by video id.
        source_of: What the rows of a video are made of.
    """
    wanted = []
    for (video_id,), group in clips.sort("video_id").group_by("video_id", maintain_order=True):
        info = videos[str(video_id)]
        asked = plan.times(group["start_s"].to_numpy(), group["stop_s"].to_numpy(), info.duration_s)
        source = source_of(str(video_id))
        stored = kept.get(str(video_id))
        change = "" if stored is None else source.change_since(stored.entry)
        usable = np.zeros(0) if stored is None or change else stored.times_s
        missing = asked[~np.isin(ticks(asked), ticks(usable))]
        wanted.append(Wanted(str(video_id), info, len(group), asked, missing, source, change))
    return tuple(wanted)
