"""What sets one data set apart from the other: camera, light, surfaces, colours, hands, how much lies around."""

from dataclasses import dataclass, replace

import numpy as np

from egoshift.world.drawing.hands import SKINS, HandLook
from egoshift.world.drawing.pen import Colour
from egoshift.world.vocabulary import ACTIVITIES, BENCH, HOME, KITCHEN, NOUNS, VERBS, Classes


@dataclass(frozen=True)
class Style:
    """The look of a data set.

    Attributes:
        name: Its name.
        classes: Its verbs and nouns.
        often: Its nouns, the most frequent first.
        size: Width and height of its videos in pixels.
        rate_hz: Frames per second.
        zoom: How large things are, against their ordinary size.
        squash: How slanted surfaces are seen; 1 is from straight above.
        surfaces: Colours of its tables.
        pattern: What its surfaces are made of: ``tiles``, ``planks`` or ``plain``.
        colours: Names of the colours that made things have here.
        sleeves: Colours of sleeves.
        gloves: Colours of gloves, empty where nobody wears any.
        light: Gains of red, green and blue.
        vignette: How much darker the corners are.
        noise: Standard deviation of the camera's noise, in grey levels.
        clutter: How many small things lie around at each place.
        sway: How far the head moves, in pixels.
        look_down_deg: How far below the horizon the camera looks.
        hand_size: How large hands are, against their drawing.
        lengths_s: The shortest, the usual and the longest action.
        room_db: How loud the room is, in decibels below full scale.
    """

    name: str
    classes: Classes
    often: tuple[str, ...]
    size: tuple[int, int]
    rate_hz: int
    zoom: float
    squash: float
    surfaces: tuple[Colour, ...]
    pattern: str
    colours: tuple[str, ...]
    sleeves: tuple[Colour, ...]
    gloves: tuple[Colour, ...]
    light: tuple[float, float, float]
    vignette: float
    noise: float
    clutter: int
    sway: float
    look_down_deg: float
    hand_size: float
    lengths_s: tuple[float, float, float]
    room_db: float


KITCHEN_STYLE = Style(
    name="kitchen",
    classes=KITCHEN,
    often=(
        *("bottle", "plate", "bowl", "carrot", "cup", "knife", "pan", "sponge", "kettle", "jar", "glass", "onion"),
        *("tomato", "egg", "apple", "cloth", "bread", "banana", "chopping board", "spoon", "cheese", "box", "fork"),
        *("lid", "whisk", "scissors", "grater", "spatula"),
    ),
    size=(256, 144),
    rate_hz=12,
    zoom=0.82,
    squash=1.0,
    surfaces=((196, 192, 184), (150, 154, 160), (222, 214, 200), (120, 110, 104)),
    pattern="tiles",
    colours=("white", "red", "blue", "grey", "yellow"),
    sleeves=((70, 85, 120), (190, 190, 190), (60, 60, 66)),
    gloves=(),
    light=(0.94, 0.98, 1.0),
    vignette=0.15,
    noise=3.0,
    clutter=6,
    sway=5.0,
    look_down_deg=55.0,
    hand_size=0.72,
    lengths_s=(1.5, 2.0, 3.8),
    room_db=-52.0,
)
HOME_STYLE = Style(
    name="home",
    classes=HOME,
    often=(
        *("book", "cup", "bottle", "box", "plate", "cloth", "phone", "apple", "knife", "hammer", "shoe", "tomato"),
        *("bowl", "remote", "paintbrush", "sponge", "glass", "carrot", "ball", "wrench", "bread", "screwdriver"),
        *("spoon", "tape", "chopping board", "pen", "scissors", "candle"),
    ),
    size=(256, 192),
    rate_hz=12,
    zoom=0.86,
    squash=0.88,
    surfaces=((166, 118, 74), (120, 82, 54), (192, 152, 108), (92, 96, 84)),
    pattern="planks",
    colours=("green", "orange", "black", "purple", "pink", "white"),
    sleeves=((150, 60, 50), (70, 100, 70), (200, 170, 120)),
    gloves=((90, 140, 190), (215, 190, 70)),
    light=(1.0, 0.88, 0.72),
    vignette=0.4,
    noise=6.0,
    clutter=9,
    sway=9.0,
    look_down_deg=45.0,
    hand_size=0.72,
    lengths_s=(2.0, 2.9, 5.5),
    room_db=-44.0,
)
BENCH_STYLE = Style(
    name="bench",
    classes=BENCH,
    often=(
        *("bread", "cup", "tomato", "plate", "cheese", "bottle", "bowl", "knife", "pan", "glass", "carrot", "kettle"),
        *("onion", "cloth", "apple", "book", "spoon", "fork", "sponge", "phone", "chopping board", "tape"),
    ),
    size=(256, 192),
    rate_hz=24,
    zoom=0.98,
    squash=0.94,
    surfaces=((60, 62, 70), (206, 206, 210), (136, 150, 140)),
    pattern="plain",
    colours=("yellow", "purple", "white", "green", "black"),
    sleeves=((30, 30, 34), (235, 235, 235)),
    gloves=((225, 225, 230),),
    light=(0.86, 0.95, 1.0),
    vignette=0.55,
    noise=8.0,
    clutter=7,
    sway=7.0,
    look_down_deg=65.0,
    hand_size=0.8,
    lengths_s=(1.5, 2.4, 4.5),
    room_db=-48.0,
)
MULTIMODAL_STYLE = replace(
    HOME_STYLE,
    name="multimodal",
    classes=Classes(VERBS, NOUNS),
    often=tuple(dict.fromkeys(noun for activity in ACTIVITIES for noun in activity.nouns)),
    pattern="tiles",
    surfaces=(*KITCHEN_STYLE.surfaces, *HOME_STYLE.surfaces),
    colours=("white", "blue", "orange", "green", "grey", "red"),
    light=(0.97, 0.94, 0.9),
    lengths_s=(3.0, 3.6, 5.0),
)
STYLES = {style.name: style for style in (KITCHEN_STYLE, HOME_STYLE, BENCH_STYLE, MULTIMODAL_STYLE)}


def random_hands(style: Style, rng: np.random.Generator) -> HandLook:
    """The hands of one person of this data set."""
    glove = None
    if style.gloves and rng.random() < 0.4:
        glove = style.gloves[int(rng.integers(len(style.gloves)))]
    sleeve = style.sleeves[int(rng.integers(len(style.sleeves)))]
    return HandLook(SKINS[int(rng.integers(len(SKINS)))], sleeve, glove, float(rng.choice([0.1, 0.5, 0.9])))


def noun_weights(style: Style) -> dict[str, float]:
    """How often each noun is handled: a long tail."""
    return {noun: 1 / (rank + 4) for rank, noun in enumerate(style.often)}
