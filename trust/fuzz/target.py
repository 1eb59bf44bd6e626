"""A reader under test, and one input for it."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from egoshift.errors import EgoshiftError
from trust.fuzz.changes import changed

MOST_LINE = 4_000
"""A line of a refusal that is longer tells nobody anything."""

_KEPT = "\n\t"


@dataclass(frozen=True)
class Target:
    """A reader under test.

    Attributes:
        name: What it is called on the command line.
        share: How many inputs of a full run are its.
        prepare: Writes the whole, unchanged inputs: each a folder in the one given.
        read: Reads what lies in such a folder, after a file of it was changed.
        files: Which files are changed, as patterns of their paths in the folder.
        refusals: What else than an ``EgoshiftError`` is a refusal.
        settle: Called after a change, makes checksums of other files true again; gives the files it wrote.
        guided: Whether it is Python enough for atheris to see where it goes.
        apart: Whether it is read as by ``--isolate``: its library dies of some inputs, which only there is a refusal.
    """

    name: str
    share: int
    prepare: Callable[[Path], object]
    read: Callable[[Path], object]
    files: tuple[str, ...] = ("*",)
    refusals: tuple[type[Exception], ...] = ()
    settle: Callable[[Path], Sequence[Path]] | None = None
    guided: bool = False
    apart: bool = False


class Bench:
    """A target, its whole inputs in a folder, and the changed input that lies there now.

    Args:
        target: Whose inputs.
        place: An empty folder.
    """

    def __init__(self, target: Target, place: Path):
        self.target, self.place = target, place
        target.prepare(place)
        self._written: list[Path] = []

    @cached_property
    def _whole(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sorted(self.place.rglob("*")) if path.is_file()}

    @cached_property
    def _open_to_change(self) -> dict[Path, list[Path]]:
        seeds = sorted(path for path in self.place.iterdir() if path.is_dir())
        found = {
            seed: [
                path
                for path in self._whole
                if path.is_relative_to(seed)
                and any(fnmatch(str(path.relative_to(seed)), pattern) for pattern in self.target.files)
            ]
            for seed in seeds
        }
        assert all(found.values()), f"{self.target.name}: a whole input has no file to change"
        return found

    def read_whole(self) -> None:
        """Reads every unchanged input, as it is and as it is settled, which no reader refuses."""
        self.restore()
        for seed, paths in self._open_to_change.items():
            self.target.read(seed)
            self.target.read(self.put(seed, paths[0], self._whole[paths[0]]))
        self.restore()

    def places(self) -> list[tuple[Path, Path]]:
        """Every folder of a whole input with each file of it that may be changed."""
        return [(seed, path) for seed, paths in self._open_to_change.items() for path in paths]

    def lay(self, random: Random) -> Path:
        """Puts a changed input there, and gives its folder."""
        seed = random.choice(list(self._open_to_change))
        path = random.choice(self._open_to_change[seed])
        return self.put(seed, path, changed(self._whole[path], path.name, random))

    def put(self, seed: Path, path: Path, content: bytes) -> Path:
        """Puts an input with this content of one of its files there, and gives its folder."""
        self.restore()
        path.write_bytes(content)
        self._written = [path]
        if self.target.settle is not None:
            self._written += self.target.settle(seed)
        return seed

    def restore(self) -> None:
        """Makes all inputs whole again."""
        for path in self._written:
            path.write_bytes(self._whole[path])
        self._written = []

    def keep(self, folder: Path, facts: dict[str, Any]) -> None:
        """Copies the input that lies there now to a folder, with what is known of it."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for path in self._written:
            kept = folder / path.relative_to(self.place)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept)
        (folder / "finding.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def attempt(target: Target, folder: Path) -> tuple[str, str]:
    """Reads an input.

    Returns:
        ``("read", "")``, ``("refused", line)``, or a finding: the name of what went wrong, and its traceback or line.
    """
    import traceback

    try:
        target.read(folder)
    except BaseException as error:  # what Rust panics with is no Exception
        if isinstance(error, (EgoshiftError, *target.refusals)):
            return _judged(error)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "egoshift" in frame.filename] or frames
        where = f"{Path(ours[-1].filename).name}:{ours[-1].name}"
        return f"{type(error).__name__} in {where}", "".join(traceback.format_exception(error, limit=-6))[-3000:]
    return "read", ""


def _judged(error: BaseException) -> tuple[str, str]:
    """Whether a refusal is one that a person can read, and cost no more than it should."""
    text = str(error)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return "memory, though refused", text[:500]
        cause = cause.__cause__ or cause.__context__
    if not text.strip():
        return "a refusal without words", repr(error)
    if any(not character.isprintable() and character not in _KEPT for character in text):
        return "a refusal with control characters", repr(text[:500])
    if max(map(len, text.splitlines())) > MOST_LINE:
        return "a refusal too long to read", text[:500]
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a refusal that cannot be printed", ascii(text[:500])
    return "refused", text[:500]
