"""How dishes and pots look: what holds food and drink."""

import math

import numpy as np

from egoshift.world.drawing.looks import DARK, PAPER, STEEL, Look
from egoshift.world.drawing.pen import Pen, shade


def cup(pen: Pen, look: Look) -> None:
    """A mug with a handle."""
    half = 0.2 + 0.06 * look.stretch
    pen.ring(0.5 + half + 0.06, 0.52, 0.14, 0.05, shade(look.main, 0.8))
    pen.polygon([(0.5 - half, 0.25), (0.5 + half, 0.25), (0.5 + half * 0.8, 0.8), (0.5 - half * 0.8, 0.8)], look.main)
    pen.ellipse(0.5, 0.8, half * 0.8, 0.06, look.main)
    pen.polygon(
        [(0.5 - half, 0.25), (0.55 - half, 0.25), (0.56 - half, 0.8), (0.5 - half * 0.8, 0.8)], shade(look.main, 0.75)
    )
    pen.ellipse(0.5, 0.25, half, 0.09, shade(look.main, 1.3))
    pen.ellipse(0.5, 0.26, half - 0.03, 0.065, shade(look.main, 0.45))


def glass(pen: Pen, look: Look) -> None:
    """A fluted tumbler of clear, lightly tinted glass."""
    half, foot = 0.25 + 0.06 * look.stretch, 0.16 + 0.04 * look.stretch
    clear, tint = (222, 238, 244), shade(look.main, 1.55)
    pen.polygon([(0.5 - half, 0.12), (0.5 + half, 0.12), (0.5 + foot, 0.95), (0.5 - foot, 0.95)], clear)
    for k in range(4):
        x = 0.25 * k - 0.375
        sides = ((x - 0.06, 0.86), (x - 0.06, 0.18), (x + 0.06, 0.18), (x + 0.06, 0.86))
        wide = [(0.5 + 2 * dx * (half + (foot - half) * (y - 0.12) / 0.83), y) for dx, y in sides]
        pen.polygon(wide, tint if k != 1 else (252, 254, 255))
    pen.ellipse(0.5, 0.93, foot, 0.045, shade(look.main, 1.2))
    pen.ellipse(0.5, 0.13, half, 0.09, (120, 150, 165))
    pen.ellipse(0.5, 0.13, half - 0.02, 0.07, (250, 253, 254))
    pen.ellipse(0.5, 0.14, half - 0.05, 0.05, (196, 216, 224))


def plate(pen: Pen, look: Look) -> None:
    """A round plate with a coloured rim."""
    pen.ellipse(0.5, 0.5, 0.46, 0.42, shade(look.main, 0.8))
    pen.ellipse(0.5, 0.48, 0.45, 0.41, look.main)
    pen.ellipse(0.5, 0.48, 0.39, 0.35, look.second if look.detail > 0.5 else shade(look.main, 1.2))
    pen.ellipse(0.5, 0.48, 0.35, 0.31, shade(look.main, 0.88))
    pen.ellipse(0.5, 0.5, 0.31, 0.28, shade(look.main, 1.15))


def bowl(pen: Pen, look: Look) -> None:
    """A deep bowl with a stripe."""
    depth = 0.3 + 0.08 * look.stretch
    pen.polygon(
        [(0.5 + 0.42 * math.cos(a), 0.38 + depth * math.sin(a)) for a in np.linspace(0, math.pi, 24)], look.main
    )
    pen.ellipse(0.5, 0.38 + depth, 0.16, 0.04, shade(look.main, 0.7))
    pen.line([(0.16, 0.52), (0.84, 0.52)], 0.05, look.second)
    pen.ellipse(0.5, 0.37, 0.42, 0.15, shade(look.main, 1.25))
    pen.ellipse(0.5, 0.385, 0.37, 0.115, shade(look.main, 0.5))


