import numpy as np
import pytest

from egoshift.features import FramePlan, VideoEntry
from egoshift.features.wanted import Kept, identity, wanted_videos
from egoshift.media import VideoInfo

from .examples import clip_table


@pytest.fixture
def info(tmp_path):
    path = tmp_path / "v.mp4"
    path.write_bytes(b"video")
    return VideoInfo(path, 10.0, 4, 4, 10.0, None, 0, "h264")


def kept(info: VideoInfo, times: list[float]) -> Kept:
    num_bytes, fingerprint = identity(info.path)
    entry = VideoEntry(rows=len(times), duration_s=10, num_bytes=num_bytes, fingerprint=fingerprint, times_hash="t")
    return Kept(entry, np.array(times))


def test_only_times_that_are_not_stored_are_missing(info):
    clips = clip_table([("w", 0.0, 0.5), ("v", 0.0, 1.0), ("v", 0.5, 1.5)])
    found = wanted_videos(clips, {"v": info, "w": info}, FramePlan(), {"v": kept(info, [0.25, 1.0, 7.0])})
    assert [(video.video_id, video.num_clips, video.replaced) for video in found] == [("v", 2, False), ("w", 1, False)]
    assert found[0].asked_s.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert found[0].missing_s.tolist() == [0.0, 0.5, 0.75, 1.25]
    assert found[1].missing_s.tolist() == [0.0, 0.25]


def test_what_is_stored_of_another_file_is_of_no_use(info):
    before = kept(info, [0.0, 0.25])
    info.path.write_bytes(b"other")
    (video,) = wanted_videos(clip_table([("v", 0.0, 0.5)]), {"v": info}, FramePlan(), {"v": before})
    assert video.replaced
    assert video.missing_s.tolist() == [0.0, 0.25]


def test_a_file_is_known_by_its_size_its_beginning_and_its_end(tmp_path):
    path = tmp_path / "file"
    content = bytearray(np.random.default_rng(0).bytes(300_000))
    seen = set()
    for place in (None, 10, 299_990):
        if place is not None:
            content[place] ^= 1
        path.write_bytes(content)
        seen.add(identity(path))
    path.write_bytes(content + b"x")
    seen.add(identity(path))
    assert len(seen) == 4
    copy = tmp_path / "copy"
    copy.write_bytes(content + b"x")
    assert identity(copy) == identity(path)


def test_a_folder_is_known_by_the_names_and_sizes_of_its_frames(tmp_path):
    seen = set()
    for name, content in (("1.jpg", b"a"), ("2.jpg", b"a"), ("1.jpg", b"bb")):
        (tmp_path / name).write_bytes(content)
        seen.add(identity(tmp_path))
    assert len(seen) == 3
