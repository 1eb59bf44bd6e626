"""How each noun looks: one drawing per noun, varied by colours and proportions."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from egoshift.world.drawing import Pen, shade
from egoshift.world.looks import DARK, LEAF, PAPER, STEEL, WOOD, Look


def draw_object(noun: str, look: Look, size: int) -> Image.Image:
    """The noun on a transparent square of ``size`` pixels, upright."""
    pen = Pen(size)
    DRAWINGS[noun](pen, look)
    return _outlined(pen.picture())


def _outlined(picture: Image.Image) -> Image.Image:
    """With a thin dark rim, so that a thing stands out from a surface of its own colour."""
    rim = Image.new("RGBa", picture.size, (0, 0, 0, 0))
    wider = picture.getchannel("a").filter(ImageFilter.MaxFilter(3))
    rim.paste((0, 0, 0, 150), (0, 0), wider)
    rim.paste(picture, (0, 0), picture.getchannel("a"))
    return rim


def _cup(pen: Pen, look: Look) -> None:
    half = 0.2 + 0.06 * look.stretch
    pen.ring(0.5 + half + 0.06, 0.52, 0.14, 0.05, shade(look.main, 0.8))
    pen.polygon([(0.5 - half, 0.25), (0.5 + half, 0.25), (0.5 + half * 0.8, 0.8), (0.5 - half * 0.8, 0.8)], look.main)
    pen.ellipse(0.5, 0.8, half * 0.8, 0.06, look.main)
    pen.polygon(
        [(0.5 - half, 0.25), (0.55 - half, 0.25), (0.56 - half, 0.8), (0.5 - half * 0.8, 0.8)], shade(look.main, 0.75)
    )
    pen.ellipse(0.5, 0.25, half, 0.09, shade(look.main, 1.3))
    pen.ellipse(0.5, 0.26, half - 0.03, 0.065, shade(look.main, 0.45))


def _plate(pen: Pen, look: Look) -> None:
    pen.ellipse(0.5, 0.5, 0.46, 0.42, shade(look.main, 0.8))
    pen.ellipse(0.5, 0.48, 0.45, 0.41, look.main)
    pen.ellipse(0.5, 0.48, 0.39, 0.35, look.second if look.detail > 0.5 else shade(look.main, 1.2))
    pen.ellipse(0.5, 0.48, 0.35, 0.31, shade(look.main, 0.88))
    pen.ellipse(0.5, 0.5, 0.31, 0.28, shade(look.main, 1.15))


def _bowl(pen: Pen, look: Look) -> None:
    depth = 0.3 + 0.08 * look.stretch
    pen.polygon(
        [(0.5 + 0.42 * math.cos(a), 0.38 + depth * math.sin(a)) for a in np.linspace(0, math.pi, 24)], look.main
    )
    pen.ellipse(0.5, 0.38 + depth, 0.16, 0.04, shade(look.main, 0.7))
    pen.line([(0.16, 0.52), (0.84, 0.52)], 0.05, look.second)
    pen.ellipse(0.5, 0.37, 0.42, 0.15, shade(look.main, 1.25))
    pen.ellipse(0.5, 0.385, 0.37, 0.115, shade(look.main, 0.5))


def _knife(pen: Pen, look: Look) -> None:
    pen.polygon([(0.44, 0.62), (0.44, 0.12), (0.5, 0.03), (0.58, 0.16), (0.58, 0.62)], look.main)
    pen.polygon([(0.44, 0.62), (0.44, 0.12), (0.48, 0.08), (0.48, 0.62)], shade(look.main, 1.5))
    pen.rounded((0.43, 0.6, 0.59, 0.97), 0.05, DARK if look.detail > 0.4 else WOOD)


def _bottle(pen: Pen, look: Look) -> None:
    half = 0.14 + 0.05 * look.stretch
    pen.rounded((0.5 - half, 0.32, 0.5 + half, 0.97), 0.07, look.main)
    pen.rounded((0.44, 0.12, 0.56, 0.4), 0.03, look.main)
    pen.rounded((0.5 - half, 0.32, 0.56 - half, 0.97), 0.03, shade(look.main, 1.4))
    pen.rounded((0.425, 0.04, 0.575, 0.14), 0.02, look.second)
    pen.rounded((0.5 - half, 0.52, 0.5 + half, 0.78), 0.0, PAPER)
    pen.line([(0.46 - half / 2, 0.65), (0.54 + half / 2, 0.65)], 0.05, look.second)


def _cloth(pen: Pen, look: Look) -> None:
    top = [(x, 0.2 + 0.05 * math.sin(x * 14 + 6 * look.detail)) for x in np.linspace(0.1, 0.9, 20)]
    bottom = [(x, 0.82 + 0.06 * math.sin(x * 11 + 9 * look.stretch)) for x in np.linspace(0.92, 0.08, 20)]
    pen.polygon(top + bottom, look.main)
    for k in range(5):
        x = 0.2 + 0.15 * k
        pen.line([(x, 0.24), (x + 0.02, 0.8)], 0.035, shade(look.main, 1.45) if k % 2 else look.second)
    pen.line([(0.12, 0.45), (0.9, 0.47)], 0.035, look.second)
    pen.line([(0.12, 0.66), (0.9, 0.64)], 0.03, shade(look.main, 0.7))


def _sponge(pen: Pen, look: Look) -> None:
    pen.rounded((0.1, 0.26, 0.9, 0.76), 0.08, LEAF if look.stretch > 0.4 else shade(look.second, 0.8))
    pen.rounded((0.1, 0.26, 0.9, 0.64), 0.08, look.main)
    for k in range(14):
        x, y = 0.17 + 0.66 * ((k * 0.618 + look.detail) % 1), 0.31 + 0.28 * ((k * 0.377 + look.stretch) % 1)
        pen.ellipse(x, y, 0.028, 0.022, shade(look.main, 0.65))


def _spoon(pen: Pen, look: Look) -> None:
    metal = look.detail > 0.5
    body = STEEL if metal else WOOD
    pen.line([(0.5, 0.36), (0.5, 0.95)], 0.075, shade(body, 0.85))
    pen.ellipse(0.5, 0.22, 0.145, 0.19, body)
    pen.ellipse(0.5, 0.22, 0.1, 0.14, shade(body, 0.7))
    pen.ellipse(0.47, 0.18, 0.04, 0.06, shade(body, 1.3))


def _carrot(pen: Pen, look: Look) -> None:
    half = 0.13 + 0.04 * look.stretch
    for dx in (-0.1, 0.0, 0.1):
        pen.line([(0.5, 0.28), (0.5 + dx, 0.05)], 0.055, shade(LEAF, 1 + dx))
    pen.polygon([(0.5 - half, 0.28), (0.5 + half, 0.28), (0.53, 0.96), (0.48, 0.96)], look.main)
    pen.ellipse(0.5, 0.28, half, 0.07, look.main)
    for y in (0.4, 0.52, 0.64, 0.78):
        pen.line([(0.5 - half * 0.5, y), (0.5, y + 0.01)], 0.02, shade(look.main, 0.75))


def _tomato(pen: Pen, look: Look) -> None:
    pen.ellipse(0.5, 0.55, 0.4, 0.36 + 0.04 * look.stretch, shade(look.main, 0.8))
    pen.ellipse(0.49, 0.53, 0.37, 0.34, look.main)
    pen.ellipse(0.36, 0.42, 0.08, 0.06, shade(look.main, 1.5))
    for k in range(5):
        a = 2 * math.pi * k / 5 + look.detail
        pen.line([(0.5, 0.28), (0.5 + 0.17 * math.cos(a), 0.28 + 0.1 * math.sin(a))], 0.05, LEAF)


def _bread(pen: Pen, look: Look) -> None:
    pen.rounded((0.06, 0.28, 0.94, 0.76), 0.22, shade(look.main, 0.75))
    pen.rounded((0.08, 0.28, 0.92, 0.71), 0.2, look.main)
    for k in range(4):
        x = 0.22 + 0.17 * k
        pen.line([(x, 0.38), (x + 0.08, 0.6)], 0.05, shade(look.main, 1.5))


def _chopping_board(pen: Pen, look: Look) -> None:
    pen.rounded((0.1, 0.18, 0.9, 0.94), 0.07, shade(look.main, 0.75))
    pen.rounded((0.1, 0.16, 0.9, 0.91), 0.07, look.main)
    pen.rounded((0.38, 0.03, 0.62, 0.22), 0.06, look.main)
    pen.ellipse(0.5, 0.1, 0.05, 0.04, shade(look.main, 0.4))
    for k in range(6):
        x = 0.18 + 0.12 * k + 0.03 * look.detail
        pen.line([(x, 0.22), (x, 0.86)], 0.015, shade(look.main, 0.82))


def _pan(pen: Pen, look: Look) -> None:
    pen.rounded((0.45, 0.55, 0.55, 1.0), 0.04, DARK)
    pen.ellipse(0.5, 0.34, 0.34, 0.32, shade(look.main, 0.6))
    pen.ellipse(0.5, 0.33, 0.33, 0.31, look.main)
    pen.ellipse(0.5, 0.34, 0.28, 0.26, DARK)
    pen.ellipse(0.46, 0.3, 0.15, 0.12, shade(DARK, 1.15))


def _onion(pen: Pen, look: Look) -> None:
    pen.polygon([(0.5, 0.06), (0.6, 0.32), (0.4, 0.32)], shade(look.main, 1.3))
    pen.ellipse(0.5, 0.58, 0.38, 0.34, look.main)
    for dx, tone in ((0.26, 0.85), (0.15, 1.25), (0.05, 0.85)):
        pen.ellipse(0.5, 0.58, dx + 0.02, 0.33, shade(look.main, tone))
        pen.ellipse(0.5, 0.58, dx, 0.33, look.main)
    pen.line([(0.46, 0.93), (0.54, 0.95)], 0.05, (180, 160, 120))


def _jar(pen: Pen, look: Look) -> None:
    pen.rounded((0.2, 0.22, 0.8, 0.95), 0.1, (205, 218, 222))
    pen.rounded((0.25, 0.4 + 0.15 * look.stretch, 0.75, 0.91), 0.07, look.main)
    pen.rounded((0.24, 0.28, 0.31, 0.88), 0.03, (238, 245, 248))
    pen.rounded((0.17, 0.07, 0.83, 0.24), 0.04, look.second)
    pen.line([(0.2, 0.19), (0.8, 0.19)], 0.03, shade(look.second, 0.7))


def _cheese(pen: Pen, look: Look) -> None:
    pen.polygon([(0.06, 0.5), (0.9, 0.2), (0.94, 0.5)], shade(look.main, 1.35))
    pen.polygon([(0.06, 0.5), (0.94, 0.5), (0.94, 0.82), (0.06, 0.82)], look.main)
    for x, y, r in ((0.25, 0.66, 0.07), (0.5, 0.6, 0.05), (0.68, 0.71, 0.08), (0.84, 0.58, 0.04), (0.42, 0.76, 0.04)):
        pen.ellipse(x, y, r, r * 0.85, shade(look.main, 0.65))


def _fork(pen: Pen, look: Look) -> None:
    pen.line([(0.5, 0.45), (0.5, 0.95)], 0.075, look.main)
    pen.rounded((0.36, 0.3, 0.64, 0.47), 0.07, look.main)
    for k in range(4):
        x = 0.385 + 0.077 * k
        pen.line([(x, 0.06), (x, 0.36)], 0.042, look.main)


def _lid(pen: Pen, look: Look) -> None:
    pen.ellipse(0.5, 0.56, 0.45, 0.3, shade(look.main, 0.6))
    pen.ellipse(0.5, 0.53, 0.44, 0.28, look.main)
    pen.ellipse(0.5, 0.5, 0.34, 0.2, shade(look.main, 1.25))
    pen.ellipse(0.5, 0.44, 0.11, 0.08, DARK)
    pen.ellipse(0.5, 0.38, 0.13, 0.08, look.second)


def _book(pen: Pen, look: Look) -> None:
    pen.polygon([(0.16, 0.1), (0.84, 0.1), (0.88, 0.92), (0.16, 0.95)], PAPER)
    pen.rounded((0.14, 0.07, 0.83, 0.91), 0.02, look.main)
    pen.rounded((0.14, 0.07, 0.24, 0.91), 0.02, shade(look.main, 0.6))
    pen.rounded((0.34, 0.2, 0.75, 0.34), 0.01, look.second)
    pen.line([(0.36, 0.45), (0.73, 0.45)], 0.03, PAPER)
    pen.line([(0.36, 0.54), (0.65, 0.54)], 0.03, PAPER)


def _phone(pen: Pen, look: Look) -> None:
    pen.rounded((0.27, 0.04, 0.73, 0.96), 0.08, DARK)
    pen.rounded((0.31, 0.12, 0.69, 0.86), 0.02, shade(look.main, 1.2))
    for row in range(4):
        for column in range(3):
            tone = look.second if (row + column) % 2 else PAPER
            pen.rounded(
                (0.34 + 0.115 * column, 0.18 + 0.16 * row, 0.42 + 0.115 * column, 0.27 + 0.16 * row), 0.015, tone
            )
    pen.ellipse(0.5, 0.91, 0.03, 0.025, STEEL)


def _hammer(pen: Pen, look: Look) -> None:
    pen.rounded((0.44, 0.2, 0.56, 0.97), 0.04, WOOD if look.detail > 0.5 else look.main)
    pen.rounded((0.2, 0.08, 0.68, 0.28), 0.03, (105, 108, 115))
    pen.polygon([(0.66, 0.09), (0.88, 0.2), (0.66, 0.26)], (105, 108, 115))
    pen.rounded((0.16, 0.06, 0.26, 0.3), 0.02, (80, 82, 90))


def _screwdriver(pen: Pen, look: Look) -> None:
    pen.rounded((0.47, 0.05, 0.53, 0.58), 0.01, (150, 154, 162))
    pen.rounded((0.455, 0.03, 0.545, 0.1), 0.01, (120, 124, 132))
    pen.rounded((0.38, 0.54, 0.62, 0.96), 0.09, look.main)
    for x in (0.44, 0.5, 0.56):
        pen.line([(x, 0.6), (x, 0.9)], 0.02, shade(look.main, 0.6))


def _paintbrush(pen: Pen, look: Look) -> None:
    pen.line([(0.5, 0.5), (0.5, 0.95)], 0.09, WOOD)
    pen.rounded((0.33, 0.32, 0.67, 0.52), 0.03, STEEL)
    pen.polygon([(0.34, 0.34), (0.66, 0.34), (0.7, 0.06), (0.3, 0.06)], (200, 175, 125))
    pen.polygon([(0.31, 0.14), (0.69, 0.14), (0.7, 0.04), (0.3, 0.04)], look.main)


def _ball(pen: Pen, look: Look) -> None:
    pen.ellipse(0.5, 0.5, 0.43, 0.43, look.main)
    pen.ellipse(0.5, 0.5, 0.16, 0.43, look.second)
    pen.ellipse(0.5, 0.5, 0.1, 0.43, look.main)
    pen.line([(0.08, 0.5), (0.92, 0.5)], 0.05, PAPER)
    pen.ellipse(0.34, 0.3, 0.09, 0.07, shade(look.main, 1.5))


DRAWINGS: dict[str, Callable[[Pen, Look], None]] = {
    "cup": _cup,
    "plate": _plate,
    "knife": _knife,
    "bottle": _bottle,
    "bowl": _bowl,
    "cloth": _cloth,
    "sponge": _sponge,
    "spoon": _spoon,
    "carrot": _carrot,
    "tomato": _tomato,
    "bread": _bread,
    "chopping board": _chopping_board,
    "pan": _pan,
    "onion": _onion,
    "jar": _jar,
    "cheese": _cheese,
    "fork": _fork,
    "lid": _lid,
    "book": _book,
    "phone": _phone,
    "hammer": _hammer,
    "screwdriver": _screwdriver,
    "paintbrush": _paintbrush,
    "ball": _ball,
}
"""The drawing of each noun."""
