"""What the head of a media file says of it, before anything is decoded; some milliseconds a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from egoshift.errors import MediaError
from egoshift.foreign import AV_OPTIONS
from egoshift.isolation import ask, is_isolated
from egoshift.remote import ranges, whole

WHOLE_FORMATS = "mov,matroska,avi,mpeg,mpegvideo,mpegts,ogg,flv,asf,mxf,ivf,h264,hevc,obu,m4v,dv"
"""FFmpeg's names of formats that are one file. Others are lists of files, which could name any on this machine, or
themselves without end."""


def announced_s(path: Path) -> float:
    """How long the video is as its header has it; 0 where it has no video, or cannot be opened."""
    return float(_told(path, "told_length")["length_s"])


def has_sound_track(path: Path) -> bool:
    """Whether a file has a sound track; not where it cannot be opened."""
    return bool(_told(path, "told_sound_track")["has_sound"])


def is_list(path: Path) -> bool:
    """Whether a file poses as a video and is none of ``WHOLE_FORMATS``; not where it cannot be opened at all."""
    return bool(_told(path, "told_list")["is_list"])


def told_length(path: str) -> Iterator[tuple[dict[str, Any], None]]:
    """What ``announced_s`` is told."""
    length_s = 0.0
    try:
        with _opened(Path(path)) as container:
            stream = container.streams.video[0]
            if stream.duration is not None and stream.time_base is not None:
                length_s = float(stream.duration * stream.time_base)
            elif container.duration is not None:
                length_s = container.duration / av.time_base
    except (av.FFmpegError, IndexError):
        pass
    yield {"length_s": length_s}, None


def told_sound_track(path: str) -> Iterator[tuple[dict[str, Any], None]]:
    """What ``has_sound_track`` is told."""
    try:
        with _opened(Path(path)) as container:
            yield {"has_sound": bool(container.streams.audio)}, None
    except av.FFmpegError:
        yield {"has_sound": False}, None


def told_list(path: str) -> Iterator[tuple[dict[str, Any], None]]:
    """What ``is_list`` is told."""
    try:
        _opened(Path(path), format_whitelist=WHOLE_FORMATS).close()
    except av.ArgumentError:
        yield {"is_list": True}, None
    except av.FFmpegError:
        yield {"is_list": False}, None
    else:
        yield {"is_list": False}, None


def _told(path: Path, function: str) -> dict[str, Any]:
    if not is_isolated():
        (told,) = [told for told, _ in globals()[function](str(path))]
        return dict(told)
    whole(path)
    try:
        return ask(path, f"{__name__}:{function}")
    except MediaError:  # it crashed, or hangs, as it will when it is read, which then says so
        return {"length_s": 0.0, "has_sound": False, "is_list": False}


def _opened(path: Path, **options: str) -> InputContainer:
    options = {**AV_OPTIONS, **options}
    return av.open(ranges(path) or f"file:{path}", "r", container_options=options, metadata_errors="replace")
