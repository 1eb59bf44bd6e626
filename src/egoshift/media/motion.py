"""How much the picture changes, which rises and falls with the turning of the head."""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float64, UInt8

from egoshift.media.video import VideoInfo, read_frames

RATE_HZ = 10.0
"""About so many pictures a second are compared: a whole number of the video's own frames apart."""

ROWS = 32
"""Pictures are compared as grey ones of about so many rows: what is smaller than that are hands, noise and coding."""

Frame = UInt8[np.ndarray, "height width 3"]


def motion_energy(
    frames: Iterable[tuple[float, Frame]],
) -> tuple[Float64[np.ndarray, " steps"], Float64[np.ndarray, " steps"]]:
    """The mean absolute difference of each small grey picture to the one before, and when it belongs.

    Args:
        frames: Pictures in order, each with its time in seconds.

    Returns:
        The middle between the two pictures in seconds, and the difference in grey levels, 0 to 255.
    """
    times_s, motion = [], []
    before: tuple[float, np.ndarray] | None = None
    for time_s, frame in frames:
        small = _small(frame)
        if before is not None:
            times_s.append((before[0] + time_s) / 2)
            motion.append(float(np.abs(small - before[1]).mean()))
        before = time_s, small
    return np.array(times_s, np.float64), np.array(motion, np.float64)


def spaced_frames(info: VideoInfo, stop_s: float) -> Iterator[tuple[float, Frame]]:
    """About ``RATE_HZ`` frames a second of a video's first ``stop_s`` seconds, decoded in one pass.

    Raises:
        MediaError: A frame cannot be decoded.
    """
    step_s = max(1, round(info.rate_hz / RATE_HZ)) / info.rate_hz
    # The middle of each frame's time, so that rounded stamps cannot give the same frame twice.
    times_s = np.arange(0.5 / info.rate_hz, min(stop_s, info.duration_s), step_s)
    for index, frame in read_frames(info.path, times_s, info.rate_hz if info.path.is_dir() else None, threads=1):
        yield float(times_s[index]) - 0.5 / info.rate_hz, frame


def _small(frame: Frame) -> np.ndarray:
    side = max(1, frame.shape[0] // ROWS)
    rows, columns = frame.shape[0] // side, frame.shape[1] // side
    blocks = frame[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    small: np.ndarray = blocks.mean(axis=(1, 3, 4), dtype=np.float32)
    return small
