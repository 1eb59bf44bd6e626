"""What a detector of hands and touched objects would say: the true boxes, shaken, with scores, misses and errors."""

from dataclasses import dataclass

import numpy as np

from egoshift.world.drawing.pen import Box
from egoshift.world.scene import Seen

MISSED_HAND, MISSED_OBJECT, FALSE_OBJECT = 0.05, 0.12, 0.02
"""How often a hand or an object is overlooked, and something else is taken for an object."""


@dataclass(frozen=True)
class DetectedHand:
    """A hand: box in shares of the frame, score, side, whether it touches something and where that seems to be."""

    box: Box
    score: float
    left: bool
    touches: bool
    offset: tuple[float, float]


@dataclass(frozen=True)
class DetectedObject:
    """An object that a hand touches: box in shares of the frame, score."""

    box: Box
    score: float


@dataclass(frozen=True)
class FrameDetections:
    """What was detected on one frame."""

    hands: tuple[DetectedHand, ...]
    objects: tuple[DetectedObject, ...]


def detect(seen: Seen, size: tuple[int, int], rng: np.random.Generator) -> FrameDetections:
    """Detections for a frame on which ``seen`` was drawn.

    Args:
        seen: The true boxes in pixels.
        size: Width and height of the frame.
        rng: Where chance comes from.
    """
    touching = any(hand.touches for hand in seen.hands)
    objects = []
    for true in seen.things if touching else ():
        if rng.random() > MISSED_OBJECT:
            objects.append(DetectedObject(_shaken(true, size, 0.05, rng), round(float(rng.beta(6, 1.5)), 4)))
    if rng.random() < FALSE_OBJECT:
        left, top = float(rng.uniform(0, 0.7)), float(rng.uniform(0, 0.7))
        objects.append(DetectedObject((left, top, left + 0.2, top + 0.25), round(float(rng.uniform(0.01, 0.2)), 4)))
    hands = []
    for hand in seen.hands:
        if rng.random() < MISSED_HAND:
            continue
        box = _shaken(hand.box, size, 0.04, rng)
        offset = _offset(box, objects, rng) if hand.touches else (0.0, 0.0)
        score = round(float(rng.beta(30, 1.2)), 4)
        hands.append(DetectedHand(box, score, hand.left, hand.touches, offset))
    return FrameDetections(tuple(hands), tuple(objects))


def _shaken(box: Box, size: tuple[int, int], share: float, rng: np.random.Generator) -> Box:
    """The box with each edge moved by about ``share`` of its length, in shares of the frame and inside it."""
    wide, high = box[2] - box[0], box[3] - box[1]
    left, top, right, bottom = (
        float(edge + rng.normal(0, share) * length) for edge, length in zip(box, (wide, high, wide, high), strict=True)
    )
    xs = sorted(min(max(x / size[0], 0.0), 1.0) for x in (left, right))
    ys = sorted(min(max(y / size[1], 0.0), 1.0) for y in (top, bottom))
    return xs[0], ys[0], xs[1], ys[1]


def _offset(hand: Box, objects: list[DetectedObject], rng: np.random.Generator) -> tuple[float, float]:
    """About from the hand's centre to the nearest object's; nothing where no object was found."""
    x, y = (hand[0] + hand[2]) / 2, (hand[1] + hand[3]) / 2
    ways = [((o.box[0] + o.box[2]) / 2 - x, (o.box[1] + o.box[3]) / 2 - y) for o in objects]
    if not ways:
        return 0.0, 0.0
    nearest = min(ways, key=lambda way: way[0] ** 2 + way[1] ** 2)
    return nearest[0] + float(rng.normal(0, 0.01)), nearest[1] + float(rng.normal(0, 0.01))
