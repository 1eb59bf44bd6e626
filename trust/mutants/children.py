"""What a child is asked to do, what it saw, and how its parent hears of it."""

import json
import os
import select
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SURVIVED, KILLED, TIMED_OUT, CRASHED = "survived", "killed", "timed out", "crashed"
FIXTURE = "fixture "


@dataclass(frozen=True)
class Job:
    """What a child does.

    Attributes:
        tests: Node ids, in the order in which they run.
        limit_s: When it is killed.
        path: The file that is not what it was; none where nothing is changed.
        source: What it is instead.
        measured: Files whose lines are counted test by test; none where nothing is counted.
    """

    tests: tuple[str, ...]
    limit_s: float
    path: Path | None = None
    source: str = ""
    measured: tuple[str, ...] = ()


@dataclass(eq=False)
class Child:
    """What a child saw; a plugin of its pytest.

    Attributes:
        failed: The first test that failed, or the module that could not be loaded; none where all passed.
        duration_s: Per test how long it took.
        lines: Per test and measured file the lines that ran.
        fixtures: Per test the names of its fixtures, where lines are counted.
    """

    failed: str | None = None
    duration_s: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    fixtures: dict[str, list[str]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the first failure, and the time of each test with what was set up for it."""
        self.duration_s[report.nodeid] = self.duration_s.get(report.nodeid, 0.0) + report.duration
        if report.failed and self.failed is None:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keeps the first module that could not be loaded."""
        if report.failed and self.failed is None:
            self.failed = report.nodeid or "loading"


def lines_of(data: Any, fixtures: Mapping[str, Iterable[str]]) -> dict[str, dict[str, list[int]]]:
    """Per test and file its lines, those of its fixtures among them."""
    found: dict[str, dict[str, list[int]]] = {}
    for file in data.measured_files():
        for line, contexts in data.contexts_by_lineno(file).items():
            for context in contexts:
                found.setdefault(context, {}).setdefault(file, []).append(line)
    for test, names in fixtures.items():
        for name in names:
            for file, lines in found.get(f"{FIXTURE}{name}", {}).items():
                found.setdefault(test, {}).setdefault(file, []).extend(lines)
    return {context: files for context, files in found.items() if not context.startswith(FIXTURE)}


def heard(reading: int, child: int, limit_s: float) -> dict[str, Any]:
    """What a child wrote before it ended; a child that takes too long, or leaves others behind, is killed with them."""
    stop, received = time.monotonic() + limit_s, b""
    outcome = CRASHED
    with open(reading, "rb", buffering=0) as pipe:
        while True:
            if not select.select([pipe], [], [], max(0.0, stop - time.monotonic()))[0]:
                outcome = TIMED_OUT
                break
            piece = pipe.read(1 << 20)
            received += piece
            if not piece or _whole(received):
                break
    _end(child)
    if _whole(received):
        found: dict[str, Any] = json.loads(received)
        return found
    return {"outcome": outcome, "by": None, "duration_s": {}, "lines": {}, "modules": []}


def _whole(received: bytes) -> bool:
    if not received.endswith(b"}"):
        return False
    try:
        json.loads(received)
    except ValueError:
        return False
    return True


def _end(child: int) -> None:
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        # It had not come as far as to have a group.
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
