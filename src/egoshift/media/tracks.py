"""A hand box over time: what was detected at some frames, asked at other times."""

import threading
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from egoshift.media.hands import FULL_FRAME, AbstractHandLocator, HandBoxes, are_slivers, pixel_edges
from egoshift.media.video import VideoInfo

MAX_GAP_S = 1.0
"""How far a detection may be from the asked time to be interpolated from, in seconds, unless told otherwise."""

_ROUNDING_S = 1e-6  # far below a frame, far above what frame number / rate loses


@dataclass(frozen=True)
class BoxTrack:
    """The hand box of one video at the frames that a detector looked at.

    Attributes:
        times_s: Those frames, in seconds from the first shown frame, strictly ascending; may be empty.
        boxes: Left, top, right, bottom as shares of the frame; NaN where the detector found no hand.
    """

    times_s: Float[np.ndarray, " frames"]
    boxes: Float[np.ndarray, "frames 4"]


NumberingRate = float | Mapping[str, float] | None
"""How many numbered frames there are in a second: of all videos, of each video, or (None) as the video's own rate."""


def numbering_rate_hz(given: NumberingRate, video_id: str, info: VideoInfo) -> float:
    """The rate at which a video's frames were numbered, which need not be the rate it is coded at."""
    rate_hz = given.get(video_id) if isinstance(given, Mapping) else given
    return rate_hz or info.rate_hz


def describe_rate(given: NumberingRate) -> float | str | None:
    """The rate as a manifest states it."""
    return "as annotated" if isinstance(given, Mapping) else given


def boxes_at(
    track: BoxTrack, times_s: Float[np.ndarray, " times"], info: VideoInfo, *, max_gap_s: float = MAX_GAP_S
) -> HandBoxes:
    """The hand boxes at some times, interpolated where the detector did not look.

    An asked time, like the time of a detection, stands for the frame shown then. In this order:

    1. The detector looked at that frame (within half a frame): its box (origin 1), or, where it found no hand, the full
       frame (origin 0). A frame that was seen to be without hands is never filled from its neighbours.
    2. The frames looked at before and after both have a box and are both within ``max_gap_s``: linear between the two
       (origin 2).
    3. The nearest frame looked at, the earlier of two, is within half of ``max_gap_s`` and has a box: that box
       (origin 2).
    4. The full frame (origin 0).

    A box at most one pixel wide or high counts as no box.

    Args:
        track: What was detected.
        times_s: Seconds from the first shown frame.
        info: The video's size and frame rate.
        max_gap_s: Largest distance between an asked time and a detection that is interpolated from. Densely
            detected videos (EPIC-KITCHENS) never need it.
    """
    full = np.tile(np.array(FULL_FRAME), (len(times_s), 1))
    if not len(track.times_s):
        return HandBoxes(full.astype(np.float32), np.zeros(len(times_s), dtype=np.uint8))
    asked, seen = _shown_frame(times_s, info), _shown_frame(track.times_s, info)
    gap = (max_gap_s + _ROUNDING_S) * info.rate_hz
    known = _without_slivers(track.boxes, info)
    found = ~np.isnan(known[:, 0])
    # Outside the track, the neighbours before and after are the same frame.
    after = np.searchsorted(seen, asked)
    before = np.clip(after - 1, 0, None)
    after = np.clip(after, None, len(seen) - 1)
    to_before, to_after = np.abs(asked - seen[before]), np.abs(seen[after] - asked)
    nearest = np.where(to_after < to_before, after, before)
    to_nearest = np.minimum(to_before, to_after)

    detected = to_nearest == 0
    usable = found[nearest] & (to_nearest <= gap / 2)
    boxes = np.where(usable[:, None], known[nearest], full)
    linear = ~detected & (before != after) & found[before] & found[after] & (np.maximum(to_before, to_after) <= gap)
    share = (to_before[linear] / (to_before + to_after)[linear])[:, None]
    boxes[linear] = (1 - share) * known[before[linear]] + share * known[after[linear]]
    origin = np.where(detected, found[nearest].astype(int), 2 * (usable | linear))
    return HandBoxes(boxes.astype(np.float32), origin.astype(np.uint8))


def _shown_frame(times_s: Float[np.ndarray, " times"], info: VideoInfo) -> Int[np.ndarray, " times"]:
    """The number of the frame shown at each time, from 0."""
    frame: np.ndarray = np.floor((times_s + _ROUNDING_S) * info.rate_hz).astype(np.int64)
    return frame


def _without_slivers(boxes: Float[np.ndarray, "frames 4"], info: VideoInfo) -> Float[np.ndarray, "frames 4"]:
    boxes = np.clip(boxes, 0, 1)
    sliver = are_slivers(pixel_edges(np.nan_to_num(boxes), info.width, info.height))
    return np.where(sliver[:, None], np.nan, boxes)


class AbstractTrackLocator(AbstractHandLocator):
    """A locator that reads what was detected earlier, one whole video at a time.

    Each thread keeps the last video it asked for, so that threads which go through one video each read each file once.

    Args:
        max_gap_s: See ``boxes_at``.
    """

    def __init__(self, *, max_gap_s: float = MAX_GAP_S):
        self._max_gap_s = max_gap_s
        self._of_thread = threading.local()

    @abstractmethod
    def read_track(self, video_id: str, info: VideoInfo) -> BoxTrack:
        """What was detected in one video.

        Raises:
            EgoshiftError: There are no detections of this video, or they cannot be used.
        """

    def locate(
        self,
        video_id: str,
        times_s: Float[np.ndarray, " times"],
        frames: Sequence[UInt8[np.ndarray, "_ _ 3"]],
        info: VideoInfo,
    ) -> HandBoxes:
        """The hand boxes at some times, by ``boxes_at``; the frames themselves are not looked at.

        Raises:
            EgoshiftError: There are no detections of this video, or they cannot be used.
        """
        last: tuple[tuple[str, VideoInfo], BoxTrack] | None = getattr(self._of_thread, "last", None)
        if last is None or last[0] != (video_id, info):
            self._of_thread.last = last = (video_id, info), self.read_track(video_id, info)
        return boxes_at(last[1], times_s, info, max_gap_s=self._max_gap_s)
