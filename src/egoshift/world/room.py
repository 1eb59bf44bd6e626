"""The surface on which everything lies: a table with clutter and, in the middle of each place, large distractors."""

import numpy as np
from jaxtyping import Int16, UInt8, UInt16
from PIL import Image, ImageDraw, ImageFilter

from egoshift.world.drawing.looks import COLOURS, WOOD, random_look
from egoshift.world.drawing.objects import SIZES, draw_object
from egoshift.world.drawing.pen import Colour, Point, shade, stamp
from egoshift.world.script import NUM_PLACES, PLACE_SPACING, spots_of
from egoshift.world.style import Style
from egoshift.world.vocabulary import NOUNS

MARGIN = 250.0
SCENES = ("counter", "table", "shelf")
CLEAR = 46.0
"""How far from a spot of action nothing else lies, in pixels."""


def room_size() -> tuple[int, int]:
    """Width and height of the drawn room."""
    return round(2 * MARGIN + PLACE_SPACING * (NUM_PLACES - 1)), round(2 * MARGIN)


def centre_of(place: int) -> Point:
    """Where in the room the middle of a place is."""
    return MARGIN + PLACE_SPACING * place, MARGIN


def draw_room(style: Style, rng: np.random.Generator) -> Image.Image:
    """A whole room, larger than any view of it: at each place a counter, a table or a shelf, with things on it."""
    base = style.surfaces[int(rng.integers(len(style.surfaces)))]
    room = _surface(style, base, rng)
    for place in range(NUM_PLACES):
        scene = SCENES[int(rng.integers(len(SCENES)))]
        if scene == "table":
            _lay_mat(room, place, style, rng)
        if scene == "shelf":
            _hang_shelf(room, place, base, style, rng)
        _scatter(room, place, style, rng)
    return room


def light_map(style: Style) -> UInt16[np.ndarray, "height width 3"]:
    """The light's colour and the darker corners, to multiply frames by, in parts of 256."""
    width, height = style.size
    y, x = np.mgrid[0:height, 0:width]
    far = ((x / width - 0.5) ** 2 + (y / height - 0.45) ** 2) * 2
    gain: np.ndarray = (1 - style.vignette * far)[..., None] * np.array(style.light)
    return (gain.clip(0, 1) * 256).round().astype(np.uint16)


def noise_bank(style: Style, rng: np.random.Generator) -> Int16[np.ndarray, "high wide 3"]:
    """Camera noise, larger than a frame; each frame takes another part of it."""
    width, height = style.size
    return rng.normal(0, style.noise, (height + 64, width + 64, 3)).round().astype(np.int16)


def _surface(style: Style, base: Colour, rng: np.random.Generator) -> Image.Image:
    width, height = room_size()
    grain = rng.normal(0, 7, (height // 2, width // 2, 1)) + rng.normal(0, 3, (height // 2, width // 2, 3))
    pixels: UInt8[np.ndarray, "high wide 3"] = (np.array(base) + grain).clip(0, 255).astype(np.uint8)
    room = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(room)
    seam = shade(base, 0.72)
    step = 62 if style.pattern == "tiles" else 44
    for y in range(step // 2, height, step) if style.pattern != "plain" else ():
        draw.line([0, y, width, y], fill=seam, width=2)
    if style.pattern == "tiles":
        for x in range(step // 3, width, step):
            draw.line([x, 0, x, height], fill=seam, width=2)
    wall = round(0.17 * height)
    draw.rectangle([0, 0, width, wall], fill=shade(base, float(rng.uniform(0.5, 1.5))))
    return room.filter(ImageFilter.GaussianBlur(0.8))


def _lay_mat(room: Image.Image, place: int, style: Style, rng: np.random.Generator) -> None:
    """A mat on the table, with stripes, under everything."""
    x, y = centre_of(place)
    colour = shade(COLOURS[style.colours[int(rng.integers(len(style.colours)))]], float(rng.uniform(0.6, 1.1)))
    wide, high = float(rng.uniform(80, 92)), float(rng.uniform(56, 74))
    draw = ImageDraw.Draw(room)
    top = y + float(rng.uniform(-50, -20))
    draw.rectangle([x - wide, top, x + wide, top + 2 * high], fill=colour, outline=shade(colour, 0.6), width=2)
    for k in range(1, 6):
        across = x - wide + k * wide / 3
        draw.line([across, top + 2, across, top + 2 * high - 2], fill=shade(colour, 0.85), width=3)


def _hang_shelf(room: Image.Image, place: int, base: Colour, style: Style, rng: np.random.Generator) -> None:
    """A wall with a board, on which things stand in a row."""
    x, y = centre_of(place)
    half = PLACE_SPACING / 2 - 2
    board = y - float(rng.uniform(14, 24))
    draw = ImageDraw.Draw(room)
    draw.rectangle([x - half, y - 130, x + half, board + 8], fill=shade(base, 0.62))
    draw.rectangle([x - half, board, x + half, board + 9], fill=shade(WOOD, float(rng.uniform(0.7, 1.2))))
    draw.line([x - half, board + 9, x + half, board + 9], fill=shade(base, 0.35), width=2)
    along = x - half + 20
    while along < x + half - 20:
        noun = NOUNS[int(rng.integers(len(NOUNS)))]
        picture = draw_object(noun, random_look(noun, style.colours, rng)[0], SIZES[noun])
        stamp(room, picture, (along, board - 0.46 * picture.height), squash=style.squash)
        along += SIZES[noun] * float(rng.uniform(0.75, 1.3))


def _scatter(room: Image.Image, place: int, style: Style, rng: np.random.Generator) -> None:
    """Small things anywhere, then two or three large ones near the middle of the view, never on a spot of action."""
    width, height = style.size[0] / style.zoom, style.size[1] / style.zoom
    for _ in range(style.clutter):
        at = (float(rng.uniform(-0.5, 0.5)) * width, float(rng.uniform(-0.55, 0.5)) * height)
        _lay(room, place, at, float(rng.uniform(0.7, 1.0)), style, rng)
    for _ in range(int(rng.integers(2, 4))):
        at = (float(rng.normal(0, 0.1)) * width, float(rng.uniform(-0.32, -0.06)) * height)
        _lay(room, place, at, float(rng.uniform(1.25, 1.7)), style, rng)


def _lay(room: Image.Image, place: int, at: Point, scale: float, style: Style, rng: np.random.Generator) -> None:
    noun = NOUNS[int(rng.integers(len(NOUNS)))]
    look, _ = random_look(noun, style.colours, rng)
    angle = float(rng.normal(0, 50))
    reach = CLEAR + (SIZES[noun] * scale) / 4
    if any(np.hypot(at[0] - spot[0], at[1] - spot[1]) < reach for spot in spots_of(place, style)):
        return
    centre = centre_of(place)
    picture = draw_object(noun, look, round(SIZES[noun] * scale))
    shadow = Image.new("RGBa", picture.size, (0, 0, 0, 0))
    shadow.paste((0, 0, 0, 70), (0, 0), picture.getchannel("a"))
    where = (centre[0] + at[0], centre[1] + at[1])
    stamp(room, shadow, (where[0] + 4, where[1] + 5), angle_deg=angle, squash=style.squash)
    stamp(room, picture, where, angle_deg=angle, squash=style.squash)
