"""The union rule of hands and touched objects, and the crop."""

from collections.abc import Sequence

import numpy as np
import pytest

from egoshift.media import ORIGINS, crop
from egoshift.media.hands import Detections, centres, touched_objects, union_boxes


def detections(
    hands: Sequence[tuple[int, tuple[float, ...], float, bool, tuple[float, float]]],
    objects: Sequence[tuple[int, tuple[float, ...], float]],
    num_frames: int = 1,
) -> Detections:
    """Hands as (frame, box, score, in contact, offset), objects as (frame, box, score)."""
    hand_box = np.array([hand[1] for hand in hands]).reshape(-1, 4)
    offset = np.array([hand[4] for hand in hands]).reshape(-1, 2)
    return Detections(
        times_s=np.arange(num_frames) / 50,
        hand_frame=np.array([hand[0] for hand in hands], dtype=np.int64),
        hand_box=hand_box,
        hand_score=np.array([hand[2] for hand in hands], dtype=np.float64),
        hand_contact=np.array([hand[3] for hand in hands], dtype=bool),
        hand_reach=centres(hand_box) + offset,
        object_frame=np.array([thing[0] for thing in objects], dtype=np.int64),
        object_box=np.array([thing[1] for thing in objects]).reshape(-1, 4),
        object_score=np.array([thing[2] for thing in objects], dtype=np.float64),
    )


def slow_union(found: Detections, hand_threshold: float, object_threshold: float) -> np.ndarray:
    """The rule read aloud: one frame, one hand, one object at a time."""
    unions = []
    for frame in range(len(found.times_s)):
        boxes = []
        for hand in range(len(found.hand_frame)):
            if found.hand_frame[hand] != frame:
                continue
            if found.hand_score[hand] >= hand_threshold:
                boxes.append(found.hand_box[hand])
            if not found.hand_contact[hand] or found.hand_score[hand] <= hand_threshold:
                continue
            nearest, least = None, np.inf
            for thing in range(len(found.object_frame)):
                if found.object_frame[thing] == frame and found.object_score[thing] >= object_threshold:
                    left, top, right, bottom = found.object_box[thing]
                    x, y = found.hand_reach[hand]
                    distance = ((left + right) / 2 - x) ** 2 + ((top + bottom) / 2 - y) ** 2
                    if distance < least:
                        nearest, least = thing, distance
            if nearest is not None:
                boxes.append(found.object_box[nearest])
        stacked = np.array(boxes).reshape(-1, 4)
        if boxes:
            unions.append(np.clip([*stacked[:, :2].min(axis=0), *stacked[:, 2:].max(axis=0)], 0, 1))
        else:
            unions.append(np.full(4, np.nan))
    return np.array(unions).reshape(-1, 4)


@pytest.mark.parametrize("seed", range(5))
def test_union_equals_the_rule_applied_one_hand_at_a_time(seed: int) -> None:
    rng = np.random.default_rng(seed)
    num_frames, num_hands, num_objects = 30, 60, 50
    corners = np.sort(rng.uniform(-0.1, 1.1, (num_hands + num_objects, 2, 2)), axis=1).reshape(-1, 4)
    found = Detections(
        times_s=np.arange(num_frames) / 50,
        hand_frame=rng.integers(0, num_frames, num_hands),
        hand_box=corners[:num_hands],
        hand_score=rng.choice([0.1, 0.8, 0.9], num_hands),
        hand_contact=rng.random(num_hands) < 0.7,
        hand_reach=rng.random((num_hands, 2)),
        object_frame=rng.integers(0, num_frames, num_objects),
        object_box=corners[num_hands:],
        object_score=rng.choice([0.001, 0.01, 0.5], num_objects),
    )
    fast = union_boxes(found, hand_threshold=0.8, object_threshold=0.01)
    np.testing.assert_array_equal(fast, slow_union(found, 0.8, 0.01))
    assert 0 < np.isnan(fast[:, 0]).sum() < num_frames


