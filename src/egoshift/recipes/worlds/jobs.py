"""One training in a generated world, and what it needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from egoshift.recipes.run import Run
from egoshift.recipes.variants import world_run
from egoshift.recipes.worlds.sensor_variants import SENSOR_VARIANTS, sensor_run
from egoshift.records import Label

KITCHEN, HOME, BENCH, MULTIMODAL = "kitchen", "home", "bench", "multimodal"
DIRECTIONS = ((KITCHEN, HOME), (HOME, KITCHEN))
TESTED_ON: Mapping[str, tuple[str, ...]] = MappingProxyType({KITCHEN: (HOME,), HOME: (KITCHEN, BENCH), MULTIMODAL: ()})
"""Per data set trained on, the others that its models are tested on: the papers' EPIC-KITCHENS, Ego4D and EGTEA. That
of several sensors stands for MMG-Ego4D."""


@dataclass(frozen=True)
class Job:
    """One training: a variant for one kind of label, trained on ``source``, tested on it and on others."""

    variant: str
    label: Label
    source: str

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"{self.variant}-{self.label}-{self.source}"

    @property
    def targets(self) -> tuple[str, ...]:
        """The data sets that it is tested on besides its own."""
        return TESTED_ON[self.source]

    @property
    def has_episodes(self) -> bool:
        """Whether it is evaluated, or trained, by episodes of a few clips of each class."""
        run = self.run(Path("world"), seed=0)
        return run.few_shot is not None or run.objective.prototypes is not None

    def run(self, world: Path, *, seed: int, assignments: Sequence[str] = ()) -> Run:
        """The run, on the data cards of a world's folder."""
        if self.source == MULTIMODAL:
            return sensor_run(self.variant, world, seed=seed, assignments=assignments)
        cards = [world / f"{name}.yaml" for name in (self.source, *self.targets)]
        return world_run(self.variant, cards[0], cards[1:], self.label, seed=seed, assignments=assignments)

    def result_file(self, results: Path, test: str) -> Path:
        """Where the result on a data set lies."""
        return results / f"{self.variant}-{self.label}--{self.source}-to-{test}.json"

    def modality_file(self, results: Path) -> Path:
        """Where the result from every subset of the modalities lies, for those trained on several sensors."""
        file = self.result_file(results, self.source)
        return file.with_name(file.stem + "--modalities.json")

    def result_files(self, results: Path) -> tuple[Path, ...]:
        """Where all its results lie, that on its own data set first; none where others alone begin with its model."""
        if self.source == MULTIMODAL and SENSOR_VARIANTS[self.variant].makes is None:
            return (self.modality_file(results),) if self.run(Path("world"), seed=0).has_results else ()
        return tuple(self.result_file(results, test) for test in (self.source, *self.targets))


def cards_of(jobs: Sequence[Job]) -> tuple[str, ...]:
    """Every data set that the jobs are trained or tested on."""
    return tuple(dict.fromkeys(name for job in jobs for name in (job.source, *job.targets)))


def encoders_of(jobs: Sequence[Job]) -> tuple[str, ...]:
    """Every encoder whose features the jobs read."""
    runs = (job.run(Path("world"), seed=0) for job in jobs)
    return tuple(dict.fromkeys(stream.encoder for run in runs for stream in run.streams.values()))
