"""What each verb sounds like: the blows, the rubbing and the running water of one action, timed by its motion.

Nothing is timed here: blows fall where the motion of hands and things stops, turns back or begins, rubbing is as loud
as the motion is fast, and water is heard while it is seen.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from egoshift.world.course import RATE_HZ, Course, Values
from egoshift.world.noises import (
    BOARD,
    KNIFE,
    RAG,
    SLOSH,
    SOUND_RATE_HZ,
    TABLE,
    Samples,
    Voice,
    bubble,
    click,
    hiss,
    over,
    rough,
    struck,
)
from egoshift.world.vocabulary import Material

BRISK = 120.0
"""A hand of this speed rubs at the ordinary loudness, in pixels a second."""

RUBBED = 0.06
"""How loud rubbing is then, root mean square."""

Sounds = Iterator[tuple[float, Samples]]
"""When each sound begins, in seconds, and its samples."""


@dataclass(frozen=True)
class Doing:
    """One action to be heard."""

    course: Course
    voice: Voice
    material: Material
    rng: np.random.Generator

    def blow(self, when_s: float, strength: float, voice: Voice | None = None) -> tuple[float, Samples]:
        """Something is hit; no two blows are quite as strong."""
        return when_s, struck(voice or self.voice, strength * float(self.rng.uniform(0.75, 1.2)), self.rng)

    def rub(self, speed: Values, voice: Voice | None = None, grains_hz: float = 40.0) -> tuple[float, Samples]:
        """Something is rubbed at this speed, in pixels a second at each time of the course."""
        voice = voice or self.voice
        loudness = RUBBED * voice.rub * (speed / BRISK).clip(0, 2.5)
        sound = self.noise(loudness, voice.band_hz)
        rubbed: Samples = sound * (0.4 + 0.6 * rough(len(sound), grains_hz, self.rng))
        return float(self.course.times_s[0]), rubbed

    def noise(self, loudness: Values, band_hz: tuple[float, float]) -> Samples:
        """Noise as loud as said at each time of the course."""
        num_samples = round(len(self.course.times_s) * SOUND_RATE_HZ / RATE_HZ)
        noise: Samples = hiss(num_samples, band_hz, self.rng) * over(loudness, num_samples)
        return noise


def _held(doing: Doing) -> Sounds:
    """A hand takes hold of something."""
    for when_s in doing.course.grasps():
        yield doing.blow(float(when_s), 0.12)


def _take(doing: Doing) -> Sounds:
    """It is touched, and scrapes over the table as it is lifted off."""
    for when_s in doing.course.grasps():
        yield doing.blow(float(when_s), 0.35)
    travel = doing.course.travel()
    if travel:
        yield doing.blow(travel[0], 0.45)
        since = doing.course.times_s - travel[0]
        yield doing.rub(90.0 * ((since >= 0) & (since < 0.12)))


def _put(doing: Doing) -> Sounds:
    """It comes down on the table, and is let go."""
    travel = doing.course.travel()
    if travel:
        yield doing.blow(travel[1], 1.0)
        yield doing.blow(travel[1], 0.7, TABLE)
    for when_s in doing.course.releases():
        yield doing.blow(float(when_s), 0.15)


def _move(doing: Doing) -> Sounds:
    """It slides over the table, starting and stopping with a knock."""
    yield from _held(doing)
    yield doing.rub(1.6 * doing.course.rubbing * doing.course.during, grains_hz=90.0)
    yield doing.rub(doing.course.rubbing * doing.course.during, TABLE, grains_hz=25.0)
    travel = doing.course.travel()
    if travel:
        yield doing.blow(travel[0], 0.3)
        yield doing.blow(travel[1], 0.45)


def _turn(doing: Doing) -> Sounds:
    """It grinds round in strokes, each of which ends with a tick."""
    yield from _held(doing)
    grinding = 30 * abs(np.gradient(doing.course.angle, 1 / RATE_HZ)) * doing.course.during
    yield doing.rub(0.8 * grinding, grains_hz=60.0)
    for when_s in doing.course.stops(doing.course.angle, least=0.5):
        yield doing.blow(float(when_s), 0.3)


def _lid(doing: Doing, on: bool) -> Sounds:
    """A lid squeaks as it is turned, clicks as it comes off or is put on, and knocks where it is laid aside."""
    yield from _held(doing)
    travel = doing.course.travel()
    if travel is None:
        return
    times_s = doing.course.times_s
    at_rest = (times_s > travel[1]) if on else (times_s < travel[0])
    turning = 30 * abs(np.gradient(doing.course.angle, 1 / RATE_HZ)) * at_rest * doing.course.during
    squeak = 900 + 500 * float(doing.rng.random())
    loudness = 1.6 * RUBBED * (0.4 + doing.voice.rub) * (turning / 60).clip(0, 2)
    yield float(times_s[0]), doing.noise(loudness, (squeak, 1.15 * squeak))
    seated = travel[1] if on else travel[0]
    yield seated, click(0.22, doing.rng)
    yield doing.blow(seated, 0.8 if on else 0.4)
    if not on:
        yield doing.blow(travel[1], 0.5)


def _cut(doing: Doing) -> Sounds:
    """The knife goes down through the food, which crunches, and knocks on the board."""
    yield from _held(doing)
    course = doing.course
    crunch = 1.4 if doing.material == "hard food" else 0.9
    yield doing.rub(crunch * course.towards(1), grains_hz=220.0 if doing.material == "hard food" else 60.0)
    softness = {"hard food": 1.0, "cloth": 0.45}.get(doing.material, 0.7)
    for when_s in course.stops(course.hand[:, 1], least=2.0):
        yield doing.blow(float(when_s), 0.7 * softness, BOARD)
        yield doing.blow(float(when_s), 0.8 * softness, KNIFE)
        yield doing.blow(float(when_s), 0.6)


def _wash(doing: Doing) -> Sounds:
    """Water runs, drums on the object, and the hand rubs it."""
    course, rng = doing.course, doing.rng
    runs = course.flow
    yield float(course.times_s[0]), doing.noise(0.055 * runs, (700.0, 7500.0))
    drummed = doing.noise(
        0.09 * doing.voice.loud * runs, (0.7 * doing.voice.partials_hz[0], 1.3 * doing.voice.partials_hz[0])
    )
    yield float(course.times_s[0]), drummed * rough(len(drummed), 30.0, rng)
    yield doing.rub(course.rubbing * course.during)
    for when_s in course.scattered(14.0, rng):
        yield when_s, bubble(float(rng.uniform(900, 2600)), 0.06 * float(rng.random()))


def _pour(doing: Doing) -> Sounds:
    """What runs out gurgles, higher and higher as the pot fills."""
    yield from _held(doing)
    course, rng = doing.course, doing.rng
    stream = doing.noise(0.04 * course.flow, (350.0, 3200.0))
    yield float(course.times_s[0]), stream * (0.3 + 0.7 * rough(len(stream), 16.0, rng))
    whens = course.scattered(32.0, rng)
    for when_s in whens:
        filled = (when_s - whens[0]) / max(whens[-1] - whens[0], 1e-3)
        yield when_s, bubble((420 + 520 * filled) * float(rng.uniform(0.85, 1.2)), float(rng.uniform(0.03, 0.14)))
    travel = course.travel()
    if travel:
        yield doing.blow(travel[0], 0.35)


def _stir(doing: Doing) -> Sounds:
    """The spoon swishes round and rings against the vessel where it comes to its sides."""
    yield from _held(doing)
    course = doing.course
    yield doing.rub(0.8 * course.rubbing * course.during, SLOSH, grains_hz=12.0)
    for side, strength in ((course.hand[:, 0], 0.55), (-course.hand[:, 0], 0.35)):
        for when_s in course.stops(side, least=5.0):
            yield doing.blow(float(when_s), strength)


def _peel(doing: Doing) -> Sounds:
    """Each stroke scrapes, and flicks off a strip where it ends."""
    yield from _held(doing)
    course = doing.course
    yield doing.rub(2.0 * course.towards(1), grains_hz=120.0)
    yield doing.rub(0.8 * course.towards(1), KNIFE, grains_hz=120.0)
    for when_s in course.stops(course.hand[:, 1], least=8.0):
        yield doing.blow(float(when_s), 0.5, KNIFE)


def _wipe(doing: Doing) -> Sounds:
    """A rag rubs to and fro."""
    yield from _held(doing)
    speed = doing.course.rubbing * doing.course.during
    yield doing.rub(1.2 * speed, RAG, grains_hz=90.0)
    yield doing.rub(0.8 * speed, grains_hz=90.0)


def _shake(doing: Doing) -> Sounds:
    """What is inside rattles at each turn of the hand, and the air is heard."""
    yield from _held(doing)
    course, rng = doing.course, doing.rng
    yield doing.rub(0.5 * course.rubbing * course.during, RAG)
    for way in (course.hand[:, 1], -course.hand[:, 1]):
        for when_s in course.stops(way, least=8.0):
            for later_s in (0.0, *np.sort(rng.exponential(0.018, 4)).tolist()):
                yield doing.blow(float(when_s) + later_s, 0.55 if later_s == 0 else 0.3)


def _press(doing: Doing) -> Sounds:
    """Keys click down and up; what is soft only gives way."""
    yield from _held(doing)
    course = doing.course
    switches = doing.material == "plastic"
    giving_way = abs(np.gradient(course.scale, 1 / RATE_HZ)) * course.during
    yield doing.rub((60 if switches else 400) * giving_way, grains_hz=30.0)
    for sign, strength in ((-1, 0.3), (1, 0.15)):
        for when_s in course.stops(sign * course.scale, least=0.02):
            yield doing.blow(float(when_s), 2 * strength)
            if switches:
                yield float(when_s), click(strength, doing.rng)


SCORES: Mapping[str, Callable[[Doing], Sounds]] = {
    "take": _take,
    "put": _put,
    "open": partial(_lid, on=False),
    "close": partial(_lid, on=True),
    "cut": _cut,
    "wash": _wash,
    "move": _move,
    "turn": _turn,
    "stir": _stir,
    "pour": _pour,
    "peel": _peel,
    "wipe": _wipe,
    "shake": _shake,
    "press": _press,
}
"""How each verb sounds."""
