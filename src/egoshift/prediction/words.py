"""The classes to look for, as a person gives them: a file, a list, names that mean the same, and pairs that occur."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from egoshift.classifier import check_names
from egoshift.datasets.files import read_lines
from egoshift.datasets.tables import Column, read_csv
from egoshift.datasets.vocabulary import clean_own_name, read_synonyms
from egoshift.errors import ConfigError, DataError, Fault

Pairs = Sequence[tuple[str, str]]
"""Which verbs go with which nouns."""


@dataclass(frozen=True)
class Words:
    """The names of the classes of one kind of label.

    Attributes:
        names: One for each class.
        spoken: All names to ask the text tower for: those of the classes, then synonyms of them.
        canonical: For each of ``spoken``, the index of its class.
    """

    names: tuple[str, ...]
    spoken: tuple[str, ...]
    canonical: tuple[int, ...]

    @classmethod
    def of(cls, names: Sequence[str], synonyms: Mapping[str, str] | None = None) -> "Words":
        """Names with their synonyms.

        Args:
            names: One for each class.
            synonyms: Cleaned further names and the cleaned name of the class that they mean; those of other classes
                are left out.

        Raises:
            ConfigError: There is no name, an empty one, or one twice.
        """
        check_names(names)
        places = {clean_own_name(name): index for index, name in enumerate(names)}
        more = [
            (name, places[canonical])
            for name, canonical in (synonyms or {}).items()
            if canonical in places and name not in places
        ]
        return cls(
            tuple(names),
            (*names, *(name for name, _ in more)),
            (*range(len(names)), *(index for _, index in more)),
        )


def read_words(given: str, what: str) -> tuple[str, ...]:
    """Class names from a text file, one a line, or from a list with commas.

    Args:
        given: The path of a file, or the names themselves, such as ``"cut, stir"``.
        what: What they are, for errors: ``"verbs"`` or ``"nouns"``.

    Raises:
        DataError: A line repeats another; names every such line.
        ConfigError: There is no name, or one is given twice.
    """
    path = Path(given)
    if _is_file(path):
        return _from_file(path, what)
    if re.fullmatch(r"[^,\n]*\.\w{1,5}", given):  # a name has no suffix
        remedy = f"correct the path, or give the {what} themselves, with commas"
        raise DataError([Fault("missing-file", path, "no such file", remedy)])
    names = [name.strip() for name in given.split(",")]
    check_names([name for name in names if name] or (), what)
    return tuple(name for name in names if name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # many names are too long for a path
        return False


def _from_file(path: Path, what: str) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    faults = []
    for row, name in read_lines(path):
        if name in seen:
            message = f"{name!r} is given again, it is in row {seen[name]} too"
            faults.append(Fault("duplicate-class", path, message, "remove one of them", row))
        seen.setdefault(name, row)
    if not seen:
        faults.append(Fault("empty-file", path, f"lists no {what}", "write one name a line"))
    if faults:
        raise DataError(faults)
    return tuple(seen)


def read_pairs(path: Path, verbs: Sequence[str], nouns: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The valid actions of a CSV file ``verb,noun``, as pairs of the given names.

    Raises:
        DataError: The file cannot be read, or a row names what is no class; names every such row.
    """
    table = read_csv(path, {"verb": Column("text"), "noun": Column("text")})
    faults = list(table.faults)
    pairs = {}
    known = {"verb": {clean_own_name(name): name for name in verbs}, "noun": {clean_own_name(n): n for n in nouns}}
    for verb, noun, row in table.rows.select("verb", "noun", "row").iter_rows():
        found = known["verb"].get(clean_own_name(verb)), known["noun"].get(clean_own_name(noun))
        for kind, name, match in zip(known, (verb, noun), found, strict=True):
            if match is None:
                remedy = f"correct it, or add it to the {kind}s"
                faults.append(Fault("unknown-class", path, f"{name!r} is none of the {kind}s", remedy, row))
        if found[0] is not None and found[1] is not None:
            pairs[found[0], found[1]] = row
    if faults:
        raise DataError(faults)
    if not pairs:
        raise DataError([Fault("empty-file", path, "lists no action", "write one 'verb,noun' a line")])
    return tuple(pairs)


def indices_of(pairs: Pairs, verbs: Sequence[str], nouns: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of names as pairs of indices.

    Raises:
        ConfigError: A name is no class.
    """
    verb_places, noun_places = ({name: index for index, name in enumerate(names)} for names in (verbs, nouns))
    for verb, noun in pairs:
        if verb not in verb_places or noun not in noun_places:
            raise ConfigError(f"the action {verb!r} {noun!r} is not of the verbs and nouns; add them, or leave it out")
    return [(verb_places[verb], noun_places[noun]) for verb, noun in pairs]


__all__ = ["Pairs", "Words", "indices_of", "read_pairs", "read_synonyms", "read_words"]
