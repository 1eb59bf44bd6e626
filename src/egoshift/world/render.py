"""From a script to frames: the head moves, the hands act, the camera adds its light and noise."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from egoshift.world.drawing.pen import Point
from egoshift.world.head import Head
from egoshift.world.motion import PROGRAMS
from egoshift.world.room import centre_of, draw_room, light_map, noise_bank
from egoshift.world.scene import Seen, Sprite, View, action_sprites, draw_moment
from egoshift.world.script import Action, Script

SHUTTER = 0.5
"""How long the shutter is open, as a share of the time between frames."""


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
        self._shifts = rng.integers(0, 64, (script.num_frames, 2))
        self._sprites = [_sprites_of(action, rng) for action in script.actions]
        self._head = Head(script)
        half_open_s = SHUTTER / style.rate_hz / 2
        times_s = np.arange(script.num_frames) / style.rate_hz
        self._eyes = self._head.eye(times_s)
        self._smear = (self._head.eye(times_s + half_open_s) - self._head.eye(times_s - half_open_s)) * style.zoom

    def frame(self, index: int) -> tuple[UInt8[np.ndarray, "height width 3"], Seen]:
        """Frame ``index`` and where its hands and handled things are."""
        style = self.script.style
        time_s = index / style.rate_hz
        turn = int(np.searchsorted(self._head.turns, time_s))
        action = self.script.actions[turn]
        canvas, corner = self._look_at((float(self._eyes[index, 0]), float(self._eyes[index, 1])))
        phase = (time_s - action.start_s) / (action.stop_s - action.start_s)
        moment = PROGRAMS[action.verb](phase, time_s)
        centre = centre_of(action.place)
        origin = (
            (centre[0] + action.spot[0]) * style.zoom - corner[0],
            (centre[1] + action.spot[1]) * style.zoom - corner[1],
        )
        view = View(origin, style.zoom, style.squash)
        seen = draw_moment(canvas, moment, self._sprites[turn], self.script.hands, view, style.hand_size)
        return self._expose(canvas, index), seen

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
        seen = blurred(np.asarray(canvas), (float(self._smear[index, 0]), float(self._smear[index, 1])))
        lit: np.ndarray = (seen * self._light >> 8).astype(np.int16)
        lit += self._noise[y : y + height, x : x + width]
        return lit.clip(0, 255).astype(np.uint8)


def blurred(picture: UInt8[np.ndarray, "height width 3"], smear: Point) -> UInt8[np.ndarray, "height width 3"]:
    """The mean of the picture at several places along ``smear`` (pixels), as while a shutter is open.

    Less than a pixel and a half leaves it as it is. Edges repeat.
    """
    length = float(np.hypot(*smear))
    if length < 1.5:
        return picture
    count = min(1 + round(length), 8)
    total = np.zeros(picture.shape, np.uint16)
    for share in np.linspace(-0.5, 0.5, count):
        x, y = round(smear[0] * share), round(smear[1] * share)
        total += _moved(picture, x, y)
    mean: UInt8[np.ndarray, "height width 3"] = (total // count).astype(np.uint8)
    return mean


def _moved(picture: np.ndarray, x: int, y: int) -> np.ndarray:
    """The picture moved by whole pixels, its edges repeated."""
    if not x and not y:
        return picture
    padded = np.pad(picture, ((max(y, 0), max(-y, 0)), (max(x, 0), max(-x, 0)), (0, 0)), mode="edge")
    high, wide = picture.shape[:2]
    return padded[max(-y, 0) : max(-y, 0) + high, max(-x, 0) : max(-x, 0) + wide]


def _sprites_of(action: Action, rng: np.random.Generator) -> dict[str, Sprite]:
    return action_sprites(action.verb, action.noun, action.look, rng)
