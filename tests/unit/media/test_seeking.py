from pathlib import Path
from unittest.mock import create_autospec

import av
import pytest
from av.container import InputContainer

from egoshift.media.container import open_video
from egoshift.media.seeking import land
from tests.fixtures.videos import write_video


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mp4", "video.mkv", "video.ts", "video.webm"])
def test_landing_finds_the_last_keyframe_shown_by_then(tmp_path: Path, name: str) -> None:
    codec = {"hevc.mp4": "libx265", "video.webm": "libvpx-vp9"}.get(name, "libx264")
    path = write_video(tmp_path / name, 60, codec=codec)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    keys = [packet.pts for packet in packets if packet.is_keyframe and packet.pts is not None]
    container, stream = open_video(path)
    with container:
        for limit in sorted(packet.pts for packet in packets if packet.pts is not None):
            landed = land(container, stream, limit, limit)
            assert landed is not None
            begin, following, offset = landed
            best = max(key for key in keys if key <= limit)
            assert begin == best or (name == "video.ts" and begin in keys and begin <= best)
            assert next(following).pts == begin
            again = land(container, stream, begin, offset)
            assert again is not None
            assert again[0] == begin


def test_landing_gives_up_where_nothing_was_shown_yet(tmp_path: Path) -> None:
    container, stream = open_video(write_video(tmp_path / "video.mp4", 30, start_s=1.0))
    with container:
        assert land(container, stream, 0, 0) is None


def test_landing_gives_up_where_the_file_cannot_be_read(tmp_path: Path) -> None:
    opened, stream = open_video(write_video(tmp_path / "video.mp4", 30))
    container = create_autospec(InputContainer, instance=True)
    container.seek.side_effect = av.FFmpegError(5, "Input/output error")
    with opened:
        assert land(container, stream, 0, 0) is None
