"""Where the hands are: the contract of every hand locator, the union rule and the crop.

The hand view of a frame is the part of it that shows all visible hands and the objects they touch. A locator says where
that part is at the asked times; it may read stored detections or run a detector on the frames.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Shaped, UInt8

if TYPE_CHECKING:
    from egoshift.media.video import VideoInfo

ORIGINS = ("full frame", "detected", "interpolated")
"""What the codes 0, 1, 2 in ``HandBoxes.origin`` mean."""

FULL_FRAME = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class HandBoxes:
    """One box per asked time.

    Attributes:
        boxes: Left, top, right, bottom as shares of the frame's width and height, each in [0, 1].
        origin: Where each box comes from, as an index into ``ORIGINS``: 0 the full frame because nothing was
            detected, 1 detected at that frame (within half a frame), 2 interpolated between, or taken from, neighbours.
    """

    boxes: Float[np.ndarray, "times 4"]
    origin: UInt8[np.ndarray, " times"]


class AbstractHandLocator(ABC):
    """Finds the hand box at given times of a video."""

    @property
    @abstractmethod
    def description(self) -> dict[str, object]:
        """What decides the boxes (kind, thresholds, source), JSON-able, for the manifest of a feature store."""

    @abstractmethod
    def locate(
        self,
        video_id: str,
        times_s: Float[np.ndarray, " times"],
        frames: Sequence[UInt8[np.ndarray, "height width 3"]],
        info: "VideoInfo",
    ) -> HandBoxes:
        """The hand boxes at some times of one video.

        Args:
            video_id: The data set's id of the video, by which stored detections are found.
            times_s: Seconds from the first shown frame, ascending.
            frames: The frames shown at those times; locators that read stored detections ignore them (may be empty).
            info: Size and frame rate of the video.
        """


def crop(
    frame: Shaped[np.ndarray, "height width channels"], box: Float[np.ndarray, "4"]
) -> Shaped[np.ndarray, "_ _ channels"]:
    """The part of a frame inside a box, as a view of the frame's memory.

    Edges are rounded to the nearest pixel; a box at most one pixel wide or high gives the whole frame, as where
    nothing is detected.
    """
    height, width = frame.shape[:2]
    left, right = np.rint(np.clip(box[[0, 2]], 0, 1) * width).astype(int)
    top, bottom = np.rint(np.clip(box[[1, 3]], 0, 1) * height).astype(int)
    if right - left <= 1 or bottom - top <= 1:
        return frame
    return frame[top:bottom, left:right]
