"""One decoding pass over a video file: every frame decoded at most once, gaps skipped, nothing guessed.

Packets are read a little ahead of the decoder, so that the frame shown at each wanted time is known before anything is
decoded. That buys three things: a packet whose frame nobody wants need not be decoded where no other frame refers to
it (H.264 says so; 1.2 to 1.4 times faster), a gap can be skipped as soon as it is seen, and a frame that the decoder
fails to deliver is missed rather than replaced by its neighbour.

A gap is skipped where a keyframe lies in it. Where one lies is asked of a *scout*, a second handle on the file that
seeks and reads one packet (0.05 ms) and leaves the decoder alone; so the pass never seeks backwards. One kind of file
makes it begin anew, without skipping: streams with intra refresh mark frames as keys that need their predecessors. The
first frame decoded after a skip tells.
"""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import Float64, UInt8

from egoshift.errors import MediaError
from egoshift.isolation import beat
from egoshift.media.container import (
    CUT_OFF_S,
    FETCH_AGAIN,
    REENCODE,
    Clock,
    VideoPacket,
    first_frame,
    freed,
    media_error,
    open_video,
)
from egoshift.media.orientation import Orientation, orientation
from egoshift.media.seeking import land

MIN_SKIP_FRAMES = 8
"""Fewer frames than this are decoded rather than skipped: restarting the decoder costs about as much."""

REORDERED = 64
"""More frames than any codec lets pass between decoding and showing one."""


def frames_shown(
    path: Path, times_s: Float64[np.ndarray, " times"], threads: int = 0
) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
    """The frames of a video file shown at ascending times; see ``egoshift.media.read_frames``."""
    scout_container, scout_stream = open_video(path, threads=1)
    with scout_container:
        clock, frame = first_frame(path, scout_container, scout_stream)
        upright = orientation(path, frame)
        container, stream = open_video(path, threads)
        with container:
            scout = (scout_container, scout_stream)
            for indices, shown in OnePass(path, container, stream, scout, clock, times_s).run():
                picture = _rgb(shown, upright)
                for index in indices:
                    yield index, picture


