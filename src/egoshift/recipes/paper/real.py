"""The paper's tables on its own data sets: whatever can be run on the features that were extracted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from egoshift.errors import CheckpointError, ConfigError, EgoshiftError, ResultError
from egoshift.evaluation import Result
from egoshift.recipes.egoworld import encoders_of, with_encoders
from egoshift.recipes.execute import MODELS, RUN_FILE, train
from egoshift.recipes.pages import changed_text
from egoshift.recipes.paper.given import GivenData
from egoshift.recipes.paper.needs import CHOSEN_ON, Need, needs_of
from egoshift.recipes.paper.reproduce import Reproduction, check_settings, filled_tables, nothing_run, remarks_on
from egoshift.recipes.paper.tables import REAL, PaperTable, Role
from egoshift.recipes.run import Run
from egoshift.recipes.run_files import absolute, override, read_run
from egoshift.recipes.scoring import evaluate
from egoshift.recipes.variants import variant_run
from egoshift.recipes.worlds import OnWork
from egoshift.training import FitProgress
from egoshift.training.checkpoint import read_config
from egoshift.training.devices import Accelerator

OnShare = Callable[[float, str], None]
"""Told which share of a training is done, and what is being done."""


@dataclass(frozen=True)
class Training:
    """One training with its evaluations.

    Attributes:
        need: What it is for.
        run: What is trained.
        folder: Of the run.
        results: Where its results go.
        tests: The data sets that it is tested on.
    """

    need: Need
    run: Run
    folder: Path
    results: Path
    tests: tuple[Role, ...]

    @property
    def model(self) -> Path:
        """Where the trained model lies."""
        return self.folder / MODELS / self.need.label

    def result_file(self, test: Role) -> Path:
        """Where the result on a data set lies."""
        name = f"{self.need.variant}-{self.need.label}--{REAL[self.need.train]}-to-{REAL[test]}.json"
        return self.results / name


class RealRuns:
    """What the tables need on the data sets given; what cannot be run is noted, with the reason.

    Args:
        tables: Which.
        cards: Data cards by the part that the data set plays.
        out: Where models and results go, under ``seed-N`` and ``seed-N/oracle``.
        seeds: Of the trainings.
        assignments: ``fit.field=value``, for every run alike.
        encoders: Per name of an encoder, what stands in for it, such as a folder.
        oracle: Also train what chooses its epoch on the target.

    Attributes:
        trainings: What can be run, as far as is known before.
        remarks: What cannot, a line for each reason.

    Raises:
        ConfigError: An assignment does not fit, ``encoders`` names one that no run has, a card has another name, or
            ``out`` holds runs of other settings.
    """

    def __init__(
        self,
        tables: Sequence[PaperTable],
        cards: Mapping[Role, Path],
        out: Path,
        *,
        seeds: Sequence[int] = (1,),
        assignments: Sequence[str] = (),
        encoders: Mapping[str, str] | None = None,
        oracle: bool = False,
    ):
        check_settings(assignments)
        self._tables, self._out, self._oracle = tables, out, oracle
        self._assignments, self._encoders = tuple(assignments), encoders or {}
        self._data = GivenData(cards)
        self._not_run: dict[str, dict[str, None]] = {}
        needed = needs_of(tables).items()
        _check_encoders(self._encoders, [variant_run(need.variant, Path(), (), need.label) for need, _ in needed])
        self.trainings = [found for seed in seeds for need, tests in needed for found in self._plan(need, tests, seed)]
        for training in self.trainings:
            _check_folder(training)
        self.remarks = remarks_on(self._reasons())

    def reproduce(self, *, device: Accelerator = "auto", progress: OnWork) -> Reproduction:
        """Train and evaluate what is not there from the same run on the same data, and fill the tables.

        Args:
            device: ``auto``, ``cpu`` or ``cuda``.
            progress: Called as the work goes on.

        Raises:
            ResultError: Nothing could be run; reasons are named that ``remarks`` lacks.
        """
        results: list[Result] = []
        for number, training in enumerate(self.trainings):
            report = partial(_report, progress, number, len(self.trainings), training)
            report(0.0, "")
            results += self._do(training, device, report)
        progress(len(self.trainings), len(self.trainings), "")
        if not results:
            found = (remark for remark in remarks_on(self._reasons()) if remark not in self.remarks)
            raise nothing_run(found)
        changed = changed_text(self._assignments, self._encoders)
        return filled_tables(results, self._tables, REAL, self._reasons(), oracle=self._oracle, changed=changed)

    def _plan(self, need: Need, tests: tuple[Role, ...], seed: int) -> Iterator[Training]:
        """The training, and the one that chooses its epoch on the target, as far as their features are there."""
        for oracle in (False, True) if self._oracle else (False,):
            needed = (need.train, CHOSEN_ON[need.train]) if oracle else (need.train,)
            there = [role for role in dict.fromkeys((*tests, *needed)) if self._has(need, role)]
            if all(role in there for role in needed):
                home = self._out / f"seed-{seed}" / ("oracle" if oracle else "")
                folder = home / "models" / f"{need.variant}-{need.label}-{need.train}"
                run = self._run(need, seed, oracle=oracle)
                yield Training(need, run, folder, home / "results", tuple(role for role in tests if role in there))

    def _has(self, need: Need, role: Role) -> bool:
        try:
            card = self._data.card(role)
            self._data.digests(with_encoders(variant_run(need.variant, card, (), need.label), self._encoders), role)
        except EgoshiftError as error:
            self._note(need, str(error))
            return False
        return True

    def _run(self, need: Need, seed: int, *, oracle: bool) -> Run:
        # The other data sets have no part in training, so that a further one can be given later.
        targets = (self._data.card(CHOSEN_ON[need.train]),) if oracle else ()
        run = variant_run(need.variant, self._data.card(need.train), targets, need.label, seed=seed)
        chosen = ("fit.selection=oracle",) if oracle else ()
        return absolute(override(with_encoders(run, self._encoders), (*self._assignments, *chosen)))

    def _do(self, training: Training, device: Accelerator, report: OnShare) -> Iterator[Result]:
        try:
            if training.run.fit.selection == "oracle" and not self._has_epochs(training):
                return
            if not self._is_trained(training):
                _train(training, device, report)
        except (EgoshiftError, torch.OutOfMemoryError) as error:
            self._note(training.need, _reason(error))
            return
        for role in training.tests:
            try:
                yield self._result(training, role, device, report)
            except (EgoshiftError, torch.OutOfMemoryError) as error:
                self._note(training.need, _reason(error))

    def _is_trained(self, training: Training) -> bool:
        """Whether the model of the same run on the same features and labels is there, as far as it says."""
        try:
            made_by = read_config(training.model).provenance
        except CheckpointError:
            return False
        run, source = training.run, training.need.train
        expected = self._data.digests(run, source) | {"run": run.model_dump(mode="json")}
        if run.fit.selection == "oracle":
            expected["chosen_on"] = self._data.digests(run, CHOSEN_ON[source])
        return all(made_by.get(name, value) == value for name, value in expected.items())

    def _result(self, training: Training, role: Role, device: Accelerator, report: OnShare) -> Result:
        file = training.result_file(role)
        result = _readable(file)
        if result is not None:
            expected = self._data.digests(training.run, role) | {"model": read_config(training.model).digests}
            made_by = result.provenance.model_dump()
            if all(made_by[name] in (value, type(value)()) for name, value in expected.items()):
                return result
        report(1.0, f"evaluating on {REAL[role]}")
        card = self._data.card(role)
        return evaluate(training.folder, [card], results=training.results, device=device)[file]

    def _has_epochs(self, training: Training) -> bool:
        """Whether its twin, which came before it, was trained and had an epoch to choose."""
        twins = (other for other in self.trainings if other.need == training.need and other is not training)
        (twin,) = (other for other in twins if other.run.fit.seed == training.run.fit.seed)
        if not self._is_trained(twin):
            return False
        fitted = read_config(twin.model).fit
        return fitted is not None and fitted.selection != "none"

    def _reasons(self) -> dict[str, tuple[str, ...]]:
        return {reason: tuple(names) for reason, names in self._not_run.items()}

    def _note(self, need: Need, reason: str) -> None:
        self._not_run.setdefault(reason, {})[need.variant] = None


def _check_encoders(others: Mapping[str, str], runs: Iterable[Run]) -> None:
    known = sorted({name for run in runs for name in encoders_of(run)})
    unknown = [name for name in others if name not in known]
    if unknown:
        raise ConfigError(
            f"--encoder {unknown[0]}={others[unknown[0]]}: no run of these tables has an encoder of that name; they "
            f"have {', '.join(known)}"
        )


def _check_folder(training: Training) -> None:
    file = training.folder / RUN_FILE
    if not file.is_file():
        return
    ours, theirs = training.run.model_dump(mode="json"), read_run(file).model_dump(mode="json")
    different = [name for name, value in ours.items() if theirs[name] != value]
    if different:
        raise ConfigError(
            f"{training.folder}: holds a run that differs in {', '.join(different)}; give another --out or remove it"
        )


def _train(training: Training, device: Accelerator, report: OnShare) -> None:
    for role in REAL:
        training.result_file(role).unlink(missing_ok=True)
    interrupted = not (training.model / "config.json").exists()

    def tell(_: str, state: FitProgress) -> None:
        epoch = state.epoch + state.step / state.num_steps
        report(epoch / state.num_epochs, f"epoch {state.epoch + 1} of {state.num_epochs}, loss {state.loss:.2f}")

    train(training.run, training.folder, device=device, resume=interrupted, progress=tell)


def _reason(error: Exception) -> str:
    if isinstance(error, EgoshiftError):
        return str(error)
    return "the device ran out of memory; use --device cpu, or --set fit.batch_size=32 and another --out"


def _report(progress: OnWork, number: int, total: int, training: Training, share: float, note: str) -> None:
    need, seed = training.need, training.run.fit.seed
    how = ", chosen on the target" if training.run.fit.selection == "oracle" else ""
    title = f"seed {seed}: {need.variant} ({need.label}) on {REAL[need.train]}{how}"
    progress(round(number + share, 2), total, f"{title} {note}")


def _readable(file: Path) -> Result | None:
    """A result that is there and whole; any other is made anew."""
    try:
        return Result.read(file)
    except ResultError:
        return None
