"""One seed: its world, features, trainings and results; what is there from the same settings is used again."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xxhash

from egoshift import world
from egoshift.datasets import DataCard
from egoshift.encoders import PIXELS, SIGNAL
from egoshift.errors import CheckpointError, ConfigError, DataError, ResultError
from egoshift.evaluation import ModalityResult, Result
from egoshift.features import ExtractProgress, Store, View
from egoshift.files import write_atomically
from egoshift.recipes.execute import MODELS, RUN_FILE, train
from egoshift.recipes.filling import fill_store
from egoshift.recipes.run import Run
from egoshift.recipes.run_files import absolute, read_run
from egoshift.recipes.scoring import evaluate
from egoshift.recipes.stores import made_from, store_folder
from egoshift.recipes.subsets import evaluate_modalities
from egoshift.recipes.worlds.jobs import BENCH, HOME, KITCHEN, MULTIMODAL, Job, cards_of
from egoshift.recipes.worlds.sensor_variants import SENSOR_VARIANTS
from egoshift.training import read_config
from egoshift.world import write_world

SETS = (KITCHEN, HOME, BENCH)

OnShare = Callable[[float, str], None]
"""Told which share of a step is done, and a note."""


@dataclass(frozen=True)
class Replicate:
    """One seed's folder: ``world``, ``models``, ``results`` and ``pictures.json``; and ``oracle``, kept apart.

    Attributes:
        folder: Where it lies.
        seed: Of the world and of every training in it.
        scale: How much video the world has.
        assignments: ``fit.field=value``, for every run alike.
        sensors: Whether its world is of several sensors (``multimodal``); it and all else then lie under ``sensors``.
        oracle: Whether epochs are chosen on the first data set not trained on, as X-MIC's released code does. Such
            models and results lie under ``oracle``; the world and its features are the same.
    """

    folder: Path
    seed: int
    scale: float
    assignments: tuple[str, ...] = ()
    oracle: bool = False
    sensors: bool = False

    @classmethod
    def from_text(cls, text: str) -> "Replicate":
        """What ``text`` wrote."""
        fields = json.loads(text)
        return cls(**fields | {"folder": Path(fields["folder"]), "assignments": tuple(fields["assignments"])})

    def text(self) -> str:
        """The replicate as JSON, for another process."""
        return json.dumps(asdict(self) | {"folder": str(self.folder)})

    @property
    def results_folder(self) -> Path:
        """Where results lie."""
        return self._kept / "results"

    @property
    def _kept(self) -> Path:
        if self.sensors:
            return self.folder / "sensors"
        return self.folder / "oracle" if self.oracle else self.folder

    @property
    def world(self) -> Path:
        """The folder of the data cards."""
        return self._kept / "world" if self.sensors else self.folder / "world"

    @property
    def sets(self) -> tuple[str, ...]:
        """The data sets of its world."""
        return (MULTIMODAL,) if self.sensors else SETS

    def modality_result(self, job: Job) -> ModalityResult:
        """A job's result from every subset of the modalities."""
        return ModalityResult.read(job.modality_file(self.results_folder))

    def cards(self, jobs: Sequence[Job]) -> tuple[Path, ...]:
        """The data cards that the jobs read."""
        return tuple(self.world / f"{name}.yaml" for name in cards_of(jobs))

    def results(self, job: Job) -> dict[str, Result]:
        """A job's results by the data set tested on."""
        files = {test: job.result_file(self.results_folder, test) for test in (job.source, *job.targets)}
        return {test: Result.read(file) for test, file in files.items()}

    def write_world(self, report: OnShare) -> None:
        """Write the world unless it is there; one that other code wrote is written anew.

        Its mark comes last, so that an interrupted one is written again.

        Raises:
            ConfigError: A world of another seed or scale is there.
        """
        mark, asked = self.world / "written.json", {"seed": self.seed, "scale": self.scale}
        made_by = {"code": world_code(), "sets": list(self.sets)}
        if mark.is_file():
            there = json.loads(mark.read_text(encoding="utf-8"))
            if any(there.get(name) != value for name, value in asked.items()):
                raise ConfigError(
                    f"{self.world}: holds a world of scale {there.get('scale')} and seed {there.get('seed')}, not of "
                    f"scale {self.scale} and seed {self.seed}; give another --out or remove {self.folder}"
                )
            if all(there.get(name) == value for name, value in made_by.items()):
                return
            shutil.rmtree(self.world)
        write_world(
            self.world,
            seed=self.seed,
            scale=self.scale,
            sets=self.sets,
            sensors=self.sensors,
            progress=lambda done, total: report(done / total, f"{done} of {total}"),
        )
        write_atomically(mark, (json.dumps(asked | made_by) + "\n").encode())

    def extract(self, card: Path, encoder: str, report: OnShare) -> None:
        """Encode one data set: both views, but of stored pictures, which are large, the hand crops alone.

        Encoders of sensors give windows.

        Raises:
            DataError: Something of it could not be read.
        """

        def tell(state: ExtractProgress) -> None:
            report(state.frames_done / max(1, state.frames_total), f"{state.frames_per_s:.0f} frames/s")

        views: tuple[View, ...] | None = ("hand",) if encoder.startswith(PIXELS) else None
        faults = fill_store(DataCard.read(card), encoder, views=views, progress=tell).faults
        if faults:
            raise DataError(faults)

    def is_done(self, job: Job) -> bool:
        """Whether the results of the same run on the same features by the same code are there.

        Of a job without results: whether its model is.
        """
        run, mark, files = self._run(job), self._mark(job), job.result_files(self.results_folder)
        if not mark.is_file() or mark.read_text(encoding="utf-8") != training_code():
            return False
        return all(self._is_current(run, file) for file in files) if files else self._is_trained(run, job)

    def train(self, job: Job) -> None:
        """Train and evaluate one variant; a model of other settings in its place is replaced."""
        run, folder = self._run(job), self._kept / "models" / job.name
        self._mark(job).unlink(missing_ok=True)
        if (folder / RUN_FILE).is_file() and read_run(folder / RUN_FILE) != absolute(run):
            shutil.rmtree(folder)
        train(run, folder)
        of_subsets = self.sensors and SENSOR_VARIANTS[job.variant].makes is None
        score: Callable[..., Mapping[Path, object]] = evaluate_modalities if of_subsets else evaluate
        written = set(score(folder, results=self.results_folder))
        assert written == set(job.result_files(self.results_folder)), f"{folder}: wrote {written}"
        write_atomically(self._mark(job), training_code().encode())

    def _mark(self, job: Job) -> Path:
        """Says which code the results of a job are by; written last."""
        return self._kept / "models" / job.name / "code.txt"

    def _run(self, job: Job) -> Run:
        chosen = ("fit.selection=oracle",) if self.oracle else ()
        return job.run(self.world, seed=self.seed, assignments=(*self.assignments, *chosen))

    def _is_current(self, run: Run, file: Path) -> bool:
        if not file.is_file():
            return False
        try:
            result = ModalityResult.read(file) if self.sensors and "--modalities" in file.name else Result.read(file)
        except ResultError:
            return False
        return self._is_of(run, result.test, result.provenance.model_dump())

    def _is_trained(self, run: Run, job: Job) -> bool:
        try:
            made_by = read_config(self._kept / "models" / job.name / MODELS / job.label).provenance
        except CheckpointError:
            return False
        return self._is_of(run, job.source, made_by)

    def _is_of(self, run: Run, test: str, provenance: Mapping[str, Any]) -> bool:
        """Whether something was made by this run from the features of a data set that are there."""
        card = DataCard.read(self.world / f"{test}.yaml")
        encoders = [ref.encoder for ref in run.streams.values() if not ref.encoder.startswith(SIGNAL)]
        stores = {encoder: Store.open(store_folder(card, encoder)) for encoder in encoders}
        return provenance["stores"] == made_from(run, stores) and _same(run, Run.model_validate(provenance["run"]))


