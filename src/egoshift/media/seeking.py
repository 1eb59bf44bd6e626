"""Seeking to where decoding can begin."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from egoshift.media.container import VideoPacket, freed


def land(
    container: InputContainer, stream: VideoStream, limit: int, offset: int
) -> tuple[int, Iterator[VideoPacket], int] | None:
    """Seek to where decoding can begin for the frame shown at tick ``limit``.

    A container seeks by the times at which frames are decoded, or to no keyframe at all, so the first try may land
    too late: at a keyframe shown after ``limit``. Then earlier offsets are tried. Nothing is decoded.

    Args:
        container: The file.
        stream: Its video stream.
        limit: The tick at which the wanted frame has begun.
        offset: The tick to seek to first.

    Returns:
        The beginning of a keyframe shown no later than ``limit``, the packets from it on, and the offset that led
        there; None where the file does not allow it.
    """
    step = 0
    for _ in range(10):
        try:
            container.seek(offset, stream=stream)
            packets = freed(container.demux(stream))
            first = None
            for packet in packets:
                if packet.pts is None:
                    break
                if packet.is_keyframe and packet.pts <= limit:
                    return packet.pts, chain([packet], packets), offset
                stamp = packet.pts if packet.dts is None else packet.dts
                first = stamp if first is None else first
                if packet.is_keyframe or stamp > limit:
                    break
        except av.FFmpegError:
            return None
        offset = min(offset, limit if first is None else first) - 1 - step
        step = max(2 * step, round(1 / (2 * (stream.time_base or Fraction(1)))))
    return None
