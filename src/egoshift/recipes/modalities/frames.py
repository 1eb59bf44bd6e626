"""Frames of clips for a person to look at."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from egoshift.errors import ResultError
from egoshift.media import bin_centres, read_frames
from egoshift.records import Dataset

Frames = Callable[[str], Sequence[UInt8[np.ndarray, "height width 3"]]]
"""Frames of the clip of this id, in order of time; none for a clip without video."""

NUM_FRAMES = 3
HEIGHT = 120
"""Of a thumbnail, in pixels; a page shows it at about 96."""


def dataset_frames(dataset: Dataset, *, num_frames: int = NUM_FRAMES, height: int = HEIGHT) -> Frames:
    """Reads frames of a data set's clips from its videos, when asked for a clip.

    Args:
        dataset: The data set that results are of.
        num_frames: How many frames of a clip, from the middles of as many equal parts of it.
        height: What they are brought to, in pixels; smaller frames stay as they are.

    Returns:
        What gives a clip's frames: none where its recording has no video, or one that only sensors' readers open. It
        raises ``ResultError`` for a clip that the data set lacks, ``MediaError`` where its video cannot be read.
    """
    clips = {row["clip_id"]: row for row in dataset.clips.select("clip_id", "video_id", "start_s", "stop_s").to_dicts()}

    def frames(clip_id: str) -> Sequence[UInt8[np.ndarray, "height width 3"]]:
        if clip_id not in clips:
            raise ResultError(f"clip {clip_id} is not in {dataset.name}; give the data card that the result is of")
        clip = clips[clip_id]
        path = video_of(dataset, clip["video_id"])
        if path is None:
            return []
        times = bin_centres(clip["start_s"], clip["stop_s"], num_frames)
        shown = read_frames(path, times, dataset.frame_rates_hz.get(clip["video_id"]))
        return [small(frame, height) for _, frame in shown]

    return frames


def video_of(dataset: Dataset, video_id: str) -> Path | None:
    """Where a recording's pictures lie; None where it has none, or such that only sensors' readers open."""
    if video_id in dataset.videos:
        return dataset.videos[video_id]
    sensor = dataset.sensors.get(video_id, {}).get("video")
    return sensor.path if sensor is not None and sensor.layout == "av" else None


def small(frame: UInt8[np.ndarray, "height width 3"], height: int) -> UInt8[np.ndarray, "small smaller 3"]:
    """A frame brought to a height in pixels; smaller ones stay as they are."""
    if frame.shape[0] <= height:
        return frame
    width = max(1, round(frame.shape[1] * height / frame.shape[0]))
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS))
