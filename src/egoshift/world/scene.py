"""Where things happen: the look of a data set, a room's surface with its clutter, and one action's sprites."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from egoshift.world.drawing.hands import HAND_REACH, PALM, HandLook, draw_hand
from egoshift.world.drawing.looks import DARK, STEEL, WOOD, Look
from egoshift.world.drawing.objects import SIZES, draw_object
from egoshift.world.drawing.pen import Box, Colour, Pen, Point, shade, stamp
from egoshift.world.motion import Hand, Moment, Thing

LID_TOPS = {"bottle": -0.06, "jar": 0.0, "cup": 0.1, "bowl": 0.28, "pan": 0.28, "book": 0.5, "box": 0.1, "kettle": 0.05}
"""How much lower than a jar's lid the lid of another object lies, in lids."""


@dataclass(frozen=True)
class Sprite:
    """A picture and the point by which it is placed."""

    image: Image.Image
    pivot: Point = (0.5, 0.5)


@dataclass(frozen=True)
class View:
    """How the world is seen: where its origin lies on the picture, how large, and how slanted."""

    origin: Point
    zoom: float
    squash: float = 1.0

    def __call__(self, at: Point) -> Point:
        """Where a point of the world lies on the picture."""
        return self.origin[0] + at[0] * self.zoom, self.origin[1] + at[1] * self.zoom * self.squash


@dataclass(frozen=True)
class SeenHand:
    """Where a hand was drawn, in the picture's pixels."""

    box: Box
    left: bool
    touches: bool


@dataclass(frozen=True)
class Seen:
    """What was drawn of hands and of the things they act on."""

    hands: tuple[SeenHand, ...]
    things: tuple[Box, ...]


def action_sprites(verb: str, noun: str, look: Look, rng: np.random.Generator) -> dict[str, Sprite]:
    """The sprites that the program of ``verb`` places when it is done with ``noun``."""
    size = SIZES[noun]
    sprites = {"object": Sprite(draw_object(noun, look, size))}
    if verb in ("open", "close"):
        sprites["opened"] = Sprite(_opened(noun, sprites["object"].image, look))
        sprites["lid"] = Sprite(_lid(noun, look, size), (0.5, 0.5 - LID_TOPS[noun]))
    if verb == "cut":
        knife = Look(STEEL, DARK, float(rng.random()), float(rng.random()))
        sprites["tool"] = Sprite(draw_object("knife", knife, SIZES["knife"]), (0.5, 0.35))
        sprites["slice"] = Sprite(_disc(13, look.main, shade(look.main, 1.35)))
    if verb == "peel":
        sprites["tool"] = Sprite(_peeler(), (0.5, 0.2))
        sprites["strip"] = Sprite(_strip(shade(look.main, 0.9)))
    if verb == "stir":
        spoon = Look(WOOD, DARK, 0.5, float(rng.random()))
        sprites["tool"] = Sprite(draw_object("spoon", spoon, SIZES["spoon"]))
    if verb == "wash":
        sprites |= {"basin": Sprite(_basin()), "water": Sprite(_water(90)), "splash": Sprite(_splash(rng))}
    if verb == "pour":
        sprites |= {"pot": Sprite(_disc(64, (95, 98, 105), (60, 62, 68))), "stream": Sprite(_water(46, look.second))}
    if verb == "wipe":
        rag = Look(shade(look.second, 1.5), (90, 150, 190), float(rng.random()), float(rng.random()))
        sprites["rag"] = Sprite(draw_object("cloth", rag, 44))
    return sprites


def draw_moment(
    canvas: Image.Image,
    moment: Moment,
    sprites: dict[str, Sprite],
    hands: HandLook,
    view: View,
    hand_size: float,
) -> Seen:
    """Draw all that moves, and say where."""
    things: list[Box] = []
    for thing in moment.below:
        _place(canvas, thing, sprites, view, things)
    for hand in moment.hands:
        _place_hand(canvas, hand, hands, view, hand_size, over=False)
    for thing in moment.held:
        _place(canvas, thing, sprites, view, things)
    for hand in moment.hands:
        if hand.pose == "grip":
            _place_hand(canvas, hand, hands, view, hand_size, over=True)
    for thing in moment.above:
        _place(canvas, thing, sprites, view, [])
    seen = tuple(_hand_box(canvas, hand, view, hand_size) for hand in moment.hands)
    return Seen(tuple(hand for hand in seen if hand is not None), tuple(things))


def _place(canvas: Image.Image, thing: Thing, sprites: dict[str, Sprite], view: View, boxes: list[Box]) -> None:
    sprite = sprites[thing.what]
    box = stamp(
        canvas,
        sprite.image,
        view(thing.at),
        pivot=sprite.pivot,
        angle_deg=thing.angle_deg,
        scale=view.zoom * thing.scale,
        squash=view.squash,
    )
    if box is not None and thing.what in ("object", "opened", "tool", "lid", "rag"):
        boxes.append(box)


def _hand_angle(hand: Hand) -> float:
    """Clockwise turn of an upright hand whose forearm points to its home."""
    dx, dy = hand.at[0] - hand.home[0], hand.at[1] - hand.home[1]
    return float(np.degrees(np.arctan2(dx, -dy)))


def _place_hand(canvas: Image.Image, hand: Hand, look: HandLook, view: View, size: float, *, over: bool) -> None:
    picture = draw_hand(look, hand.pose, "over" if over else "under")
    angle, scale = _hand_angle(hand), view.zoom * size
    stamp(canvas, picture, view(hand.at), pivot=PALM, angle_deg=angle, scale=scale, mirrored=hand.left)


