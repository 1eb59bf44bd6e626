"""Opening video and sound files: whatever can be wrong with one becomes a single fault that says what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from egoshift.errors import Fault, MediaError
from egoshift.foreign import AV_OPTIONS
from egoshift.isolation import beat
from egoshift.remote import ranges, whole

if TYPE_CHECKING:
    VideoPacket = Packet[VideoStream]
else:  # the class takes its parameter in its stub alone
    VideoPacket = Packet

Given = TypeVar("Given")

REENCODE = "write it anew with `ffmpeg -i IN -c:v libx264 OUT.mp4`, or leave it out"
FETCH_AGAIN = "download or copy it again"
ANY_TIME = 2**60
"""A tick later than any; seeking to it lands at the last keyframe."""

CUT_OFF_S = 1.0
"""A file that ends earlier than its header announces, by more than this, was cut off."""

NO_MOVIE_FORMATS = ("image2", "tty")
"""What FFmpeg also takes for a video: single pictures (these, and all ``*_pipe``) and text."""


def media_error(kind: str, path: Path, message: str, remedy: str) -> MediaError:
    """The error for one fault of a video or of its sound."""
    return MediaError(Fault(kind, path, message, remedy))


def open_video(path: Path, threads: int = 0, *, header: bool = False) -> tuple[InputContainer, VideoStream]:
    """The opened file and its video stream; all other streams are set to be skipped unread.

    Args:
        path: The file.
        threads: How many threads decode; 0 for as many as there are cores.
        header: Whether no more than its ends will be read, for which one in an object store is not fetched.

    Raises:
        MediaError: It is not a file with a video stream that can be decoded.
    """
    container = open_file(path, "video", "give a video file, such as mp4, mov, mkv or webm", header=header)
    try:
        stream = _video_stream(path, container)
    except MediaError:
        container.close()
        raise
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = threads
    return container, stream


def open_file(path: Path, noun: str, remedy: str, *, header: bool = False) -> InputContainer:
    """The opened file.

    Args:
        path: The file.
        noun: What it is to be, for errors: ``"video"`` or ``"recording"``.
        remedy: What to do where FFmpeg cannot make anything of it.
        header: As for ``open_video``.

    Raises:
        MediaError: There is no such file, or it is none that FFmpeg knows.
    """
    pieces = ranges(path) if header else None
    if pieces is None:
        _check_file(whole(path), noun)
    try:
        # A title that is not UTF-8 is no reason to refuse the pictures.
        return av.open(pieces or f"file:{path}", "r", container_options=dict(AV_OPTIONS), metadata_errors="replace")
    except av.FFmpegError as error:
        raise _cannot_open(path, noun, remedy, error) from None


def check_no_picture(path: Path, container: InputContainer, noun: str) -> None:
    """Raise a MediaError if FFmpeg took a single picture or a text for a video."""
    name = container.format.name
    if name in NO_MOVIE_FORMATS or name.endswith("_pipe"):
        remedy = f"give a {noun} file, or the folder of numbered frames"
        raise media_error(f"not-a-{noun}", path, f"is a single picture or a text ({name}), not a {noun}", remedy)


def read_only(stream: VideoStream | AudioStream, container: InputContainer) -> None:
    """Set all other streams to be skipped unread."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all


@dataclass(frozen=True)
class Clock:
    """Turns seconds from the first frame shown into the stream's own ticks, in whole numbers.

    Attributes:
        origin: The tick of the first frame shown.
        time_base: Seconds per tick.
        rate_hz: Frames per second, on average.
    """

    origin: int
    time_base: Fraction
    rate_hz: Fraction

    def last_tick(self, time_s: float) -> int:
        """The latest tick at which a frame can begin and still be the one shown at ``time_s``.

        Containers round the beginnings of frames to ticks (Matroska to whole milliseconds), so half a tick is
        allowed for, but never more than half a millisecond.
        """
        slack = min(self.time_base / 2, Fraction(1, 2000)) + Fraction(1, 1_000_000)
        nanoseconds = round(time_s * 1e9) + int(slack * 10**9)
        return self.origin + nanoseconds * self.time_base.denominator // (self.time_base.numerator * 10**9)

    def seconds(self, tick: int) -> float:
        """Seconds from the first frame shown to ``tick``."""
        return float((tick - self.origin) * self.time_base)

    @property
    def frame_ticks(self) -> int:
        """How long a frame is shown, on average; at least one tick."""
        return max(1, round(1 / (self.rate_hz * self.time_base)))


