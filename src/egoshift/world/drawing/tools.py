"""How cutlery and tools look: what has a blade, a head or a tip, and a handle."""

import math

import numpy as np

from egoshift.world.drawing.looks import DARK, PAPER, STEEL, WOOD, Look
from egoshift.world.drawing.pen import Pen, shade


def knife(pen: Pen, look: Look) -> None:
    """A kitchen knife, point up."""
    pen.polygon([(0.44, 0.62), (0.44, 0.12), (0.5, 0.03), (0.58, 0.16), (0.58, 0.62)], look.main)
    pen.polygon([(0.44, 0.62), (0.44, 0.12), (0.48, 0.08), (0.48, 0.62)], shade(look.main, 1.5))
    pen.rounded((0.43, 0.6, 0.59, 0.97), 0.05, DARK if look.detail > 0.4 else WOOD)


def fork(pen: Pen, look: Look) -> None:
    """A fork with four tines."""
    pen.line([(0.5, 0.45), (0.5, 0.95)], 0.075, look.main)
    pen.rounded((0.36, 0.3, 0.64, 0.47), 0.07, look.main)
    for k in range(4):
        x = 0.385 + 0.077 * k
        pen.line([(x, 0.06), (x, 0.36)], 0.042, look.main)


def spoon(pen: Pen, look: Look) -> None:
    """A metal or a wooden spoon."""
    metal = look.detail > 0.5
    body = STEEL if metal else WOOD
    pen.line([(0.5, 0.36), (0.5, 0.95)], 0.075, shade(body, 0.85))
    pen.ellipse(0.5, 0.22, 0.145, 0.19, body)
    pen.ellipse(0.5, 0.22, 0.1, 0.14, shade(body, 0.7))
    pen.ellipse(0.47, 0.18, 0.04, 0.06, shade(body, 1.3))


def scissors(pen: Pen, look: Look) -> None:
    """Scissors a little open, with ring handles."""
    apart = 0.13 + 0.05 * look.stretch
    for side in (-1, 1):
        pen.ellipse(0.5 + 0.2 * side, 0.8, 0.17, 0.17, look.second)
        pen.ellipse(0.5 + 0.2 * side, 0.81, 0.09, 0.095, look.second, opacity=0)
    for side, tone in ((-1, 0.75), (1, 1.0)):
        tip = 0.5 - apart * side
        pen.line([(0.5 + 0.12 * side, 0.68), (0.5, 0.5)], 0.08, shade(look.second, 0.85))
        pen.polygon(
            [(0.5 - 0.05, 0.55), (tip - 0.05 * side, 0.04), (tip + 0.05 * side, 0.1), (0.5 + 0.06, 0.5)],
            shade(look.main, tone),
        )
        pen.line([(0.5 + 0.02 * side, 0.5), (tip, 0.08)], 0.022, shade(look.main, 1.5))
    pen.ellipse(0.5, 0.53, 0.045, 0.045, DARK)


def whisk(pen: Pen, look: Look) -> None:
    """A balloon whisk of wire."""
    turns = np.linspace(0, 2 * math.pi, 40)
    wide = 0.25 + 0.06 * look.stretch
    for share, tone in ((1.0, 0.7), (0.62, 1.0), (0.22, 0.85)):
        loop = [
            (0.5 + wide * share * math.sin(a) * (1 - 0.3 * math.cos(a - 0.0)), 0.33 - 0.29 * math.cos(a)) for a in turns
        ]
        pen.line(loop, 0.038, shade(look.main, tone))
    pen.rounded((0.44, 0.58, 0.56, 0.7), 0.02, shade(look.main, 0.7))
    pen.rounded((0.435, 0.66, 0.565, 0.97), 0.06, look.second)
    pen.line([(0.47, 0.93), (0.53, 0.93)], 0.03, DARK)


def spatula(pen: Pen, look: Look) -> None:
    """A slotted turner."""
    wide = 0.19 + 0.05 * look.stretch
    pen.line([(0.5, 0.4), (0.5, 0.94)], 0.08, WOOD)
    pen.polygon(
        [
            (0.5 - wide, 0.05),
            (0.5 + wide, 0.05),
            (0.5 + wide * 0.85, 0.38),
            (0.56, 0.5),
            (0.44, 0.5),
            (0.5 - wide * 0.85, 0.38),
        ],
        look.main,
    )
    pen.line([(0.5 - wide, 0.06), (0.5 + wide, 0.06)], 0.035, shade(look.main, 1.4))
    for k in (-1, 0, 1):
        pen.ellipse(0.5 + k * wide * 0.55, 0.23, 0.032, 0.11, look.main, opacity=0)
    pen.ellipse(0.5, 0.92, 0.018, 0.018, DARK)


