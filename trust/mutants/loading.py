"""What is loaded, and what a child finds changed."""

import gc
import importlib
from collections.abc import Iterable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any


def load(names: Iterable[str]) -> None:
    """Imports modules by name; what cannot be imported on its own is left to those who import it."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            continue


def freeze() -> None:
    """Leaves what is loaded out of every later search for garbage, of which pytest does three in each child."""
    gc.collect()
    gc.freeze()


def settle_examples() -> None:
    """The same examples for every mutant, no time spent on making a failing one small, and none kept."""
    from hypothesis import Phase, settings

    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutants", deadline=None, derandomize=True, database=None, phases=phases)
    settings.load_profile("mutants")


def put(path: Path, source: str) -> None:
    """Lets a file have another content for whoever imports it, in this process."""
    name, stats, data = str(path), SourceFileLoader.path_stats, SourceFileLoader.get_data

    def path_stats(self: SourceFileLoader, asked: str) -> Any:
        # No compiled file has this size and time, so none is taken.
        return {"mtime": -1, "size": -1} if asked == name else stats(self, asked)

    def get_data(self: SourceFileLoader, asked: str) -> bytes:
        return source.encode() if asked == name else data(self, asked)

    SourceFileLoader.path_stats = path_stats  # type: ignore[method-assign, assignment]
    SourceFileLoader.get_data = get_data  # type: ignore[method-assign, assignment]