def is_picture(given: np.ndarray) -> bool:
    """Whether what a child process gave is one: bytes of height, width and three colours."""
    return given.dtype == np.uint8 and given.shape[2:] == (3,)


def freed(packets: Iterator[Given]) -> Iterator[Given]:
    """The same packets. PyAV's own generator (18.1), dropped before its end, keeps its memory; this one closes it."""
    yield from packets


def first_frame(path: Path, container: InputContainer, stream: VideoStream) -> tuple[Clock, VideoFrame]:
    """The first frame that is shown, and the clock that starts with it.

    Decoding it is the one reliable way: edit lists, broken leading frames and headers that lie all move it.
    """
    try:
        frames = (frame for packet in freed(container.demux(stream)) for frame in stream.decode(packet))
        frame = next((frame for frame in frames if frame.pts is not None), None)
    except av.FFmpegError:
        frame = None
    if frame is None or frame.pts is None or stream.time_base is None:
        raise media_error("undecodable-frame", path, "not one frame of the video can be decoded", REENCODE)
    rate = stream.average_rate or stream.guessed_rate or Fraction(30)
    return Clock(frame.pts, stream.time_base, rate), frame


def duration_s(path: Path, container: InputContainer, stream: VideoStream, clock: Clock) -> float:
    """From the first frame shown to the end of the last, told by the last packets rather than by the header.

    Raises:
        MediaError: The file ends well before what its header announces.
    """
    end = last_tick(container, stream, clock.origin, clock.frame_ticks)
    announced = (stream.start_time or 0) + (stream.duration or 0)
    if clock.seconds(announced - end + clock.origin) > CUT_OFF_S:
        message = f"ends at {clock.seconds(end):.3f} s, though its header announces {clock.seconds(announced):.3f} s"
        raise media_error("truncated-video", path, f"{message}; it was cut off", FETCH_AGAIN)
    return clock.seconds(end)


def last_tick(container: InputContainer, stream: VideoStream | AudioStream, origin: int, frame_ticks: int) -> int:
    """The tick at which the last packet ends.

    Args:
        container: The file; it is left at its end.
        stream: The stream.
        origin: The tick to read from where nothing is found by seeking to the end; given back for an empty stream.
        frame_ticks: How long a packet lasts that does not say so.
    """
    for offset in (ANY_TIME, origin):  # the last keyframe onwards; else, where that finds none, everything
        end, is_complete = None, offset == origin
        try:
            container.seek(offset, stream=stream)
            for packet in container.demux(stream):
                beat()
                if packet.pts is not None and not packet.is_discard:
                    is_complete |= end is None and packet.is_keyframe
                    end = max(end or packet.pts, packet.pts + (packet.duration or frame_ticks))
        except av.FFmpegError:
            continue
        if end is not None and is_complete:
            return end
    return origin


def _check_file(path: Path, noun: str) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except FileNotFoundError:
        remedy = f"check the path, or fetch the {noun}"
        raise media_error(f"missing-{noun}", path, f"there is no such {noun}", remedy) from None
    except OSError as error:
        message = f"the {noun} cannot be read: {error.strerror}"
        raise media_error("unreadable-file", path, message, "check its permissions and the disk") from None
    if size == 0:
        raise media_error("empty-file", path, f"the {noun} is empty (0 bytes)", FETCH_AGAIN)


def _cannot_open(path: Path, noun: str, remedy: str, error: av.FFmpegError) -> MediaError:
    with whole(path).open("rb") as file:
        is_mp4 = file.read(8)[4:] == b"ftyp"
    if is_mp4:
        message = "begins as an mp4 but its index (moov) cannot be read: it was cut off, or is damaged"
        return media_error(f"truncated-{noun}", path, message, FETCH_AGAIN)
    message = f"is not a {noun} that FFmpeg knows ({error.strerror})"
    return media_error(f"not-a-{noun}", path, message, remedy)


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    check_no_picture(path, container, "video")
    pictures = [
        stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic
    ]
    if not pictures:
        kinds = sorted({"a cover picture" if stream.type == "video" else stream.type for stream in container.streams})
        message = f"holds no video, only {' and '.join(kinds) or 'nothing'}"
        raise media_error("no-video-stream", path, message, "give the file that holds the pictures, or leave it out")
    stream = pictures[0]
    decoder: object = stream.codec_context
    if decoder is None:  # which the stub does not foresee
        message = "its coding has no decoder here"
        raise media_error("unsupported-codec", path, message, REENCODE)
    read_only(stream, container)
    return stream
