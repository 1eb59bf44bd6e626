"""The pictures of a recording: JPEG in the first generation of Project Aria, H.265 in the second."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from jaxtyping import UInt8
from PIL import Image

from egoshift.media.aria.streams import Streams
from egoshift.media.container import FETCH_AGAIN, media_error
from egoshift.media.orientation import Orientation

UPRIGHT = {1: Orientation(transpose=True, mirror_columns=True), 2: Orientation()}
"""By generation, how stored pictures are turned to be upright: the first has its sensor on its side."""

INSTALL_AV = "install av from its wheels: pip install av"

_UNIT_TYPE = re.compile(rb"\x00\x00\x01(.)", re.DOTALL)
_KEY_PICTURES = range(16, 24)


def decode_jpeg(path: Path, content: bytes) -> UInt8[np.ndarray, "height width 3"]:
    """One picture, as stored.

    Raises:
        MediaError: It cannot be decoded.
    """
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # damage is of many kinds
        reason = (str(error) or type(error).__name__).splitlines()[0]
        message = f"a picture cannot be decoded ({reason})"
        raise media_error("undecodable-frame", path, message, FETCH_AGAIN) from None


def begins_anew(content: bytes) -> bool:
    """Whether an H.265 picture can be decoded without those before it."""
    return any(unit[0] >> 1 & 63 in _KEY_PICTURES for unit in _UNIT_TYPE.findall(content))


class H265Decoder:
    """Decodes the pictures of one stream in order, one for each content, the first of which ``begins_anew``.

    Args:
        path: The file, for the faults.

    Raises:
        MediaError: This FFmpeg does not decode H.265.
    """

    def __init__(self, path: Path):
        try:
            decoder = av.CodecContext.create("hevc", "r")
        except av.FFmpegError:
            message = "its pictures are in H.265, which the installed FFmpeg does not decode"
            raise media_error("unsupported-codec", path, message, INSTALL_AV) from None
        assert isinstance(decoder, VideoCodecContext)
        decoder.thread_type = "SLICE"  # threads over frames would give each picture late
        self._path, self._decoder = path, decoder

    def decode(self, content: bytes) -> UInt8[np.ndarray, "height width 3"]:
        """One picture, as stored.

        Raises:
            MediaError: It cannot be decoded.
        """
        try:
            frames = self._decoder.decode(av.Packet(content))
        except av.FFmpegError as error:
            message = f"a picture cannot be decoded ({error.strerror})"
            raise media_error("undecodable-frame", self._path, message, FETCH_AGAIN) from None
        if len(frames) != 1:
            message = f"a picture gave {len(frames)} frames where one was expected"
            raise media_error("undecodable-frame", self._path, message, FETCH_AGAIN)
        return np.asarray(frames[0].to_ndarray(format="rgb24"), dtype=np.uint8)


def read_pictures(
    streams: Streams, start_ns: int | None, stop_ns: int | None
) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
    """The stamps and upright pictures of the RGB camera in ``[start_ns, stop_ns)``, in order.

    Raises:
        MediaError: No picture was recorded, or one cannot be decoded.
    """
    decoder = None
    for number in _numbers(streams, start_ns, stop_ns):
        record = streams.record("camera-rgb", number)
        time_ns = int(record.metadata_blocks[0]["capture_timestamp_ns"])
        asked = (start_ns is None or time_ns >= start_ns) and (stop_ns is None or time_ns < stop_ns)
        if _form(record) == "jpg":
            if not asked:
                continue
            picture = decode_jpeg(streams.path, _content(record))
        elif _form(record) == "H.265":
            decoder = decoder or H265Decoder(streams.path)
            picture = decoder.decode(_content(record))
        else:
            message = f"its pictures are in {_form(record)!r}, expected jpg or H.265"
            raise media_error("unsupported-codec", streams.path, message, "leave the pictures out")
        if asked:
            yield time_ns, UPRIGHT[streams.generation].apply(picture)


def _numbers(streams: Streams, start_ns: int | None, stop_ns: int | None) -> range:
    """The pictures that are asked for, and those before them without which they cannot be decoded."""
    asked = streams.numbers("camera-rgb", start_ns, stop_ns)
    first = asked.start
    while first > 0 and asked and not _stands_alone(streams.record("camera-rgb", first)):
        first -= 1
    return range(first, asked.stop)


def _form(record: Any) -> str:
    spec = record.image_specs[0]
    return str(spec.codec_name or spec.image_format)


def _content(record: Any) -> bytes:
    return np.asarray(record.image_blocks[0]).tobytes()


def _stands_alone(record: Any) -> bool:
    return _form(record) != "H.265" or begins_anew(_content(record))
