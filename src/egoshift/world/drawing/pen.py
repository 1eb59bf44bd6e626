"""Drawing with soft edges: a pen on a unit square, and sprites stamped at any angle and size."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

OVERSAMPLING = 3


def shade(colour: Colour, factor: float) -> Colour:
    """``colour`` made darker (factor below 1) or lighter, towards white (above 1)."""
    if factor <= 1:
        red, green, blue = (round(c * factor) for c in colour)
    else:
        red, green, blue = (round(c + (255 - c) * (factor - 1)) for c in colour)
    return red, green, blue


class Pen:
    """Draws shapes with coordinates from 0 to 1 into a transparent picture; ``picture`` gives it without jagged edges.

    Args:
        width: The finished picture's width in pixels; 1 in x and y is this many pixels.
        height: The finished picture's height in pixels; ``width`` where not given.
    """

    def __init__(self, width: int, height: int | None = None):
        self.size = (width, height or width)
        self._unit = width * OVERSAMPLING
        big = (self.size[0] * OVERSAMPLING, self.size[1] * OVERSAMPLING)
        self._image = Image.new("RGBA", big, (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon([(x * self._unit, y * self._unit) for x, y in points], fill=(*fill, 255))

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float, fill: Colour, opacity: int = 255) -> None:
        """A filled ellipse around ``(x, y)``."""
        box = (x - radius_x, y - radius_y, x + radius_x, y + radius_y)
        self._draw.ellipse([v * self._unit for v in box], fill=(*fill, opacity))

    def rounded(self, box: Box, radius: float, fill: Colour) -> None:
        """A filled rectangle with round corners."""
        self._draw.rounded_rectangle([v * self._unit for v in box], radius * self._unit, fill=(*fill, 255))

    def line(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """A line through ``points`` with round ends."""
        scaled = [(x * self._unit, y * self._unit) for x, y in points]
        self._draw.line(scaled, fill=(*fill, 255), width=max(1, round(width * self._unit)), joint="curve")
        for x, y in (points[0], points[-1]):
            self.ellipse(x, y, width / 2, width / 2, fill)

    def ring(self, x: float, y: float, radius: float, width: float, fill: Colour) -> None:
        """A circle's outline."""
        box = [v * self._unit for v in (x - radius, y - radius, x + radius, y + radius)]
        self._draw.ellipse(box, outline=(*fill, 255), width=max(1, round(width * self._unit)))

    def picture(self) -> Image.Image:
        """The finished picture in mode RGBa: colours multiplied by opacity, so that it can be resampled."""
        return self._image.convert("RGBa").reduce(OVERSAMPLING)


def stamp(
    canvas: Image.Image,
    sprite: Image.Image,
    at: Point,
    *,
    pivot: Point = (0.5, 0.5),
    angle_deg: float = 0.0,
    scale: float = 1.0,
    squash: float = 1.0,
    mirrored: bool = False,
) -> Box | None:
    """Draw ``sprite`` onto ``canvas`` and return the box that its visible part covers; None where it is outside.

    Args:
        canvas: An RGB picture, drawn on in place.
        sprite: A picture as a ``Pen`` gives it (mode RGBa).
        at: Where the sprite's pivot goes, in the canvas's pixels.
        pivot: The point of the sprite that is placed at ``at``, as fractions of its width and height.
        angle_deg: Turn about the pivot, clockwise as seen.
        scale: Canvas pixels per sprite pixel.
        squash: Extra vertical scale on the canvas, for surfaces that are seen at a slant.
        mirrored: Flip left and right before turning.
    """
    radians = math.radians(angle_deg)
    cos, sin = math.cos(radians) * scale, math.sin(radians) * scale
    flip = -1.0 if mirrored else 1.0
    a, b, c, d = flip * cos, -sin, flip * sin * squash, cos * squash  # sprite to canvas
    px, py = pivot[0] * sprite.width, pivot[1] * sprite.height
    corners = [(x - px, y - py) for x in (0, sprite.width) for y in (0, sprite.height)]
    xs = [at[0] + a * x + b * y for x, y in corners]
    ys = [at[1] + c * x + d * y for x, y in corners]
    left, top = max(0, math.floor(min(xs))), max(0, math.floor(min(ys)))
    right, bottom = min(canvas.width, math.ceil(max(xs))), min(canvas.height, math.ceil(max(ys)))
    if left >= right or top >= bottom:
        return None
    det = a * d - b * c
    ia, ib, ic, id_ = d / det, -b / det, -c / det, a / det
    dx, dy = left - at[0], top - at[1]
    coefficients = (ia, ib, ia * dx + ib * dy + px, ic, id_, ic * dx + id_ * dy + py)
    patch = sprite.transform(
        (right - left, bottom - top), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    ).convert("RGBA")
    seen = patch.getbbox()
    if seen is None:
        return None
    canvas.paste(patch, (left, top), patch)
    return float(left + seen[0]), float(top + seen[1]), float(left + seen[2]), float(top + seen[3])
