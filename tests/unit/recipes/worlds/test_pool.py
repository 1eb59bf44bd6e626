import subprocess
import sys

import pytest

from egoshift.errors import ConfigError
from egoshift.recipes.worlds import pool
from egoshift.recipes.worlds.jobs import Job
from egoshift.recipes.worlds.replicate import Replicate

JOB = Job("zero_shot", "noun", "kitchen")
ACTOR = """
import json, sys
for line in sys.stdin:
    variant = json.loads(line)["variant"]
    if variant == "ends":
        sys.exit(1)
    print(json.dumps("refused") if variant == "refused" else "", flush=True)
"""


@pytest.fixture
def mine(tmp_path):
    return Replicate(tmp_path / "seed-3", 3, 0.05, ("fit.epochs=1",))


@pytest.fixture
def actors(monkeypatch):
    """Processes that answer by the variant's name; how many were started."""
    started = []

    def start(replicate: Replicate) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        started.append(subprocess.Popen([sys.executable, "-c", ACTOR], stdin=pipe, stdout=pipe, text=True))
        return started[-1]

    monkeypatch.setattr(pool, "_worker", start)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return started


def _jobs(*variants):
    return [Job(variant, "noun", "kitchen") for variant in variants]


def test_what_a_training_process_cannot_use_is_told(mine):
    with pytest.raises(ConfigError, match=r"kitchen\.yaml: no such data card"):
        pool.train_all(mine, [JOB], lambda job: None)


def test_a_training_process_that_ends_is_told(mine, actors):
    with pytest.raises(RuntimeError, match="the process that trained ends-noun-kitchen ended"):
        pool.train_all(mine, _jobs("ends"), lambda job: None)


def test_the_first_failure_stops_the_others_where_nobody_takes_it(mine, actors):
    with pytest.raises(ConfigError, match="refused"):
        pool.train_all(mine, _jobs("good", "refused", "good"), lambda job: None)
    assert all(process.poll() is not None for process in actors)


def test_every_job_is_done_by_a_process_for_each_core(mine, actors):
    done: list[Job] = []
    jobs = _jobs(*(f"good{number}" for number in range(7)))
    pool.train_all(mine, jobs, done.append)
    assert sorted(job.variant for job in done) == [job.variant for job in jobs]
    assert len(actors) == 2
    pool.train_all(mine, [], done.append)
    assert len(actors) == 2


def test_failures_that_are_taken_lose_no_other_job_even_where_processes_end(mine, actors):
    jobs = _jobs("ends", "good1", "refused", "ends", "good2", "ends", "good3")
    done: list[Job] = []
    failed: list[tuple[str, str]] = []
    pool.train_all(mine, jobs, done.append, lambda job, reason: failed.append((job.variant, reason)))
    assert sorted(job.variant for job in done) == sorted(job.variant for job in jobs), "each is told once"
    reasons = {"ends": "the process that trained ends-noun-kitchen ended; what it said is above", "refused": "refused"}
    assert sorted(failed) == sorted((name, reasons[name]) for name in ("ends", "ends", "ends", "refused"))
    assert all(process.poll() is not None for process in actors)
