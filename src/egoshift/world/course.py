"""How an action's hands and things move, as arrays over time, and when something meets something.

All that is heard of an action is timed by this, so sound and picture agree whatever the programs of the verbs do.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from egoshift.world.motion import PROGRAMS, Moment, Thing
from egoshift.world.script import Action, Script

RATE_HZ = 400
"""How finely a program is followed."""

LEVER = 30.0
"""How far from its middle a turning thing is rubbed, in pixels."""

STILL = 0.01
"""Below this share of its greatest speed something has stopped."""

Values = Float64[np.ndarray, " times"]
Whens = Float64[np.ndarray, " moments"]
"""Seconds of the video."""


@dataclass(frozen=True)
class Course:
    """One action over time, from when the head turns to it until it turns away.

    Attributes:
        times_s: Seconds of the video, ``RATE_HZ`` a second.
        during: The action is going on, as against hands coming and going.
        hand: Where the hand that acts is, in pixels.
        touches: Whether it touches something.
        thing: Where the handled thing is: the lid, else the object, else the rag.
        angle: How far that is turned, in radians.
        scale: How large that is seen.
        flows: Whether water or anything else runs.
    """

    times_s: Values
    during: Bool[np.ndarray, " times"]
    hand: Float64[np.ndarray, "times 2"]
    touches: Bool[np.ndarray, " times"]
    thing: Float64[np.ndarray, "times 2"]
    angle: Values
    scale: Values
    flows: Bool[np.ndarray, " times"]

    @property
    def rubbing(self) -> Values:
        """How fast the touching hand, or the thing as it turns, rubs over what is under it, in pixels a second."""
        speed: Values = np.maximum(_speed(self.hand) * self.touches, LEVER * abs(_slope(self.angle)) * self.during)
        return speed

    def towards(self, axis: int) -> Values:
        """How fast the touching hand goes right (0) or down (1), in pixels a second; 0 on its way back."""
        speed: Values = np.maximum(_slope(self.hand[:, axis]), 0.0) * self.touches * self.during
        return speed

    @property
    def flow(self) -> Values:
        """1 while something runs, 0 else, with an onset of a twentieth of a second."""
        width = RATE_HZ // 20
        flow: Values = np.convolve(self.flows.astype(float), np.ones(width) / width)[width // 2 :][: len(self.flows)]
        return flow

    def scattered(self, each_s: float, rng: np.random.Generator) -> list[float]:
        """Moments at random while something runs, about ``each_s`` of them a second."""
        hits: np.ndarray = rng.random(len(self.flows)) < self.flows * each_s / RATE_HZ
        whens: list[float] = self.times_s[hits].tolist()
        return whens

    def grasps(self) -> Whens:
        """When the hand begins to touch, in seconds."""
        return self._when(np.flatnonzero(np.diff(self.touches.astype(int)) == 1))

    def releases(self) -> Whens:
        """When the hand lets go."""
        return self._when(np.flatnonzero(np.diff(self.touches.astype(int)) == -1))

    def travel(self) -> tuple[float, float] | None:
        """From when to when the handled thing is displaced during the action; None if it stays."""
        speed = _speed(self.thing) * self.during
        if speed.max() < 5:
            return None
        moving = self.times_s[speed > STILL * speed.max()]
        return float(moving[0]), float(moving[-1])

    def stops(self, position: Values, least: float) -> Whens:
        """When ``position``, having risen by at least ``least`` during the action, stops rising or turns back."""
        slope = _slope(position) * self.during
        # Not the greatest slope: where a program sets in, a position may jump.
        rising = slope > STILL * max(float(np.quantile(slope, 0.98)), 1e-9)
        change = np.diff(rising.astype(int))
        starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
        pairs = [(starts[starts < end][-1:], end) for end in ends.tolist()]
        hits = [end for start, end in pairs if start.size and position[end] - position[start[0]] >= least]
        return self._when(np.array(hits, dtype=int))

    def _when(self, indices: np.ndarray) -> Whens:
        when: Whens = self.times_s[indices + 1]
        return when


def follow(script: Script) -> Iterator[tuple[Action, Course]]:
    """Every action and its course, in order of time; those that are never in view are left out."""
    actions = script.actions
    turns = script.turns_s
    for action, first_s, last_s in zip(actions, [0.0, *turns], [*turns, script.duration_s], strict=True):
        length_s = action.stop_s - action.start_s
        start_s, stop_s = max(first_s, action.start_s - 0.4 * length_s), min(last_s, action.stop_s + 0.4 * length_s)
        times_s = np.arange(round(start_s * RATE_HZ), round(stop_s * RATE_HZ)) / RATE_HZ
        if len(times_s) > 2:
            phases = (times_s - action.start_s) / length_s
            moments = list(map(PROGRAMS[action.verb], phases.tolist(), times_s.tolist()))
            yield action, _course(moments, times_s, (phases >= 0) & (phases <= 1))


def _course(moments: list[Moment], times_s: np.ndarray, during: np.ndarray) -> Course:
    acting = [next((hand for hand in moment.hands if not hand.left), moment.hands[0]) for moment in moments]
    things = [_handled(moment) for moment in moments]
    return Course(
        times_s=times_s,
        during=during,
        hand=np.array([hand.at for hand in acting]),
        touches=np.array([hand.touches for hand in acting]),
        thing=np.array([thing.at for thing in things]),
        angle=np.radians([thing.angle_deg for thing in things]),
        scale=np.array([thing.scale for thing in things]),
        flows=np.array([any(thing.what in ("water", "stream") for thing in moment.above) for moment in moments]),
    )


def _handled(moment: Moment) -> Thing:
    things = {thing.what: thing for thing in (*moment.below, *moment.held)}
    return next(things[what] for what in ("lid", "object", "rag") if what in things)


def _slope(values: np.ndarray) -> np.ndarray:
    slope: np.ndarray = np.gradient(values, 1 / RATE_HZ, axis=0)
    return slope


def _speed(position: np.ndarray) -> np.ndarray:
    speed: np.ndarray = np.hypot(*_slope(position).T)
    return speed
