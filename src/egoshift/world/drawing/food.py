"""How food looks."""

import math

import numpy as np

from egoshift.world.drawing.looks import LEAF, Look
from egoshift.world.drawing.pen import Pen, shade


def apple(pen: Pen, look: Look) -> None:
    """A streaked apple with a stem and a leaf."""
    for tone, grow in ((0.8, 0.0), (1.0, 0.025)):
        for side in (-1, 1):
            pen.ellipse(0.5 + 0.15 * side, 0.53, 0.27 - grow, 0.29 - grow, shade(look.main, tone))
            pen.ellipse(0.5 + 0.1 * side, 0.66, 0.21 - grow, 0.28 - grow, shade(look.main, tone))
    for k in range(7):
        across = (k - 3) / 3
        start, end = (0.5 + 0.12 * across, 0.33 + 0.02 * abs(across)), (0.5 + 0.3 * across, 0.6 - 0.1 * abs(across))
        pen.line([start, end], 0.022, (245, 215, 120))
    pen.ellipse(0.5, 0.32, 0.13, 0.05, shade(look.main, 0.5))
    pen.line([(0.5, 0.32), (0.52, 0.2), (0.56, 0.08)], 0.05, (95, 65, 40))
    pen.polygon([(0.55, 0.19), (0.68, 0.05 + 0.03 * look.stretch), (0.88, 0.1), (0.74, 0.21)], LEAF)


def banana(pen: Pen, look: Look) -> None:
    """A crescent with brown tips."""
    thick = 0.12 + 0.035 * look.stretch
    turns = np.linspace(0.12, math.pi - 0.25, 22)
    spine = [(0.5 + 0.4 * math.cos(a), 0.22 + 0.5 * math.sin(a)) for a in turns]
    swell = [thick * (0.35 + 0.65 * math.sin(math.pi * k / 21) ** 0.6) for k in range(22)]
    around = list(zip(spine, swell, turns, strict=True))
    outer = [(x + w * math.cos(a), y + w * math.sin(a)) for (x, y), w, a in around]
    inner = [(x - w * math.cos(a), y - w * math.sin(a)) for (x, y), w, a in around]
    pen.polygon(outer + inner[::-1], look.main)
    pen.polygon(outer + spine[::-1], shade(look.main, 0.82))
    pen.line(spine[1:-1], 0.02, shade(look.main, 0.6))
    pen.line([spine[0], (spine[0][0] - 0.03, 0.12)], 0.085, (150, 150, 60))
    pen.ellipse(*spine[-1], 0.05, 0.05, (75, 50, 30))
    for k in (7, 11, 16):
        (x, y), at = inner[k], look.detail
        pen.line([(x + 0.02, y + 0.06 + 0.03 * at), (x + 0.06, y + 0.05 + 0.03 * at)], 0.022, (110, 75, 35))


def bread(pen: Pen, look: Look) -> None:
    """A loaf with cuts across."""
    pen.rounded((0.06, 0.28, 0.94, 0.76), 0.22, shade(look.main, 0.75))
    pen.rounded((0.08, 0.28, 0.92, 0.71), 0.2, look.main)
    for k in range(4):
        x = 0.22 + 0.17 * k
        pen.line([(x, 0.38), (x + 0.08, 0.6)], 0.05, shade(look.main, 1.5))


def carrot(pen: Pen, look: Look) -> None:
    """A carrot with its leaves."""
    half = 0.13 + 0.04 * look.stretch
    for dx in (-0.1, 0.0, 0.1):
        pen.line([(0.5, 0.28), (0.5 + dx, 0.05)], 0.055, shade(LEAF, 1 + dx))
    pen.polygon([(0.5 - half, 0.28), (0.5 + half, 0.28), (0.53, 0.96), (0.48, 0.96)], look.main)
    pen.ellipse(0.5, 0.28, half, 0.07, look.main)
    for y in (0.4, 0.52, 0.64, 0.78):
        pen.line([(0.5 - half * 0.5, y), (0.5, y + 0.01)], 0.02, shade(look.main, 0.75))


def cheese(pen: Pen, look: Look) -> None:
    """A wedge with holes."""
    pen.polygon([(0.06, 0.5), (0.9, 0.2), (0.94, 0.5)], shade(look.main, 1.35))
    pen.polygon([(0.06, 0.5), (0.94, 0.5), (0.94, 0.82), (0.06, 0.82)], look.main)
    for x, y, r in ((0.25, 0.66, 0.07), (0.5, 0.6, 0.05), (0.68, 0.71, 0.08), (0.84, 0.58, 0.04), (0.42, 0.76, 0.04)):
        pen.ellipse(x, y, r, r * 0.85, shade(look.main, 0.65))


def egg(pen: Pen, look: Look) -> None:
    """A speckled egg."""
    wide = 0.29 + 0.04 * look.stretch
    turns = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    for tone, inside, shift in ((0.78, 0.0, 0.0), (1.0, 0.035, -0.015), (1.45, 0.14, -0.05)):
        radii, tall = [(wide - inside) * (1 + 0.16 * math.sin(a)) for a in turns], 0.43 - 1.2 * inside
        around = zip(turns, radii, strict=True)
        rim = [(0.5 + shift + r * math.cos(a), 0.51 + shift + tall * math.sin(a)) for a, r in around]
        pen.polygon(rim, shade(look.main, tone))
    for k in range(9):
        a, far = 2.4 * k + 6 * look.detail, 0.07 + 0.024 * k
        pen.ellipse(0.5 + 0.8 * far * math.cos(a), 0.54 + 1.1 * far * math.sin(a), 0.02, 0.02, shade(look.main, 0.5))


def onion(pen: Pen, look: Look) -> None:
    """A striped onion with its tip."""
    pen.polygon([(0.5, 0.06), (0.6, 0.32), (0.4, 0.32)], shade(look.main, 1.3))
    pen.ellipse(0.5, 0.58, 0.38, 0.34, look.main)
    for dx, tone in ((0.26, 0.85), (0.15, 1.25), (0.05, 0.85)):
        pen.ellipse(0.5, 0.58, dx + 0.02, 0.33, shade(look.main, tone))
        pen.ellipse(0.5, 0.58, dx, 0.33, look.main)
    pen.line([(0.46, 0.93), (0.54, 0.95)], 0.05, (180, 160, 120))


def tomato(pen: Pen, look: Look) -> None:
    """A tomato with a green star."""
    pen.ellipse(0.5, 0.55, 0.4, 0.36 + 0.04 * look.stretch, shade(look.main, 0.8))
    pen.ellipse(0.49, 0.53, 0.37, 0.34, look.main)
    pen.ellipse(0.36, 0.42, 0.08, 0.06, shade(look.main, 1.5))
    for k in range(5):
        a = 2 * math.pi * k / 5 + look.detail
        pen.line([(0.5, 0.28), (0.5 + 0.17 * math.cos(a), 0.28 + 0.1 * math.sin(a))], 0.05, LEAF)
