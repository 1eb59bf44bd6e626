"""What sets one data set apart from the other: camera, light, surfaces, colours, hands, how much lies around."""

from dataclasses import dataclass

import numpy as np

from egoshift.world.drawing import Colour
from egoshift.world.hands import SKINS, HandLook
from egoshift.world.vocabulary import HOME, KITCHEN, Classes


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
        pattern: What its tables are made of: ``tiles`` or ``planks``.
        colours: Names of the colours that made things have here.
        sleeves: Colours of sleeves.
        gloves: Colours of gloves, empty where nobody wears any.
        light: Gains of red, green and blue.
        vignette: How much darker the corners are.
        noise: Standard deviation of the camera's noise, in grey levels.
        clutter: How many small things lie around at each place.
        sway: How far the head moves, in pixels.
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


KITCHEN_STYLE = Style(
    name="kitchen",
    classes=KITCHEN,
    often=(
        *("bottle", "plate", "bowl", "carrot", "cup", "knife", "pan", "sponge", "jar"),
        *("tomato", "onion", "cloth", "bread", "chopping board", "spoon", "cheese", "fork", "lid"),
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
)
HOME_STYLE = Style(
    name="home",
    classes=HOME,
    often=(
        *("book", "cup", "bottle", "plate", "cloth", "knife", "phone", "hammer", "tomato"),
        *("bowl", "paintbrush", "sponge", "carrot", "ball", "bread", "screwdriver", "spoon", "chopping board"),
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
)
STYLES = {"kitchen": KITCHEN_STYLE, "home": HOME_STYLE}


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
