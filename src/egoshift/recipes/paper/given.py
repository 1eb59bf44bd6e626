"""The data sets that were given to fill the paper's tables."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from egoshift.datasets import DataCard
from egoshift.datasets.card import Format
from egoshift.errors import ConfigError, EgoshiftError
from egoshift.recipes.execute import data_of
from egoshift.recipes.paper.tables import REAL, Role
from egoshift.recipes.run import Run
from egoshift.recipes.stores import Opened

FORMATS: Mapping[Role, Format] = {"ego4d": "ego4d-fho", "epic": "epic-kitchens", "egtea": "egtea"}
"""The layout of each data set's own files; a card may also be of a folder that was made of them."""


class GivenData:
    """The data sets that were given, by the part they play; what each holds of a run's streams is read once.

    Args:
        cards: The data cards.

    Raises:
        ConfigError: One is not named as the tables know it.
        DataError: One cannot be read.
    """

    def __init__(self, cards: Mapping[Role, Path]):
        self._cards = {role: path.resolve() for role, path in cards.items()}
        self._found: dict[tuple[Role, frozenset[tuple[str, str]]], dict[str, Any] | EgoshiftError] = {}
        faults = [fault for role, path in cards.items() for fault in _faults(role, path)]
        if faults:
            raise ConfigError("\n".join(faults))

    def card(self, role: Role) -> Path:
        """The data card of the data set that plays this part.

        Raises:
            ConfigError: None was given.
        """
        if role not in self._cards:
            raise ConfigError(f"no data card of {REAL[role]} was given; add --{role}")
        return self._cards[role]

    def digests(self, run: Run, role: Role) -> dict[str, Any]:
        """What the data set gives to the run, features and labelled clips, as its models and results are to say it.

        Raises:
            ConfigError: No card was given.
            EgoshiftError: They are not there, or the data set cannot be read.
        """
        key = role, frozenset((stream.encoder, stream.view) for stream in run.streams.values())
        if key not in self._found:
            try:
                self._found[key] = data_of(run, Opened.of(run, self.card(role)))
            except EgoshiftError as error:
                self._found[key] = error
        found = self._found[key]
        if isinstance(found, EgoshiftError):
            raise found
        return found


def _faults(role: Role, path: Path) -> Iterator[str]:
    card = DataCard.read(path)
    other = next((other for other, format in FORMATS.items() if format == card.format and other != role), None)
    if other is not None:
        yield (
            f"--{role} {path}: this is a card of format {card.format}, which is that of --{other}; give the card of "
            f"{REAL[role]}"
        )
    elif card.name != REAL[role]:
        features = os.path.relpath(card.features, path.parent)
        yield (
            f"--{role} {path}: the data set is called {card.name!r}, and the tables know it as {REAL[role]!r}; write "
            f"name: {REAL[role]} in the card, and features: {features} if they are there already"
        )