def test_a_hand_at_the_threshold_is_visible_but_touches_nothing() -> None:
    at, above = (0, (0.1, 0.1, 0.2, 0.2), 0.8, True, (0.5, 0.5)), (0, (0.1, 0.1, 0.2, 0.2), 0.81, True, (0.5, 0.5))
    thing = (0, (0.6, 0.6, 0.7, 0.7), 0.9)
    np.testing.assert_array_equal(
        union_boxes(detections([at], [thing]), hand_threshold=0.8, object_threshold=0.01), [[0.1, 0.1, 0.2, 0.2]]
    )
    np.testing.assert_array_equal(
        union_boxes(detections([above], [thing]), hand_threshold=0.8, object_threshold=0.01), [[0.1, 0.1, 0.7, 0.7]]
    )


def test_the_touched_object_is_nearest_to_where_the_hand_reaches_and_not_to_the_hand() -> None:
    hand = (0, (0.1, 0.1, 0.2, 0.2), 0.9, True, (0.5, 0.5))
    near_hand, near_reach = (0, (0.2, 0.2, 0.3, 0.3), 0.9), (0, (0.6, 0.6, 0.8, 0.8), 0.02)
    assert touched_objects(detections([hand], [near_hand, near_reach]), 0.8, 0.01).tolist() == [1]
    assert touched_objects(detections([hand], [near_hand, near_reach]), 0.8, 0.5).tolist() == [0]


def test_a_hand_in_contact_without_any_object_keeps_its_own_box() -> None:
    hand = (0, (0.1, 0.1, 0.2, 0.2), 0.9, True, (0.5, 0.5))
    elsewhere = (1, (0.6, 0.6, 0.7, 0.7), 0.9)
    union = union_boxes(detections([hand], [elsewhere], 2), hand_threshold=0.8, object_threshold=0.01)
    np.testing.assert_array_equal(union, [[0.1, 0.1, 0.2, 0.2], [np.nan] * 4])


def test_an_object_that_no_hand_touches_is_left_out() -> None:
    resting = (0, (0.1, 0.1, 0.2, 0.2), 0.9, False, (0.5, 0.5))
    unseen = (1, (0.1, 0.1, 0.2, 0.2), 0.5, True, (0.5, 0.5))
    things = [(0, (0.6, 0.6, 0.7, 0.7), 0.9), (1, (0.6, 0.6, 0.7, 0.7), 0.9)]
    union = union_boxes(detections([resting, unseen], things, 2), hand_threshold=0.8, object_threshold=0.01)
    np.testing.assert_array_equal(union, [[0.1, 0.1, 0.2, 0.2], [np.nan] * 4])


def test_no_detections_at_all_give_no_boxes() -> None:
    assert union_boxes(detections([], [], 0), hand_threshold=0.8, object_threshold=0.01).shape == (0, 4)


def test_a_crop_is_a_view_of_the_pixels_inside_the_box() -> None:
    frame = np.arange(100 * 200 * 3, dtype=np.uint8).reshape(100, 200, 3)
    part = crop(frame, np.array([0.25, 0.5, 0.75, 1.2], dtype=np.float32))
    np.testing.assert_array_equal(part, frame[50:100, 50:150])
    assert np.shares_memory(part, frame)


@pytest.mark.parametrize("box", [(0.5, 0.2, 0.505, 0.9), (0.2, 0.5, 0.9, 0.51), (0.5, 0.5, 0.5, 0.5)])
def test_a_box_of_one_pixel_or_less_crops_nothing(box: tuple[float, ...]) -> None:
    frame = np.zeros((100, 200, 3), dtype=np.uint8)
    assert crop(frame, np.array(box)) is frame


def test_the_origins_are_named_in_the_order_of_their_codes() -> None:
    assert ORIGINS == ("full frame", "detected", "interpolated")
