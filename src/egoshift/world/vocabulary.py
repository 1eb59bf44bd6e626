"""What there is in the world: its nouns, materials and verbs, which data set knows which, and the activities.

Every name here is the cleaned class name, which is also what the captions say. The names in the files are those that
the real data sets use (``board:chopping``, ``knife_(knife,_machete)``), so that reading them goes through the same
clean-up as reading the real ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Material = Literal["ceramic", "glass", "metal", "wood", "plastic", "paper", "cloth", "hard food", "soft food"]

SHARED_NOUNS = (
    *("cup", "plate", "knife", "bottle", "bowl", "cloth", "sponge", "spoon", "carrot", "tomato", "bread"),
    *("chopping board", "apple", "glass", "scissors", "box"),
)
KITCHEN_NOUNS = (
    *("pan", "onion", "jar", "cheese", "fork", "lid", "kettle", "whisk", "egg", "banana", "grater", "spatula"),
)
HOME_NOUNS = (
    *("book", "phone", "hammer", "screwdriver", "paintbrush", "ball", "wrench", "pen", "tape", "shoe", "remote"),
    "candle",
)
NOUNS = SHARED_NOUNS + KITCHEN_NOUNS + HOME_NOUNS

MATERIALS: Mapping[str, Material] = {
    **dict.fromkeys(("cup", "plate", "bowl"), "ceramic"),
    **dict.fromkeys(("bottle", "jar", "glass"), "glass"),
    **dict.fromkeys(("knife", "spoon", "pan", "fork", "lid", "kettle", "whisk", "grater", "scissors"), "metal"),
    **dict.fromkeys(("hammer", "screwdriver", "wrench"), "metal"),
    **dict.fromkeys(("chopping board", "spatula", "paintbrush"), "wood"),
    **dict.fromkeys(("phone", "remote", "pen", "tape", "ball", "candle"), "plastic"),
    **dict.fromkeys(("book", "box"), "paper"),
    **dict.fromkeys(("cloth", "sponge", "shoe"), "cloth"),
    **dict.fromkeys(("carrot", "apple", "onion"), "hard food"),
    **dict.fromkeys(("tomato", "bread", "cheese", "egg", "banana"), "soft food"),
}
"""What each noun is made of, which decides how it sounds."""

SHARED_VERBS = ("take", "put", "open", "close", "cut", "wash", "move", "turn")
KITCHEN_VERBS = ("stir", "pour", "peel")
HOME_VERBS = ("wipe", "shake", "press")
VERBS = SHARED_VERBS + KITCHEN_VERBS + HOME_VERBS

GERUNDS = {
    "take": "taking",
    "put": "putting",
    "open": "opening",
    "close": "closing",
    "cut": "cutting",
    "wash": "washing",
    "move": "moving",
    "turn": "turning",
    "stir": "stirring",
    "pour": "pouring",
    "peel": "peeling",
    "wipe": "wiping",
    "shake": "shaking",
    "press": "pressing",
}

EDIBLE = tuple(noun for noun in NOUNS if MATERIALS[noun] in ("hard food", "soft food"))

_LIDDED = ("bottle", "bowl", "cup", "pan", "jar", "book", "box", "kettle")
OBJECTS_OF_VERB: Mapping[str, tuple[str, ...]] = {
    "take": NOUNS,
    "put": NOUNS,
    "move": NOUNS,
    "open": _LIDDED,
    "close": _LIDDED,
    "cut": ("carrot", "tomato", "bread", "onion", "cheese", "apple", "banana", "cloth"),
    "wash": (
        *("plate", "cup", "bowl", "glass", "knife", "spoon", "fork", "pan", "lid", "sponge", "cloth", "carrot"),
        *("tomato", "apple", "chopping board"),
    ),
    "turn": (
        *("plate", "cup", "bottle", "glass", "pan", "lid", "bread", "chopping board", "book", "ball", "wrench"),
        *("screwdriver", "tape"),
    ),
    "stir": ("bowl", "cup", "pan", "jar", "glass", "kettle"),
    "pour": ("bottle", "cup", "bowl", "jar", "glass", "kettle"),
    "peel": ("carrot", "apple", "onion", "banana", "egg"),
    "wipe": ("plate", "bowl", "glass", "chopping board", "knife", "book", "phone", "box", "hammer", "wrench"),
    "shake": ("bottle", "cloth", "cup", "ball", "paintbrush", "sponge", "box", "shoe"),
    "press": ("phone", "remote", "sponge", "ball", "tape", "box"),
}
"""Which objects each verb is done with."""

EPIC_NOUN_KEYS = {"chopping board": "board:chopping"}
EGO4D_NOUN_NAMES = {
    "cup": "cup_(cup,_mug,_tumbler)",
    "plate": "plate_(dish,_plate,_platter,_saucer)",
    "knife": "knife_(knife,_machete)",
    "bottle": "bottle_(bottle,_flask)",
    "cloth": "cloth_(cloth,_fabric,_garment,_kanga,_rag)",
    "sponge": "sponge_(scrubber,_sponge)",
    "spoon": "spoon_(spoon,_spoonful)",
    "bread": "bread_(bread,_bun,_chapati,_flatbread,_loaf,_roti,_tortilla)",
    "chopping board": "chopping_board",
    "box": "box_(box,_carton,_case,_package)",
    "book": "book_(book,_booklet,_magazine,_manual,_notebook,_novel,_page,_textbook)",
    "phone": "phone_(cellphone,_phone,_smartphone)",
    "hammer": "hammer_(hammer,_mallet)",
    "ball": "ball_(ball,_baseball,_basketball)",
    "wrench": "wrench_(spanner,_wrench)",
    "pen": "pen_(ballpoint,_pen)",
}
EGO4D_VERB_NAMES = {
    "take": "take_(pick,_grab,_get)",
    "put": "put_(place,_leave,_drop)",
    "cut": "cut_(trim,_slice,_chop)",
    "move": "move_(shift,_slide)",
    "turn": "turn_(spin,_rotate,_flip,_turn_over)",
}


@dataclass(frozen=True)
class Classes:
    """The classes of one data set; a class's id is its position."""

    verbs: tuple[str, ...]
    nouns: tuple[str, ...]

    def objects_of(self, verb: str) -> tuple[str, ...]:
        """The nouns of this data set that ``verb`` is done with."""
        return tuple(noun for noun in self.nouns if noun in OBJECTS_OF_VERB[verb])


