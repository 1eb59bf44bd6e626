"""Video files and folders of numbered frames: what they are, and the frames shown at given times."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt8


@dataclass(frozen=True)
class VideoInfo:
    """What a video is, as far as it can be told without decoding it.

    Attributes:
        path: The file, or the folder of numbered frames.
        duration_s: From the first frame shown to the end of the last.
        width: In pixels, as shown (after rotation).
        height: In pixels, as shown (after rotation).
        rate_hz: Frames per second, on average.
        num_frames: How many frames; None where the file does not say.
        rotation_deg: How far the stored picture is turned clockwise to be shown upright: 0, 90, 180 or 270.
        codec: Name of the coding, such as ``"h264"``, or ``"frames"`` for a folder.
    """

    path: Path
    duration_s: float
    width: int
    height: int
    rate_hz: float
    num_frames: int | None
    rotation_deg: int
    codec: str


def probe(path: Path, frame_rate_hz: float | None = None) -> VideoInfo:
    """What the video at ``path`` is; decodes no more than its first frame.

    Args:
        path: A video file, or a folder of numbered frames.
        frame_rate_hz: Frames per second of a folder of frames; not used for files, which carry their own times.

    Raises:
        MediaError: Nothing usable is there; says what and what to do.
    """
    raise AssertionError("in the works")


def read_frames(
    path: Path, times_s: Float64[np.ndarray, " times"], frame_rate_hz: float | None = None, *, threads: int = 0
) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
    """The frames shown at the given times, from one pass over the video in time order.

    Args:
        path: A video file, or a folder of numbered frames.
        times_s: Ascending times, in seconds from the first frame shown.
        frame_rate_hz: Frames per second of a folder of frames; not used for files, which carry their own times.
        threads: How many threads decode; 0 for as many as there are cores.

    Yields:
        The index into ``times_s`` and the upright RGB frame shown at that time, for every index in order. Times on
        one frame get the same array object, which must not be written to.

    Raises:
        MediaError: The video cannot be read, a wanted frame cannot be decoded, or a time lies more than one frame
            past the end; raised when that time is reached, after everything before it was given.
    """
    raise AssertionError("in the works")
