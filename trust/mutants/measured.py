"""Which test runs which lines, measured once per file of tests."""

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trust.mutants.children import SURVIVED, Job
from trust.mutants.imports import graph_of, name_of
from trust.mutants.loading import load
from trust.mutants.rooms import Room
from trust.mutants.server import Server, finish, start

_LIMIT_S = 1800.0


@dataclass(frozen=True)
class Measured:
    """What is known of a room's tests.

    Attributes:
        duration_s: Per test how long it took while its lines were counted.
        lines: Per file of the room and test the lines that it ran.
        modules: What was loaded in the end, in the order of the alphabet.
    """

    duration_s: dict[str, float]
    lines: dict[str, dict[str, set[int]]]
    modules: list[str]


def measure(room: Room, kept: Path) -> Measured:
    """Runs each file of tests that can reach the room, unless that was done and neither it nor the room changed since.

    Raises:
        RuntimeError: If a test fails on the code as it is.
    """
    wanted = {module: kept / f"{_digest(room, module)}.json" for module in reaching(room)}
    missing = {module: path for module, path in wanted.items() if not path.exists()}
    if missing:
        kept.mkdir(parents=True, exist_ok=True)
        finish([start(heavy, lambda server: _measure(server, room, missing), room.root, room.tests[0])])
    found = Measured({}, {}, [])
    for module, path in wanted.items():
        if not path.exists():
            raise RuntimeError(f"{module} fails on the code as it is; mutants tell nothing before it passes")
        _join(found, json.loads(path.read_text(encoding="utf-8")), room)
    return found


def reaching(room: Room) -> list[str]:
    """The files of tests that import a file of the room, or something that does."""
    graph = graph_of({room.root / folder: room.root / base for folder, base in room.packages}, lazily=True)
    bases = dict(room.packages)
    names = {name_of(room.root / source, _base(room, source, bases)) for source in room.sources}
    reached: list[str] = []
    for module in room.modules():
        seen: set[str] = set()
        waiting = [name_of(room.root / module, _base(room, module, bases))]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += graph.get(name, ())
        if not names.isdisjoint(seen):
            reached.append(module)
    return reached


def heavy() -> None:
    """Loads what every job uses and no fault touches."""
    load(("torch", "numpy", "polars", "hypothesis", "hypothesis.strategies", "coverage"))


def digest(*texts: bytes) -> str:
    """A short name of some contents."""
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:20]


def _base(room: Room, path: str, bases: dict[str, str]) -> Path:
    return room.root / next(base for folder, base in bases.items() if path.startswith(f"{folder}/"))


def _digest(room: Room, module: str) -> str:
    paths = [module, *room.sources]
    return digest(module.encode(), *((room.root / path).read_bytes() for path in paths))


def _measure(server: Server, room: Room, missing: dict[str, Path]) -> None:
    files = tuple(str(room.root / source) for source in room.sources)
    for module, path in missing.items():
        told = server.run(Job((module,), _LIMIT_S, measured=files))
        seconds = sum(told["duration_s"].values())
        print(f"{module}: {told['outcome']}, {seconds:.1f} s", file=sys.stderr, flush=True)
        if told["outcome"] == SURVIVED:
            path.write_text(json.dumps(told), encoding="utf-8")


def _join(found: Measured, told: dict[str, object], room: Room) -> None:
    durations, lines, modules = told["duration_s"], told["lines"], told["modules"]
    assert isinstance(durations, dict)
    assert isinstance(lines, dict)
    assert isinstance(modules, Iterable)
    found.duration_s.update(durations)
    found.modules[:] = sorted({*found.modules, *modules})
    for test, files in lines.items():
        for file, numbers in files.items():
            per_test = found.lines.setdefault(str(Path(file).relative_to(room.root)), {})
            per_test.setdefault(test, set()).update(numbers)
