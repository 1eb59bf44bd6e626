"""Small recordings for the predictor's tests: long and plain, damaged, and with sensors beside them."""

from pathlib import Path

import numpy as np

from tests.fixtures.videos import index_frame, write_video

RATE_HZ = 5
SIZE = (32, 32)


def write_long(path: Path, duration_s: float = 80.0, *, gop: int = 5, rate_hz: float = RATE_HZ) -> Path:
    """A video of numbered frames, small enough to be coded in a second, with a keyframe a second."""
    frames = [index_frame(index, SIZE) for index in range(round(duration_s * rate_hz))]
    return write_video(path, frames, rate_hz, gop=gop, b_frames=0)


def damage(path: Path, first: float, last: float) -> None:
    """Overwrites a share of what an mp4 file holds of pictures with noise."""
    content = bytearray(path.read_bytes())
    begin = content.index(b"mdat") + 4
    size = int.from_bytes(content[begin - 8 : begin - 4], "big") - 8
    start, stop = begin + round(first * size), begin + round(last * size)
    content[start:stop] = np.random.default_rng(0).integers(0, 256, stop - start, dtype=np.uint8).tobytes()
    path.write_bytes(bytes(content))
