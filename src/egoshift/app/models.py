"""The models that the page can ask, each loaded when it is first needed."""

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path, PurePath
from threading import Lock
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from egoshift.app.refusals import RefusedError
from egoshift.errors import EgoshiftError

if TYPE_CHECKING:
    from egoshift.prediction.timeline import Prediction
    from egoshift.records import Label

_FOLDERS = re.compile(r"(?<![\w/.~-])/(?=[^/\s])(?:[^\s/:;,]+/)+")
"""Those of an absolute path, all but its last part; not those of an address such as https://…"""


@runtime_checkable
class Progress(Protocol):
    """How far a prediction is."""

    @property
    def stage(self) -> str:
        """What is being done, in a word or two."""

    @property
    def done(self) -> int:
        """Frames done."""

    @property
    def total(self) -> int:
        """Frames in all."""

    @property
    def frames_per_s(self) -> float:
        """How quickly."""

    @property
    def seconds_left(self) -> float | None:
        """Until it ends, as far as can be told."""


@runtime_checkable
class Recogniser(Protocol):
    """What the page needs of a ``Predictor``."""

    @property
    def name(self) -> str:
        """What the model is called."""

    @property
    def labels(self) -> "tuple[Label, ...]":
        """The kinds of labels it gives."""

    @property
    def classes(self) -> "Mapping[Label, tuple[str, ...]]":
        """Its own vocabulary."""

    @property
    def open_vocabulary(self) -> bool:
        """Whether it can be asked for other classes."""

    @property
    def sensors(self) -> tuple[str, ...]:
        """What it can make use of."""

    def predict(
        self,
        video: Path,
        *,
        verbs: Sequence[str] | None = None,
        nouns: Sequence[str] | None = None,
        threshold: float = 0.0,
        sensors: Mapping[str, Path] | None = None,
        without: Collection[str] = (),
        hands: Path | None = None,
        cache: Path | None = None,
        progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> "Prediction":
        """A timeline of the recording; of its beginning, marked partial, where ``stop`` said so."""


class Models:
    """Models by their number on the command line.

    Args:
        given: Folders and hub ids.
        open_model: Loads one.
    """

    def __init__(self, given: Sequence[str], open_model: Callable[[str], Recogniser]):
        self._given, self._open = tuple(given), open_model
        self._opened: dict[int, Recogniser] = {}
        self._locks = [Lock() for _ in given]

    def __len__(self) -> int:
        return len(self._given)

    @property
    def names(self) -> list[str]:
        """What to call them before they are loaded: the last part of each, told apart where that repeats."""
        short = [PurePath(text).name or text for text in self._given]
        return [name if short.count(name) == 1 else f"{name} ({n})" for n, name in enumerate(short, start=1)]

    def get(self, number: int) -> Recogniser:
        """The model, loaded; the first call takes a while.

        Raises:
            RefusedError: There is none of that number, or it cannot be loaded; names no place on the server.
        """
        if not 0 <= number < len(self._given):
            raise RefusedError(422, "there is no such model; start the page with `egoshift app --model DIR`")
        with self._locks[number]:
            if number not in self._opened:
                try:
                    self._opened[number] = self._open(self._given[number])
                except EgoshiftError as error:
                    raise RefusedError(422, self.public(number, str(error))) from None
            return self._opened[number]

    def public(self, number: int, text: str) -> str:
        """A text in which the model goes by the name that is shown, and other files by the last part of theirs."""
        given = self._given[number]
        names = {given, str(Path(given)), os.path.abspath(given), os.path.realpath(given)} - {"."}
        for name in sorted(names, key=len, reverse=True):
            text = re.sub(rf"(?<![\w/.~-]){re.escape(name)}(?![\w-])", lambda _: self.names[number], text)
        return _FOLDERS.sub("", text)

    def told(self, number: int) -> dict[str, object]:
        """What the page is told of a model; loads it.

        Raises:
            RefusedError: As ``get`` does.
        """
        model = self.get(number)
        return {
            "name": self.names[number],
            "labels": model.labels,
            "classes": {label: model.classes.get(label, ()) for label in model.labels},
            "open": model.open_vocabulary,
            "sensors": model.sensors,
        }
