"""One seed: its world, features, trainings and results; what is there from the same settings is used again."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import xxhash

import egoshift
from egoshift import world
from egoshift.datasets import DataCard
from egoshift.errors import ConfigError, DataError
from egoshift.evaluation import Result
from egoshift.features import ExtractProgress, Store
from egoshift.features.files import write_atomically
from egoshift.recipes.claims.claim import WEB_PICTURES, Claim, Score
from egoshift.recipes.claims.pictures import third_person_score
from egoshift.recipes.claims.plan import HOME, KITCHEN, Job, jobs_of, score_value, scores_of
from egoshift.recipes.execute import RUN_FILE, evaluate, train
from egoshift.recipes.run import Run, absolute, read_run
from egoshift.recipes.stores import fill_store, store_folder
from egoshift.world import write_world

OnShare = Callable[[float, str], None]
"""Told which share of a step is done, and a note."""


@dataclass(frozen=True)
class Replicate:
    """One seed's folder: ``world``, ``models``, ``results`` and ``pictures.json``.

    Attributes:
        folder: Where it lies.
        seed: Of the world and of every training in it.
        scale: How much video the world has.
        assignments: ``fit.field=value``, for every run alike.
    """

    folder: Path
    seed: int
    scale: float
    assignments: tuple[str, ...] = ()

    @classmethod
    def from_text(cls, text: str) -> "Replicate":
        """What ``text`` wrote."""
        fields = json.loads(text)
        return cls(Path(fields["folder"]), fields["seed"], fields["scale"], tuple(fields["assignments"]))

    def text(self) -> str:
        """The replicate as JSON, for another process."""
        return json.dumps(asdict(self) | {"folder": str(self.folder)})

    @property
    def world(self) -> Path:
        """The folder of the data cards."""
        return self.folder / "world"

    @property
    def cards(self) -> tuple[Path, ...]:
        """The data cards of both data sets."""
        return tuple(self.world / f"{name}.yaml" for name in (KITCHEN, HOME))

    def values(self, claims: Sequence[Claim]) -> dict[Score, float]:
        """Every score that the claims compare, once all steps are done."""
        results: dict[Job, tuple[Result, Result]] = {}
        for job in jobs_of(claims):
            within, across = job.result_files(self.folder / "results")
            results[job] = Result.read(within), Result.read(across)
        return {
            score: self.third_person() if score.variant == WEB_PICTURES else score_value(score, results)
            for score in scores_of(claims)
        }

    def third_person(self) -> float:
        """The encoder's score on web pictures drawn for this seed."""
        return third_person_score(self.folder / "pictures.json", self.seed, code=picture_code())

    def write_world(self, report: OnShare) -> None:
        """Write the world unless it is there; one that other code wrote is written anew.

        Its mark comes last, so that an interrupted one is written again.

        Raises:
            ConfigError: A world of another seed or scale is there.
        """
        mark, asked = self.world / "written.json", {"seed": self.seed, "scale": self.scale}
        if mark.is_file():
            there = json.loads(mark.read_text(encoding="utf-8"))
            if any(there.get(name) != value for name, value in asked.items()):
                raise ConfigError(
                    f"{self.world}: holds a world of scale {there.get('scale')} and seed {there.get('seed')}, not of "
                    f"scale {self.scale} and seed {self.seed}; give another --out or remove {self.folder}"
                )
            if there.get("code") == world_code():
                return
            shutil.rmtree(self.world)
        write_world(
            self.world,
            seed=self.seed,
            scale=self.scale,
            sets=(KITCHEN, HOME),
            sensors=False,
            progress=lambda done, total: report(done / total, f"{done} of {total}"),
        )
        write_atomically(mark, (json.dumps(asked | {"code": world_code()}) + "\n").encode())

    def extract(self, card: Path, encoder: str, report: OnShare) -> None:
        """Encode one data set.

        Raises:
            DataError: Something of it could not be read.
        """

        def tell(state: ExtractProgress) -> None:
            report(state.frames_done / max(1, state.frames_total), f"{state.frames_per_s:.0f} frames/s")

        faults = fill_store(DataCard.read(card), encoder, progress=tell).faults
        if faults:
            raise DataError(faults)

    def is_done(self, job: Job) -> bool:
        """Whether the results of the same run on the same features by the same code are there."""
        run, mark = self._run(job), self._mark(job)
        if not mark.is_file() or mark.read_text(encoding="utf-8") != training_code():
            return False
        return all(self._is_current(run, file) for file in job.result_files(self.folder / "results"))

    def train(self, job: Job) -> None:
        """Train and evaluate one variant; a model of other settings in its place is replaced."""
        run, folder = self._run(job), self.folder / "models" / job.name
        self._mark(job).unlink(missing_ok=True)
        if (folder / RUN_FILE).is_file() and read_run(folder / RUN_FILE) != absolute(run):
            shutil.rmtree(folder)
        train(run, folder)
        written = set(evaluate(folder, results=self.folder / "results"))
        assert written == set(job.result_files(self.folder / "results")), f"{folder}: wrote {written}"
        write_atomically(self._mark(job), training_code().encode())

    def _mark(self, job: Job) -> Path:
        """Says which code the results of a job are by; written last."""
        return self.folder / "models" / job.name / "code.txt"

    def _run(self, job: Job) -> Run:
        return job.run(self.world, seed=self.seed, assignments=self.assignments)

    def _is_current(self, run: Run, file: Path) -> bool:
        if not file.is_file():
            return False
        result = Result.read(file)
        card = DataCard.read(self.world / f"{result.test}.yaml")
        stores = {stream.encoder: Store.open(store_folder(card, stream.encoder)) for stream in run.streams.values()}
        made_from = {
            encoder: {"weights": store.manifest.encoder.sha256, "arrays": store.manifest.arrays}
            for encoder, store in stores.items()
        }
        return result.provenance.stores == made_from and _same(run, Run.model_validate(result.provenance.run))


def world_code() -> str:
    """A digest of the code that writes worlds: another code may write another world for the same seed."""
    return _digest(file for file in _world_files() if "pretraining" not in file.parts)


def picture_code() -> str:
    """A digest of the code that draws web pictures and scores the encoder on them."""
    return _digest(_world_files())


def training_code() -> str:
    """A digest of the code between features and results: other code may give other results from the same features."""
    package = Path(egoshift.__file__).parent
    rooms = ("methods", "losses", "training", "evaluation", "features")
    files = [file for room in rooms for file in (package / room).rglob("*.py")]
    return _digest((*files, package / "classifier.py", package / "recipes" / "execute.py"))


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
    """Whether two runs do the same; where their data lie does not matter, since that is this replicate's world."""
    ours, theirs = (one.model_dump(mode="json", exclude={"train", "test"}) for one in (run, other))
    return ours == theirs
