"""What has to be run in one world so that claims can be judged: each variant once per kind of label and direction."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from egoshift.errors import ResultError
from egoshift.evaluation import ModalityResult, Result, harmonic_mean
from egoshift.recipes.claims.claim import WEB_PICTURES, AnyScore, Claim, Score, SensorScore
from egoshift.recipes.worlds import DIRECTIONS, Job
from egoshift.records import Label


def scores_of(claims: Sequence[Claim]) -> tuple[AnyScore, ...]:
    """Every score that the claims compare, each once."""
    return tuple(dict.fromkeys(score for claim in claims for score in claim.scores))


def jobs_of(claims: Sequence[Claim]) -> tuple[Job, ...]:
    """Every training that the claims need, each once, one direction after the other."""
    plain = [score for score in scores_of(claims) if isinstance(score, Score) and score.variant != WEB_PICTURES]
    wanted = dict.fromkeys((score.variant, score.label) for score in plain)
    return tuple(Job(variant, label, source) for source, _ in DIRECTIONS for variant, label in wanted)


def sensor_variants_of(claims: Sequence[Claim]) -> tuple[str, ...]:
    """Every variant of several sensors that the claims compare."""
    return tuple(dict.fromkeys(score.variant for score in scores_of(claims) if isinstance(score, SensorScore)))


def sensor_value(score: SensorScore, result: ModalityResult) -> float:
    """A score in one world of several sensors: the mean over its pairs of subsets.

    Raises:
        ResultError: The result has no such number.
    """
    values = {
        (frozenset(row.support), frozenset(row.query)): row.value
        for row in result.rows
        if row.task == score.task and row.clips in ("all", "novel")
    }
    wanted = [(frozenset(support), frozenset(query)) for support, query in score.pairs]
    if lacking := [pair for pair in wanted if pair not in values]:
        support, query = ("+".join(sorted(side)) for side in lacking[0])
        raise ResultError(f"{result.variant}: the result has no {score.task} row from {support} to {query}")
    return fmean(values[pair] for pair in wanted)


def score_value(score: Score, results: Mapping[Job, Mapping[str, Result]]) -> float:
    """A score in one world: the mean over both directions, from each job's results by the data set tested on.

    Raises:
        ResultError: A result has no such number, as where a tiny world has no novel classes.
    """
    return fmean(_directions(score, results))


def _directions(score: Score, results: Mapping[Job, Mapping[str, Result]]) -> Iterator[float]:
    for source, target in DIRECTIONS:
        found = results[Job(score.variant, score.label, source)]
        within, across = found[source], found[target]
        if score.measure == "hm":
            yield harmonic_mean(_top1(within, score.label, "all"), _top1(across, score.label, "all"))
        elif score.measure in ("within", "across"):
            yield _top1(within if score.measure == "within" else across, score.label, "all")
        else:
            yield _top1(across, score.label, score.measure)


def _top1(result: Result, label: Label, subset: str) -> float:
    for row in result.rows:
        if (row.label, row.metric, row.subset) == (label, "top1", subset):
            return row.value
    raise ResultError(
        f"{result.variant}, trained on {result.train}: the result on {result.test} has no {label} top-1 of {subset} "
        "classes, since it has no such clips; use a larger --scale"
    )
