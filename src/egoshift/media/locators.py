"""Which hand locator reads which format."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from egoshift.media.hands import AbstractHandLocator


class _Opener(Protocol):
    def __call__(
        self, path: Path, *, hand_threshold: float, object_threshold: float, frame_rate_hz: float | None
    ) -> AbstractHandLocator: ...


HAND_LOCATORS: Mapping[str, _Opener] = {}


def open_hand_locator(
    format: str,
    path: Path,
    *,
    hand_threshold: float = 0.8,
    object_threshold: float = 0.01,
    frame_rate_hz: float | None = None,
) -> AbstractHandLocator:
    """A hand locator for one format of detections.

    Args:
        format: A key of ``HAND_LOCATORS``.
        path: The file or folder of detections, or the detector's model.
        hand_threshold: Hands with at least this score are visible.
        object_threshold: Objects with at least this score count.
        frame_rate_hz: For formats that number frames: how many there are in a second; by default the video's own rate.
    """
    return HAND_LOCATORS[format](
        path, hand_threshold=hand_threshold, object_threshold=object_threshold, frame_rate_hz=frame_rate_hz
    )
