"""The colours of things, and single things of a kind: their colours and proportions."""

from dataclasses import dataclass

import numpy as np

from egoshift.world.drawing.pen import Colour, shade

COLOURS: dict[str, Colour] = {
    "red": (200, 45, 45),
    "blue": (50, 85, 190),
    "green": (60, 150, 75),
    "yellow": (225, 195, 60),
    "white": (232, 232, 226),
    "black": (45, 45, 50),
    "purple": (125, 65, 155),
    "pink": (225, 135, 165),
    "orange": (225, 130, 45),
    "grey": (145, 148, 152),
}
"""Colours of made things; grown things, and bare metal, wood and cardboard, have their own (``OWN_COLOURS``)."""

OWN_COLOURS: dict[str, tuple[Colour, ...]] = {
    "carrot": ((232, 120, 35), (240, 140, 60)),
    "tomato": ((205, 40, 30), (225, 70, 40)),
    "bread": ((190, 130, 70), (160, 100, 50)),
    "onion": ((150, 60, 110), (200, 150, 80)),
    "cheese": ((240, 205, 90), (235, 190, 60)),
    "chopping board": ((190, 145, 95), (150, 105, 65)),
    "sponge": ((235, 210, 80), (240, 225, 120)),
    "knife": ((185, 190, 198), (200, 204, 210)),
    "fork": ((180, 184, 192), (198, 202, 208)),
    "apple": ((190, 30, 50), (140, 190, 60)),
    "banana": ((245, 215, 70), (225, 205, 85)),
    "egg": ((240, 226, 204), (212, 158, 116)),
    "box": ((188, 142, 92), (168, 122, 76)),
    "scissors": ((178, 184, 194), (196, 202, 210)),
    "whisk": ((170, 176, 186), (192, 198, 206)),
    "grater": ((180, 186, 194), (198, 203, 210)),
}

STEEL: Colour = (190, 194, 200)
WOOD: Colour = (165, 115, 70)
LEAF: Colour = (70, 140, 55)
DARK: Colour = (40, 40, 44)
PAPER: Colour = (240, 238, 230)


@dataclass(frozen=True)
class Look:
    """One instance of a noun: a main and a second colour, and proportions from 0 to 1."""

    main: Colour
    second: Colour
    stretch: float
    detail: float


def random_look(noun: str, colours: tuple[str, ...], rng: np.random.Generator) -> tuple[Look, str | None]:
    """An instance of ``noun`` and the name of its colour (None for what has a colour of its own)."""
    named = None
    if noun in OWN_COLOURS:
        choices = OWN_COLOURS[noun]
        main = choices[int(rng.integers(len(choices)))]
    else:
        named = colours[int(rng.integers(len(colours)))]
        main = COLOURS[named]
    second = COLOURS[colours[int(rng.integers(len(colours)))]]
    main = shade(main, float(rng.uniform(0.85, 1.12)))
    return Look(main, second, float(rng.random()), float(rng.random())), named
