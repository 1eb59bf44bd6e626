"""The sound track of a file: what is decoded of it, at the time zero of the pictures, and what cannot be."""

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from jaxtyping import Float32

from egoshift.errors import MediaError
from egoshift.isolation import beat
from egoshift.media.container import (
    CUT_OFF_S,
    FETCH_AGAIN,
    check_no_picture,
    first_frame,
    freed,
    last_tick,
    media_error,
    open_file,
    open_video,
    read_only,
)
from egoshift.media.soundframes import channels

if TYPE_CHECKING:
    SoundPacket = Packet[AudioStream]
else:  # the class takes its parameter in its stub alone
    SoundPacket = Packet

EXACT_FORMATS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "wav", "flac")
"""Containers that can be sought in without the clock coming out of step, and whose headers tell how long they are.

FFmpeg estimates both for others, such as mp3 and bare AAC, from their bit rate.
"""

MATROSKA_DURATION = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")

REENCODE_SOUND = "write it anew with `ffmpeg -i IN -c:v copy -c:a aac OUT.mp4`, or leave the sound out"


class Piece(NamedTuple):
    """What a packet was decoded into.

    Attributes:
        begin_s: When it begins, from the first frame shown; None where the file does not say.
        rate_hz: Samples a second.
        samples: From -1 to 1; None where the packet is damaged.
    """

    begin_s: float | None
    rate_hz: int
    samples: Float32[np.ndarray, "channels samples"] | None


@runtime_checkable
class Track(Protocol):
    """A sound track, opened: a ``SoundTrack``, or what gives its pieces in the same way."""

    def __enter__(self) -> "Track": ...

    def __exit__(self, *_: object) -> None: ...

    def pieces(self, from_s: float) -> Iterator[Piece]:
        """What is decoded, in order, from no later than a time to the end; for one call."""

    def check_end(self) -> None:
        """Raises a MediaError where the track is not whole; called at its end."""


