"""What happens in a video: which action, when, where and with which object. Nothing is drawn here."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from egoshift.world.drawing.hands import HandLook
from egoshift.world.drawing.looks import Look, random_look
from egoshift.world.drawing.pen import Point
from egoshift.world.style import Style, noun_weights, random_hands
from egoshift.world.vocabulary import Activity

NUM_PLACES = 5
QUIET_END_S = 0.8
"""Nothing is done in the last moments of a video; the first action that does not fit before them ends it."""
PLACE_SPACING = 190.0
"""How far apart the places of a room are where actions happen, in pixels."""


@dataclass(frozen=True)
class Action:
    """One action: from when to when it is done, and from when to when it is written down as.

    ``activity`` is its class in the multimodal set, None elsewhere.
    """

    verb: str
    noun: str
    activity: str | None
    look: Look
    start_s: float
    stop_s: float
    noted_start_s: float
    noted_stop_s: float
    place: int
    spot: Point
    glance: Point


@dataclass(frozen=True)
class Script:
    """One video: who, when, and all actions in order of time."""

    video_id: str
    participant_id: str
    split: str
    style: Style
    duration_s: float
    hands: HandLook
    actions: tuple[Action, ...]
    seed: tuple[int, ...]

    @property
    def turns_s(self) -> tuple[float, ...]:
        """When the head turns from each action to the next: half way between them, in seconds."""
        return tuple((before.stop_s + after.start_s) / 2 for before, after in pairwise(self.actions))

    @property
    def num_frames(self) -> int:
        """Frames in the video."""
        return round(self.duration_s * self.style.rate_hz)


def spots_of(place: int, style: Style) -> tuple[Point, Point]:
    """The two spots at a place where things are done, off the middle of the view."""
    width, height = style.size
    x, y = width / style.zoom, height / style.zoom
    shift = ((place * 0.37) % 1 - 0.5) * 0.1
    return ((-0.2 + shift) * x, 0.1 * y), ((0.18 + shift) * x, (0.14 - shift) * y)


def write_script(
    video_id: str, participant_id: str, split: str, style: Style, duration_s: float, seed: tuple[int, int, int]
) -> Script:
    """Invent a video of a data set of verbs and nouns.

    Args:
        video_id: Its name.
        participant_id: Who wears the camera: the same person has the same hands and things in every video.
        split: ``train``, ``val``, ``test`` or ``unlabelled``.
        style: The data set's look.
        duration_s: About how long it is.
        seed: World seed, person, and video.
    """
    weights = noun_weights(style)

    def scenes(rng: np.random.Generator) -> Iterator[_Scene]:
        noun = ""
        while True:
            noun = _draw({other: weight for other, weight in weights.items() if other != noun}, rng)
            yield [(verb, noun, None) for verb in _chain(noun, style, rng)]

    return _invent(video_id, participant_id, split, style, duration_s, seed, scenes)


def write_activities(
    video_id: str,
    participant_id: str,
    split: str,
    style: Style,
    duration_s: float,
    seed: tuple[int, int, int],
    activities: Sequence[Activity],
) -> Script:
    """Invent a video in which activities follow each other, each equally often.

    Args:
        video_id: Its name.
        participant_id: Who wears the camera.
        split: ``train``, ``val``, ``test`` or ``unlabelled``.
        style: The data set's look.
        duration_s: About how long it is.
        seed: World seed, person, and video.
        activities: What is done in it; all of them once, in random order, before any is done again.
    """

    def scenes(rng: np.random.Generator) -> Iterator[_Scene]:
        while True:
            for index in rng.permutation(len(activities)):
                activity = activities[int(index)]
                noun = activity.nouns[int(rng.integers(len(activity.nouns)))]
                yield [(activity.verb, noun, activity.name)]

    return _invent(video_id, participant_id, split, style, duration_s, seed, scenes)


_Scene = list[tuple[str, str, str | None]]
"""Verb, noun and activity of what is done with one object at one place, one after the other."""


def _invent(
    video_id: str,
    participant_id: str,
    split: str,
    style: Style,
    duration_s: float,
    seed: tuple[int, int, int],
    scenes: Callable[[np.random.Generator], Iterator[_Scene]],
) -> Script:
    person = np.random.default_rng([seed[0], seed[1], 1])
    hands = random_hands(style, person)
    things = {noun: [random_look(noun, style.colours, person)[0] for _ in range(2)] for noun in style.classes.nouns}
    rng = np.random.default_rng([*seed, 2])
    actions: list[Action] = []
    now = float(rng.uniform(0.6, 1.5))
    for scene in scenes(rng):
        look = int(rng.integers(2))
        place = int(rng.integers(NUM_PLACES))
        for verb, noun, activity in scene:
            action = _action(verb, noun, activity, things[noun][look], place, style, now, rng)
            if action.stop_s > duration_s - QUIET_END_S:
                return Script(video_id, participant_id, split, style, duration_s, hands, tuple(actions), (*seed, 3))
            actions.append(action)
            now = action.stop_s + _pause(rng)
    raise AssertionError("scenes come without an end")


def _chain(noun: str, style: Style, rng: np.random.Generator) -> list[str]:
    """What is done with one object, one after the other: perhaps taken, used, perhaps put away."""
    plain = ("take", "put", "move")
    uses = [verb for verb in style.classes.verbs if verb not in plain and noun in style.classes.objects_of(verb)]
    chain = ["take"] if rng.random() < 0.5 else []
    if uses:
        order = [uses[int(i)] for i in rng.permutation(len(uses))]
        chain += order[: int(rng.integers(1, 3))]
    if rng.random() < 0.2:
        chain.append("move")
    if rng.random() < 0.5 or not chain:
        chain.append("put")
    return chain


def _action(
    verb: str,
    noun: str,
    activity: str | None,
    look: Look,
    place: int,
    style: Style,
    start_s: float,
    rng: np.random.Generator,
) -> Action:
    shortest, usual, longest = style.lengths_s
    stop_s = start_s + float(np.clip(shortest + rng.gamma(1.2, (usual - shortest) / 1.2), shortest, longest))
    spot = spots_of(place, style)[int(rng.integers(2))]
    return Action(
        verb=verb,
        noun=noun,
        activity=activity,
        look=look,
        start_s=round(start_s, 2),
        stop_s=round(stop_s, 2),
        noted_start_s=round(start_s - float(rng.uniform(0, 0.25)), 2),
        noted_stop_s=round(stop_s + float(rng.uniform(0, 0.25)), 2),
        place=place,
        spot=(spot[0] + float(rng.normal(0, 6)), spot[1] + float(rng.normal(0, 4))),
        glance=(float(rng.normal(0, 10)), float(rng.normal(0, 7))),
    )


def _pause(rng: np.random.Generator) -> float:
    """Seconds until the next action: none to speak of, a moment, or a stretch of nothing."""
    kind = rng.random()
    if kind < 0.4:
        return float(rng.uniform(0.05, 0.2))
    return float(rng.uniform(0.3, 0.9)) if kind < 0.82 else float(rng.uniform(1.5, 2.8))


def _draw(weights: dict[str, float], rng: np.random.Generator) -> str:
    names = list(weights)
    shares = np.array([weights[name] for name in names])
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]
