"""How the other things of a house look: what is wiped with, cut on, read, pressed, packed or worn."""

import math

import numpy as np

from egoshift.world.drawing.looks import DARK, LEAF, PAPER, STEEL, Look
from egoshift.world.drawing.pen import Pen, shade


def cloth(pen: Pen, look: Look) -> None:
    """A checked cloth with wavy edges."""
    top = [(x, 0.2 + 0.05 * math.sin(x * 14 + 6 * look.detail)) for x in np.linspace(0.1, 0.9, 20)]
    bottom = [(x, 0.82 + 0.06 * math.sin(x * 11 + 9 * look.stretch)) for x in np.linspace(0.92, 0.08, 20)]
    pen.polygon(top + bottom, look.main)
    for k in range(5):
        x = 0.2 + 0.15 * k
        pen.line([(x, 0.24), (x + 0.02, 0.8)], 0.035, shade(look.main, 1.45) if k % 2 else look.second)
    pen.line([(0.12, 0.45), (0.9, 0.47)], 0.035, look.second)
    pen.line([(0.12, 0.66), (0.9, 0.64)], 0.03, shade(look.main, 0.7))


def sponge(pen: Pen, look: Look) -> None:
    """A sponge with a scouring side."""
    pen.rounded((0.1, 0.26, 0.9, 0.76), 0.08, LEAF if look.stretch > 0.4 else shade(look.second, 0.8))
    pen.rounded((0.1, 0.26, 0.9, 0.64), 0.08, look.main)
    for k in range(14):
        x, y = 0.17 + 0.66 * ((k * 0.618 + look.detail) % 1), 0.31 + 0.28 * ((k * 0.377 + look.stretch) % 1)
        pen.ellipse(x, y, 0.028, 0.022, shade(look.main, 0.65))


def chopping_board(pen: Pen, look: Look) -> None:
    """A board with a grip and a grain."""
    pen.rounded((0.1, 0.18, 0.9, 0.94), 0.07, shade(look.main, 0.75))
    pen.rounded((0.1, 0.16, 0.9, 0.91), 0.07, look.main)
    pen.rounded((0.38, 0.03, 0.62, 0.22), 0.06, look.main)
    pen.ellipse(0.5, 0.1, 0.05, 0.04, shade(look.main, 0.4))
    for k in range(6):
        x = 0.18 + 0.12 * k + 0.03 * look.detail
        pen.line([(x, 0.22), (x, 0.86)], 0.015, shade(look.main, 0.82))


def box(pen: Pen, look: Look) -> None:
    """A cardboard box; its flaps fill the top quarter."""
    pen.polygon([(0.1, 0.27), (0.9, 0.27), (0.8, 0.07), (0.2, 0.07)], shade(look.main, 1.3))
    pen.rounded((0.1, 0.26, 0.9, 0.95), 0.015, look.main)
    pen.line([(0.11, 0.27), (0.89, 0.27)], 0.02, shade(look.main, 0.55))
    pen.polygon([(0.44, 0.07), (0.56, 0.07), (0.57, 0.42), (0.43, 0.42)], (225, 205, 160))
    pen.rounded((0.16, 0.5, 0.46, 0.72), 0.01, PAPER)
    pen.line([(0.2, 0.57), (0.42, 0.57)], 0.03, look.second)
    pen.line([(0.2, 0.65), (0.34 + 0.08 * look.stretch, 0.65)], 0.03, DARK)
    for x in (0.65, 0.78):
        pen.line([(x, 0.86), (x, 0.66)], 0.03, shade(look.main, 0.4))
        pen.polygon([(x - 0.055, 0.68), (x + 0.055, 0.68), (x, 0.56)], shade(look.main, 0.4))


def book(pen: Pen, look: Look) -> None:
    """A closed book."""
    pen.polygon([(0.16, 0.1), (0.84, 0.1), (0.88, 0.92), (0.16, 0.95)], PAPER)
    pen.rounded((0.14, 0.07, 0.83, 0.91), 0.02, look.main)
    pen.rounded((0.14, 0.07, 0.24, 0.91), 0.02, shade(look.main, 0.6))
    pen.rounded((0.34, 0.2, 0.75, 0.34), 0.01, look.second)
    pen.line([(0.36, 0.45), (0.73, 0.45)], 0.03, PAPER)
    pen.line([(0.36, 0.54), (0.65, 0.54)], 0.03, PAPER)


def phone(pen: Pen, look: Look) -> None:
    """A phone with a screen full of icons."""
    pen.rounded((0.27, 0.04, 0.73, 0.96), 0.08, DARK)
    pen.rounded((0.31, 0.12, 0.69, 0.86), 0.02, shade(look.main, 1.2))
    for row in range(4):
        for column in range(3):
            tone = look.second if (row + column) % 2 else PAPER
            pen.rounded(
                (0.34 + 0.115 * column, 0.18 + 0.16 * row, 0.42 + 0.115 * column, 0.27 + 0.16 * row), 0.015, tone
            )
    pen.ellipse(0.5, 0.91, 0.03, 0.025, STEEL)


