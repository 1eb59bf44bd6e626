"""How a store lies on disk (see ``egoshift.features.store``): the names of its files, and what a row of each holds."""

from pathlib import Path

import numpy as np

from egoshift.encoders import TowerCard
from egoshift.features.manifest import Manifest, View
from egoshift.features.rows import row_bytes

MANIFEST = "manifest.json"
UNFINISHED = "unfinished"
NEXT = "next"


def remedy(store: Path) -> str:
    """What can be done about a damaged store."""
    return f"`egoshift store repair {store}` keeps the videos that are whole, and extracting again adds the others"


def feature_dtype(card: TowerCard) -> np.dtype:
    """In which type an encoder's features are stored: float16, but pictures as the bytes that they are."""
    return np.dtype("u1" if card.family == "pixels" else "<f2")


def array_layout(views: tuple[View, ...], card: TowerCard) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
    """Type and shape of a row of each array of a store, by the array's name."""
    return layout_of(views, feature_dtype(card), card.dim)


def layout_of(views: tuple[View, ...], dtype: np.dtype, dim: int) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
    """The same for features of this type and length."""
    layout: dict[str, tuple[np.dtype, tuple[int, ...]]] = {"times": (np.dtype("<f8"), ())}
    layout |= {view: (dtype, (dim,)) for view in views}
    if "hand" in views:
        layout |= {"hand_boxes": (np.dtype("<f4"), (4,)), "hand_origins": (np.dtype("u1"), ())}
    if "window" in views:
        layout |= {"present": (np.dtype("u1"), ())}
    return layout


def bytes_per_row(views: tuple[View, ...], card: TowerCard) -> int:
    """How many bytes a store takes for each stored time, in all arrays."""
    return sum(row_bytes(dtype, shape) for dtype, shape in array_layout(views, card).values())


def row_offsets(manifest: Manifest) -> dict[str, tuple[int, int]]:
    """First row and number of rows of each video."""
    offsets, first = {}, 0
    for video_id, entry in manifest.videos.items():
        offsets[video_id] = (first, entry.rows)
        first += entry.rows
    return offsets


def num_rows(manifest: Manifest) -> int:
    """How many times are stored, of all videos."""
    return sum(entry.rows for entry in manifest.videos.values())
