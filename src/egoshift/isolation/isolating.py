"""Whether work on foreign files is done in children, and getting it from there."""

import os
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from egoshift.errors import Fault, MediaError
from egoshift.isolation.messages import Array, Message
from egoshift.isolation.workers import LostError, Worker

MEGABYTE = 1_000_000
MOST_JOBS = 200
"""After so many a child is replaced, since memory that libraries lose counts against its limit."""

REMEDY = "leave it out, or write it anew (a video with `ffmpeg -i IN -c:v libx264 OUT.mp4`)"


@dataclass(frozen=True)
class Walls:
    """What a child may take.

    Attributes:
        memory_mb: Of memory beyond what Python and the libraries take, in millions of bytes.
        silent_s: After so long without a packet decoded or a frame given, it hangs.
        fruitless_s: After so long without a frame, however many packets are decoded, it hangs.
    """

    memory_mb: float = 2000.0
    silent_s: float = 60.0
    fruitless_s: float = 900.0


class _Pool:
    """The children of one ``isolated``."""

    def __init__(self, walls: Walls):
        self.walls = walls
        self._idle: list[Worker] = []
        self._hung: dict[Path, Fault] = {}
        self._is_closed = False
        self._lock = Lock()

    def run(
        self, path: Path, function: str, arguments: tuple[Any, ...], array: Array | None
    ) -> Generator[Message, None, None]:
        """What a worker says of a job; closed before the end, the worker is free for another."""
        with self._lock:
            if path in self._hung:
                raise MediaError(self._hung[path])  # nobody waits for it twice
        worker, is_back = self._take(), False
        try:
            with closing(worker.run(function, [str(path), *arguments], array)) as messages:
                for message in messages:
                    if message.told["kind"] != "piece":
                        self._give_back(worker, is_spent=message.told["kind"] == "memory")
                        is_back = True
                    yield message
        except GeneratorExit:
            if not is_back:
                self._give_back(worker)
            raise
        except LostError as error:
            raise MediaError(self._fault(path, error.kind, error.detail)) from None
        except BaseException:
            worker.close()
            raise

    def fault(self, path: Path) -> MediaError:
        """For work that said itself that its memory does not suffice."""
        return MediaError(self._fault(path, "memory", ""))

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()

    def _take(self) -> Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    return worker
                worker.close()
        walls = self.walls
        return Worker(int(walls.memory_mb * MEGABYTE), walls.silent_s, walls.fruitless_s)

    def _give_back(self, worker: Worker, *, is_spent: bool = False) -> None:
        with self._lock:
            keep = not (is_spent or self._is_closed or worker.num_jobs >= MOST_JOBS) and worker.is_alive
            if keep and len(self._idle) < (os.cpu_count() or 1):
                self._idle.append(worker)
                return
        worker.close()

    def _fault(self, path: Path, kind: str, detail: str) -> Fault:
        if kind == "memory":
            return Fault("decoder-memory", path, f"decoding takes more than {self.walls.memory_mb:g} MB", REMEDY)
        if kind == "crash":
            return Fault("decoder-crash", path, f"decoding crashed ({detail}), in a process of its own", REMEDY)
        fault = Fault("decoder-hang", path, f"decoding hangs: {detail}", REMEDY)
        with self._lock:
            self._hung[path] = fault
        return fault


_pools: list[_Pool] = []


@contextmanager
def isolated(walls: Walls | None = None) -> Iterator[None]:
    """Within, this process (all its threads) reads media in children; they are gone afterwards.

    Args:
        walls: What they may take; by default ``Walls()``. None given within another ``isolated`` is as there.
    """
    pool = _Pool(walls or (_pools[-1].walls if _pools else Walls()))
    _pools.append(pool)
    try:
        yield
    finally:
        _pools.remove(pool)
        pool.close()


def is_isolated() -> bool:
    """Whether media is to be read in children."""
    return bool(_pools)


def walls() -> Walls | None:
    """What children may take now; None where there are none, for handing on to other processes."""
    return _pools[-1].walls if _pools else None


def stream(
    path: Path, function: str, *arguments: Any, array: Array | None = None
) -> Generator[tuple[dict[str, Any], Array | None], None, None]:
    """What a generator function gives in a child, piece by piece and no faster than it is taken.

    Args:
        path: The file that it is about, which is the function's first argument there, as a text.
        function: ``"package.module:name"``; gives pairs of a dict of plain values and an array or None.
        arguments: Further ones, of plain values.
        array: One more argument, the last.

    Raises:
        MediaError: The function raised it, of this path; or the child crashed, hung, or took too much memory.
    """
    pool = _pools[-1]
    with closing(pool.run(path, function, arguments, array)) as messages:
        for told, array_given in messages:
            kind = told["kind"]
            if kind == "piece":
                yield told["told"], array_given
            elif kind == "fault":
                raise MediaError(Fault(str(told["fault"]), path, str(told["message"]), str(told["remedy"])))
            elif kind == "memory":
                raise pool.fault(path)
            elif kind == "error":
                raise RuntimeError(f"in the process that reads {path}: {told['message']}")


def ask(path: Path, function: str, *arguments: Any) -> dict[str, Any]:
    """The one piece that such a function gives; see ``stream``."""
    (found,) = [told for told, _ in stream(path, function, *arguments)]
    return found
