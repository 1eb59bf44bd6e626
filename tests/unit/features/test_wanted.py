import numpy as np
import pytest

from egoshift.features import FramePlan, VideoEntry
from egoshift.features.source import Source
from egoshift.features.wanted import Kept, wanted_videos
from egoshift.media import VideoInfo

from .examples import clip_table


@pytest.fixture
def info(tmp_path):
    path = tmp_path / "v.mp4"
    path.write_bytes(b"video")
    return VideoInfo(path, 10.0, 4, 4, 10.0, None, 0, "h264")


def kept(info: VideoInfo, times: list[float]) -> Kept:
    of = Source.of_pictures(info)
    entry = VideoEntry(
        rows=len(times), duration_s=10, num_bytes=of.num_bytes, fingerprint=of.fingerprint, times_hash="t"
    )
    return Kept(entry, np.array(times))


def test_only_times_that_are_not_stored_are_missing(info):
    clips = clip_table([("w", 0.0, 0.5), ("v", 0.0, 1.0), ("v", 0.5, 1.5)])
    before = {"v": kept(info, [0.25, 1.0, 7.0])}
    found = wanted_videos(clips, {"v": info, "w": info}, FramePlan(), before, lambda _: Source.of_pictures(info))
    assert [(video.video_id, video.num_clips, video.replaced) for video in found] == [("v", 2, False), ("w", 1, False)]
    assert found[0].asked_s.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert found[0].missing_s.tolist() == [0.0, 0.5, 0.75, 1.25]
    assert found[1].missing_s.tolist() == [0.0, 0.25]


def test_what_is_stored_of_another_file_is_of_no_use(info):
    before = kept(info, [0.0, 0.25])
    info.path.write_bytes(b"other")
    clips, now = clip_table([("v", 0.0, 0.5)]), Source.of_pictures(info)
    (video,) = wanted_videos(clips, {"v": info}, FramePlan(), {"v": before}, lambda _: now)
    assert video.replaced
    assert video.missing_s.tolist() == [0.0, 0.25]
