"""The error tree: everything that a person's input can cause.

EgoshiftError
├── DataError         annotation files, class lists, data cards: carries every fault found, not the first
├── MediaError        a video, its sound, a folder of frames, a recording or a detections file that cannot be read
├── StoreError        a feature store that is damaged, incomplete or made with other settings
├── WeightsError      an encoder's weights are missing, of the wrong family, or cannot be read
├── CheckpointError   a trained model's folder that cannot be read or does not fit
├── ConfigError       a run file, an override or an option that does not fit
├── RemoteError       an object store that cannot be reached, read or written
├── ResultError       a result file that cannot be read
└── ProcessError      another process that shared the job has ended

Texts that errors quote were written by others: control characters are shown by their codes, endless lines are cut.

The command line prints ``str(error)`` and exits with 1. What only we can break is an ``assert``.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_LINE = 2000
"""Characters of one line of an error."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with one place of one file.

    Attributes:
        kind: A short constant name to count by, such as ``"missing-video"`` or ``"swapped-times"``.
        path: The file (or folder) at fault.
        message: What was found and what was expected.
        remedy: What the user can do about it, as an instruction.
        row: The row in the file as an editor counts lines (the header of a CSV is row 1), where there is one.
    """

    kind: str
    path: Path
    message: str
    remedy: str
    row: int | None = None

    def __str__(self) -> str:
        place = str(self.path) if self.row is None else f"{self.path}, row {self.row}"
        return _legible(f"{place}: {self.message}; {self.remedy}")


def by_kind(faults: Iterable[Fault]) -> dict[str, int]:
    """How many faults there are of each kind."""
    return dict(Counter(fault.kind for fault in faults))


class EgoshiftError(Exception):
    """Base of all errors that a person's input can cause; the text is complete on its own."""

    def __init__(self, text: str = ""):
        super().__init__("\n".join(_legible(line) for line in text.split("\n")))


class DataError(EgoshiftError):
    """Annotation files that cannot be used; holds all faults that were found together."""

    def __init__(self, faults: Sequence[Fault]):
        assert faults, "a DataError names at least one fault"
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class MediaError(EgoshiftError):
    """A video, its sound, a frames folder, a recording or a detections file that cannot be read, as one fault."""

    def __init__(self, fault: Fault):
        self.fault = fault
        super().__init__(str(fault))


class StoreError(EgoshiftError):
    """A feature store that is damaged, incomplete or made with other settings."""


class WeightsError(EgoshiftError):
    """Weights of an encoder that are missing, unreadable or of another family."""


class CheckpointError(EgoshiftError):
    """A trained model's folder that cannot be read or does not fit what is asked of it."""


class ConfigError(EgoshiftError):
    """A run file, override or option that does not fit."""


class RemoteError(EgoshiftError):
    """An object store, or an object in it, that cannot be reached, read or written."""


class ResultError(EgoshiftError):
    """A result file that cannot be read or is of another schema version."""


class ProcessError(EgoshiftError):
    """Another process that shared the job has ended, so that this one cannot go on."""


def _legible(line: str) -> str:
    """A line that does nothing to a terminal, fits on a few of its lines, and can be written in any encoding of it."""
    if not line.isprintable():
        line = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)
    if len(line) > MOST_LINE:  # what is wrong stands first, and what to do about it last
        line = f"{line[: MOST_LINE * 3 // 5]} … {line[-MOST_LINE // 3 :]}"
    return line
