"""The sound of a recording into another file: as it is where mp4 holds it, else anew as AAC."""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

if TYPE_CHECKING:
    from av.stream import Stream

    AnyPacket = Packet[Stream]
else:  # the class takes its parameter in its stub alone
    AnyPacket = Packet

COPIED = ("aac", "mp3", "opus", "flac", "alac", "ac3", "eac3")
"""Codings that players look for in an mp4."""

AAC_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


def can_carry(stream: AudioStream) -> bool:
    """Whether there is a way to take a track over: its coding is known here."""
    decoder: object = stream.codec_context
    return decoder is not None  # which the stub does not foresee


class SoundCopy:
    """Carries the first sound track of a file over, packet by packet.

    Args:
        stream: The track.
        output: The file that it goes to, nothing of which is written yet.
        origin_s: What becomes time 0.
    """

    def __init__(self, stream: AudioStream, output: OutputContainer, origin_s: Fraction):
        self.stream, self._output = stream, output
        self.num_lost = 0
        codec = stream.codec_context
        self._is_copied = codec.codec.canonical_name in COPIED
        if self._is_copied:
            self._target = output.add_stream_from_template(stream)
        else:
            rate_hz = codec.sample_rate if codec.sample_rate in AAC_RATES_HZ else 48_000
            layout = "mono" if codec.channels == 1 else "stereo"
            self._target = output.add_stream("aac", rate=rate_hz, layout=layout)
        self._origin = origin_s

    def take(self, packet: AnyPacket) -> None:
        """Bring one packet over; one with neither time nor sound is nothing."""
        if packet.size == 0 or packet.pts is None or packet.dts is None:
            return
        if self._is_copied:
            shift = self._ticks(packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            if packet.pts + (packet.duration or 0) > 0:
                packet.stream = self._target
                self._output.mux(packet)
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            self.num_lost += 1
            return
        self._encode(frames)

    def finish(self) -> None:
        """Bring over what decoder and encoder hold back."""
        if not self._is_copied:
            self._encode(self.stream.decode(None))
            self._output.mux(self._target.encode(None))

    def _encode(self, frames: Sequence[object]) -> None:
        for frame in frames:
            if not isinstance(frame, AudioFrame) or frame.pts is None:
                continue
            frame.pts -= self._ticks(frame.time_base)
            if frame.pts >= 0:
                self._output.mux(self._target.encode(frame))

    def _ticks(self, time_base: Fraction | None) -> int:
        assert time_base is not None, "what a decoder gives has one"
        return round(self._origin / time_base)