def grater(pen: Pen, look: Look) -> None:
    """A box grater with a handle."""
    top, foot = 0.17 + 0.05 * look.stretch, 0.31
    pen.rounded((0.33, 0.02, 0.67, 0.24), 0.09, DARK if look.detail > 0.5 else look.second)
    pen.ellipse(0.5, 0.12, 0.1, 0.055, DARK, opacity=0)
    pen.polygon([(0.5 - top, 0.2), (0.5 + top, 0.2), (0.5 + foot, 0.93), (0.5 - foot, 0.93)], look.main)
    pen.polygon([(0.5 + top, 0.2), (0.6 + top, 0.25), (0.6 + foot, 0.88), (0.5 + foot, 0.93)], shade(look.main, 0.6))
    for row in range(6):
        y = 0.29 + 0.105 * row
        half = top + (foot - top) * (y - 0.2) / 0.73
        for column in range(4):
            x = 0.5 + half * (0.5 * column - 0.86 + 0.22 * (row % 2))
            pen.ellipse(x, y, 0.032, 0.028, (60, 64, 70))
            pen.ellipse(x, y + 0.022, 0.026, 0.012, shade(look.main, 1.7))


def hammer(pen: Pen, look: Look) -> None:
    """A claw hammer."""
    pen.rounded((0.44, 0.2, 0.56, 0.97), 0.04, WOOD if look.detail > 0.5 else look.main)
    pen.rounded((0.2, 0.08, 0.68, 0.28), 0.03, (105, 108, 115))
    pen.polygon([(0.66, 0.09), (0.88, 0.2), (0.66, 0.26)], (105, 108, 115))
    pen.rounded((0.16, 0.06, 0.26, 0.3), 0.02, (80, 82, 90))


def screwdriver(pen: Pen, look: Look) -> None:
    """A screwdriver with a ribbed handle."""
    pen.rounded((0.47, 0.05, 0.53, 0.58), 0.01, (150, 154, 162))
    pen.rounded((0.455, 0.03, 0.545, 0.1), 0.01, (120, 124, 132))
    pen.rounded((0.38, 0.54, 0.62, 0.96), 0.09, look.main)
    for x in (0.44, 0.5, 0.56):
        pen.line([(x, 0.6), (x, 0.9)], 0.02, shade(look.main, 0.6))


def wrench(pen: Pen, look: Look) -> None:
    """A spanner with a jaw and a ring."""
    metal, deep = (150, 154, 162), 0.12 + 0.04 * look.stretch
    pen.line([(0.5, 0.25), (0.5, 0.8)], 0.12, metal)
    pen.ellipse(0.5, 0.2, 0.2, 0.18, metal)
    pen.ellipse(0.5, 0.06, 0.08, deep + 0.04, metal, opacity=0)
    pen.ellipse(0.5, 0.84, 0.14, 0.14, metal)
    pen.ellipse(0.5, 0.84, 0.07, 0.07, metal, opacity=0)
    pen.rounded((0.42, 0.38, 0.58, 0.72), 0.03, look.main)
    pen.line([(0.5, 0.43), (0.5, 0.67)], 0.035, shade(look.main, 1.5))


def paintbrush(pen: Pen, look: Look) -> None:
    """A flat brush dipped in paint."""
    pen.line([(0.5, 0.5), (0.5, 0.95)], 0.09, WOOD)
    pen.rounded((0.33, 0.32, 0.67, 0.52), 0.03, STEEL)
    pen.polygon([(0.34, 0.34), (0.66, 0.34), (0.7, 0.06), (0.3, 0.06)], (200, 175, 125))
    pen.polygon([(0.31, 0.14), (0.69, 0.14), (0.7, 0.04), (0.3, 0.04)], look.main)


def pen(pen: Pen, look: Look) -> None:
    """A ballpoint with cap and clip, tip down."""
    half = 0.075 + 0.02 * look.stretch
    pen.polygon([(0.5 - half, 0.74), (0.5 + half, 0.74), (0.52, 0.97), (0.48, 0.97)], STEEL)
    pen.line([(0.5, 0.94), (0.5, 0.97)], 0.025, DARK)
    pen.rounded((0.5 - half, 0.34, 0.5 + half, 0.76), 0.01, PAPER)
    pen.rounded((0.5 - half, 0.62, 0.5 + half, 0.76), 0.01, shade(look.main, 0.75))
    pen.rounded((0.46, 0.02, 0.54, 0.12), 0.02, STEEL)
    pen.rounded((0.48 - half, 0.08, 0.52 + half, 0.42), 0.03, look.main)
    pen.line([(0.56 + half, 0.13), (0.56 + half, 0.46)], 0.04, STEEL)
    pen.line([(0.5, 0.13), (0.56 + half, 0.13)], 0.04, STEEL)
