"""Where the hands are: the contract of every hand locator, the union rule and the crop.

The hand view of a frame is the part of it that shows all visible hands and the objects they touch. A locator says where
that part is at the asked times; it may read stored detections or run a detector on the frames.

The rule is that of X-MIC's crops as their README (https://github.com/Annusha/xmic) and file names tell it, with the
matching and the thresholds of https://github.com/epic-kitchens/epic-kitchens-100-hand-object-bboxes. The builder of
their crops was not released.

**Deviations**

* ours: a hand in contact in a frame without any object keeps its own box; theirs: the matching fails there.
* kept as it is: a hand is *visible* from the threshold on (``>=``), as their renderer draws it, but is *matched* to an
  object only above it (``>``), as their matcher does.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Shaped, UInt8

from egoshift.errors import Fault
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

    boxes: Float32[np.ndarray, "times 4"]
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
        frames: Sequence[UInt8[np.ndarray, "_ _ 3"]],
        info: VideoInfo,
    ) -> HandBoxes:
        """The hand boxes at some times of one video.

        Args:
            video_id: The data set's id of the video, by which stored detections are found.
            times_s: Seconds from the first shown frame, ascending.
            frames: The frames shown at those times; locators that read stored detections ignore them (may be empty).
            info: Size and frame rate of the video.
        """

    def faults(self, video_ids: Sequence[str]) -> tuple[Fault, ...]:
        """What is missing for these videos, found without reading any boxes."""
        return ()

    def fingerprint(self, video_id: str) -> str:
        """Of the stored detections of one video, to notice corrected ones.

        Empty where there are none, where they cannot be read, and where ``description`` has their hash already.
        """
        return ""


@dataclass(frozen=True)
class Detections:
    """What a hand-object detector saw in one video, as flat arrays.

    Attributes:
        times_s: The frames that the detector looked at, strictly ascending, whether it found something or not.
        hand_frame: Per hand, its index into ``times_s``.
        hand_box: Per hand, left, top, right, bottom as shares of the frame.
        hand_score: Per hand, the detector's confidence in [0, 1].
        hand_contact: Per hand, whether it touches anything (any state but NO_CONTACT).
        hand_reach: Per hand, where the centre of the touched object is predicted: the hand's centre plus its offset.
        object_frame: Per object, its index into ``times_s``.
        object_box: As ``hand_box``.
        object_score: As ``hand_score``.
    """

    times_s: Float[np.ndarray, " frames"]
    hand_frame: Int[np.ndarray, " hands"]
    hand_box: Float[np.ndarray, "hands 4"]
    hand_score: Float[np.ndarray, " hands"]
    hand_contact: Bool[np.ndarray, " hands"]
    hand_reach: Float[np.ndarray, "hands 2"]
    object_frame: Int[np.ndarray, " objects"]
    object_box: Float[np.ndarray, "objects 4"]
    object_score: Float[np.ndarray, " objects"]


def centres(boxes: Float[np.ndarray, "boxes 4"]) -> Float[np.ndarray, "boxes 2"]:
    """The middle (x, y) of each box."""
    middle: np.ndarray = (boxes[:, :2] + boxes[:, 2:]) / 2
    return middle


def touched_objects(
    detections: Detections, hand_threshold: float, object_threshold: float
) -> Int[np.ndarray, " hands"]:
    """For each hand, the index of the object it touches, or -1.

    A hand that is in contact and scores above the threshold touches the object of its frame whose centre is nearest to
    where the hand reaches, among objects that score at least theirs. Of equally near objects the first is taken.
    """
    touched = np.full(len(detections.hand_frame), -1, dtype=np.int64)
    usable = np.flatnonzero(detections.object_score >= object_threshold)
    usable = usable[np.argsort(detections.object_frame[usable], kind="stable")]
    reaching = np.flatnonzero(detections.hand_contact & (detections.hand_score > hand_threshold))
    frames = detections.object_frame[usable]
    first = np.searchsorted(frames, detections.hand_frame[reaching], side="left")
    count = np.searchsorted(frames, detections.hand_frame[reaching], side="right") - first
    # One row per (hand, object of the same frame), in the order of hands, then of objects.
    hand = np.repeat(np.arange(len(reaching)), count)
    within = np.arange(len(hand)) - np.repeat(np.cumsum(count) - count, count)
    candidate = usable[np.repeat(first, count) + within]
    away = centres(detections.object_box)[candidate] - detections.hand_reach[reaching][hand]
    order = np.lexsort(((away**2).sum(axis=1), hand))
    nearest_hand, nearest = np.unique(hand[order], return_index=True)
    touched[reaching[nearest_hand]] = candidate[order][nearest]
    return touched


def union_per_frame(
    num_frames: int, frame: Int[np.ndarray, " boxes"], boxes: Float[np.ndarray, "boxes 4"]
) -> Float[np.ndarray, "{num_frames} 4"]:
    """The smallest box around all boxes of each frame, clipped to [0, 1]; NaN for a frame without boxes."""
    corners = np.full((num_frames, 4), np.inf)
    # Right and bottom are negated, so that the smallest box is a minimum throughout.
    sign = np.array([1.0, 1.0, -1.0, -1.0])
    np.minimum.at(corners, frame, boxes * sign)
    corners[np.isinf(corners[:, 0])] = np.nan
    union: np.ndarray = np.clip(corners * sign, 0, 1)
    return union


def union_boxes(
    detections: Detections, *, hand_threshold: float, object_threshold: float
) -> Float[np.ndarray, "frames 4"]:
    """Per frame, the union of the visible hands and of the objects they touch; NaN where no hand is visible.

    Args:
        detections: What the detector saw.
        hand_threshold: A hand is visible if it scores at least this.
        object_threshold: An object can be touched if it scores at least this.
    """
    visible = detections.hand_score >= hand_threshold
    touched = touched_objects(detections, hand_threshold, object_threshold)
    touched = touched[touched >= 0]
    return union_per_frame(
        len(detections.times_s),
        np.concatenate([detections.hand_frame[visible], detections.object_frame[touched]]),
        np.concatenate([detections.hand_box[visible], detections.object_box[touched]]),
    )


def pixel_edges(boxes: Float[np.ndarray, "boxes 4"], width: int, height: int) -> Int[np.ndarray, "boxes 4"]:
    """Boxes as whole pixels: each edge of a box, clipped to the frame, at the nearest line between two pixels."""
    edges: np.ndarray = np.rint(np.clip(boxes, 0, 1) * np.array([width, height, width, height])).astype(np.int64)
    return edges


def are_slivers(edges: Int[np.ndarray, "boxes 4"]) -> Bool[np.ndarray, " boxes"]:
    """Whether each box of pixels is at most one pixel wide or high, too little to show anything."""
    sliver: np.ndarray = (edges[:, 2:] - edges[:, :2] <= 1).any(axis=1)
    return sliver


def crop(
    frame: Shaped[np.ndarray, "height width channels"], box: Float[np.ndarray, "4"]
) -> Shaped[np.ndarray, "_ _ channels"]:
    """The part of a frame inside a box, as a view of the frame's memory.

    Edges are rounded to the nearest pixel; a box at most one pixel wide or high gives the whole frame, as where
    nothing is detected.

    >>> import numpy as np
    >>> crop(np.zeros((100, 200, 3), np.uint8), np.array([0.25, 0.5, 0.75, 1.0])).shape
    (50, 100, 3)
    """
    height, width = frame.shape[:2]
    edges = pixel_edges(box[None], width, height)
    if are_slivers(edges)[0]:
        return frame
    left, top, right, bottom = edges[0]
    return frame[top:bottom, left:right]
