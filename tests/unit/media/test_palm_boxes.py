"""The palm detector's numbers: anchors, decoding, merging and the box around the hand."""

import math

import numpy as np
import pytest

from egoshift.media.palm_boxes import Palms, anchor_centres, decode_palms, hand_boxes, merge_palms, overlap


def palms(*boxes: tuple[float, ...], scores: tuple[float, ...] | None = None) -> Palms:
    stacked = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    keypoints = np.tile(stacked[:, None, :2], (1, 7, 1))
    return Palms(stacked, keypoints, np.array(scores if scores else np.ones(len(boxes)), dtype=np.float64))


def pointing(box: tuple[float, float, float, float], angle: float) -> Palms:
    """One palm whose middle finger lies in a direction from its wrist; 0 is right, a quarter turn is down."""
    keypoints = np.zeros((1, 7, 2))
    keypoints[0, 2] = 30 * math.cos(angle), 30 * math.sin(angle)
    return Palms(np.array([box]), keypoints, np.ones(1))


def test_anchors_are_those_of_a_loop_over_layers_rows_and_columns() -> None:
    expected: list[tuple[float, float]] = []
    strides, layer = (8, 16, 16, 16), 0
    while layer < len(strides):
        alike = sum(stride == strides[layer] for stride in strides[layer:])
        for row in range(192 // strides[layer]):
            for column in range(192 // strides[layer]):
                expected += [((column + 0.5) * strides[layer], (row + 0.5) * strides[layer])] * (2 * alike)
        layer += alike
    assert len(expected) == 2016
    np.testing.assert_array_equal(anchor_centres(), expected)


def test_decoding_moves_each_anchor_by_what_was_regressed() -> None:
    regressed = np.zeros((3, 18), dtype=np.float32)
    regressed[1] = [4, -6, 20, 10, *range(14)]
    logits = np.array([-1000.0, 1.0, 0.0], dtype=np.float32)
    found = decode_palms(regressed, logits, np.array([[0.0, 0], [100, 50], [0, 0]]), 0.6)
    np.testing.assert_allclose(found.boxes, [[94, 39, 114, 49]])
    np.testing.assert_allclose(found.keypoints[0], [[100 + 2 * i, 51 + 2 * i] for i in range(7)])
    np.testing.assert_allclose(found.scores, [1 / (1 + math.exp(-1))])


def test_the_threshold_itself_counts() -> None:
    found = decode_palms(np.zeros((1, 18)), np.zeros(1), np.zeros((1, 2)), 0.5)
    assert found.scores.tolist() == [0.5]


def test_overlap_is_intersection_over_union() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [2, 2, 3, 3], [0, 0, 1, 1], [5, 5, 5, 5]], dtype=np.float64)
    np.testing.assert_allclose(overlap(boxes[0], boxes), [1, 1 / 7, 0, 1 / 4, 0])
    np.testing.assert_array_equal(overlap(boxes[4], boxes[4:]), [0])


def test_overlapping_palms_become_one_averaged_by_score_and_others_stay() -> None:
    found = merge_palms(palms((0, 0, 10, 10), (50, 50, 60, 60), (1, 1, 11, 11), scores=(0.6, 0.5, 0.9)))
    np.testing.assert_allclose(found.boxes, [(0.6, 0.6, 10.6, 10.6), (50.0, 50.0, 60.0, 60.0)])
    np.testing.assert_allclose(found.keypoints[0], np.full((7, 2), 0.6))
    np.testing.assert_allclose(found.scores, [0.9, 0.5])


def test_a_chain_of_overlaps_is_merged_from_the_best_one_only() -> None:
    found = merge_palms(palms((0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10), scores=(0.9, 0.8, 0.7)))
    assert found.scores.tolist() == [0.9, 0.7]


def test_palms_without_area_are_kept_apart_and_no_palms_stay_none() -> None:
    assert len(merge_palms(palms((5, 5, 5, 5), (5, 5, 5, 5))).scores) == 2
    none = merge_palms(palms())
    assert none.boxes.shape == (0, 4)
    assert none.keypoints.shape == (0, 7, 2)
    assert hand_boxes(none).shape == (0, 4)


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 4, math.pi / 2, 2.0, math.pi, -1.0])
def test_the_hand_box_holds_the_corners_of_the_turned_square(angle: float) -> None:
    left, top, right, bottom = box = (80.0, 90.0, 110.0, 110.0)
    side, height = 2.6 * 30, 20
    forward = np.array([math.cos(angle), math.sin(angle)])
    sideways = np.array([-math.sin(angle), math.cos(angle)])
    middle = np.array([(left + right) / 2, (top + bottom) / 2]) + height / 2 * forward
    corners = [middle + side / 2 * (a * forward + b * sideways) for a in (-1, 1) for b in (-1, 1)]
    expected = np.concatenate([np.min(corners, axis=0), np.max(corners, axis=0)])
    np.testing.assert_allclose(hand_boxes(pointing(box, angle)), expected[None])


def test_a_palm_without_direction_is_taken_to_point_up() -> None:
    still = Palms(np.array([[80.0, 90.0, 110.0, 110.0]]), np.zeros((1, 7, 2)), np.ones(1))
    up = pointing((80.0, 90.0, 110.0, 110.0), -math.pi / 2)
    np.testing.assert_allclose(hand_boxes(still), hand_boxes(up))
