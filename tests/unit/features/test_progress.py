from pathlib import Path

import numpy as np

from egoshift.features.progress import ExtractProgress, Meter
from egoshift.features.source import Source
from egoshift.features.wanted import Wanted
from egoshift.media import VideoInfo


def video(name: str, asked: int, missing: int, clips: int = 1) -> Wanted:
    info = VideoInfo(Path(name), 10.0, 4, 4, 10.0, None, 0, "h264")
    return Wanted(name, info, clips, np.arange(asked) / 4, np.arange(missing) / 4, Source(1, "f"))


def test_what_was_there_counts_as_done_and_not_as_speed():
    meter = Meter([video("a", 10, 0, 5), video("b", 10, 8, 5)], 1)
    assert meter.progress(0.0) == ExtractProgress(1, 2, 12, 20, 0.0, 0.0, None)
    meter.encoded("b", 4)
    assert meter.progress(2.0) == ExtractProgress(1, 2, 16, 20, 2.0, 1.0, 2.0)
    meter.encoded("b", 4)
    meter.finished()
    assert meter.progress(4.0) == ExtractProgress(2, 2, 20, 20, 2.0, 1.0, 0.0)


def test_a_time_is_done_when_all_its_views_are():
    meter = Meter([video("a", 4, 4)], 2)
    meter.encoded("a", 3)
    assert meter.frames_encoded == 1
    assert meter.progress(1.0).frames_done == 1


def test_a_video_that_failed_is_no_longer_waited_for():
    meter = Meter([video("a", 4, 4), video("b", 6, 6)], 1)
    meter.encoded("a", 2)
    meter.failed("a")
    meter.encoded("a", 2)  # a batch that was under way
    assert meter.progress(1.0) == ExtractProgress(0, 1, 0, 6, 0.0, 0.0, None)


def test_every_change_is_told():
    seen: list[ExtractProgress] = []
    meter = Meter([video("a", 4, 4)], 1, seen.append)
    meter.encoded("a", 4)
    meter.finished()
    meter.failed("a")
    assert [state.frames_done for state in seen] == [4, 4, 0]
