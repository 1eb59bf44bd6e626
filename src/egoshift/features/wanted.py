"""What a store should hold of each video, and what of that is missing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
import xxhash
from jaxtyping import Float64

from egoshift.features.manifest import VideoEntry
from egoshift.features.plan import FramePlan, ticks
from egoshift.remote import ranges

Times = Float64[np.ndarray, " times"]
_ENDS_BYTES = 1 << 16


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
        num_bytes: Size of the file now.
        fingerprint: Of the file now.
        replaced: Whether what is stored is of another file, and of no use.
    """

    video_id: str
    info: Recorded
    num_clips: int
    asked_s: Float64[np.ndarray, " asked"]
    missing_s: Float64[np.ndarray, " missing"]
    num_bytes: int
    fingerprint: str
    replaced: bool

    def entry(self, times_s: Times) -> VideoEntry:
        """What the manifest will say once these times are stored."""
        return VideoEntry(
            rows=len(times_s),
            duration_s=self.info.duration_s,
            num_bytes=self.num_bytes,
            fingerprint=self.fingerprint,
            times_hash=xxhash.xxh3_64_hexdigest(times_s.tobytes()),
        )


def wanted_videos(
    clips: pl.DataFrame, videos: Mapping[str, Recorded], plan: FramePlan, kept: Mapping[str, Kept]
) -> tuple[Wanted, ...]:
    """What is wanted of each video that a clip lies in, in the order of their ids.

    Args:
        clips: Usable clips.
        videos: The file of each of their videos.
        plan: Which times.
        kept: What is stored already, by video id.
    """
    wanted = []
    for (video_id,), group in clips.sort("video_id").group_by("video_id", maintain_order=True):
        info = videos[str(video_id)]
        asked = plan.times(group["start_s"].to_numpy(), group["stop_s"].to_numpy(), info.duration_s)
        num_bytes, fingerprint = identity(info.path)
        stored = kept.get(str(video_id))
        replaced = stored is not None and (stored.entry.num_bytes, stored.entry.fingerprint) != (num_bytes, fingerprint)
        usable = np.zeros(0) if stored is None or replaced else stored.times_s
        missing = asked[~np.isin(ticks(asked), ticks(usable))]
        wanted.append(Wanted(str(video_id), info, len(group), asked, missing, num_bytes, fingerprint, replaced))
    return tuple(wanted)


def identity(path: Path) -> tuple[int, str]:
    """Size and fingerprint of a video file or of a folder of frames: enough to notice that it is another one."""
    digest = xxhash.xxh3_64()
    if path.is_dir():
        sizes = {entry.name: entry.stat().st_size for entry in path.iterdir() if entry.is_file()}
        for name in sorted(sizes):
            digest.update(f"{name} {sizes[name]}\n".encode())
        return sum(sizes.values()), digest.hexdigest()
    with ranges(path) or path.open("rb") as file:
        num_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
        digest.update(file.read(_ENDS_BYTES))
        file.seek(max(0, num_bytes - _ENDS_BYTES))
        digest.update(file.read(_ENDS_BYTES))
    return num_bytes, digest.hexdigest()
