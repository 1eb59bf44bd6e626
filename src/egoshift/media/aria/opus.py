"""Sound of several channels in Opus, as Project Aria's second generation stores it, decoded by FFmpeg.

A packet holds one mono stream a channel (RFC 7845, channel mapping 255). Opus decodes to 48 kHz whatever the rate of
what was coded; a signal of 16 kHz has nothing above 8 kHz there, so that every third sample is the signal again. The
reference decoder takes every third sample itself when it is asked for 16 kHz. The delay of the codec (6.5 ms as it is
usually set) is not taken out, as ``projectaria_tools`` does not take it out.
"""

import struct
from pathlib import Path

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from jaxtyping import Float32

from egoshift.media.aria.pictures import INSTALL_AV
from egoshift.media.container import FETCH_AGAIN, media_error

DECODED_HZ = 48_000


class OpusDecoder:
    """Decodes the packets of one stream in order; right from 80 ms after the first (RFC 7845, section 4.2).

    Args:
        path: The file, for the faults.
        num_channels: Channels of a packet, at most 255.
        rate_hz: The rate of what was coded, a divisor of 48,000.

    Raises:
        MediaError: The rate is none of Opus, or this FFmpeg does not decode Opus.
    """

    def __init__(self, path: Path, num_channels: int, rate_hz: int):
        if rate_hz <= 0 or DECODED_HZ % rate_hz:
            message = f"its sound is in Opus at {rate_hz} Hz, which is no rate of Opus"
            raise media_error("unsupported-sound", path, message, FETCH_AGAIN)
        try:
            decoder = av.CodecContext.create("opus", "r")
        except av.FFmpegError:
            message = "its sound is in Opus, which the installed FFmpeg does not decode"
            raise media_error("unsupported-sound", path, message, INSTALL_AV) from None
        assert isinstance(decoder, AudioCodecContext)
        # Version 1, no samples to skip, no gain; then as many streams as channels, none of them in pairs.
        head = struct.pack("<8sBBHIhBBB", b"OpusHead", 1, num_channels, 0, rate_hz, 0, 255, num_channels, 0)
        decoder.extradata = head + bytes(range(num_channels))
        self._path, self._decoder = path, decoder
        self._num_channels, self._step = num_channels, DECODED_HZ // rate_hz

    def decode(self, packet: bytes) -> Float32[np.ndarray, "samples channels"]:
        """The samples of the next packet; full scale is 1.

        Raises:
            MediaError: It is no packet of this stream.
        """
        try:
            frames = self._decoder.decode(av.Packet(packet))
        except av.FFmpegError as error:
            message = f"a block of sound cannot be decoded ({error.strerror})"
            raise media_error("undecodable-sound", self._path, message, FETCH_AGAIN) from None
        decoded = [self._columns(frame) for frame in frames]
        return np.concatenate([np.empty((0, self._num_channels), np.float32), *decoded])[:: self._step]

    def _columns(self, frame: AudioFrame) -> Float32[np.ndarray, "samples channels"]:
        # Not frame.to_ndarray(): of 8 channels PyAV counts 9 planes, and the ninth is no memory of ours.
        planes = [np.frombuffer(bytes(frame.planes[k]), np.float32) for k in range(self._num_channels)]
        return np.stack(planes, axis=1)[: frame.samples]
