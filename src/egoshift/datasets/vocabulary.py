"""Class names: their clean-up, and which classes of two data sets are the same."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from egoshift.datasets.tables import Column, read_csv
from egoshift.errors import DataError, Fault
from egoshift.records import Label, Vocabulary

# Ego4D nouns whose head word has several meanings: (begins with, contains, name). The first that fits holds; the
# third is how the taxonomy really spells a wooden chip: "chip_(wood'_metal),".
_EGO4D_HOMONYMS = (
    ("nut_", "food", "nut"),
    ("nut_", "tool", "nut tool"),
    ("chip_", "wood'", "chip wood"),
    ("chip_", "metal", "chip metal"),
    ("bat_", "tool", "bat tool"),
    ("bat_", "sports", "bat sports"),
    ("pot", "planter", "planter"),
)

_EPIC_SHORTER = {"use to": "use", "end of": "end", "bring into": "bring"}


def clean_epic_name(key: str) -> str:
    """An EPIC-KITCHENS class key as words.

    >>> clean_epic_name("board:chopping"), clean_epic_name("turn-on")
    ('chopping board', 'turn on')
    """
    words = " ".join(reversed(key.split(":"))).replace("-", " ")
    return _EPIC_SHORTER.get(words, words)


def clean_ego4d_name(name: str) -> str:
    """An Ego4D taxonomy entry as words: what stands before the parenthesis, homonyms told apart.

    >>> clean_ego4d_name("faucet_(faucet,_tap)"), clean_ego4d_name("nut_(tool)")
    ('faucet', 'nut tool')
    """
    for start, part, cleaned in _EGO4D_HOMONYMS:
        if name.startswith(start) and part in name:
            return cleaned
    return name.split("(")[0].replace("_", " ").strip()


def ego4d_synonyms(name: str) -> tuple[str, ...]:
    """The further names in an Ego4D entry's parentheses; a lone word there tells homonyms apart and is none.

    >>> ego4d_synonyms("faucet_(faucet,_tap)"), ego4d_synonyms("bat_(sports)")
    (('tap',), ())
    """
    cleaned = clean_ego4d_name(name)
    if cleaned in ("chip wood", "chip metal"):
        return ()
    groups = [group for group in re.findall(r"\(([^)]*)\)", name) if "," in group]
    words = [word.replace("_", " ").replace("-", " ").strip() for group in groups for word in group.split(",")]
    return tuple(word for word in dict.fromkeys(words) if word and word != cleaned)


def clean_egtea_name(name: str) -> str:
    """An EGTEA Gaze+ class name as words.

    >>> clean_egtea_name("Divide/Pull Apart"), clean_egtea_name("Put eating_utensil,plate")
    ('divide pull apart', 'put eating utensil plate')
    """
    return " ".join(re.sub(r"[/_,]", " ", name).split()).lower()


def clean_own_name(name: str) -> str:
    """A name from a user's own files as words: lower case, underscores as spaces.

    >>> clean_own_name(" Chopping_board ")
    'chopping board'
    """
    return " ".join(name.replace("_", " ").split()).lower()


def build_vocabulary(
    label: Label, path: Path, names: Sequence[str], synonyms: Sequence[tuple[str, ...]] = ()
) -> Vocabulary:
    """A vocabulary from cleaned names in the order of their indices.

    Args:
        label: The kind of label.
        path: The file the names came from, to name in an error.
        names: Cleaned.
        synonyms: Cleaned; as many as names, or none.

    Raises:
        DataError: There is no name, one is empty, or two classes have the same.
    """
    faults = [] if names else [Fault("empty-file", path, f"lists no {label} classes", "use the original file")]
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if not name:
            faults.append(Fault("empty-name", path, f"{label} class {index} has no name", "give it one"))
        elif first.setdefault(name, index) != index:
            message = f"{label} classes {first[name]} and {index} are both {name!r} after clean-up"
            faults.append(Fault("duplicate-name", path, message, "rename one"))
    if faults:
        raise DataError(faults)
    return Vocabulary(label, tuple(names), tuple(synonyms))


def shared_and_novel(
    train: Vocabulary, test: Vocabulary, synonyms: Mapping[str, str] | None = None, *, semantic: bool = False
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Indices into ``test`` of the classes that ``train`` has too, and of those that it has not.

    The exact rule (the default, and the one of X-MIC's Table 2) compares cleaned names. ``semantic`` also compares
    the names that the data sets themselves give as synonyms: Ego4D in parentheses, EPIC-KITCHENS in the column
    ``instances``. On those two, exact is 163 of 300 nouns and 51 of 97 verbs of EPIC-KITCHENS, 163 of 521 and 51 of
    117 of Ego4D; semantic is 213, 69, 270 and 82. The authors' semantic lists have 213, 69, 274 and 82 and hold all
    of ours: the four more are ``chip wood``, ``chip metal``, ``nut tool`` and ``planter``, which share only their
    first word (chip, nut, pot) with an EPIC-KITCHENS noun.

    Args:
        train: The vocabulary trained on.
        test: The vocabulary scored.
        synonyms: From a name to the one name that stands for it (``read_synonyms``); other names stand for themselves.
        semantic: Compare the vocabularies' own synonyms too.

    Returns:
        ``(shared, novel)``, each ascending; together every class of ``test`` once.
    """
    stand_ins = dict(synonyms or {})

    def names_of(vocabulary: Vocabulary) -> list[set[str]]:
        further = vocabulary.synonyms if semantic and vocabulary.synonyms else [()] * len(vocabulary)
        return [
            {stand_ins.get(each, each) for each in (name, *more)}
            for name, more in zip(vocabulary.names, further, strict=True)
        ]

    known = set().union(*names_of(train))
    is_shared = [not known.isdisjoint(names) for names in names_of(test)]
    shared = tuple(index for index, found in enumerate(is_shared) if found)
    novel = tuple(index for index, found in enumerate(is_shared) if not found)
    return shared, novel


def read_synonyms(path: Path) -> Mapping[str, str]:
    """A CSV with the columns ``name,canonical``: each name and the one that stands for it, both cleaned.

    Names are cleaned as in a user's own files: lower case, underscores as spaces.

    Raises:
        DataError: The file cannot be read, or a name is given two meanings; names every row at fault.
    """
    columns = {"name": Column("text"), "canonical": Column("text")}
    table = read_csv(path, columns)
    faults = list(table.faults)
    synonyms: dict[str, str] = {}
    rows = [
        (clean_own_name(name), clean_own_name(canonical), row)
        for name, canonical, row in table.rows.select("name", "canonical", "row").iter_rows()
    ]
    for name, canonical, row in rows:
        if synonyms.setdefault(name, canonical) != canonical:
            message = f"{name!r} stands for {canonical!r} here and for {synonyms[name]!r} above"
            faults.append(Fault("two-meanings", path, message, "keep one of the two rows", row))
    for name, canonical, row in rows:
        if synonyms.get(canonical, canonical) != canonical:
            message = f"{name!r} stands for {canonical!r}, which itself stands for {synonyms[canonical]!r}"
            remedy = f"let {name!r} stand for {synonyms[canonical]!r}"
            faults.append(Fault("chained-names", path, message, remedy, row))
    if faults:
        raise DataError(faults)
    return synonyms
