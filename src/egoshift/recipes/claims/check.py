"""All seeds, all claims: train and evaluate what is needed, then judge."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from egoshift.recipes.claims.claim import WEB_PICTURES, AnyScore, Claim, SensorScore
from egoshift.recipes.claims.finding import Finding, find
from egoshift.recipes.claims.pictures import third_person_score
from egoshift.recipes.claims.plan import jobs_of, score_value, scores_of, sensor_value, sensor_variants_of
from egoshift.recipes.variants import check_assignments
from egoshift.recipes.worlds import MULTIMODAL, Job, OnWork, Replicate, Step, do_all, sensor_steps, steps_of
from egoshift.recipes.worlds.replicate import OnShare, picture_code


def check_claims(
    claims: Sequence[Claim],
    out: Path,
    *,
    seeds: Sequence[int],
    scale: float = 1.0,
    assignments: Sequence[str] = (),
    progress: OnWork,
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
    do_all(((replicate, step) for replicate in replicates for step in all_steps_of(replicate, claims)), progress)
    return find(claims, {replicate.seed: values_of(replicate, claims) for replicate in replicates})


def all_steps_of(replicate: Replicate, claims: Sequence[Claim]) -> Iterator[Step]:
    """What must be done in one world for these claims, in order."""
    if any(score.variant == WEB_PICTURES for score in scores_of(claims)):
        yield Step("drawing web pictures", 5, partial(_draw, replicate))
    yield from steps_of(replicate, jobs_of(claims))
    if variants := sensor_variants_of(claims):
        yield from sensor_steps(of_sensors(replicate), variants)


def of_sensors(replicate: Replicate) -> Replicate:
    """The same seed's world of several sensors."""
    return replace(replicate, sensors=True)


def values_of(replicate: Replicate, claims: Sequence[Claim]) -> dict[AnyScore, float]:
    """Every score that the claims compare in one world, once all steps are done."""
    results = {job: replicate.results(job) for job in jobs_of(claims)}
    with_sensors = {
        variant: of_sensors(replicate).modality_result(Job(variant, "action", MULTIMODAL))
        for variant in sensor_variants_of(claims)
    }
    values: dict[AnyScore, float] = {}
    for score in scores_of(claims):
        if isinstance(score, SensorScore):
            values[score] = sensor_value(score, with_sensors[score.variant])
        else:
            values[score] = _third_person(replicate) if score.variant == WEB_PICTURES else score_value(score, results)
    return values


def _third_person(replicate: Replicate) -> float:
    """The encoder's score on web pictures drawn for this seed."""
    return third_person_score(replicate.folder / "pictures.json", replicate.seed, code=picture_code())


def _draw(replicate: Replicate, report: OnShare) -> None:
    _third_person(replicate)
