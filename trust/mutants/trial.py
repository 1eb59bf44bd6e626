"""Runs mutants and keeps what became of each, so that a run goes on where another was interrupted."""

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trust.mutants.children import SURVIVED, Job
from trust.mutants.imports import graph_of, name_of, users
from trust.mutants.loading import load
from trust.mutants.measured import Measured, digest, heavy
from trust.mutants.mutations import Mutant
from trust.mutants.plan import Stage, stages
from trust.mutants.rooms import Room
from trust.mutants.server import Server, start

NO_TESTS = "no tests"


@dataclass(frozen=True)
class Trial:
    """A mutant and what it meets.

    Attributes:
        path: Its file, from the room's root.
        mutant: The fault.
        stages: Its tests.
        tests: A digest of the files of its tests.
    """

    path: str
    mutant: Mutant
    stages: tuple[Stage, ...]
    tests: str

    @property
    def key(self) -> str:
        """Names the fault by all of its file."""
        return digest(self.path.encode(), self.mutant.source.encode())


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant.

    Attributes:
        key: Which.
        outcome: One of server's four, or that no test runs its lines.
        by: The test that failed.
        tests: A digest of the file of that test, or of all where none failed.
    """

    key: str
    outcome: str
    by: str | None
    tests: str


def trials_of(room: Room, path: str, mutants: Iterable[Mutant], measured: Measured) -> list[Trial]:
    """The mutants of one file with the tests that they meet."""
    source = (room.root / path).read_text(encoding="utf-8")
    trials = []
    for mutant in mutants:
        met = stages(path, source, mutant, measured, room.start_s)
        trials.append(Trial(path, mutant, met, _tests(room.root, [test for stage in met for test in stage.tests])))
    return trials


def kept(path: Path, root: Path, trials: Iterable[Trial]) -> dict[str, Outcome]:
    """Outcomes of former runs that still hold: the file is the same, and so are the tests that decided."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    known: dict[str, list[Outcome]] = {}
    for line in lines:
        outcome = Outcome(**json.loads(line))
        known.setdefault(outcome.key, []).append(outcome)
    found = {}
    for trial in trials:
        for outcome in known.get(trial.key, ()):
            by = outcome.by if outcome.by and "::" in outcome.by else None
            if outcome.tests == (_tests(root, [by]) if by else trial.tests):
                found[trial.key] = outcome
    return found


def begin(room: Room, trials: Sequence[Trial], measured: Measured, results: Path) -> int:
    """Begins to run mutants one after the other, adding a line to the results for each.

    Returns:
        The process that does it, for ``server.finish``, which says so if the tests of a file fail without a fault.
    """
    graph = graph_of({room.root / folder: room.root / base for folder, base in room.packages})
    files = list(dict.fromkeys(trial.path for trial in trials))

    def work(server: Server) -> None:
        load(name for name in measured.modules if name not in graph and not name.startswith(("_pytest", "conftest")))
        for path in files:
            mine = [trial for trial in trials if trial.path == path]
            base = next(base for folder, base in room.packages if path.startswith(f"{folder}/"))
            target = name_of(room.root / path, room.root / base)
            others = users(target, graph)
            ready = [name for name in measured.modules if name in graph and name not in others]
            server.hosted(partial(load, ready), partial(_file, server, room, target, mine, results))

    return start(heavy, work, room.root, room.tests[0])


def _file(server: Server, room: Room, target: str, trials: Sequence[Trial], results: Path) -> None:
    path = trials[0].path
    if target in sys.modules:
        raise RuntimeError(
            f"{target} was loaded before its mutants, so they would never be seen; see trust/mutants/imports.py"
        )
    every = dict.fromkeys(test for trial in trials for stage in trial.stages for test in stage.tests)
    source = (room.root / path).read_text(encoding="utf-8")
    whole = server.run(Job(tuple(every), 1800.0, room.root / path, source)) if every else {"outcome": SURVIVED}
    if whole["outcome"] != SURVIVED:
        raise RuntimeError(f"{path} without a fault: {whole['outcome']} by {whole['by']}")
    began, survived = time.monotonic(), 0
    with results.open("a", encoding="utf-8", buffering=1) as file:
        for number, trial in enumerate(trials, 1):
            outcome = _one(server, room.root, trial)
            survived += outcome.outcome in (SURVIVED, NO_TESTS)
            file.write(json.dumps(vars(outcome)) + "\n")
            if number % 20 == 0 or number == len(trials):
                each = (time.monotonic() - began) / number
                line = f"{path} {number}/{len(trials)}: {survived} survive, {each:.2f} s each"
                print(line, file=sys.stderr, flush=True)


def _one(server: Server, root: Path, trial: Trial) -> Outcome:
    for stage in trial.stages:
        told = server.run(Job(stage.tests, stage.limit_s, root / trial.path, trial.mutant.source))
        if told["outcome"] != SURVIVED:
            by = told["by"]
            decided = _tests(root, [by]) if by and "::" in by else trial.tests
            return Outcome(trial.key, told["outcome"], by, decided)
    return Outcome(trial.key, SURVIVED if trial.stages else NO_TESTS, None, trial.tests)


def _tests(root: Path, tests: Iterable[str]) -> str:
    return digest(*((root / file).read_bytes() for file in sorted({test.partition("::")[0] for test in tests})))


def deal(trials: Sequence[Trial], hands: int, known: Mapping[str, Outcome]) -> list[list[Trial]]:
    """The mutants whose outcome is not known, in as many equal lists as there are processes."""
    open_ones = [trial for trial in trials if trial.key not in known]
    return [part for part in (open_ones[hand::hands] for hand in range(hands)) if part]
