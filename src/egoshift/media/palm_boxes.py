"""From the numbers that MediaPipe's palm detector gives to boxes around hands.

Model: *MediaPipe Hands: On-device Real-time Hand Tracking*, https://arxiv.org/abs/2006.10214, section 2.1; the settings
are those of ``palm_detection_cpu.pbtxt`` and ``palm_detection_detection_to_roi.pbtxt`` in
https://github.com/google-ai-edge/mediapipe.

**Deviations**

* ours: the upright box around the turned square that should hold the hand; theirs: that square, turned. A crop for
  an image encoder has to be upright.

Coordinates here are pixels of the model's square input until they are mapped back to the frame.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

INPUT_SIZE = 192
NUM_KEYPOINTS = 7

_STRIDES = (8, 16, 16, 16)  # two anchors per cell and layer
_WRIST, _MIDDLE_FINGER = 0, 2  # keypoints: the wrist's centre and where the middle finger begins
_HAND_SCALE, _HAND_SHIFT = 2.6, 0.5  # of the palm's longer side; of its height, from the wrist towards the fingers
_MAX_LOGIT = 100.0


@dataclass(frozen=True)
class Palms:
    """Palms found in one image.

    Attributes:
        boxes: Left, top, right, bottom.
        keypoints: Wrist, then points of the palm, (x, y).
        scores: Confidence in [0, 1].
    """

    boxes: Float[np.ndarray, "palms 4"]
    keypoints: Float[np.ndarray, "palms 7 2"]
    scores: Float[np.ndarray, " palms"]


def anchor_centres() -> Float[np.ndarray, "2016 2"]:
    """Where each row of the model's output is anchored, in pixels of its input.

    Cells row by row on the grid of each stride; layers of one stride share their cells, which then have all the
    anchors of these layers in a row.
    """
    centres = []
    for stride in dict.fromkeys(_STRIDES):
        cells = (np.arange(INPUT_SIZE // stride) + 0.5) * stride
        y, x = np.meshgrid(cells, cells, indexing="ij")
        grid = np.stack([x.ravel(), y.ravel()], axis=1)
        centres.append(np.repeat(grid, 2 * _STRIDES.count(stride), axis=0))
    return np.concatenate(centres)


def decode_palms(
    regressed: Float[np.ndarray, "anchors 18"],
    logits: Float[np.ndarray, " anchors"],
    centres: Float[np.ndarray, "anchors 2"],
    threshold: float,
) -> Palms:
    """The palms that score at least ``threshold``, before duplicates are merged.

    Args:
        regressed: Per anchor, the box's centre from the anchor, its size, and the keypoints from the anchor, in pixels.
        logits: Per anchor, the score before the logistic function.
        centres: The anchors.
        threshold: Lowest score in [0, 1].
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -_MAX_LOGIT, _MAX_LOGIT)))
    kept = scores >= threshold
    middle = regressed[kept, 0:2] + centres[kept]
    half = regressed[kept, 2:4] / 2
    keypoints = regressed[kept, 4:].reshape(-1, NUM_KEYPOINTS, 2) + centres[kept][:, None]
    return Palms(np.concatenate([middle - half, middle + half], axis=1), keypoints, scores[kept])


def merge_palms(palms: Palms, min_overlap: float = 0.3) -> Palms:
    """Duplicates merged: from the best palm on, all that overlap it become one, averaged by score.

    Args:
        palms: Palms, several for each hand.
        min_overlap: Palms whose intersection over union is above this are of one hand.
    """
    rows = np.concatenate([palms.boxes, palms.keypoints.reshape(-1, 2 * NUM_KEYPOINTS)], axis=1)
    merged, scores = [], []
    left = np.argsort(-palms.scores, kind="stable")
    while len(left):
        same = overlap(palms.boxes[left[0]], palms.boxes[left]) > min_overlap
        same[0] = True  # a box without area overlaps nothing, not even itself
        group = left[same]
        merged.append(np.average(rows[group], axis=0, weights=palms.scores[group]))
        scores.append(palms.scores[left[0]])
        left = left[~same]
    stacked = np.array(merged).reshape(-1, rows.shape[1])
    return Palms(stacked[:, :4], stacked[:, 4:].reshape(-1, NUM_KEYPOINTS, 2), np.array(scores, dtype=np.float64))


def overlap(box: Float[np.ndarray, "4"], boxes: Float[np.ndarray, "boxes 4"]) -> Float[np.ndarray, " boxes"]:
    """Intersection over union of one box with each of several; 0 where both have no area."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.prod(np.clip(sides, 0, None), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - shared
    share: np.ndarray = np.divide(shared, union, out=np.zeros(len(boxes)), where=union > 0)
    return share


def hand_boxes(palms: Palms) -> Float[np.ndarray, "palms 4"]:
    """For each palm, the upright box around the turned square in which MediaPipe expects the whole hand.

    The square lies in the direction from the wrist to the middle finger: its centre is half a palm's height further
    on, its side 2.6 times the palm's longer side.
    """
    size = palms.boxes[:, 2:] - palms.boxes[:, :2]
    direction = palms.keypoints[:, _MIDDLE_FINGER] - palms.keypoints[:, _WRIST]
    length = np.linalg.norm(direction, axis=1, keepdims=True)
    # Without a direction, as if the fingers pointed up.
    unit = np.where(length > 0, direction / np.where(length > 0, length, 1), np.array([0.0, -1.0]))
    centre = (palms.boxes[:, :2] + palms.boxes[:, 2:]) / 2 + _HAND_SHIFT * size[:, 1:] * unit
    side = _HAND_SCALE * size.max(axis=1, keepdims=True)
    # A square of side s turned by an angle a lies in an upright one of side s (|cos a| + |sin a|).
    half = side / 2 * np.abs(unit).sum(axis=1, keepdims=True)
    return np.concatenate([centre - half, centre + half], axis=1)
