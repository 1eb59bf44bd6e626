"""Trainings side by side: the models are small, so one thread each and a process for every core is fastest."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from queue import Empty, SimpleQueue
from threading import Thread

from egoshift.errors import ConfigError
from egoshift.recipes.worlds.jobs import Job
from egoshift.recipes.worlds.replicate import Replicate

Process = subprocess.Popen[str]


def train_all(
    replicate: Replicate,
    jobs: Sequence[Job],
    told: Callable[[Job], None],
    failed: Callable[[Job, str], None] | None = None,
) -> None:
    """Train every job in processes of their own, each with one thread, so that results do not depend on their number.

    Args:
        replicate: Whose jobs these are.
        jobs: What to train.
        told: Called after each.
        failed: Called before it, with the reason, for one that could not be trained, so that the others are; without
            it the first failure is raised.

    Raises:
        ConfigError: What was given does not fit, as the process said.
        RuntimeError: A process ended.
    """
    pool = _Pool(replicate, jobs)
    try:
        for _ in range(min(len(jobs), os.cpu_count() or 1)):
            pool.start()
        for _ in jobs:
            job, answer = pool.answers.get()
            ended = not answer.endswith("\n")
            if ended:
                reason = f"the process that trained {job.name} ended; what it said is above"
                if failed is None:
                    raise RuntimeError(reason)
                failed(job, reason)
            elif answer.strip():
                if failed is None:
                    raise ConfigError(json.loads(answer))
                failed(job, json.loads(answer))
            told(job)
            if ended and not pool.waiting.empty():
                pool.start()
    finally:
        pool.stop()


class _Pool:
    """Processes, each with a thread that gives it jobs until there are none."""

    def __init__(self, replicate: Replicate, jobs: Sequence[Job]):
        self.waiting: SimpleQueue[Job] = SimpleQueue()
        self.answers: SimpleQueue[tuple[Job, str]] = SimpleQueue()
        self._replicate = replicate
        self._running: list[tuple[Process, Thread]] = []
        for job in jobs:
            self.waiting.put(job)

    def start(self) -> None:
        """Start one more."""
        worker = _worker(self._replicate)
        thread = Thread(target=_feed, args=(worker, self.waiting, self.answers))
        thread.start()
        self._running.append((worker, thread))

    def stop(self) -> None:
        """End all of them."""
        for worker, _ in self._running:
            worker.kill()
        for _, thread in self._running:
            thread.join()


def _worker(replicate: Replicate) -> Process:
    # A process of its own, and not multiprocessing's, which would run the caller's unguarded main program again.
    command = [sys.executable, "-m", "egoshift.recipes.worlds.worker", replicate.text()]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def _feed(worker: Process, waiting: "SimpleQueue[Job]", answers: "SimpleQueue[tuple[Job, str]]") -> None:
    """Give one process jobs until there are none; an answer without an end of line says that it ended."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    with worker.stdout as lines:
        while True:
            try:
                job = waiting.get_nowait()
            except Empty:
                break
            with suppress(BrokenPipeError):
                print(json.dumps(asdict(job)), file=worker.stdin, flush=True)
            answer = lines.readline()
            answers.put((job, answer))
            if not answer.endswith("\n"):
                break
    with suppress(BrokenPipeError):
        worker.stdin.close()
    worker.wait()
