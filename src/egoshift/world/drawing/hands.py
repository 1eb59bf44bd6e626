"""How hands and forearms look: open or gripping, the part under the held object and the part over it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PIL import Image

from egoshift.world.drawing.pen import Colour, Pen, Point, shade

Pose = Literal["open", "grip"]
Part = Literal["under", "over"]

WIDTH, HEIGHT = 110, 330
PALM: Point = (0.5, 62 / HEIGHT)
"""The palm's centre, about which a hand is turned, as fractions of the sprite."""

HAND_REACH = {"open": (-26.0, -46.0, 26.0, 24.0), "grip": (-27.0, -27.0, 27.0, 24.0)}
"""The hand without its forearm, in sprite pixels from the palm's centre: left, top, right, bottom."""

FINGERS: dict[Pose, tuple[Point, ...]] = {
    "open": ((-8.0, -32.0), (-8.0, -42.0), (-8.0, -44.0), (-8.0, -36.0)),
    "grip": ((-20.0, -2.0), (-20.0, 2.0), (-20.0, 1.0), (-20.0, -4.0)),
}
"""Where each finger begins and ends, up from the palm's centre (negative) or down."""

SKINS: tuple[Colour, ...] = ((238, 200, 172), (222, 172, 138), (188, 132, 96), (140, 92, 64), (98, 64, 46))


@dataclass(frozen=True)
class HandLook:
    """A person's hands: skin, sleeve and, where worn, gloves."""

    skin: Colour
    sleeve: Colour
    glove: Colour | None = None
    bare_arm: float = 0.5


@lru_cache(maxsize=1024)
def draw_hand(look: HandLook, pose: Pose, part: Part) -> Image.Image:
    """A right hand on a transparent picture: fingers up, forearm down, the palm's centre at ``PALM``."""
    pen = Pen(WIDTH, HEIGHT)
    colour = look.glove or look.skin
    if part == "under":
        _forearm(pen, look)
        _palm(pen, colour)
    if pose == "open" and part == "under":
        _fingers(pen, colour, pose)
        pen.line([_at(-14.0, 6.0), _at(-27.0, -8.0), _at(-29.0, -20.0)], 11 / WIDTH, shade(colour, 0.95))
    if pose == "grip" and part == "over":
        _fingers(pen, colour, pose)
        pen.line([_at(-16.0, 10.0), _at(-24.0, -6.0), _at(-10.0, -17.0)], 12 / WIDTH, shade(colour, 0.93))
    return pen.picture()


def _at(x: float, y: float) -> Point:
    """A point given in sprite pixels from the palm's centre, in the pen's coordinates."""
    return (WIDTH / 2 + x) / WIDTH, (62 + y) / WIDTH


def _forearm(pen: Pen, look: HandLook) -> None:
    cuff = 40 + 190 * look.bare_arm
    skin = shade(look.skin, 0.94)
    pen.polygon([_at(-14.0, 10.0), _at(14.0, 10.0), _at(22.0, 290.0), _at(-22.0, 290.0)], skin)
    pen.polygon([_at(-14.0, 10.0), _at(-7.0, 10.0), _at(-11.0, 290.0), _at(-22.0, 290.0)], shade(skin, 0.85))
    pen.polygon([_at(-19.0, cuff), _at(19.0, cuff), _at(29.0, 290.0), _at(-29.0, 290.0)], look.sleeve)
    pen.line([_at(-18.0, cuff), _at(18.0, cuff)], 9 / WIDTH, shade(look.sleeve, 0.75))
    if look.glove is not None:
        pen.polygon([_at(-16.0, 8.0), _at(16.0, 8.0), _at(19.0, 46.0), _at(-19.0, 46.0)], shade(look.glove, 0.85))


def _palm(pen: Pen, colour: Colour) -> None:
    x, y = _at(0.0, 0.0)
    pen.ellipse(x, y, 20 / WIDTH, 21 / WIDTH, shade(colour, 0.8))
    x, y = _at(1.0, -1.0)
    pen.ellipse(x, y, 18 / WIDTH, 19 / WIDTH, colour)


def _fingers(pen: Pen, colour: Colour, pose: Pose) -> None:
    """Four fingers, stretched out or bent over what is held."""
    for k, (start, end) in enumerate(FINGERS[pose]):
        root, tip = -13.5 + 9 * k, -15.0 + 10.2 * k
        pen.line([_at(root, start), _at(tip, end)], 9.5 / WIDTH, shade(colour, 0.82))
        pen.line([_at(root + 0.6, start), _at(tip + 0.6, end)], 7 / WIDTH, shade(colour, 1.0 + 0.04 * (k % 2)))