KITCHEN = Classes(verbs=SHARED_VERBS + KITCHEN_VERBS, nouns=SHARED_NOUNS + KITCHEN_NOUNS)
HOME = Classes(verbs=tuple(sorted(SHARED_VERBS + HOME_VERBS)), nouns=tuple(sorted(SHARED_NOUNS + HOME_NOUNS)))
BENCH = Classes(
    verbs=("take", "put", "open", "close", "cut", "wash", "move", "stir", "pour", "wipe"),
    nouns=(
        *("cup", "plate", "knife", "bottle", "bowl", "cloth", "sponge", "spoon", "carrot", "tomato", "bread"),
        *("chopping board", "apple", "glass", "pan", "onion", "cheese", "fork", "kettle", "phone", "book", "tape"),
    ),
)


@dataclass(frozen=True)
class Activity:
    """A class of the multimodal set: a verb done with any of some nouns; novel ones are for few-shot tests only."""

    name: str
    verb: str
    nouns: tuple[str, ...]
    novel: bool = False


ACTIVITIES = (
    Activity("wash dishes", "wash", ("plate", "bowl", "cup", "glass")),
    Activity("wash vegetables", "wash", ("carrot", "tomato", "apple")),
    Activity("cut vegetables", "cut", ("carrot", "tomato", "onion")),
    Activity("cut cloth", "cut", ("cloth",)),
    Activity("open a jar", "open", ("jar", "bottle")),
    Activity("close a box", "close", ("box",)),
    Activity("stir in a bowl", "stir", ("bowl", "cup")),
    Activity("pour a drink", "pour", ("bottle", "kettle")),
    Activity("peel fruit", "peel", ("apple", "banana")),
    Activity("wipe dishes", "wipe", ("plate", "bowl", "glass")),
    Activity("shake a bottle", "shake", ("bottle",)),
    Activity("press buttons", "press", ("phone", "remote")),
    Activity("turn a pan", "turn", ("pan",)),
    Activity("move a box", "move", ("box",)),
    Activity("take tools", "take", ("hammer", "screwdriver", "wrench")),
    Activity("put away tools", "put", ("hammer", "screwdriver", "wrench")),
    Activity("shake a cloth", "shake", ("cloth",), novel=True),
    Activity("cut bread", "cut", ("bread", "cheese"), novel=True),
    Activity("peel vegetables", "peel", ("carrot", "onion"), novel=True),
    Activity("stir in a pan", "stir", ("pan",), novel=True),
    Activity("press a sponge", "press", ("sponge",), novel=True),
    Activity("open a book", "open", ("book",), novel=True),
    Activity("wipe tools", "wipe", ("hammer", "wrench"), novel=True),
    Activity("turn a screwdriver", "turn", ("screwdriver",), novel=True),
)
"""The classes of the multimodal set; a class's id is its position."""
