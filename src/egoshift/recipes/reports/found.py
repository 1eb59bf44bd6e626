"""Result files together with what is left of the runs that made them: the run, its folder, the data card."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from egoshift.datasets import DataCard
from egoshift.errors import CheckpointError, ConfigError, DataError
from egoshift.evaluation import Result
from egoshift.evaluation.modality_result import ModalityResult
from egoshift.evaluation.result import EpochRow
from egoshift.recipes.execute import MODELS, RUN_FILE, label_groups
from egoshift.recipes.outlived import check_current
from egoshift.recipes.run import Run
from egoshift.recipes.run_files import read_run, validated
from egoshift.recipes.tables import is_of_modalities, result_files
from egoshift.remote import path_of
from egoshift.training import read_config

Of = TypeVar("Of", bound=Result | ModalityResult)


@dataclass(frozen=True)
class Found(Generic[Of]):
    """A result and where it came from.

    Attributes:
        path: Its file.
        result: What the file holds.
        run: The run that made it; None where the result holds none that this version reads.
        folder: The run's folder, with its models; None where it does not lie beside the results.
    """

    path: Path
    result: Of
    run: Run | None
    folder: Path | None

    @property
    def card(self) -> Path | None:
        """The data card evaluated on; None where it is not there any more, or not told."""
        provenance = self.result.provenance
        kept = [path_of(provenance.card)] if provenance.card else []
        named = [] if self.run is None else [self.run.train, *self.run.test]
        return next((card for card in (*kept, *named) if card_name(card) == self.result.test), None)

    @property
    def history(self) -> tuple[EpochRow, ...]:
        """The epochs of its training; of several modalities those that the model holds, none where it is not there."""
        if isinstance(self.result, Result) or self.run is None or self.folder is None:
            return getattr(self.result, "history", ())
        labels = dict.fromkeys(row.label for row in self.result.rows)
        groups = [group for group in label_groups(self.run) if set(labels) <= set(group)]
        try:
            fitted = read_config(self.folder / MODELS / "+".join(groups[0])).fit if groups else None
        except CheckpointError:
            return ()
        return () if fitted is None else fitted.history


def find_results(paths: Sequence[Path]) -> tuple[list[Found[Result]], list[Found[ModalityResult]]]:
    """The results at these paths, of one modality and of several; a folder stands for all in it (``read_results``).

    Raises:
        ResultError: Nothing is there, a file is not a result, or it is of a model that was trained again since.
    """
    files = result_files(paths)
    of_several = {path for path in files if is_of_modalities(path)}
    one = [_found(path, Result.read(path)) for path in files if path not in of_several]
    several = [_found(path, ModalityResult.read(path)) for path in files if path in of_several]
    check_current([*((each.path, each.result) for each in one), *((each.path, each.result) for each in several)])
    return one, several


def trained(
    one: Sequence[Found[Result]], several: Sequence[Found[ModalityResult]]
) -> list[tuple[Result | ModalityResult, Sequence[EpochRow]]]:
    """Every result with the epochs of its training."""
    first: list[tuple[Result | ModalityResult, Sequence[EpochRow]]] = [(found.result, found.history) for found in one]
    return [*first, *((found.result, found.history) for found in several)]


@cache
def card_name(card: Path) -> str | None:
    """What a data card calls its data set; None where it cannot be read."""
    try:
        return DataCard.read(card).name
    except (DataError, OSError):
        return None


def _found(path: Path, result: Of) -> Found[Of]:
    try:
        run = validated(result.provenance.run, place=str(path))
    except ConfigError:
        return Found(path, result, None, None)
    beside: Path = path.absolute().parent.parent
    folders: list[Path] = [beside, *sorted((beside / MODELS).glob("*"))]
    return Found(path, result, run, next((folder for folder in folders if _run_in(folder) == run), None))


@cache
def _run_in(folder: Path) -> Run | None:
    try:
        return read_run(folder / RUN_FILE)
    except ConfigError:
        return None
