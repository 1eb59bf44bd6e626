from pathlib import Path

import numpy as np
import pytest
import torch

from egoshift.features.jobs import Job, in_chunks, pictures
from egoshift.media import VideoInfo

from .examples import BLOCKS_CARD, LeftHalf

INFO = VideoInfo(Path("v.mp4"), 10.0, 8, 4, 10.0, None, 0, "h264")


def frames(num: int) -> list[np.ndarray]:
    return [np.full((4, 8, 3), index, np.uint8) for index in range(num)]


def prepare(frame: np.ndarray) -> torch.Tensor:
    return torch.full((3, 2, 2), int(frame[0, 0, 0]) + 100 * frame.shape[1], dtype=torch.int16).to(torch.uint8)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    job = Job("v", INFO, np.arange(8) / 4)
    job.begin(("full", "hand"), BLOCKS_CARD.model_copy(update={"dim": 4}), tmp_path)
    return job


def test_a_job_makes_room_for_every_row(job):
    assert job.missing == 16
    assert {name: (array.shape, array.dtype) for name, array in job.rows.items()} == {
        "times": ((8,), np.float64),
        "full": ((8, 4), np.float16),
        "hand": ((8, 4), np.float16),
        "hand_boxes": ((8, 4), np.float32),
        "hand_origins": ((8,), np.uint8),
    }
    np.testing.assert_array_equal(job.rows["times"], job.times_s)


def test_chunks_hold_every_frame_in_order():
    shown = list(enumerate(frames(10)))
    chunks = list(in_chunks(shown, 4))
    assert [len(chunk) for chunk in chunks] == [4, 4, 2]
    assert [index for chunk in chunks for index, _ in chunk] == list(range(10))
    assert list(in_chunks([], 4)) == []


def test_chunks_are_never_cut_between_two_times_on_one_frame():
    one, two = frames(2)
    shown = list(enumerate([one] * 7 + [two] * 2))
    assert [[index for index, _ in chunk] for chunk in in_chunks(shown, 4)] == [[*range(7)], [7, 8]]


def test_a_frame_shown_twice_is_one_picture(job):
    one, two = frames(2)
    found = pictures(job, [(0, one), (1, one), (2, two)], ("full",), prepare, None)
    assert [picture.slots for picture in found] == [[("full", 0), ("full", 1)], [("full", 2)]]
    assert [picture.first_s for picture in found] == [0.0, 0.5]


def test_a_hand_view_of_the_whole_frame_is_the_full_view(job):
    one, two = frames(2)
    found = pictures(job, [(0, one), (1, two)], ("full", "hand"), prepare, LeftHalf(first_s=0.25))
    assert [picture.slots for picture in found] == [[("full", 0), ("hand", 0)], [("full", 1)], [("hand", 1)]]
    assert job.rows["hand_origins"][:2].tolist() == [0, 1]
    assert job.rows["hand_boxes"][:2].tolist() == [[0, 0, 1, 1], [0, 0, 0.5, 1]]
    assert not torch.equal(found[1].pixels, found[2].pixels)


def test_the_locator_sees_the_frames_and_their_times(job):
    locator = LeftHalf()
    pictures(job, list(enumerate(frames(3))), ("full", "hand"), prepare, locator)
    assert locator.calls == [("v", 3, 3)]
