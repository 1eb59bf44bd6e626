"""What has to be run in one world so that claims can be judged: each variant once per kind of label and direction."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from egoshift.errors import ResultError
from egoshift.evaluation import Result, harmonic_mean
from egoshift.recipes.claims.claim import WEB_PICTURES, Claim, Score
from egoshift.recipes.claims.variants import variant_run
from egoshift.recipes.run import Run
from egoshift.records import Label

KITCHEN, HOME = "kitchen", "home"
DIRECTIONS = ((KITCHEN, HOME), (HOME, KITCHEN))


@dataclass(frozen=True)
class Job:
    """One training: a variant for one kind of label, trained on ``source``, tested on it and on ``target``."""

    variant: str
    label: Label
    source: str
    target: str

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"{self.variant}-{self.label}-{self.source}"

    def run(self, world: Path, *, seed: int, assignments: Sequence[str] = ()) -> Run:
        """The run, on the data cards of a world's folder."""
        source, target = (world / f"{name}.yaml" for name in (self.source, self.target))
        return variant_run(self.variant, source, target, self.label, seed=seed, assignments=assignments)

    def result_files(self, results: Path) -> tuple[Path, Path]:
        """Where the results within and across data sets lie."""
        within, across = (
            results / f"{self.variant}-{self.label}--{self.source}-to-{test}.json"
            for test in (self.source, self.target)
        )
        return within, across


def scores_of(claims: Sequence[Claim]) -> tuple[Score, ...]:
    """Every score that the claims compare, each once."""
    return tuple(dict.fromkeys(score for claim in claims for score in claim.scores))


def jobs_of(claims: Sequence[Claim]) -> tuple[Job, ...]:
    """Every training that the claims need, each once, one direction after the other."""
    wanted = dict.fromkeys((score.variant, score.label) for score in scores_of(claims) if score.variant != WEB_PICTURES)
    return tuple(Job(variant, label, *direction) for direction in DIRECTIONS for variant, label in wanted)


def encoders_of(jobs: Sequence[Job]) -> tuple[str, ...]:
    """Every encoder whose features the jobs read."""
    runs = (job.run(Path("world"), seed=0) for job in jobs)
    return tuple(dict.fromkeys(stream.encoder for run in runs for stream in run.streams.values()))


def score_value(score: Score, results: Mapping[Job, tuple[Result, Result]]) -> float:
    """A score in one world: the mean over both directions, from the results within and across data sets.

    Raises:
        ResultError: A result has no such number, as where a tiny world has no novel classes.
    """
    return fmean(_directions(score, results))


def _directions(score: Score, results: Mapping[Job, tuple[Result, Result]]) -> Iterator[float]:
    for direction in DIRECTIONS:
        within, across = results[Job(score.variant, score.label, *direction)]
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
