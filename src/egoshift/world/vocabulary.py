"""What there is in the world: its nouns and verbs, and which data set knows which.

Every name here is the cleaned class name, which is also what the captions say. The names in the files are those that
the real data sets use (``board:chopping``, ``knife_(knife,_machete)``), so that reading them goes through the same
clean-up as reading the real ones.
"""

from dataclasses import dataclass

SHARED_NOUNS = (
    "cup",
    "plate",
    "knife",
    "bottle",
    "bowl",
    "cloth",
    "sponge",
    "spoon",
    "carrot",
    "tomato",
    "bread",
    "chopping board",
)
KITCHEN_NOUNS = ("pan", "onion", "jar", "cheese", "fork", "lid")
HOME_NOUNS = ("book", "phone", "hammer", "screwdriver", "paintbrush", "ball")
NOUNS = SHARED_NOUNS + KITCHEN_NOUNS + HOME_NOUNS

SHARED_VERBS = ("take", "put", "open", "close", "cut", "wash")
KITCHEN_VERBS = ("mix", "pour")
HOME_VERBS = ("wipe", "shake")
VERBS = SHARED_VERBS + KITCHEN_VERBS + HOME_VERBS

GERUNDS = {
    "take": "taking",
    "put": "putting",
    "open": "opening",
    "close": "closing",
    "cut": "cutting",
    "wash": "washing",
    "mix": "mixing",
    "pour": "pouring",
    "wipe": "wiping",
    "shake": "shaking",
}

EDIBLE = ("carrot", "tomato", "bread", "onion", "cheese")

OBJECTS_OF_VERB: dict[str, tuple[str, ...]] = {
    "take": NOUNS,
    "put": NOUNS,
    "open": ("bottle", "bowl", "cup", "pan", "jar", "book"),
    "close": ("bottle", "bowl", "cup", "pan", "jar", "book"),
    "cut": (*EDIBLE, "cloth"),
    "wash": ("plate", "cup", "bowl", "knife", "spoon", "fork", "pan", "sponge", "carrot", "tomato", "chopping board"),
    "mix": ("bowl", "cup", "pan", "jar"),
    "pour": ("bottle", "cup", "bowl", "jar"),
    "wipe": ("plate", "bowl", "chopping board", "knife", "book", "phone"),
    "shake": ("bottle", "cloth", "cup", "ball", "paintbrush", "sponge"),
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
    "book": "book_(book,_booklet,_magazine,_manual,_notebook,_novel,_page,_textbook)",
    "phone": "phone_(cellphone,_phone,_smartphone)",
    "hammer": "hammer_(hammer,_mallet)",
    "ball": "ball_(ball,_baseball,_basketball)",
}
EGO4D_VERB_NAMES = {
    "take": "take_(pick,_grab,_get)",
    "put": "put_(place,_leave,_drop)",
    "cut": "cut_(trim,_slice,_chop)",
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
