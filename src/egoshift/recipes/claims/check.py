"""All seeds, all claims: train and evaluate what is needed, then judge."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from egoshift.recipes.claims.claim import WEB_PICTURES, Claim
from egoshift.recipes.claims.finding import Finding, find
from egoshift.recipes.claims.plan import Job, encoders_of, jobs_of, scores_of
from egoshift.recipes.claims.pool import train_all
from egoshift.recipes.claims.replicate import OnShare, Replicate
from egoshift.recipes.claims.variants import check_assignments

OnClaims = Callable[[float, float, str], None]
"""Told the work done, the work in all, and what is being done."""


@dataclass(frozen=True)
class Step:
    """A piece of the work of one seed: how long it takes beside the others, and what does it."""

    title: str
    cost: float
    do: Callable[[OnShare], None]


def check_claims(
    claims: Sequence[Claim],
    out: Path,
    *,
    seeds: Sequence[int],
    scale: float = 1.0,
    assignments: Sequence[str] = (),
    progress: OnClaims,
) -> tuple[Finding, ...]:
    """Do under ``out/seed-N`` whatever these claims need, and judge them; what is there is used again.

    Args:
        claims: Which.
        out: Where worlds, features, models and results go.
        seeds: One world and one training each.
        scale: How much video each world has; 1 is about an hour.
        assignments: ``fit.field=value``, for every run alike.
        progress: Called as the work goes on.

    Raises:
        ConfigError: An assignment is not for all runs alike, or ``out`` holds worlds of another scale.
    """
    check_assignments(assignments)
    replicates = [Replicate(out / f"seed-{seed}", seed, scale, tuple(assignments)) for seed in seeds]
    work = [(replicate, step) for replicate in replicates for step in steps_of(replicate, claims)]
    total, done = sum(step.cost for _, step in work), 0.0
    for replicate, step in work:
        report = partial(_report, progress, f"seed {replicate.seed}: {step.title}", done, step.cost, total)
        report(0.0, "")
        step.do(report)
        done += step.cost
    return find(claims, {replicate.seed: replicate.values(claims) for replicate in replicates})


def steps_of(replicate: Replicate, claims: Sequence[Claim]) -> Iterator[Step]:
    """What must be done in one world for these claims, in order."""
    jobs = jobs_of(claims)
    if any(score.variant == WEB_PICTURES for score in scores_of(claims)):
        yield Step("drawing web pictures", 5, partial(_draw, replicate))
    if jobs:
        yield Step("writing videos", 100 * replicate.scale, replicate.write_world)
    for encoder in encoders_of(jobs):
        for card in replicate.cards:
            extract = partial(replicate.extract, card, encoder)
            yield Step(f"extracting {card.stem} with {encoder}", 40 * replicate.scale, extract)
    if jobs:
        yield Step("training", 5 * len(jobs), partial(_train, replicate, jobs))


def _draw(replicate: Replicate, report: OnShare) -> None:
    replicate.third_person()


def _train(replicate: Replicate, jobs: Sequence[Job], report: OnShare) -> None:
    waiting = [job for job in jobs if not replicate.is_done(job)]
    finished = len(jobs) - len(waiting)

    def tell(job: Job) -> None:
        nonlocal finished
        finished += 1
        report(finished / len(jobs), f"{finished} of {len(jobs)}, last {job.name}")

    report(finished / len(jobs), f"{finished} of {len(jobs)} were there")
    train_all(replicate, waiting, tell)


def _report(progress: OnClaims, title: str, done: float, cost: float, total: float, share: float, note: str) -> None:
    progress(round(done + share * cost), round(total), f"{title} {note}")
