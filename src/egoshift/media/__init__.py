"""A file and a time in, pixels and hand boxes out."""

from egoshift.media.hands import ORIGINS, AbstractHandLocator, HandBoxes, crop
from egoshift.media.locators import HAND_LOCATORS, open_hand_locator
from egoshift.media.sampling import bin_centres, exact_times, grid_times, random_in_bins
from egoshift.media.video import VideoInfo, probe, read_frames

__all__ = [
    "HAND_LOCATORS",
    "ORIGINS",
    "AbstractHandLocator",
    "HandBoxes",
    "VideoInfo",
    "bin_centres",
    "crop",
    "exact_times",
    "grid_times",
    "open_hand_locator",
    "probe",
    "random_in_bins",
    "read_frames",
]
