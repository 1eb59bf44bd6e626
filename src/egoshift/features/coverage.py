"""Which clips cannot be shown, and why: they end after their video, or a store does not hold their times."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64

from egoshift.datasets import media_faults
from egoshift.errors import Fault
from egoshift.features.plan import FramePlan, ticks
from egoshift.features.store import Store
from egoshift.records import Dataset

_REMEDY = "extract the data set into this store to add it"


def past_the_end(clips: pl.DataFrame, durations_s: Mapping[str, float]) -> dict[int, Fault]:
    """The clips that end after their video: the fault of each by the clip's position.

    Args:
        clips: Clips with columns ``CLIP_SCHEMA``.
        durations_s: Duration by video id; clips of other videos are not judged.
    """
    # Faults name rows of files; for a moment those are the clips' own positions.
    numbered = clips.with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    found = media_faults(Dataset("", numbered, {}, {}), durations_s)
    return {fault.row: replace(fault, row=clips["row"][fault.row]) for fault in found if fault.row is not None}


def uncovered(store: Store, clips: pl.DataFrame) -> dict[int, Fault]:
    """The clips whose video, or whose times, a store does not hold: the fault of each by the clip's position.

    Args:
        store: The store.
        clips: Clips with columns ``CLIP_SCHEMA``.
    """
    faults = past_the_end(clips, {video_id: entry.duration_s for video_id, entry in store.manifest.videos.items()})
    numbered = clips.with_row_index("index")
    for (video_id,), group in numbered.group_by("video_id", maintain_order=True):
        video = str(video_id)
        if video not in store.offsets:
            why = store.manifest.failed.get(video)
            found = f"video {video!r} is not in the store {store.path}" + (f" ({why})" if why else "")
            lacking, kind = np.ones(len(group), dtype=bool), "video-not-stored"
        else:
            found, kind = f"its times in video {video!r} are not in the store {store.path}", "clip-not-stored"
            lacking = _lacking(store, video, group)
        for row in group.filter(pl.Series(lacking, dtype=pl.Boolean)).iter_rows(named=True):
            fault = Fault(kind, Path(row["file"]), f"clip {row['clip_id']}: {found}", _REMEDY, row["row"])
            faults.setdefault(row["index"], fault)
    return dict(sorted(faults.items()))


def _lacking(store: Store, video_id: str, group: pl.DataFrame) -> Bool[np.ndarray, " clips"]:
    """Which clips of a video ask for times that are not stored."""
    starts, stops = group["start_s"].to_numpy(), group["stop_s"].to_numpy()
    plan, duration_s, stored = store.manifest.plan, store.manifest.videos[video_id].duration_s, store.times(video_id)
    if _all_stored(plan, starts, stops, duration_s, stored):
        return np.zeros(len(group), dtype=bool)
    return np.array(
        [not _all_stored(plan, starts[[place]], stops[[place]], duration_s, stored) for place in range(len(group))]
    )


def _all_stored(
    plan: FramePlan,
    starts_s: Float64[np.ndarray, " clips"],
    stops_s: Float64[np.ndarray, " clips"],
    duration_s: float,
    stored_s: Float64[np.ndarray, " times"],
) -> bool:
    asked = plan.times(starts_s, stops_s, duration_s)
    return bool(np.isin(ticks(asked), ticks(stored_s)).all())
