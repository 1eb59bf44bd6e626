"""A file and a time in, pixels and hand boxes out."""

from egoshift.media.hands import ORIGINS, AbstractHandLocator, HandBoxes, crop
from egoshift.media.locators import HAND_LOCATORS, open_hand_locator

__all__ = [
    "HAND_LOCATORS",
    "ORIGINS",
    "AbstractHandLocator",
    "HandBoxes",
    "crop",
    "open_hand_locator",
]
