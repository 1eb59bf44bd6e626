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
from egoshift.recipes.claims.plan import Job
from egoshift.recipes.claims.replicate import Replicate

Process = subprocess.Popen[str]


def train_all(replicate: Replicate, jobs: Sequence[Job], told: Callable[[Job], None]) -> None:
    """Train every job in processes of their own, each with one thread, so that results do not depend on their number.

    Args:
        replicate: Whose jobs these are.
        jobs: What to train.
        told: Called after each.

    Raises:
        ConfigError: What was given does not fit, as the process said.
        RuntimeError: A process ended.
    """
    waiting: SimpleQueue[Job] = SimpleQueue()
    answers: SimpleQueue[tuple[Job, str]] = SimpleQueue()
    for job in jobs:
        waiting.put(job)
    workers = [_worker(replicate) for _ in range(min(len(jobs), os.cpu_count() or 1))]
    threads = [Thread(target=_feed, args=(worker, waiting, answers)) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        for _ in jobs:
            job, answer = answers.get()
            if not answer.endswith("\n"):
                raise RuntimeError(f"the process that trained {job.name} ended; what it said is above")
            if answer.strip():
                raise ConfigError(json.loads(answer))
            told(job)
    finally:
        for worker in workers:
            worker.kill()
        for thread in threads:
            thread.join()


def _worker(replicate: Replicate) -> Process:
    # A process of its own, and not multiprocessing's, which would run the caller's unguarded main program again.
    command = [sys.executable, "-m", "egoshift.recipes.claims.worker", replicate.text()]
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
            if not answer:
                break
    with suppress(BrokenPipeError):
        worker.stdin.close()
    worker.wait()
