"""Who films what: the videos of each data set, their lengths, their people, and which sensor of which is faulty."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from egoshift.world.files import ego4d, egtea
from egoshift.world.script import Script, write_activities, write_script
from egoshift.world.style import BENCH_STYLE, HOME_STYLE, KITCHEN_STYLE, MULTIMODAL_STYLE
from egoshift.world.vocabulary import ACTIVITIES, Activity

SETS = ("kitchen", "home", "bench", "multimodal")

VIDEOS: Mapping[str, Mapping[str, tuple[int, float]]] = {
    "kitchen": {"train": (14, 80.0), "val": (7, 70.0)},
    "home": {"train": (14, 80.0), "val": (7, 70.0)},
    "bench": {"test": (6, 70.0)},
    # Twelve test videos of two minutes: each novel class needs 20 clips and more for few-shot episodes.
    "multimodal": {"train": (8, 90.0), "val": (3, 90.0), "test": (12, 120.0), "unlabelled": (3, 120.0)},
}
"""How many videos each split of each data set has in a world of scale 1, and of how many seconds."""

Defect = Literal["gap", "null times", "no accelerometer", "out of order", "desync", "no sound", "no file"]
"""What can be wrong with a video's sensors.

Of the inertial ones: some time without readings, readings whose place in the video is not known, no accelerations,
stamps in another order than that of time, a clock that is off, no file at all; of the others: no sound track.
"""
DEFECTS: Mapping[str, tuple[Defect, ...]] = {
    "kitchen": ("gap", "no accelerometer", "out of order", "desync", "no sound", "no file"),
    "home": ("gap", "null times", "no accelerometer", "out of order", "desync", "no sound", "no file"),
    "bench": ("no sound",),
    "multimodal": ("gap", "null times", "no accelerometer", "out of order", "desync", "no sound", "no file"),
}
"""What happens in each data set: EPIC-KITCHENS has no empty times, EGTEA Gaze+ no inertial sensor."""

SHORTEST_S = 10.0
FEWEST = 2
BASE_IN_A_TEST_VIDEO = 4
"""A multimodal test video shows all novel activities and this many base ones, each equally often."""


def write_cast(name: str, seed: int, scale: float) -> tuple[Script, ...]:
    """The videos of the data set ``name``, each by a person of its own.

    So nobody of the training videos is in others, and nobody of one data set in another.

    Args:
        name: One of ``SETS``.
        seed: The world's.
        scale: Below 1, videos are fewer and shorter (at least ``FEWEST`` a split, of ``SHORTEST_S``); above, they are
            more.
    """
    return tuple(_WRITERS[name](seed, person, split, length_s) for person, split, length_s in _shares(name, scale))


def spread_defects(name: str, scripts: Sequence[Script]) -> dict[str, Defect]:
    """Which video has which defect: every second one has one, all kinds in turn."""
    kinds = DEFECTS[name]
    return {script.video_id: kinds[turn % len(kinds)] for turn, script in enumerate(scripts[1::2])}


def _shares(name: str, scale: float) -> Iterator[tuple[int, str, float]]:
    """Person, split and length of each video."""
    person = 0
    for split, (count, length_s) in VIDEOS[name].items():
        for _ in range(max(FEWEST, round(count * (scale if scale > 1 else scale**0.5)))):
            yield person, split, max(SHORTEST_S, length_s * min(1.0, scale))
            person += 1


def _seed(name: str, seed: int, person: int) -> tuple[int, int, int]:
    # Apart by more people than any data set has; each has one video.
    number = 1000 * SETS.index(name) + person
    return seed, number, number


def _kitchen(seed: int, person: int, split: str, length_s: float) -> Script:
    name = f"P{person + 1:02d}"
    return write_script(f"{name}_101", name, split, KITCHEN_STYLE, length_s, _seed("kitchen", seed, person))


def _home(seed: int, person: int, split: str, length_s: float) -> Script:
    uid = ego4d.make_uid("video", seed, person)
    return write_script(uid, str(100 + person), split, HOME_STYLE, length_s, _seed("home", seed, person))


def _bench(seed: int, person: int, split: str, length_s: float) -> Script:
    session = egtea.session_name(person)
    participant = session.partition("-")[0]
    return write_script(session, participant, split, BENCH_STYLE, length_s, _seed("bench", seed, person))


def _multimodal(seed: int, person: int, split: str, length_s: float) -> Script:
    name = f"W{person + 1:02d}"
    activities = _activities(person, split)
    numbers = _seed("multimodal", seed, person)
    return write_activities(name, name, split, MULTIMODAL_STYLE, length_s, numbers, activities)


def _activities(person: int, split: str) -> Sequence[Activity]:
    """What a multimodal video shows: novel activities are in test videos only, not in unlabelled ones either."""
    base = [activity for activity in ACTIVITIES if not activity.novel]
    if split != "test":
        return base
    first = BASE_IN_A_TEST_VIDEO * person
    some = [base[(first + k) % len(base)] for k in range(BASE_IN_A_TEST_VIDEO)]
    return [*some, *(activity for activity in ACTIVITIES if activity.novel)]


_WRITERS = {"kitchen": _kitchen, "home": _home, "bench": _bench, "multimodal": _multimodal}