class SoundTrack:
    """The first sound track of a file, opened; a context that closes it.

    Args:
        path: The file.
        container: The file, opened, at its beginning.
        zero_s: When the first frame of the pictures is shown, on the container's clock.

    Attributes:
        stream: The track.
        num_tracks: How many sound tracks the file holds; the others are not read.
        end_s: When the last packet read so far ends.
    """

    def __init__(self, path: Path, container: InputContainer, zero_s: Fraction):
        self._path, self._zero_s = path, float(zero_s)
        self.num_tracks = len(container.streams.audio)
        self._begin(container)

    def __enter__(self) -> "SoundTrack":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def pieces(self, from_s: float = 0.0) -> Iterator[Piece]:
        """What is decoded, packet by packet, from no later than a time to the end of the file; for one call."""
        if from_s > 0 and self._is_exact and self._seek(from_s):
            self._is_whole = False
            pieces = self._decoded()
            head = next(pieces, None)
            if head is not None and head.begin_s is not None and head.begin_s <= from_s:
                yield head
                yield from pieces
                return
            self._container.close()  # it landed too late, or nowhere: begin anew
            self._begin(_opened(self._path))
        yield from self._decoded()

    def last_s(self) -> float:
        """When the last packet ends, found without decoding; leaves the track at its end."""
        origin = round(self._zero_s / self._tick_s)
        frame_s = (self.stream.codec_context.frame_size or 1) / self.stream.sample_rate
        self.end_s = self._seconds(last_tick(self._container, self.stream, origin, round(frame_s / self._tick_s)))
        return self.end_s

    def check_end(self) -> None:
        """Call at the end of the file.

        Raises:
            MediaError: The track was read from its beginning and gave nothing, or it ends well before what the header
                of the file announces.
        """
        if self._is_whole and not self._num_packets:
            message = "has a sound track with nothing in it"
            raise media_error("empty-sound", self._path, message, "leave the sound out, or fetch the file again")
        if self._is_whole and not self._num_frames:
            message = f"not one of the {self._num_packets} packets of its sound can be decoded"
            raise media_error("undecodable-sound", self._path, message, REENCODE_SOUND)
        announced_s = self._announced_s()
        if announced_s is not None and announced_s - self.end_s > CUT_OFF_S:
            message = f"its sound ends at {self.end_s:.3f} s, though its header announces {announced_s:.3f} s"
            raise media_error("truncated-sound", self._path, f"{message}; it was cut off", FETCH_AGAIN)

    def _begin(self, container: InputContainer) -> None:
        self._container, self.stream = container, container.streams.audio[0]
        read_only(self.stream, container)
        if self.stream.codec_context.name == "flac":
            self.stream.codec_context.options = {"err_detect": "crccheck+explode"}  # or damage sounds
        self._tick_s = float(self.stream.time_base or 1)
        self._is_exact = container.format.name in EXACT_FORMATS
        self._is_whole = True
        self._num_packets = self._num_frames = 0
        self.end_s = 0.0

    def _seek(self, time_s: float) -> bool:
        try:
            self._container.seek(int((time_s + self._zero_s) / self._tick_s), stream=self.stream)
        except av.FFmpegError:
            return False
        return True

    def _seconds(self, tick: int) -> float:
        return tick * self._tick_s - self._zero_s

    def _decoded(self) -> Iterator[Piece]:
        for packet in self._packets():
            begin_s = None if packet.pts is None else self._seconds(packet.pts)
            if packet.size:
                self._num_packets += 1
                lasts_s = (packet.duration or 0) * self._tick_s
                self.end_s = max(self.end_s, (self.end_s if begin_s is None else begin_s) + lasts_s)
            frames = None if packet.is_corrupt else self._frames(packet)
            if frames is None:
                yield Piece(begin_s, self.stream.sample_rate, None)
            else:
                yield from map(self._piece, frames)
        yield from map(self._piece, self._frames(None) or [])

    def _packets(self) -> Iterator[SoundPacket]:
        packets = freed(self._container.demux(self.stream))
        while True:
            beat()
            try:
                packet = next(packets, None)
            except av.FFmpegError:  # the file breaks off here
                return
            if packet is None:
                return
            yield packet

    def _frames(self, packet: SoundPacket | None) -> list[AudioFrame] | None:
        """The frames that the decoder has ready; None where it cannot make anything of the packet."""
        try:
            return self.stream.decode(packet)
        except av.EOFError:
            return []
        except av.FFmpegError:
            return None

    def _piece(self, frame: AudioFrame) -> Piece:
        samples = channels(frame)
        is_usable = not frame.is_corrupt and math.isfinite(float(samples.sum()))
        self._num_frames += is_usable
        begin_s = None if frame.pts is None else self._seconds(frame.pts)
        return Piece(begin_s, frame.sample_rate, samples if is_usable else None)

    def _announced_s(self) -> float | None:
        """When the sound ends as the head of the file has it; None where that says nothing, or guesses."""
        if not self._is_exact:
            return None
        if self.stream.duration:
            return self._seconds((self.stream.start_time or 0) + self.stream.duration)
        written = MATROSKA_DURATION.fullmatch(self.stream.metadata.get("DURATION", ""))
        if written is None:
            return None
        hours, minutes, seconds = written.groups()
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds) - self._zero_s


def open_sound(path: Path) -> SoundTrack | None:
    """The sound track of a file; None where it holds none, nor does a folder of frames.

    Raises:
        MediaError: It is no file that holds videos or sound, its pictures (which set the time zero) cannot be
            decoded, or the coding of its sound has no decoder.
    """
    if path.is_dir():
        return None
    container = _opened(path)
    try:
        check_no_picture(path, container, "recording")
        if not container.streams.audio:
            container.close()
            return None
        decoder: object = container.streams.audio[0].codec_context
        if decoder is None:  # which the stub does not foresee
            raise media_error("unsupported-codec", path, "the coding of its sound has no decoder here", REENCODE_SOUND)
        return SoundTrack(path, container, _zero_s(path, container))
    except MediaError:
        container.close()
        raise


def _opened(path: Path) -> InputContainer:
    return open_file(path, "recording", "give a video or sound file, such as mp4, mkv, wav or flac")


def _zero_s(path: Path, container: InputContainer) -> Fraction:
    """When the first frame is shown, on the container's clock; where there are no pictures, when the sound begins."""
    if any(not video.disposition & video.disposition.attached_pic for video in container.streams.video):
        pictures, video = open_video(path, threads=1)
        with pictures:
            clock, _ = first_frame(path, pictures, video)
            return clock.origin * clock.time_base
    sound = container.streams.audio[0]
    return (sound.start_time or 0) * (sound.time_base or Fraction(1))
