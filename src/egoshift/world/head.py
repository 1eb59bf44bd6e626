"""How the wearer's head moves: one simulated motion that both the camera and the inertial sensor follow.

The head *turns* to look at each place where something is done, and trembles; it is *shifted* by the body's slow sway
and by the recoil of what the hands do (every chop and every shake of an arm moves the head a little). The picture
moves by the sum of both; the gyroscope feels the turning, the accelerometer the shifting and gravity. It does not roll.
"""

import math

import numpy as np
from jaxtyping import Float64

from egoshift.world.motion import PROGRAMS
from egoshift.world.room import centre_of
from egoshift.world.script import Action, Script

TURN_S = 0.3
"""How long the head takes to turn from one place to the next, to either side of the middle of the pause."""

PIXELS_PER_RADIAN = 222.0
"""256 pixels of the room span 60 degrees."""

METRES_PER_PIXEL = 0.002
"""A cup of 52 pixels is about ten centimetres high."""

RATE_HZ = 200
"""How finely the motion of the hands is followed."""

RECOIL = 0.15
"""How far the head gives way, as a share of the hands' motion."""

STEADY_S = 0.5
"""Motion of the hands that takes longer than this does not shake the head."""

SOFT_S = 0.025
"""The neck gives: a blow reaches the head spread over about this time."""

SWAY_HZ, TREMOR_HZ = (0.11, 0.27, 0.6), (5.3, 7.1, 8.9)
SWAY_SHARES = (1.3, 0.9, 0.3)
"""A body sways far slowly and little fast."""
TREMOR = 0.15
"""Pixels."""

Track = Float64[np.ndarray, "times 2"]
"""Pixels of the room, x to the right and y down, at each time."""


class Head:
    """The motion of the head in one video, at any times.

    Args:
        script: What happens in it.
    """

    def __init__(self, script: Script):
        self.script = script
        rng = np.random.default_rng([*script.seed, 5])
        self._sway = rng.uniform(0, 2 * math.pi, (2, len(SWAY_HZ)))
        self._tremor = rng.uniform(0, 2 * math.pi, (2, len(TREMOR_HZ)))
        self.turns: Float64[np.ndarray, " turns"] = np.array(script.turns_s)
        self._aims = np.array([_aim(action) for action in script.actions])
        self._grid = np.arange(0.0, script.duration_s + 1.0, 1 / RATE_HZ)
        self._recoil = _recoil(script, self._grid, self.turns)

    def gaze(self, times_s: Float64[np.ndarray, " times"]) -> Track:
        """What the head is turned to: rotation, in pixels that it moves the picture by."""
        steps = np.diff(self._aims, axis=0)
        passed = _eased((times_s[:, None] - self.turns + TURN_S) / (2 * TURN_S))
        looked: Track = self._aims[0] + passed @ steps + TREMOR * _waves(times_s, TREMOR_HZ, self._tremor)
        return looked

    def shift(self, times_s: Float64[np.ndarray, " times"]) -> Track:
        """Where the head has been moved to: translation, in pixels that it moves the picture by."""
        sway = self.script.style.sway * np.array([1.0, 0.6]) * _waves(times_s, SWAY_HZ, self._sway, SWAY_SHARES)
        recoil = np.stack([np.interp(times_s, self._grid, self._recoil[:, axis]) for axis in (0, 1)], axis=1)
        moved: Track = sway + recoil
        return moved

    def eye(self, times_s: Float64[np.ndarray, " times"]) -> Track:
        """The point of the room in the middle of the view."""
        seen: Track = self.gaze(times_s) + self.shift(times_s)
        return seen


def _aim(action: Action) -> tuple[float, float]:
    centre = centre_of(action.place)
    return centre[0] + action.glance[0], centre[1] + action.glance[1]


def _eased(share: np.ndarray) -> np.ndarray:
    x = share.clip(0, 1)
    smooth: np.ndarray = x * x * (3 - 2 * x)
    return smooth


def _waves(
    times_s: np.ndarray, hertz: tuple[float, ...], phases: np.ndarray, shares: tuple[float, ...] = (1.0, 1.0, 1.0)
) -> Track:
    angle = 2 * math.pi * times_s[:, None] * np.array(hertz)
    waves: Track = np.stack([np.sin(angle + row) @ np.array(shares) for row in phases], axis=1)
    return waves


def _recoil(script: Script, times_s: np.ndarray, turns: np.ndarray) -> Track:
    """What is quick in the hands' motion, the other way round and much smaller."""
    recoil = np.zeros((len(times_s), 2))
    edges = [0.0, *turns.tolist(), float(times_s[-1]) + 1]
    for action, start_s, stop_s in zip(script.actions, edges[:-1], edges[1:], strict=True):
        window = slice(*np.searchsorted(times_s, [start_s, stop_s]))
        if window.stop - window.start < 2:
            continue
        phases = (times_s[window] - action.start_s) / (action.stop_s - action.start_s)
        moments = map(PROGRAMS[action.verb], phases.tolist(), times_s[window].tolist())
        pushed = np.array([np.sum([hand.at for hand in moment.hands], axis=0) for moment in moments])
        quick = pushed - _averaged(pushed, STEADY_S)
        # Faded out before the next action's hands take over, which are somewhere else: the head must not jump.
        since, left = times_s[window] - start_s, stop_s - times_s[window]
        felt = _eased((phases + 0.1) / 0.2) * _eased((1.1 - phases) / 0.15) * _eased(since / 0.2) * _eased(left / 0.2)
        recoil[window] = -RECOIL * felt[:, None] * quick
    softened: Track = _averaged(_averaged(recoil, SOFT_S), SOFT_S)
    return softened


def _averaged(track: np.ndarray, width_s: float) -> np.ndarray:
    """The moving average over ``width_s`` around each time."""
    half = round(width_s * RATE_HZ / 2)
    sums = np.cumsum(np.pad(track, ((half + 1, half), (0, 0)), mode="edge"), axis=0)
    averaged: np.ndarray = (sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1)
    return averaged
