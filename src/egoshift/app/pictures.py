"""Frames and the hand crops of a stretch, as JPEG."""

import io
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64
from PIL import Image, ImageOps

from egoshift.media import read_frames
from egoshift.media.hands import crop

NUM_CROPS = 5
CROP_SIDE = 128
LARGEST_FRAME = (960, 960)


def frame_jpeg(path: Path, time_s: float) -> bytes:
    """The frame shown at a time, at most ``LARGEST_FRAME``.

    Raises:
        MediaError: There is none, or it cannot be decoded.
    """
    _, frame = next(iter(read_frames(path, np.array([time_s]), threads=1)))
    picture = Image.fromarray(frame)
    picture.thumbnail(LARGEST_FRAME)
    return _jpeg(picture)


def crop_times(times_s: Float64[np.ndarray, " crops"], start_s: float, stop_s: float) -> list[int]:
    """Which crops stand for a stretch: up to ``NUM_CROPS`` of those in it, evenly; else the one nearest its middle.

    >>> crop_times(np.arange(10.0), 2.0, 8.0), crop_times(np.arange(3.0), 1.2, 1.4), crop_times(np.zeros(0), 0, 1)
    ([2, 3, 5, 6, 8], [1], [])
    """
    if not len(times_s):
        return []
    inside = np.flatnonzero((times_s >= start_s) & (times_s <= stop_s))
    if not len(inside):
        return [int(np.abs(times_s - (start_s + stop_s) / 2).argmin())]
    places = np.linspace(0, len(inside) - 1, min(NUM_CROPS, len(inside)))
    return [int(inside[round(float(place))]) for place in places]


def crops_jpeg(path: Path, times_s: Float64[np.ndarray, " crops"], boxes: Float32[np.ndarray, "crops 4"]) -> bytes:
    """Hand crops side by side, each a square of ``CROP_SIDE`` pixels, from one pass over the video.

    Args:
        path: The video.
        times_s: When, ascending; at least one.
        boxes: Where, as shares of the frame.

    Raises:
        MediaError: A frame cannot be decoded.
    """
    strip = Image.new("RGB", (CROP_SIDE * len(times_s), CROP_SIDE))
    for place, frame in read_frames(path, times_s, threads=1):
        part = Image.fromarray(np.ascontiguousarray(crop(frame, boxes[place])))
        strip.paste(ImageOps.pad(part, (CROP_SIDE, CROP_SIDE)), (CROP_SIDE * place, 0))
    return _jpeg(strip)


def _jpeg(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=85)
    return content.getvalue()