class OnePass:
    """The pass itself; made for one run.

    Args:
        path: The file, to name in errors.
        container: The file, opened, at its beginning.
        stream: Its video stream.
        scout: Another handle on the file and its stream, to find keyframes with.
        clock: What the stream's ticks mean.
        times_s: The wanted times, ascending.
    """

    def __init__(
        self,
        path: Path,
        container: InputContainer,
        stream: VideoStream,
        scout: tuple[InputContainer, VideoStream],
        clock: Clock,
        times_s: Float64[np.ndarray, " times"],
    ):
        self._path, self._container, self._stream, self._scout = path, container, stream, scout
        self._clock, self._times_s = clock, times_s
        self._limits = [clock.last_tick(time_s) for time_s in times_s.tolist()]  # by when its frame has begun
        self._num_planned = self._num_settled = 0
        self._planned: dict[int, range] = {}  # beginning of a frame on its way -> the indices it is wanted for
        self._can_drop = stream.codec_context.name == "h264"
        self._can_skip = True
        self._asked = -1  # the latest index for whose time the scout was asked
        self._previous: VideoFrame | None = None
        self._start(freed(container.demux(stream)))

    def run(self) -> Iterator[tuple[range, VideoFrame]]:
        """Ranges of indices with the frame shown at their times, in order."""
        while self._num_planned < len(self._limits) and (packet := self._head()) is not None:
            landing = self._worthwhile_landing()
            if landing is None:
                self._queue.popleft()
                is_wanted = self._plan(packet)
                yield from self._settle(self._decode(packet, is_wanted=is_wanted))
            if landing is not None or self._is_read():
                yield from self._drain()
            if landing is not None and self._can_skip:
                self._seek(*landing)
        if self._num_planned < len(self._limits):
            raise self._past_end()

    def _start(self, packets: Iterator[VideoPacket], begin: int | None = None) -> None:
        """Take packets from here on; after a seek, ``begin`` is the keyframe that it led to."""
        self._packets, self._begin = packets, begin
        self._has_begun = begin is None
        self._queue: deque[VideoPacket] = deque()
        self._seen: list[int] = []  # beginnings of the latest frames read, sorted
        self._horizon: int | None = None  # frames not yet read begin no earlier
        self._has_ended = False
        self._is_suspect = False  # a decoding error happened, and no keyframe was decoded since
        self._fresh_keys: set[int] = set()

    def _head(self) -> VideoPacket | None:
        while not self._queue and not self._has_ended:
            self._read()
        return self._queue[0] if self._queue else None

    def _read(self) -> None:
        """Read one more packet into the queue."""
        beat()
        try:
            packet = next(self._packets, None)
        except av.FFmpegError:
            packet = None
        if packet is None or (packet.size == 0 and packet.pts is None):
            self._has_ended = True
            return
        self._queue.append(packet)
        if packet.pts is not None and not packet.is_discard:
            insort(self._seen, packet.pts)
            del self._seen[: -2 * REORDERED]
        if packet.dts is not None:
            self._horizon = packet.dts if self._horizon is None else max(self._horizon, packet.dts)

    def _worthwhile_landing(self) -> tuple[int, int] | None:
        """The keyframe that is worth skipping to now, and the offset whose seek leads there."""
        index = self._num_planned  # all indices before it are planned: what is planned was read, and this is far ahead
        if not self._can_skip or self._asked == index or not self._seen:
            return None
        worthwhile = self._seen[-1] + MIN_SKIP_FRAMES * self._clock.frame_ticks
        limit = self._limits[index]
        if limit <= worthwhile:
            return None
        self._asked = index
        landed = land(*self._scout, limit, limit)
        if landed is None or landed[0] <= worthwhile:
            return None
        return landed[0], landed[2]

    def _seek(self, limit: int, offset: int) -> None:
        landed = land(self._container, self._stream, limit, offset)
        if landed is None:
            raise self._undecodable(self._num_planned)
        begin, packets, _ = landed
        self._start(packets, begin)

    def _begin_anew(self) -> None:
        """Go back to the beginning of the file, to decode what is still wanted without skipping."""
        self._can_skip = False
        self._num_planned = self._num_settled
        self._planned.clear()
        self._seek(self._clock.origin, self._clock.origin)
        self._has_begun = True

    def _plan(self, packet: VideoPacket) -> bool:
        """Whether the packet's frame is shown at a wanted time; if so, notes at which."""
        begin = packet.pts
        if begin is None or packet.is_discard or begin in self._planned:
            return True
        first = bisect_left(self._limits, begin, lo=self._num_settled)
        if first == len(self._limits):
            return False
        limit = self._limits[first]
        while True:
            place = bisect_right(self._seen, begin)
            following = self._seen[place] if place < len(self._seen) else None
            if following is not None and following <= limit:
                return False
            if self._has_ended or (self._horizon is not None and self._horizon > limit):
                break
            self._read()
        if following is None:
            following = begin + (packet.duration or self._clock.frame_ticks) + self._clock.frame_ticks + 1
        indices = range(first, bisect_left(self._limits, following))
        if indices:
            self._planned[begin] = indices
            self._num_planned += len(indices)
        return bool(indices)

    def _decode(self, packet: VideoPacket | None, *, is_wanted: bool = True) -> list[VideoFrame]:
        """Give the decoder a packet (None: no more for now) and take the frames that are ready."""
        if self._can_drop:
            self._stream.codec_context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
        if self._is_suspect and packet is not None and packet.is_keyframe and packet.pts is not None:
            self._fresh_keys.add(packet.pts)
        try:
            return self._stream.decode(packet)
        except av.EOFError:
            return []
        except av.FFmpegError:
            self._suspect()
            return []

    def _settle(self, frames: Sequence[VideoFrame]) -> Iterator[tuple[range, VideoFrame]]:
        """Hand out those decoded frames that are wanted, after those that should have come before them."""
        for frame in frames:
            if frame.pts is None or (self._begin is not None and frame.pts < self._begin):
                continue  # after a seek, frames shown before the keyframe lack what they refer to
            if not self._has_begun and not (frame.pts == self._begin and frame.key_frame):
                self._begin_anew()
                return
            self._has_begun = True
            if frame.is_corrupt:
                self._suspect()
            elif frame.key_frame and frame.pts in self._fresh_keys:
                self._is_suspect = False
            for tick in sorted(tick for tick in self._planned if tick < frame.pts):
                yield self._substitute(tick)
            indices = self._planned.pop(frame.pts, None)
            if indices and self._is_suspect:
                raise self._undecodable(indices[0])
            if indices:
                self._num_settled = indices.stop
                yield indices, frame
            self._previous = frame

    def _drain(self) -> Iterator[tuple[range, VideoFrame]]:
        """Hand out what is still in the decoder."""
        yield from self._settle(self._decode(None))
        if not self._has_begun:
            self._begin_anew()
        for tick in sorted(self._planned):
            yield self._substitute(tick)

    def _is_read(self) -> bool:
        """Whether there is nothing more to give to the decoder."""
        return self._num_planned == len(self._limits) or (self._has_ended and not self._queue)

    def _suspect(self) -> None:
        """From here on nothing is trusted before a keyframe that the decoder had not seen when it failed."""
        self._is_suspect = True
        self._fresh_keys.clear()

    def _substitute(self, tick: int) -> tuple[range, VideoFrame]:
        """The frame that stays on screen where the decoder, without an error, shows none for a packet.

        Some codecs have such packets (VP8's hidden frames). More than one frame's time is not bridged.
        """
        previous = self._previous
        is_near = previous is not None and previous.pts is not None and tick - previous.pts <= self._clock.frame_ticks
        if previous is None or not is_near or self._is_suspect:
            raise self._undecodable(self._num_settled)
        indices = self._planned.pop(tick)
        self._num_settled = indices.stop
        return indices, previous

    def _undecodable(self, index: int) -> MediaError:
        message = f"the frame shown at {self._times_s[index]:.3f} s cannot be decoded: the video is damaged there"
        return media_error("undecodable-frame", self._path, message, REENCODE)

    def _past_end(self) -> MediaError:
        """The error for the first time not planned, given that the file was read to its end."""
        clock, stream = self._clock, self._stream
        end_s = clock.seconds((self._seen[-1] if self._seen else clock.origin) + clock.frame_ticks)
        announced_s = clock.seconds((stream.start_time or 0) + stream.duration) if stream.duration else end_s
        message = f"there is no frame at {self._times_s[self._num_planned]:.3f} s: the video ends at {end_s:.3f} s"
        if announced_s - end_s <= CUT_OFF_S:
            return media_error("time-past-end", self._path, message, "correct the time, or give the whole video")
        message += f", though its header announces {announced_s:.3f} s; it was cut off"
        return media_error("truncated-video", self._path, message, FETCH_AGAIN)


def _rgb(frame: VideoFrame, upright: Orientation) -> UInt8[np.ndarray, "height width 3"]:
    return upright.apply(np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8))
