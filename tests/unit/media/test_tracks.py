"""Boxes asked at other times than those that were looked at."""

from pathlib import Path

import numpy as np
import pytest

from egoshift.media import VideoInfo, crop
from egoshift.media.tracks import BoxTrack, boxes_at

INFO = VideoInfo(Path("v.mp4"), 60.0, 640, 480, 10.0, 600, 0, "h264")
FULL = [0.0, 0.0, 1.0, 1.0]
LEFT, RIGHT = [0.0, 0.0, 0.25, 0.5], [0.5, 0.5, 1.0, 1.0]
NOTHING = [np.nan] * 4


def track(*seen: tuple[float, list[float]]) -> BoxTrack:
    return BoxTrack(np.array([time for time, _ in seen]), np.array([box for _, box in seen]).reshape(-1, 4))


def slow_box_at(known: BoxTrack, time_s: float, info: VideoInfo, max_gap_s: float) -> tuple[list[float], int]:
    """One asked time, by the rules in the docstring of boxes_at, in numbers of frames."""
    asked = int((time_s + 1e-6) * info.rate_hz)
    seen = [
        (int((time + 1e-6) * info.rate_hz), None if np.isnan(box[0]) else box)
        for time, box in zip(known.times_s, known.boxes, strict=True)
    ]
    for frame, box in seen:
        if frame == asked:
            return (FULL, 0) if box is None else (list(box), 1)
    earlier = [item for item in seen if item[0] < asked]
    later = [item for item in seen if item[0] > asked]
    gap = (max_gap_s + 1e-6) * info.rate_hz
    if earlier and later:
        (first, start), (second, stop) = earlier[-1], later[0]
        if start is not None and stop is not None and asked - first <= gap and second - asked <= gap:
            share = (asked - first) / (second - first)
            return list((1 - share) * start + share * stop), 2
    nearest = sorted([*earlier[-1:], *later[:1]], key=lambda item: abs(item[0] - asked))[:1]
    if nearest and abs(nearest[0][0] - asked) <= gap / 2 and nearest[0][1] is not None:
        return list(nearest[0][1]), 2
    return FULL, 0


@pytest.mark.parametrize("seed", range(5))
def test_boxes_equal_the_rules_applied_one_time_at_a_time(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = np.sort(rng.choice(600, 60, replace=False))
    boxes = np.tile(LEFT, (60, 1)) + rng.uniform(0, 0.4, (60, 1))
    boxes[rng.random(60) < 0.3] = np.nan
    known = BoxTrack(frames / 10 + rng.uniform(0, 0.09, 60), boxes)
    asked_s = np.sort(rng.uniform(0, 60, 500))
    found = boxes_at(known, asked_s, INFO, max_gap_s=0.73)
    expected = [slow_box_at(known, time_s, INFO, 0.73) for time_s in asked_s]
    np.testing.assert_array_equal(found.origin, [origin for _, origin in expected])
    np.testing.assert_allclose(found.boxes, [box for box, _ in expected], rtol=0, atol=1e-6)
    assert set(found.origin.tolist()) == {0, 1, 2}


def test_a_detection_holds_for_the_whole_of_its_frame() -> None:
    found = boxes_at(track((0.48, LEFT)), np.array([0.39, 0.4, 0.48, 0.4999, 0.5]), INFO, max_gap_s=0.0)
    assert found.origin.tolist() == [0, 1, 1, 1, 0]
    np.testing.assert_array_equal(found.boxes[1:4], np.array([LEFT] * 3, dtype=np.float32))


def test_between_two_near_detections_the_box_moves_linearly() -> None:
    found = boxes_at(track((1.0, LEFT), (2.0, RIGHT)), np.array([1.3]), INFO)
    np.testing.assert_allclose(found.boxes, [np.array(LEFT) * 0.7 + np.array(RIGHT) * 0.3], rtol=0, atol=1e-6)
    assert found.origin.tolist() == [2]


def test_a_detection_alone_reaches_half_the_gap_and_two_reach_the_whole() -> None:
    lone, pair = track((5.0, LEFT)), track((5.0, LEFT), (6.5, RIGHT))
    asked = np.array([4.4, 4.5, 5.5, 5.6, 6.0])
    assert boxes_at(lone, asked, INFO).origin.tolist() == [0, 2, 2, 0, 0]
    assert boxes_at(pair, asked, INFO).origin.tolist() == [0, 2, 2, 2, 2]
    assert boxes_at(pair, asked, INFO, max_gap_s=0.7).origin.tolist() == [0, 0, 0, 0, 0]


def test_a_frame_seen_without_hands_is_full_and_is_not_interpolated_over() -> None:
    found = boxes_at(track((1.0, LEFT), (1.4, NOTHING), (1.8, RIGHT)), np.arange(10, 19) / 10, INFO)
    assert found.origin.tolist() == [1, 2, 2, 0, 0, 0, 0, 2, 1]
    np.testing.assert_array_equal(found.boxes[4], np.array(FULL, dtype=np.float32))


def test_a_sliver_counts_as_no_box_wherever_a_crop_would_ignore_it() -> None:
    sliver = [0.5, 0.2, 0.5 + 1.2 / 640, 0.9]
    found = boxes_at(track((1.0, sliver)), np.array([1.0]), INFO)
    assert found.origin.tolist() == [0]
    np.testing.assert_array_equal(found.boxes, np.array([FULL], dtype=np.float32))
    frame = np.zeros((480, 640, 3), dtype=np.uint8)
    assert crop(frame, np.array(sliver)) is frame


def test_an_empty_track_gives_full_frames() -> None:
    found = boxes_at(track(), np.array([0.0, 1.0]), INFO)
    np.testing.assert_array_equal(found.boxes, np.array([FULL, FULL], dtype=np.float32))
    assert found.origin.tolist() == [0, 0]


def test_no_asked_times_give_no_boxes() -> None:
    assert boxes_at(track((1.0, LEFT)), np.zeros(0), INFO).boxes.shape == (0, 4)
