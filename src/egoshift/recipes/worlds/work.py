"""Everything that jobs need in several worlds, step by step: videos, features, trainings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from egoshift.errors import ConfigError, EgoshiftError
from egoshift.recipes.egoworld import ENCODER
from egoshift.recipes.worlds.jobs import MULTIMODAL, Job, encoders_of
from egoshift.recipes.worlds.pool import train_all
from egoshift.recipes.worlds.replicate import OnShare, Replicate
from egoshift.recipes.worlds.sensor_variants import SENSOR_VARIANTS, levels_of, sensor_encoder

EPISODE_SCALE = 1.0
"""From here on a world of several sensors has 5 classes to train on with 10 clips, and 5 novel ones with 20."""

OnWork = Callable[[float, float, str], None]
"""Told the work done, the work in all, and what is being done."""


@dataclass(frozen=True)
class Step:
    """A piece of the work of one seed: how long it takes beside the others, and what does it."""

    title: str
    cost: float
    do: Callable[[OnShare], None]


class Failures:
    """Jobs that could not be run, and why."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[Replicate, Job], str] = {}

    def add(self, replicate: Replicate, job: Job, reason: str) -> None:
        """Note a job; of several reasons the first counts."""
        self._reasons.setdefault((replicate, job), reason)

    def among(self, replicate: Replicate, jobs: Sequence[Job]) -> tuple[Job, ...]:
        """Those of the jobs that could not be run."""
        return tuple(job for job in jobs if (replicate, job) in self._reasons)

    def by_reason(self) -> dict[str, list[Job]]:
        """The jobs of each reason, in the order that they were noted."""
        jobs: dict[str, list[Job]] = {}
        for (_, job), reason in self._reasons.items():
            jobs.setdefault(reason, []).append(job)
        return jobs


def do_all(work: Iterable[tuple[Replicate, Step]], progress: OnWork) -> None:
    """Do every step, in order; what is there from earlier is used again."""
    steps = list(work)
    total, done = sum(step.cost for _, step in steps), 0.0
    for replicate, step in steps:
        report = partial(_report, progress, f"seed {replicate.seed}: {step.title}", done, step.cost, total)
        report(0.0, "")
        step.do(report)
        done += step.cost


def steps_of(replicate: Replicate, jobs: Sequence[Job], failures: Failures | None = None) -> Iterator[Step]:
    """What must be done in one world for these jobs, in order.

    Args:
        replicate: The world.
        jobs: What to train there.
        failures: Where jobs are noted whose features cannot be extracted or that cannot be trained, so that the others
            are run; without it the first failure is raised.
    """
    if jobs:
        yield Step("writing videos", 100 * replicate.scale, replicate.write_world)
    for encoder in encoders_of(jobs):
        readers = [job for job in jobs if encoder in encoders_of([job])]
        for card in replicate.cards(readers):
            extract = partial(_extract, replicate, card, encoder, readers, failures)
            yield Step(f"extracting {card.stem} with {encoder}", 40 * replicate.scale, extract)
    if jobs:
        yield Step("training", 5 * len(jobs), partial(train_jobs, replicate, jobs, failures))


def sensor_steps(replicate: Replicate, variants: Sequence[str]) -> Iterator[Step]:
    """What must be done in one world of several sensors for these variants and those they begin with, in order.

    Args:
        replicate: The world.
        variants: Names of ``SENSOR_VARIANTS``.

    Raises:
        ConfigError: The world is too small for the episodes of a variant.
    """
    assert replicate.sensors, "a world of several sensors"
    levels = levels_of(variants)
    few_shot = [name for level in levels for name in level if Job(name, "action", MULTIMODAL).has_episodes]
    if few_shot and replicate.scale < EPISODE_SCALE:
        raise ConfigError(
            f"--scale {replicate.scale:g}: the episodes of {few_shot[0]} need more clips of a class than a world of "
            f"several sensors below scale {EPISODE_SCALE:g} has; use --scale {EPISODE_SCALE:g}"
        )
    yield Step("writing videos, sound and IMU", 100 * replicate.scale, replicate.write_world)
    card = replicate.world / f"{MULTIMODAL}.yaml"
    frames = partial(replicate.extract, card, ENCODER)
    yield Step(f"extracting {card.stem} with {ENCODER}", 30 * replicate.scale, frames)
    for level in levels:
        jobs = [Job(name, "action", MULTIMODAL) for name in level]
        cost = sum(SENSOR_VARIANTS[name].cost for name in level) * replicate.scale
        yield Step(f"training {level[0]}", cost, partial(train_jobs, replicate, jobs, None))
        for name in level:
            if (sensor := SENSOR_VARIANTS[name].makes) is not None:
                encoder = sensor_encoder(replicate.world, sensor)
                yield Step(f"extracting {sensor}", 8 * replicate.scale, partial(replicate.extract, card, encoder))


def train_jobs(replicate: Replicate, jobs: Sequence[Job], failures: Failures | None, report: OnShare) -> None:
    """Train and evaluate the jobs whose results are not there, but for those that have failed already.

    Args:
        replicate: Whose jobs these are.
        jobs: Which; their features must be there.
        failures: Where those are noted that cannot be trained; without it the first failure is raised.
        report: Called after each.
    """
    lost = () if failures is None else failures.among(replicate, jobs)
    waiting = [job for job in jobs if job not in lost and not replicate.is_done(job)]
    finished = len(jobs) - len(waiting)

    def tell(job: Job) -> None:
        nonlocal finished
        finished += 1
        report(finished / len(jobs), f"{finished} of {len(jobs)}, last {job.name}")

    if jobs:
        report(finished / len(jobs), f"{finished - len(lost)} of {len(jobs)} were there")
    train_all(replicate, waiting, tell, None if failures is None else partial(failures.add, replicate))


def _extract(
    replicate: Replicate,
    card: Path,
    encoder: str,
    readers: Sequence[Job],
    failures: Failures | None,
    report: OnShare,
) -> None:
    try:
        replicate.extract(card, encoder, report)
    except EgoshiftError as error:
        if failures is None:
            raise
        for job in readers:
            if card in replicate.cards([job]):
                failures.add(replicate, job, str(error))


def _report(progress: OnWork, title: str, done: float, cost: float, total: float, share: float, note: str) -> None:
    progress(round(done + share * cost), round(total), f"{title} {note}")
