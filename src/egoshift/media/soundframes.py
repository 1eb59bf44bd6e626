"""Decoded frames of sound as numbers."""

import av
import numpy as np
from av.audio.frame import AudioFrame
from jaxtyping import Float32

STORED_AS = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
"""The numbers in which FFmpeg's decoders give samples."""

MANY_PLANES = 8
"""From so many on, PyAV (18.1) takes memory after the planes of a frame for planes, too."""


def channels(frame: AudioFrame) -> Float32[np.ndarray, "channels samples"]:
    """The samples of a frame, a row for each channel; whole numbers are brought to -1 to 1."""
    if frame.format.is_planar and frame.layout.nb_channels >= MANY_PLANES:
        (frame,) = av.AudioResampler(format=frame.format.packed).resample(frame)
    stored_as = STORED_AS[frame.format.packed.name]
    if frame.format.is_planar:
        rows = [np.frombuffer(memoryview(plane), stored_as, frame.samples) for plane in frame.planes]
        stored = np.stack(rows)
    else:
        count = frame.samples * frame.layout.nb_channels
        stored = np.frombuffer(memoryview(frame.planes[0]), stored_as, count).reshape(frame.samples, -1).T
    if stored.dtype.kind == "f":
        return stored.astype(np.float32)
    middle = 128 if stored.dtype.kind == "u" else 0
    return (stored.astype(np.float32) - np.float32(middle)) / np.float32(2 ** (8 * stored.dtype.itemsize - 1))
