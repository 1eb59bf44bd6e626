"""Third-person pictures with captions, as one finds them on the web: what the small CLIP is trained on, and only that.

A picture shows either one object, large and in the middle of a plain background, or another person's hands doing
something with an object, seen from the front or the side. Nothing of the egocentric data sets is in them.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from egoshift.world.drawing.hands import SKINS, HandLook
from egoshift.world.drawing.looks import COLOURS, Look, random_look
from egoshift.world.drawing.objects import SIZES, draw_object
from egoshift.world.drawing.pen import Colour, Point, shade, stamp
from egoshift.world.motion import PROGRAMS, Hand, Moment
from egoshift.world.scene import Sprite, View, action_sprites, draw_moment
from egoshift.world.vocabulary import GERUNDS, NOUNS, OBJECTS_OF_VERB, VERBS

OBJECT_TEMPLATES = ("{}", "a {}", "a photo of a {}", "a picture of a {}", "one {}", "the {}", "a {} on a table")
VERB_TEMPLATES = ("{verb}", "{verb}", "{gerund}", "a person {gerund}", "a hand {gerund}", "hands {gerund} something")
ACTION_TEMPLATES = (
    "{verb} {noun}",
    "{verb} a {noun}",
    "{gerund} a {noun}",
    "a hand {gerund} a {noun}",
    "a person {gerund} a {noun}",
    "a photo of someone {gerund} a {noun}",
)
SIDES: tuple[tuple[Point, Point], ...] = (
    ((70.0, -190.0), (-80.0, -190.0)),
    ((190.0, -60.0), (60.0, -190.0)),
    ((-60.0, -190.0), (-190.0, -50.0)),
    ((190.0, 30.0), (-190.0, 20.0)),
)
"""Where the right and the left forearm of the other person come from."""


@dataclass(frozen=True)
class Subject:
    """What a picture shows. ``verb`` is None for an object alone, ``colour`` for one with a colour of its own."""

    noun: str
    colour: str | None = None
    verb: str | None = None


def captions(subject: Subject) -> dict[str, tuple[str, ...]]:
    """All captions that fit, by how much they say: ``noun``, ``colour noun``, ``verb``, ``verb noun``."""
    found = {"noun": tuple(template.format(subject.noun) for template in OBJECT_TEMPLATES)}
    if subject.colour is not None:
        coloured = f"{subject.colour} {subject.noun}"
        found["colour noun"] = tuple(template.format(coloured) for template in OBJECT_TEMPLATES)
    if subject.verb is not None:
        words = {"verb": subject.verb, "gerund": GERUNDS[subject.verb], "noun": subject.noun}
        found["verb"] = tuple(template.format(**words) for template in VERB_TEMPLATES)
        found["verb noun"] = tuple(template.format(**words) for template in ACTION_TEMPLATES)
    return found


def draw_web_picture(
    rng: np.random.Generator, size: int, *, with_hands: bool
) -> tuple[UInt8[np.ndarray, "size size 3"], Subject]:
    """A random picture of ``size`` pixels and what it shows; each noun and each verb is equally frequent."""
    canvas = _background(rng, 160)
    staged = _stage(rng, with_hands=with_hands)
    return _shoot(canvas, staged, size, rng), staged.subject


def draw_web_pair(rng: np.random.Generator, size: int, *, with_hands: bool) -> UInt8[np.ndarray, "2 size size 3"]:
    """Two pictures of one thing, or of one person doing one thing, without a word of what it is.

    As when somebody takes a second picture: from another angle and distance, at another moment, on another ground.
    """
    staged = replace(_stage(rng, with_hands=with_hands), hands=_hands(rng))
    return np.stack([_shoot(_background(rng, 160), staged, size, rng) for _ in range(2)])


@dataclass(frozen=True)
class _Staged:
    """What stands before the camera; ``hands`` is None where any will do."""

    subject: Subject
    look: Look
    sprites: dict[str, Sprite]
    hands: HandLook | None = None


def _stage(rng: np.random.Generator, *, with_hands: bool) -> _Staged:
    verb = VERBS[int(rng.integers(len(VERBS)))] if with_hands else None
    nouns = NOUNS if verb is None else OBJECTS_OF_VERB[verb]
    noun = nouns[int(rng.integers(len(nouns)))]
    look, colour = random_look(noun, tuple(COLOURS), rng)
    sprites = {} if verb is None else action_sprites(verb, noun, look, rng)
    return _Staged(Subject(noun, colour, verb), look, sprites)


def _shoot(
    canvas: Image.Image, staged: _Staged, size: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "size size 3"]:
    """One picture of what is staged, before the given background."""
    if staged.subject.verb is None:
        picture = draw_object(staged.subject.noun, staged.look, 128)
        at = (80 + float(rng.normal(0, 8)), 80 + float(rng.normal(0, 8)))
        angle = float(rng.normal(0, 20)) if rng.random() < 0.7 else float(rng.uniform(-180, 180))
        scale, squash = float(rng.uniform(0.6, 1.15)), float(rng.uniform(0.8, 1.0))
        flipped = bool(rng.random() < 0.5)
        stamp(canvas, picture, at, angle_deg=angle, scale=scale, squash=squash, mirrored=flipped)
    else:
        moment = PROGRAMS[staged.subject.verb](float(rng.uniform(0.1, 0.95)), float(rng.uniform(0, 10)))
        zoom = float(rng.uniform(0.85, 1.35))
        view = View((80 + float(rng.normal(0, 8)), 78 + float(rng.normal(0, 8))), zoom, float(rng.uniform(0.8, 1.0)))
        seen = _seen_from_outside(moment, rng)
        draw_moment(canvas, seen, staged.sprites, staged.hands or _hands(rng), view, float(rng.uniform(0.65, 0.8)))
    small = canvas.resize((size, size), Image.Resampling.BOX)
    return np.asarray(small)


def _seen_from_outside(moment: Moment, rng: np.random.Generator) -> Moment:
    right, left = SIDES[int(rng.integers(len(SIDES)))]

    def turned(hand: Hand) -> Hand:
        return replace(hand, home=left if hand.left else right)

    return replace(moment, hands=tuple(turned(hand) for hand in moment.hands))


def _hands(rng: np.random.Generator) -> HandLook:
    names = tuple(COLOURS)
    sleeve = COLOURS[names[int(rng.integers(len(names)))]]
    return HandLook(SKINS[int(rng.integers(len(SKINS)))], sleeve, None, float(rng.choice([0.1, 0.5, 0.9])))


def _background(rng: np.random.Generator, size: int) -> Image.Image:
    """A plain or softly patterned background, with at most one small object at its edge."""
    canvas = Image.new("RGB", (size, size), _muted(rng))
    if rng.random() < 0.6:
        edge = size * float(rng.uniform(0.25, 0.7))
        slant = size * float(rng.normal(0, 0.04))
        ImageDraw.Draw(canvas).polygon([(0, edge), (size, edge + slant), (size, size), (0, size)], fill=_muted(rng))
    if rng.random() < 0.3:
        noun = NOUNS[int(rng.integers(len(NOUNS)))]
        look, _ = random_look(noun, tuple(COLOURS), rng)
        corner = (float(rng.choice([12.0, size - 12.0])), float(rng.uniform(10, size - 10)))
        stamp(canvas, draw_object(noun, look, SIZES[noun]), corner, scale=0.6, angle_deg=float(rng.uniform(0, 360)))
    return canvas


def _muted(rng: np.random.Generator) -> Colour:
    grey = float(rng.uniform(60, 240))
    red, green, blue = (int(np.clip(grey + rng.normal(0, 22), 0, 255)) for _ in range(3))
    return shade((red, green, blue), 1.0)