def bottle(pen: Pen, look: Look) -> None:
    """A bottle with a neck, a cap and a label."""
    half = 0.14 + 0.05 * look.stretch
    pen.rounded((0.5 - half, 0.32, 0.5 + half, 0.97), 0.07, look.main)
    pen.rounded((0.44, 0.12, 0.56, 0.4), 0.03, look.main)
    pen.rounded((0.5 - half, 0.32, 0.56 - half, 0.97), 0.03, shade(look.main, 1.4))
    pen.rounded((0.425, 0.04, 0.575, 0.14), 0.02, look.second)
    pen.rounded((0.5 - half, 0.52, 0.5 + half, 0.78), 0.0, PAPER)
    pen.line([(0.46 - half / 2, 0.65), (0.54 + half / 2, 0.65)], 0.05, look.second)


def jar(pen: Pen, look: Look) -> None:
    """A jam jar with a screw lid."""
    pen.rounded((0.2, 0.22, 0.8, 0.95), 0.1, (205, 218, 222))
    pen.rounded((0.25, 0.4 + 0.15 * look.stretch, 0.75, 0.91), 0.07, look.main)
    pen.rounded((0.24, 0.28, 0.31, 0.88), 0.03, (238, 245, 248))
    pen.rounded((0.17, 0.07, 0.83, 0.24), 0.04, look.second)
    pen.line([(0.2, 0.19), (0.8, 0.19)], 0.03, shade(look.second, 0.7))


def pan(pen: Pen, look: Look) -> None:
    """A frying pan seen from above."""
    pen.rounded((0.45, 0.55, 0.55, 1.0), 0.04, DARK)
    pen.ellipse(0.5, 0.34, 0.34, 0.32, shade(look.main, 0.6))
    pen.ellipse(0.5, 0.33, 0.33, 0.31, look.main)
    pen.ellipse(0.5, 0.34, 0.28, 0.26, DARK)
    pen.ellipse(0.46, 0.3, 0.15, 0.12, shade(DARK, 1.15))


def lid(pen: Pen, look: Look) -> None:
    """A pot's lid with a knob."""
    pen.ellipse(0.5, 0.56, 0.45, 0.3, shade(look.main, 0.6))
    pen.ellipse(0.5, 0.53, 0.44, 0.28, look.main)
    pen.ellipse(0.5, 0.5, 0.34, 0.2, shade(look.main, 1.25))
    pen.ellipse(0.5, 0.44, 0.11, 0.08, DARK)
    pen.ellipse(0.5, 0.38, 0.13, 0.08, look.second)


def kettle(pen: Pen, look: Look) -> None:
    """A kettle with a spout, a handle, and a lid with a knob in its top fifth."""
    wide = 0.31 + 0.04 * look.stretch
    pen.line([(0.3, 0.72), (0.17, 0.55), (0.13, 0.33), (0.06, 0.3)], 0.1, shade(look.main, 0.75))
    pen.line([(0.66, 0.3), (0.87, 0.32), (0.92, 0.5), (0.86, 0.72), (0.72, 0.8)], 0.085, DARK)
    right = [(0.2 + (wide - 0.2) * math.sin(t), 0.2 + 0.7 * t / 1.8) for t in np.linspace(0, 1.8, 12)]
    pen.polygon([(0.5 + x, y) for x, y in right] + [(0.5 - x, y) for x, y in reversed(right)], look.main)
    pen.rounded((0.5 - wide, 0.84, 0.5 + wide, 0.95), 0.04, STEEL)
    pen.line([(0.37, 0.34), (0.3, 0.55), (0.29, 0.76)], 0.055, shade(look.main, 1.6))
    pen.ellipse(0.5, 0.21, 0.23, 0.05, shade(look.main, 0.6))
    pen.ellipse(0.5, 0.17, 0.2, 0.065, shade(look.main, 1.25))
    pen.ellipse(0.5, 0.075, 0.065, 0.06, DARK)
