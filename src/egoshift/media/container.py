"""Opening video files: whatever can be wrong with one becomes a single fault that says what to do."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from egoshift.errors import Fault, MediaError

if TYPE_CHECKING:
    VideoPacket = Packet[VideoStream]
else:  # the class takes its parameter in its stub alone
    VideoPacket = Packet

REENCODE = "write it anew with `ffmpeg -i IN -c:v libx264 OUT.mp4`, or leave it out"
FETCH_AGAIN = "download or copy it again"
ANY_TIME = 2**60
"""A tick later than any; seeking to it lands at the last keyframe."""

CUT_OFF_S = 1.0
"""A file that ends earlier than its header announces, by more than this, was cut off."""

NO_MOVIE_FORMATS = ("image2", "tty")
"""What FFmpeg also takes for a video: single pictures (these, and all ``*_pipe``) and text."""


def media_error(kind: str, path: Path, message: str, remedy: str) -> MediaError:
    """The error for one fault of a video."""
    return MediaError(Fault(kind, path, message, remedy))


def open_video(path: Path, threads: int = 0) -> tuple[InputContainer, VideoStream]:
    """The opened file and its video stream; all other streams are set to be skipped unread.

    Args:
        path: The file.
        threads: How many threads decode; 0 for as many as there are cores.

    Raises:
        MediaError: It is not a file with a video stream that can be decoded.
    """
    _check_file(path)
    try:
        # Only local files: a playlist that poses as a video must not make us open addresses of its choosing.
        container = av.open(f"file:{path}", "r", container_options={"protocol_whitelist": "file"})
    except av.FFmpegError as error:
        raise _cannot_open(path, error) from None
    try:
        stream = _video_stream(path, container)
    except MediaError:
        container.close()
        raise
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = threads
    return container, stream


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


def first_frame(path: Path, container: InputContainer, stream: VideoStream) -> tuple[Clock, VideoFrame]:
    """The first frame that is shown, and the clock that starts with it.

    Decoding it is the one reliable way: edit lists, broken leading frames and headers that lie all move it.
    """
    try:
        frame = next((frame for frame in container.decode(stream) if frame.pts is not None), None)
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
    end = clock.origin
    for offset in (ANY_TIME, clock.origin):  # the last keyframe onwards; else, where that finds none, everything
        try:
            container.seek(offset, stream=stream)
            shown = [packet for packet in container.demux(stream) if packet.pts is not None and not packet.is_discard]
        except av.FFmpegError:
            shown = []
        if shown and (shown[0].is_keyframe or offset == clock.origin):
            end = max((packet.pts or 0) + (packet.duration or clock.frame_ticks) for packet in shown)
            break
    announced = (stream.start_time or 0) + (stream.duration or 0)
    if clock.seconds(announced - end + clock.origin) > CUT_OFF_S:
        message = f"ends at {clock.seconds(end):.3f} s, though its header announces {clock.seconds(announced):.3f} s"
        raise media_error("truncated-video", path, f"{message}; it was cut off", FETCH_AGAIN)
    return clock.seconds(end)


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise media_error(
            "missing-video", path, "there is no such video", "check the path, or fetch the video"
        ) from None
    except OSError as error:
        message = f"the video cannot be read: {error.strerror}"
        raise media_error("unreadable-file", path, message, "check its permissions and the disk") from None
    if size == 0:
        raise media_error("empty-file", path, "the video is empty (0 bytes)", FETCH_AGAIN)


def _cannot_open(path: Path, error: av.FFmpegError) -> MediaError:
    with path.open("rb") as file:
        is_mp4 = file.read(8)[4:] == b"ftyp"
    if is_mp4:
        message = "begins as an mp4 but its index (moov) cannot be read: it was cut off, or is damaged"
        return media_error("truncated-video", path, message, FETCH_AGAIN)
    message = f"is not a video that FFmpeg knows ({error.strerror})"
    return media_error("not-a-video", path, message, "give a video file, such as mp4, mov, mkv or webm")


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    pictures = [
        stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic
    ]
    name = container.format.name
    if name in NO_MOVIE_FORMATS or name.endswith("_pipe"):
        remedy = "give a video file, or the folder of numbered frames"
        raise media_error("not-a-video", path, f"is a single picture or a text ({name}), not a video", remedy)
    if not pictures:
        kinds = sorted({"a cover picture" if stream.type == "video" else stream.type for stream in container.streams})
        message = f"holds no video, only {' and '.join(kinds) or 'nothing'}"
        raise media_error("no-video-stream", path, message, "give the file that holds the pictures, or leave it out")
    stream = pictures[0]
    decoder: object = stream.codec_context
    if decoder is None:  # which the stub does not foresee
        message = "its coding has no decoder here"
        raise media_error("unsupported-codec", path, message, REENCODE)
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    return stream
