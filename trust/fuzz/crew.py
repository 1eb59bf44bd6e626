"""A worker process a target, watched: one that dies or says nothing for too long is ended, and another goes on."""

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from trust.fuzz.target import Bench
from trust.fuzz.targets import find_target

MOST_S = 10.0
"""For one input."""

PATIENCE = 6
"""An input that takes no processor time is waited for so many times longer."""

START_S = 180.0
"""For imports and whole inputs."""

BATCH = 500


@dataclass
class Tally:
    """What came of the inputs of a target.

    Attributes:
        name: The target.
        counts: How many were read, refused, and found fault with, by kind.
        findings: Of each kind of fault the first input's number and words.
    """

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    findings: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def num_inputs(self) -> int:
        """How many inputs were handed over."""
        return self.counts.total()

    @property
    def num_findings(self) -> int:
        """How many were neither read nor refused."""
        return self.num_inputs - self.counts["read"] - self.counts["refused"]

    def add(self, number: int, kind: str, words: str) -> None:
        """Counts an input."""
        self.counts[kind] += 1
        if kind not in ("read", "refused"):
            self.findings.setdefault(kind, (number, words))


class _SilentError(Exception):
    """A worker that ended, or said nothing for too long."""


class Worker:
    """One process for one target; see ``trust.fuzz.worker``."""

    def __init__(self, name: str, seed: int, findings: Path):
        # Its files go even where it is killed.
        self._place = tempfile.mkdtemp(prefix="egoshift-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "trust.fuzz.worker", name, str(seed), str(findings), self._place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_QUIET},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._rest = b""
        self.listen(START_S)

    def listen(self, most_s: float) -> str:
        """The next line.

        Raises:
            _SilentError: There is none.
        """
        begun_s, spent_s = time.monotonic(), self._spent_s()
        while b"\n" not in self._rest:
            if not self._selector.select(1.0):
                # Its own time counts: on a busy machine a process may wait for long, doing nothing wrong.
                waited_s = time.monotonic() - begun_s
                if self._spent_s() - spent_s > most_s or waited_s > PATIENCE * most_s:
                    raise _SilentError("hang")
                continue
            piece = os.read(self._out.fileno(), 1 << 16)
            if not piece:
                code = self._process.wait()
                raise _SilentError(f"death by signal {-code}" if code < 0 else f"exit {code}")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def _spent_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, first: int, last: int) -> None:
        """Hands over the inputs of these numbers."""
        self._in.write(f"{first} {last}\n".encode())
        self._in.flush()

    def end(self) -> None:
        """Ends the process and removes its files."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        self._in.close()
        self._out.close()
        shutil.rmtree(self._place, ignore_errors=True)


_QUIET = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "MALLOC_ARENA_MAX": "2", "RAYON_NUM_THREADS": "1"}


def keep(name: str, seed: int, number: int, kind: str, findings: Path) -> None:
    """Keeps an input that a worker died of, made anew from its number."""
    with tempfile.TemporaryDirectory(prefix="egoshift-fuzz-") as place:
        bench = Bench(find_target(name), Path(place))
        bench.lay(Random(f"{seed} {name} {number}"))
        facts = {"target": name, "seed": seed, "number": number, "kind": kind}
        bench.keep(findings / f"{name.rpartition(':')[2]}-{number}", facts)


def run_target(name: str, first: int, last: int, *, seed: int, findings: Path, told: Callable[[Tally], None]) -> Tally:
    """Hands the inputs of these numbers to a target's reader.

    Args:
        name: A name of ``TARGETS``.
        first: The first input.
        last: The one after the last.
        seed: Another draws other inputs.
        findings: Where inputs are kept that were found fault with.
        told: Called now and then with what came of the inputs so far.
    """
    tally, number = Tally(name), first
    while number < last:
        worker = Worker(name, seed, findings)
        try:
            while number < last:
                stop = min(number + BATCH, last)
                worker.ask(number, stop)
                while number < stop:
                    line = worker.listen(MOST_S)
                    if not line.startswith("+"):
                        tally.add(*json.loads(line))
                        number += 1
                        told(tally)
        except _SilentError as silence:
            tally.add(number, str(silence), "")
            keep(name, seed, number, str(silence), findings)
            number += 1
        finally:
            worker.end()
    return tally