def world_code() -> str:
    """A digest of the code that writes worlds: another code may write another world for the same seed."""
    return _digest(file for file in _world_files() if "pretraining" not in file.parts)


def picture_code() -> str:
    """A digest of the code that draws web pictures and scores the encoder on them."""
    return _digest(_world_files())


def training_code() -> str:
    """A digest of the code between features and results: other code may give other results from the same features."""
    package = Path(world.__file__).parents[1]
    rooms = ("methods", "fusion", "blocks", "losses", "training", "evaluation", "features", "encoders")
    files = [file for room in rooms for file in (package / room).rglob("*.py")]
    recipes = ("models.py", "execute.py", "scoring.py", "subsets.py")
    files += [package / "classifier.py", *(package / "recipes" / name for name in recipes)]
    return _digest(files)


def _world_files() -> Iterator[Path]:
    """The code of the world, but for what only says where weights lie or draws for the documentation."""
    files = Path(world.__file__).parent.rglob("*.py")
    return (file for file in files if file.name not in ("weights.py", "sheets.py"))


def _digest(files: Iterable[Path]) -> str:
    digest = xxhash.xxh3_64()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _same(run: Run, other: Run) -> bool:
    """Whether two runs do the same.

    Where their data lie does not matter, since that is this replicate's world; nor where the models lie that they begin
    with, since ``made_from`` tells their weights.
    """
    ours, theirs = (one.model_dump(mode="json", exclude={"train", "test", "start"}) for one in (run, other))
    return ours == theirs