def _hand_box(canvas: Image.Image, hand: Hand, view: View, size: float) -> SeenHand | None:
    """The box around a hand without its forearm, cut to the picture; None where too little is inside."""
    left, top, right, bottom = HAND_REACH[hand.pose]
    angle = np.radians(_hand_angle(hand))
    cos, sin = np.cos(angle) * view.zoom * size, np.sin(angle) * view.zoom * size
    x0, y0 = view(hand.at)
    xs = [x0 + cos * x - sin * y for x in (left, right) for y in (top, bottom)]
    ys = [y0 + sin * x + cos * y for x in (left, right) for y in (top, bottom)]
    box = (max(0.0, min(xs)), max(0.0, min(ys)), min(canvas.width, max(xs)), min(canvas.height, max(ys)))
    if box[2] - box[0] < 8 or box[3] - box[1] < 8:
        return None
    return SeenHand((float(box[0]), float(box[1]), float(box[2]), float(box[3])), hand.left, hand.touches)


def _disc(size: int, rim: Colour, inside: Colour) -> Image.Image:
    pen = Pen(size)
    pen.ellipse(0.5, 0.5, 0.48, 0.44, shade(rim, 0.8))
    pen.ellipse(0.5, 0.47, 0.48, 0.43, rim)
    pen.ellipse(0.5, 0.48, 0.38, 0.33, inside)
    return pen.picture()


def _peeler() -> Image.Image:
    pen = Pen(46)
    pen.rounded((0.4, 0.42, 0.6, 0.98), 0.08, DARK)
    pen.line([(0.36, 0.42), (0.3, 0.12)], 0.07, STEEL)
    pen.line([(0.64, 0.42), (0.7, 0.12)], 0.07, STEEL)
    pen.rounded((0.26, 0.08, 0.74, 0.2), 0.04, shade(STEEL, 1.3))
    return pen.picture()


def _strip(colour: Colour) -> Image.Image:
    pen = Pen(20)
    pen.line([(0.1, 0.35), (0.4, 0.6), (0.7, 0.4), (0.92, 0.62)], 0.26, colour)
    return pen.picture()


def _basin() -> Image.Image:
    pen = Pen(150)
    pen.rounded((0.02, 0.12, 0.98, 0.9), 0.12, (150, 158, 165))
    pen.rounded((0.06, 0.16, 0.94, 0.86), 0.1, (118, 150, 172))
    pen.ellipse(0.5, 0.52, 0.34, 0.22, (140, 180, 205))
    return pen.picture()


def _water(length: int, colour: Colour = (190, 222, 240)) -> Image.Image:
    pen = Pen(12, length)
    tall = length / 12
    pen.rounded((0.1, 0.0, 0.9, tall), 0.3, colour)
    pen.rounded((0.3, 0.0, 0.5, tall), 0.1, shade(colour, 1.6))
    return pen.picture()


def _splash(rng: np.random.Generator) -> Image.Image:
    pen = Pen(70)
    for _ in range(14):
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.12, 0.46)
        pen.ellipse(0.5 + far * np.cos(angle), 0.5 + far * np.sin(angle), 0.03, 0.03, (225, 242, 250), 220)
    return pen.picture()


def _opened(noun: str, picture: Image.Image, look: Look) -> Image.Image:
    """The object without its lid."""
    opened = picture.convert("RGBA")
    draw = ImageDraw.Draw(opened)
    size = picture.width
    if noun in ("bottle", "jar"):
        wide = 0.09 if noun == "bottle" else 0.3
        draw.rectangle([0, 0, size, (0.12 if noun == "bottle" else 0.22) * size], fill=(0, 0, 0, 0))
        low = 0.13 if noun == "bottle" else 0.24
        draw.ellipse(
            [(0.5 - wide) * size, (low - 0.05) * size, (0.5 + wide) * size, (low + 0.05) * size], fill=(*DARK, 255)
        )
    if noun == "book":
        draw.rectangle([0.15 * size, 0.08 * size, 0.84 * size, 0.9 * size], fill=(240, 238, 230, 255))
        for k in range(7):
            y = (0.18 + 0.1 * k) * size
            draw.line([0.24 * size, y, 0.76 * size, y], fill=(130, 130, 130, 255), width=1)
    if noun in ("box", "kettle"):
        left, right, low, tall = (0.14, 0.86, 0.3, 0.12) if noun == "box" else (0.3, 0.7, 0.24, 0.06)
        draw.rectangle([0, 0, size, (low - 0.04) * size], fill=(0, 0, 0, 0))
        hole = [left * size, (low - tall / 2) * size, right * size, (low + tall / 2) * size]
        (draw.rectangle if noun == "box" else draw.ellipse)(hole, fill=(*DARK, 255))
    return opened.convert("RGBa")


def _lid(noun: str, look: Look, size: int) -> Image.Image:
    if noun == "book":
        return draw_object("book", look, size)
    wide = {"bottle": 0.2, "jar": 0.68, "cup": 0.56, "bowl": 0.88, "pan": 0.7, "box": 0.84, "kettle": 0.44}[noun]
    if noun == "box":
        flaps = Pen(round(wide * size) + 4)
        flaps.polygon([(0.02, 0.62), (0.98, 0.62), (0.86, 0.3), (0.14, 0.3)], shade(look.main, 1.25))
        flaps.line([(0.5, 0.32), (0.5, 0.62)], 0.04, shade(look.main, 0.7))
        return flaps.picture()
    pen = Pen(round(wide * size) + 4)
    pen.ellipse(0.5, 0.55, 0.48, 0.34, shade(look.second, 0.65))
    pen.ellipse(0.5, 0.48, 0.48, 0.33, look.second)
    pen.ellipse(0.5, 0.44, 0.3, 0.18, shade(look.second, 1.3))
    return pen.picture()
