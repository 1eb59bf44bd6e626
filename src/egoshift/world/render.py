"""From a script to frames: the head moves, the hands act, the camera adds its light and noise."""

import math

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from egoshift.world.drawing import Point
from egoshift.world.motion import PROGRAMS, between, ease
from egoshift.world.room import centre_of, draw_room, light_map, noise_bank
from egoshift.world.scene import Seen, Sprite, View, action_sprites, draw_moment
from egoshift.world.script import Action, Script

TURN_S = 0.3
"""How long the head takes to turn from one place to the next, to either side of the middle of the pause."""


class Renderer:
    """Draws the frames of one video, in any order.

    Args:
        script: What happens in it.
    """

    def __init__(self, script: Script):
        self.script = script
        style = script.style
        rng = np.random.default_rng(script.seed)
        room = draw_room(style, rng)
        scaled = (round(room.width * style.zoom), round(room.height * style.zoom))
        self._room = room.resize(scaled, Image.Resampling.BILINEAR)
        self._light = light_map(style)
        self._noise = noise_bank(style, rng)
        self._sway = rng.uniform(0, 2 * math.pi, (2, 3))
        self._jitter = rng.normal(0, 0.5, (script.num_frames, 2))
        self._shifts = rng.integers(0, 64, (script.num_frames, 2))
        self._sprites = [_sprites_of(action, rng) for action in script.actions]
        middles = [(a.stop_s + b.start_s) / 2 for a, b in zip(script.actions[:-1], script.actions[1:], strict=True)]
        self._turns = np.array(middles)

    def frame(self, index: int) -> tuple[UInt8[np.ndarray, "height width 3"], Seen]:
        """Frame ``index`` and where its hands and handled things are."""
        style = self.script.style
        time_s = index / style.rate_hz
        turn = int(np.searchsorted(self._turns, time_s))
        action = self.script.actions[turn]
        canvas, corner = self._look_at(self._eye(index, time_s, turn))
        phase = (time_s - action.start_s) / (action.stop_s - action.start_s)
        moment = PROGRAMS[action.verb](phase, time_s)
        centre = centre_of(action.place)
        origin = (
            (centre[0] + action.spot[0]) * style.zoom - corner[0],
            (centre[1] + action.spot[1]) * style.zoom - corner[1],
        )
        view = View(origin, style.zoom, style.squash)
        seen = draw_moment(canvas, moment, self._sprites[turn], self.script.hands, view)
        return self._expose(canvas, index), seen

    def _eye(self, index: int, time_s: float, turn: int) -> Point:
        """The point of the room in the middle of the view."""
        actions = self.script.actions
        eye = _aim(actions[turn])
        for other, edge in ((turn - 1, turn - 1), (turn + 1, turn)):
            if 0 <= other < len(actions):
                middle = float(self._turns[edge])
                side = 1.0 if other < turn else -1.0
                passed = ease(side * (time_s - middle), -TURN_S, TURN_S)
                if passed < 1:
                    eye = between(_aim(actions[other]), eye, passed)
        x, y = (
            sum(
                math.sin(2 * math.pi * hertz * time_s + phase)
                for hertz, phase in zip((0.11, 0.27, 0.6), row, strict=True)
            )
            for row in self._sway
        )
        sway = self.script.style.sway
        jitter = self._jitter[index]
        return eye[0] + sway * x + float(jitter[0]), eye[1] + 0.6 * sway * y + float(jitter[1])

    def _look_at(self, eye: Point) -> tuple[Image.Image, tuple[int, int]]:
        """The part of the room around ``eye`` and its upper left corner, in whole pixels of the frame."""
        width, height = self.script.style.size
        left = round(eye[0] * self.script.style.zoom - width / 2)
        top = round(eye[1] * self.script.style.zoom - height / 2)
        left = min(max(left, 0), self._room.width - width)
        top = min(max(top, 0), self._room.height - height)
        return self._room.crop((left, top, left + width, top + height)), (left, top)

    def _expose(self, canvas: Image.Image, index: int) -> UInt8[np.ndarray, "height width 3"]:
        width, height = canvas.size
        x, y = self._shifts[index]
        lit: np.ndarray = (np.asarray(canvas) * self._light >> 8).astype(np.int16)
        lit += self._noise[y : y + height, x : x + width]
        return lit.clip(0, 255).astype(np.uint8)


def _aim(action: Action) -> Point:
    centre = centre_of(action.place)
    return centre[0] + action.glance[0], centre[1] + action.glance[1]


def _sprites_of(action: Action, rng: np.random.Generator) -> dict[str, Sprite]:
    return action_sprites(action.verb, action.noun, action.look, rng)
