"""Which hand locator reads which format."""

from collections.abc import Callable, Mapping
from pathlib import Path

from egoshift.errors import ConfigError, Fault, MediaError
from egoshift.media.box_table import BoxTable
from egoshift.media.egoclip_boxes import EgoClipBoxes
from egoshift.media.epic_hoa import EpicHandObjects
from egoshift.media.hands import AbstractHandLocator
from egoshift.media.palm import PalmLocator
from egoshift.media.tracks import NumberingRate

HAND_LOCATORS: Mapping[str, Callable[..., AbstractHandLocator]] = {
    "epic-hoa": EpicHandObjects,
    "egoclip": EgoClipBoxes,
    "boxes": BoxTable,
    "palm": PalmLocator,
}
"""What reads each format; every constructor takes a path and, by keyword, those settings that apply to it."""

_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "epic-hoa": ("hand_threshold", "object_threshold", "frame_rate_hz"),
    "egoclip": ("hand_threshold", "object_threshold"),
    "boxes": ("hand_threshold", "object_threshold", "frame_rate_hz"),
    "palm": ("hand_threshold",),
}


def open_hand_locator(
    format: str,
    path: Path,
    *,
    hand_threshold: float | None = None,
    object_threshold: float | None = None,
    frame_rate_hz: NumberingRate = None,
) -> AbstractHandLocator:
    """A hand locator for one format of detections.

    Args:
        format: A key of ``HAND_LOCATORS``.
        path: The file or folder of detections, or the detector's model.
        hand_threshold: Hands that score at least this are visible; by default 0.8, as X-MIC's crops of EPIC-KITCHENS
            were made, and 0.5 for the palm detector, whose scores are of another kind.
        object_threshold: Objects that score at least this can be touched, by default 0.01; the palm detector finds
            no objects.
        frame_rate_hz: For formats that number frames: how many there are in a second, of all videos or by
            video; by default the video's own rate.

    Raises:
        ConfigError: There is no such format, or what the detector needs is not installed.
        MediaError: There is nothing at ``path``.
        WeightsError: The detector's model cannot be used.
    """
    if format not in HAND_LOCATORS:
        raise ConfigError(f"no hand detections of format {format!r}; choose one of {', '.join(HAND_LOCATORS)}")
    if not path.exists():
        remedy = "correct the path, or leave out the hands"
        raise MediaError(Fault("missing-detections", path, "no such file or folder of hand detections", remedy))
    settings: dict[str, object] = {
        "hand_threshold": hand_threshold,
        "object_threshold": object_threshold,
        "frame_rate_hz": frame_rate_hz,
    }
    given = {name: settings[name] for name in _SETTINGS[format] if settings[name] is not None}
    return HAND_LOCATORS[format](path, **given)