def remote(pen: Pen, look: Look) -> None:
    """A slim remote control with round buttons."""
    half = 0.15 + 0.03 * look.stretch
    pen.rounded((0.5 - half, 0.03, 0.5 + half, 0.97), 0.12, shade(look.main, 0.7))
    pen.rounded((0.515 - half, 0.035, 0.485 + half, 0.955), 0.11, look.main)
    dots = PAPER if sum(look.main) < 400 else DARK
    pen.ellipse(0.5, 0.12, 0.045, 0.045, (215, 40, 40))
    pen.ellipse(0.5, 0.32, 0.12, 0.12, dots)
    pen.ellipse(0.5, 0.32, 0.055, 0.055, look.main)
    for row in range(4):
        for column in range(3):
            pen.ellipse(0.41 + 0.09 * column, 0.53 + 0.105 * row, 0.032, 0.032, dots)


def tape(pen: Pen, look: Look) -> None:
    """A roll of tape with a loose end."""
    pen.polygon([(0.5, 0.72), (0.98, 0.76), (0.94, 0.83), (0.99, 0.89), (0.5, 0.93)], shade(look.main, 1.3))
    for radius, tone in ((0.44, 0.75), (0.42, 1.0), (0.365, 0.78), (0.35, 1.0), (0.295, 0.78), (0.28, 1.0)):
        pen.ellipse(0.46, 0.49, radius, radius, shade(look.main, tone))
    pen.ellipse(0.46, 0.49, 0.245, 0.245, (200, 165, 115))
    pen.ellipse(0.46, 0.49, 0.17 + 0.03 * look.stretch, 0.17 + 0.03 * look.stretch, DARK, opacity=0)


def candle(pen: Pen, look: Look) -> None:
    """A dripping candle, lit, on a dish."""
    half, top = 0.12 + 0.04 * look.stretch, 0.4
    pen.ellipse(0.5, 0.88, 0.36, 0.09, (150, 120, 60))
    pen.ellipse(0.5, 0.86, 0.35, 0.075, (215, 180, 95))
    pen.rounded((0.5 - half, top, 0.5 + half, 0.88), 0.02, look.main)
    pen.rounded((0.5 - half, top, 0.55 - half, 0.88), 0.02, shade(look.main, 0.7))
    pen.ellipse(0.5, top, half, 0.05, shade(look.main, 1.5))
    for dx, long in ((-0.6, 0.14), (0.15, 0.08 + 0.1 * look.detail), (0.75, 0.22)):
        pen.line([(0.5 + dx * half, top + 0.02), (0.5 + dx * half, top + long)], 0.05, shade(look.main, 1.5))
    pen.line([(0.5, 0.4), (0.5, 0.3)], 0.03, DARK)
    pen.polygon([(0.5, 0.02), (0.58, 0.17), (0.6, 0.27), (0.5, 0.34), (0.4, 0.27), (0.42, 0.17)], (245, 150, 40))
    pen.ellipse(0.5, 0.255, 0.055, 0.07, (255, 240, 150))


def shoe(pen: Pen, look: Look) -> None:
    """A laced sports shoe from the side."""
    toe = 0.03 * look.stretch
    upper = [(0.08, 0.3), (0.2, 0.24), (0.38, 0.26), (0.5, 0.44), (0.74, 0.53), (0.9, 0.62), (0.95 + toe, 0.76)]
    pen.polygon([*upper, (0.06, 0.76)], look.main)
    pen.polygon([(0.08, 0.3), (0.2, 0.24), (0.22, 0.76), (0.06, 0.76)], look.second)
    pen.ellipse(0.24, 0.28, 0.15, 0.055, DARK)
    pen.polygon([(0.76, 0.55), (0.9, 0.62), (0.95 + toe, 0.76), (0.74, 0.76)], shade(look.main, 1.45))
    for k in range(4):
        x, y = 0.42 + 0.075 * k, 0.36 + 0.058 * k
        pen.line([(x, y), (x - 0.06, y + 0.12)], 0.03, PAPER)
    pen.line([(0.28, 0.7), (0.4, 0.58), (0.54, 0.68)], 0.04, look.second)
    pen.rounded((0.04, 0.74, 0.96 + toe, 0.85), 0.05, PAPER)
    pen.line([(0.07, 0.84), (0.93, 0.84)], 0.025, (120, 120, 120))


def ball(pen: Pen, look: Look) -> None:
    """A ball with a band."""
    pen.ellipse(0.5, 0.5, 0.43, 0.43, look.main)
    pen.ellipse(0.5, 0.5, 0.16, 0.43, look.second)
    pen.ellipse(0.5, 0.5, 0.1, 0.43, look.main)
    pen.line([(0.08, 0.5), (0.92, 0.5)], 0.05, PAPER)
    pen.ellipse(0.34, 0.3, 0.09, 0.07, shade(look.main, 1.5))
