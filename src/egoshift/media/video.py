"""Video files and folders of numbered frames: what they are, and the frames shown at given times."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from egoshift.isolation import ask, is_isolated, stream
from egoshift.media.container import REENCODE, duration_s, first_frame, is_picture, media_error, open_video
from egoshift.media.frames import FrameFolder
from egoshift.media.onepass import frames_shown
from egoshift.media.orientation import orientation
from egoshift.remote import whole

TOLD_INFO, TOLD_FRAMES = f"{__name__}:told_info", f"{__name__}:told_frames"
"""What a child process is asked for, where media is read in one."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video is, as far as it can be told without decoding it.

    Attributes:
        path: The file, or the folder of numbered frames.
        duration_s: From the first frame shown to the end of the last.
        width: In pixels, as shown (after rotation).
        height: In pixels, as shown (after rotation).
        rate_hz: Frames per second, on average.
        num_frames: How many frames; None where the file does not say.
        rotation_deg: How far the stored picture is turned clockwise to be shown upright: 0, 90, 180 or 270.
        codec: Name of the coding, such as ``"h264"``, or ``"frames"`` for a folder.
    """

    path: Path
    duration_s: float
    width: int
    height: int
    rate_hz: float
    num_frames: int | None
    rotation_deg: int
    codec: str


def probe(path: Path, frame_rate_hz: float | None = None) -> VideoInfo:
    """What the video at ``path`` is; decodes no more than its first frame.

    Args:
        path: A video file, or a folder of numbered frames.
        frame_rate_hz: Frames per second of a folder of frames; not used for files, which carry their own times.

    Raises:
        MediaError: Nothing usable is there; says what and what to do.
    """
    if path.is_dir():
        return _probe_folder(FrameFolder(path, frame_rate_hz))
    if is_isolated():
        whole(path)  # what has the keys to an object store is this process
        return VideoInfo(**{**ask(path, TOLD_INFO), "path": path})
    return _probe_file(path)


def _probe_file(path: Path) -> VideoInfo:
    container, stream = open_video(path, threads=1, header=True)
    with container:
        clock, frame = first_frame(path, container, stream)
        upright = orientation(path, frame)
        width, height = (frame.height, frame.width) if upright.transpose else (frame.width, frame.height)
        return VideoInfo(
            path=path,
            duration_s=duration_s(path, container, stream, clock),
            width=width,
            height=height,
            rate_hz=float(clock.rate_hz),
            num_frames=stream.frames or None,
            rotation_deg=upright.degrees,
            codec=stream.codec_context.codec.canonical_name,
        )


def read_frames(
    path: Path, times_s: Float64[np.ndarray, " times"], frame_rate_hz: float | None = None, *, threads: int = 0
) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
    """The frames shown at the given times, from one pass over the video in time order.

    Args:
        path: A video file, or a folder of numbered frames.
        times_s: Ascending times, in seconds from the first frame shown.
        frame_rate_hz: Frames per second of a folder of frames; not used for files, which carry their own times.
        threads: How many threads decode; 0 for as many as there are cores.

    Yields:
        The index into ``times_s`` and the upright RGB frame shown at that time, for every index in order. Times on
        one frame get the same array object, which must not be written to.

    Raises:
        MediaError: The video cannot be read, a wanted frame cannot be decoded, or a time lies more than one frame
            past the end; raised when that time is reached, after everything before it was given.
    """
    if len(times_s) == 0:
        return
    if not bool(np.all(np.isfinite(times_s) & (times_s >= 0))):
        message = f"frames were asked for at {times_s.min():.3f} to {times_s.max():.3f} s, which is outside the video"
        raise media_error("time-outside-video", path, message, "correct the times; 0 is the first frame shown")
    assert bool(np.all(np.diff(times_s) >= 0)), "times ascend"
    if path.is_dir():
        yield from FrameFolder(path, frame_rate_hz).frames_shown(times_s)
    elif is_isolated():
        yield from _frames_of_child(path, times_s, threads)
    else:
        yield from frames_shown(path, times_s, threads)


def _frames_of_child(
    path: Path, times_s: Float64[np.ndarray, " times"], threads: int
) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
    whole(path)
    shown: np.ndarray | None = None
    with closing(stream(path, TOLD_FRAMES, threads, array=times_s)) as pieces:
        for index, (_, frame) in enumerate(pieces):
            shown = shown if frame is None else frame
            if shown is None or not is_picture(shown) or index >= len(times_s):
                raise media_error("decoder-crash", path, "decoding gave what is no picture", REENCODE)
            yield index, shown


def told_info(path: str) -> Iterator[tuple[dict[str, Any], None]]:
    """What a child tells of a video: the fields of its ``VideoInfo``."""
    yield {**asdict(_probe_file(Path(path))), "path": path}, None


def told_frames(
    path: str, threads: int, times_s: Float64[np.ndarray, " times"]
) -> Iterator[tuple[dict[str, Any], np.ndarray | None]]:
    """What a child tells of the frames of a video: each of them, in order; none again where it is the one before."""
    before = None
    for _, frame in frames_shown(Path(path), times_s, threads):
        yield {}, None if frame is before else frame
        before = frame


def _probe_folder(folder: FrameFolder) -> VideoInfo:
    folder.check_complete()
    width, height = folder.size
    return VideoInfo(
        path=folder.path,
        duration_s=folder.num_frames / float(folder.rate_hz),
        width=width,
        height=height,
        rate_hz=float(folder.rate_hz),
        num_frames=folder.num_frames,
        rotation_deg=0,
        codec="frames",
    )
