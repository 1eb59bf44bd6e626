"""What travels through the pipeline: a video to encode, its frames as pictures, and what became of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor

from egoshift.encoders import WeightCard
from egoshift.errors import Fault
from egoshift.features.layout import array_layout
from egoshift.features.manifest import View
from egoshift.features.rows import Rows, new_rows
from egoshift.media import AbstractHandLocator, VideoInfo, crop

Frame = UInt8[np.ndarray, "height width 3"]
Shown = tuple[int, Frame]
"""A frame and the index of the time at which it is shown."""


@dataclass
class Job:
    """The frames to encode of one video, and what has been encoded of them.

    Attributes:
        video_id: Which video.
        info: Its header.
        times_s: When; sorted.
        frame_rate_hz: For folders of numbered frames.
        rows: Per array name, one row per time; being filled.
        missing: How many rows of views are not filled yet.
        finished: Whether all rows were filled and handed over.
        fault: Why the video cannot be encoded, once that is known.
    """

    video_id: str
    info: VideoInfo
    times_s: Float64[np.ndarray, " times"]
    frame_rate_hz: float | None = None
    rows: dict[str, npt.NDArray[np.generic]] = field(default_factory=dict)
    missing: int = 0
    finished: bool = False
    fault: Fault | None = None

    def begin(self, views: Sequence[View], card: WeightCard, room: Path) -> None:
        """Makes room in a folder for what will be encoded."""
        self.rows = new_rows(array_layout(tuple(views), card), len(self.times_s), room)
        self.rows["times"][:] = self.times_s
        self.missing = len(self.times_s) * len(views)


@dataclass(frozen=True)
class Encoded:
    """Some rows (of any view) of a video were encoded."""

    video_id: str
    num_rows: int


@dataclass(frozen=True)
class Finished:
    """All rows of a video are there."""

    video_id: str
    rows: Rows


@dataclass(frozen=True)
class Failed:
    """A video cannot be encoded."""

    video_id: str
    fault: Fault


Event = Encoded | Finished | Failed


@dataclass(frozen=True)
class Picture:
    """One prepared picture and every row that it fills."""

    job: Job
    pixels: UInt8[Tensor, "3 size size"]
    slots: list[tuple[View, int]]

    @property
    def first_s(self) -> float:
        """The earliest time at which it is shown."""
        return float(self.job.times_s[self.slots[0][1]])


def in_chunks(frames: Iterable[Shown], size: int) -> Iterator[list[Shown]]:
    """Frames by the handful, never cut between two times on one frame, so that it is prepared once."""
    chunk: list[Shown] = []
    for index, frame in frames:
        if len(chunk) >= size and frame is not chunk[-1][1]:
            yield chunk
            chunk = []
        chunk.append((index, frame))
    if chunk:
        yield chunk


def pictures(
    job: Job,
    chunk: Sequence[Shown],
    views: Sequence[View],
    prepare: Callable[[Frame], UInt8[Tensor, "3 size size"]],
    locator: AbstractHandLocator | None,
) -> list[Picture]:
    """Frames as pictures to encode; equal ones (a frame shown twice, no hands found) become one."""
    boxes = _locate(job, chunk, locator) if locator is not None and "hand" in views else None
    found: dict[tuple[int, bytes], Picture] = {}
    for place, (index, frame) in enumerate(chunk):
        for view in views:
            shown, key = frame, (id(frame), b"")
            if view == "hand" and boxes is not None:
                shown = crop(frame, boxes[place])
                key = (id(frame), boxes[place].tobytes() if shown.shape != frame.shape else b"")
            if key not in found:
                found[key] = Picture(job, prepare(shown), [])
            found[key].slots.append((view, index))
    return list(found.values())


def _locate(job: Job, chunk: Sequence[Shown], locator: AbstractHandLocator) -> Float32[np.ndarray, "times 4"]:
    indices = [index for index, _ in chunk]
    found = locator.locate(job.video_id, job.times_s[indices], [frame for _, frame in chunk], job.info)
    job.rows["hand_boxes"][indices] = found.boxes
    job.rows["hand_origins"][indices] = found.origin
    return found.boxes.astype(np.float32)
