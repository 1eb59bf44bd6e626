"""What each verb does over time: where the hands, the object and the tool are at any moment.

A program is a function of ``phase`` (0 at the start of the action, 1 at its end; outside, before and after it) and of
``time_s`` (for what goes round and round), and gives a ``Moment``. Positions are pixels from the spot where the action
happens, x to the right, y down. ``put`` is ``take`` backwards and ``close`` is ``open`` backwards: a single frame
cannot tell them apart, only time can.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from egoshift.world.drawing.hands import Pose
from egoshift.world.drawing.pen import Point


@dataclass(frozen=True)
class Hand:
    """A hand at a place; ``home`` is where its forearm comes from."""

    at: Point
    home: Point
    pose: Pose
    left: bool = False
    touches: bool = False


@dataclass(frozen=True)
class Thing:
    """Something drawn at a place: ``what`` names a sprite of the scene (``object``, ``tool``, ``lid``, ...)."""

    what: str
    at: Point
    angle_deg: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Moment:
    """All that moves, in drawing order: ``below``, the hands' under sides, ``held``, the hands' fingers, ``above``."""

    hands: tuple[Hand, ...]
    held: tuple[Thing, ...] = ()
    below: tuple[Thing, ...] = ()
    above: tuple[Thing, ...] = field(default=())


RIGHT_HOME: Point = (75.0, 190.0)
LEFT_HOME: Point = (-85.0, 190.0)


def ease(value: float, start: float, stop: float) -> float:
    """0 before ``start``, 1 after ``stop``, smooth between."""
    x = min(max((value - start) / (stop - start), 0.0), 1.0)
    return x * x * (3 - 2 * x)


def between(a: Point, b: Point, amount: float) -> Point:
    """The point that lies ``amount`` of the way from ``a`` to ``b``."""
    return a[0] + (b[0] - a[0]) * amount, a[1] + (b[1] - a[1]) * amount


def _present(phase: float, start: float, stop: float) -> float:
    """How far a hand that acts has come in: 0 outside, 1 there; it leaves again after the action."""
    return ease(phase, start, stop) * (1 - ease(phase, 1.04, 1.35))


def _busy(phase: float) -> float:
    """How far hands that come again and again do so: they begin and end smoothly, or sensors would feel a jerk."""
    return ease(phase, 0.02, 0.1) * (1 - ease(phase, 0.95, 1.0))


def _wave(time_s: float, hertz: float, offset: float = 0.0) -> float:
    return math.sin(2 * math.pi * hertz * time_s + offset)


def _hand(target: Point, amount: float, *, left: bool = False, grip: bool = True, touches: bool = True) -> Hand:
    """A hand ``amount`` of the way from outside to ``target``; it grips only once it is there."""
    home = LEFT_HOME if left else RIGHT_HOME
    there = amount > 0.97
    at = between((home[0] * 1.1, home[1] * 0.95), target, amount)
    return Hand(at, home, "grip" if grip and there else "open", left, touches and there)


def take(phase: float, time_s: float) -> Moment:
    """A hand comes in open, grips the object, lifts it and brings it near."""
    arrive, lift = ease(phase, -0.2, 0.3), ease(phase, 0.45, 1.0)
    at = between(between((0.0, 0.0), (26.0, 44.0), lift), RIGHT_HOME, ease(phase, 1.02, 1.3))
    hand = _hand((at[0] + 11, at[1] + 24), arrive)
    return Moment((hand,), (Thing("object", at, -14 * lift, 1 + 0.3 * lift),))


def put(phase: float, time_s: float) -> Moment:
    """``take`` backwards."""
    return take(1 - phase, time_s)


def open_(phase: float, time_s: float) -> Moment:
    """One hand holds, the other turns the lid and takes it away."""
    arrive, away = _present(phase, -0.3, 0.2), ease(phase, 0.45, 0.95)
    turn = 16 * _wave(time_s, 1.6) * ease(phase, 0.15, 0.25) * (1 - ease(phase, 0.4, 0.5))
    lid = between((0.0, -20.0), (46.0, 6.0), away)
    holding = _hand((-22.0, 20.0), arrive, left=True)
    turning = _hand((lid[0] + 12, lid[1] + 12), arrive)
    return Moment((holding, turning), (Thing("opened", (0.0, 0.0)), Thing("lid", (lid[0], lid[1]), turn + 70 * away)))


def close(phase: float, time_s: float) -> Moment:
    """``open`` backwards."""
    return open_(1 - phase, time_s)


def cut(phase: float, time_s: float) -> Moment:
    """One hand holds the object, the other saws through it with a knife; slices fall off."""
    arrive = _present(phase, -0.3, 0.1)
    along = 22 - 26 * ease(phase, 0.1, 0.95)
    chop = 9 * abs(_wave(time_s, 1.5)) * _busy(phase)
    holding = _hand((-36.0, 12.0), arrive, left=True)
    blade = (along, -12 - chop)
    knife = _hand((along + 17, 24 - chop), arrive)
    slices = tuple(Thing("slice", (26.0 + 7 * k, 6.0 + 5 * (k % 2)), 30.0 * k) for k in range(int(5 * max(phase, 0))))
    return Moment((holding, knife), (Thing("object", (-4.0, 4.0), -90.0), *slices, Thing("tool", blade, -22.0)))


def wash(phase: float, time_s: float) -> Moment:
    """The object is turned and rubbed under running water."""
    arrive = _present(phase, -0.3, 0.1)
    rub = (11 * _wave(time_s, 1.5), 6 * _wave(time_s, 1.5, 1.3))
    holding = _hand((-25.0, 21.0), arrive, left=True)
    rubbing = _hand((19 + rub[0], 12 + rub[1]), arrive)
    water = (Thing("water", (2.0 + 1.5 * _wave(time_s, 5.0), -44.0)),) if -0.1 < phase < 1.1 else ()
    splash = (Thing("splash", (2.0, 2.0), 90 * time_s),) if water else ()
    turned = Thing("object", (0.0, 2.0), 18 * _wave(time_s, 0.5))
    return Moment((holding, rubbing), (turned,), (Thing("basin", (0.0, 8.0)),), water + splash)


def stir(phase: float, time_s: float) -> Moment:
    """A spoon goes round in the object."""
    arrive = _present(phase, -0.3, 0.15)
    around = (10 * _wave(time_s, 1.2), 5 * _wave(time_s, 1.2, math.pi / 2))
    holding = _hand((-34.0, 12.0), arrive, left=True)
    stirring = _hand((17 + around[0], -26 + around[1]), arrive)
    spoon = Thing("tool", (around[0] + 4, around[1] - 24), 190 + 6 * _wave(time_s, 1.2))
    return Moment((holding, stirring), (Thing("object", (0.0, 4.0)), spoon))


def pour(phase: float, time_s: float) -> Moment:
    """The object is lifted and tilted; its content runs into a pot."""
    arrive = _present(phase, -0.3, 0.1)
    lift = ease(phase, 0.05, 0.3) * (1 - ease(phase, 0.85, 1.1))
    tilt = -105 * ease(phase, 0.2, 0.4) * (1 - ease(phase, 0.8, 1.0))
    at = between((24.0, 6.0), (20.0, -26.0), lift)
    hand = _hand((at[0] + 22, at[1] + 14), arrive)
    stream = (Thing("stream", (-10.0 + 1.5 * _wave(time_s, 3.0), -4.0)),) if tilt < -80 else ()
    return Moment((hand,), (Thing("object", at, tilt),), (Thing("pot", (-16.0, 24.0)),), stream)


def wipe(phase: float, time_s: float) -> Moment:
    """A rag is rubbed over the object, from side to side."""
    arrive = _present(phase, -0.3, 0.1)
    rub = (19 * _wave(time_s, 1.1), 5 * _wave(time_s, 2.2))
    hand = _hand((rub[0] + 5, rub[1] + 16), arrive, grip=False)
    holding = _hand((-40.0, 18.0), arrive, left=True)
    return Moment((holding, hand), (), (Thing("object", (0.0, 4.0)), Thing("rag", (rub[0], rub[1]), 12 * rub[0] / 19)))


def shake(phase: float, time_s: float) -> Moment:
    """The object is held up and shaken."""
    arrive = _present(phase, -0.3, 0.1)
    lift = ease(phase, 0.05, 0.2) * (1 - ease(phase, 0.85, 1.0))
    swing = _wave(time_s, 2.7) * lift
    at = (4 + 5 * swing, -14 * lift + 15 * swing)
    hand = _hand((at[0] + 9, at[1] + 23), arrive)
    return Moment((hand,), (Thing("object", at, 20 * swing, 1 + 0.1 * lift),))


def move(phase: float, time_s: float) -> Moment:
    """The object is taken hold of and pushed over the surface, from left to right; it is not lifted."""
    arrive = _present(phase, -0.3, 0.15)
    pushed = ease(phase, 0.2, 0.9)
    at = between((-34.0, 6.0), (36.0, -2.0), pushed)
    return Moment((_hand((at[0] + 8, at[1] + 22), arrive),), (), (Thing("object", at, 4 * pushed),))


def turn(phase: float, time_s: float) -> Moment:
    """The object stays where it is and is turned, in three strokes of one hand while the other steadies it."""
    arrive = _present(phase, -0.3, 0.1)
    stroke = 3 * min(max((phase - 0.12) / 0.8, 0.0), 1.0)
    whole, part = min(int(stroke), 2), stroke - min(int(stroke), 2)
    angle = 75 * (whole + ease(part, 0.0, 0.65))
    back = ease(part, 0.0, 0.65) - ease(part, 0.7, 1.0)
    around = math.radians(-100 + 75 * back)
    gripping = _hand((30 * math.cos(around) + 8, 30 * math.sin(around) + 8), arrive)
    steadying = _hand((-30.0, 22.0), arrive, left=True, grip=False)
    return Moment((steadying, gripping), (Thing("object", (0.0, 2.0), angle),))


def peel(phase: float, time_s: float) -> Moment:
    """One hand holds the object up, the other draws a peeler along it, again and again; strips fall."""
    arrive = _present(phase, -0.3, 0.1)
    cycle = (time_s * 1.3) % 1.0
    along = (ease(cycle, 0.0, 0.6) - ease(cycle, 0.65, 1.0)) * _busy(phase)
    blade = between((16.0, -22.0), (-12.0, 14.0), along)
    holding = _hand((-26.0, 16.0), arrive, left=True)
    peeling = _hand((blade[0] + 20, blade[1] + 12), arrive)
    strips = range(int(6 * max(min(phase, 1), 0)))
    fallen = tuple(Thing("strip", (18.0 - 9 * (k % 4), 34.0 + 6 * (k % 3)), 50.0 * k) for k in strips)
    held = (Thing("object", (0.0, -4.0), 35.0), Thing("tool", blade, -55.0))
    return Moment((holding, peeling), held, fallen)


def press(phase: float, time_s: float) -> Moment:
    """A stretched hand comes down on the object, again and again; it gives way a little."""
    arrive = _present(phase, -0.3, 0.1)
    down = max(0.0, _wave(time_s, 1.4)) * _busy(phase)
    hand = _hand((4.0, 34 - 12 * down), arrive, grip=False)
    return Moment((hand,), (), (Thing("object", (0.0, 0.0), 0.0, 1 - 0.07 * down),))


PROGRAMS: dict[str, Callable[[float, float], Moment]] = {
    "take": take,
    "put": put,
    "open": open_,
    "close": close,
    "cut": cut,
    "wash": wash,
    "stir": stir,
    "pour": pour,
    "wipe": wipe,
    "shake": shake,
    "move": move,
    "turn": turn,
    "peel": peel,
    "press": press,
}
"""The program of each verb."""
