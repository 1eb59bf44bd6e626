"""Training curves and scores as TensorBoard's event files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from egoshift.errors import ConfigError
from egoshift.evaluation import Result
from egoshift.evaluation.modality_result import ModalityResult
from egoshift.evaluation.result import EpochRow
from egoshift.losses.subsets import subset_name
from egoshift.training import FitProgress, FitReport

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_SUFFIX = ".egoshift"
_EVERY_S = 5


def write_results(results: Sequence[tuple[Result | ModalityResult, Sequence[EpochRow]]], folder: Path) -> list[Path]:
    """One folder for each trained model, with its epochs and, as of its last one, every number of its results.

    What was written there before by this function is replaced.

    Tags: ``train/loss`` and ``train/lr`` by epoch, ``validation/top1_LABEL``, ``DATA SET/LABEL_METRIC_SUBSET``; of
    several modalities ``DATA SET/LABEL_TASK_SUPPORT_to_QUERY_CLIPS``. Values are percent but for loss and rate.

    Args:
        results: Each with the epochs of its training.
        folder: Where to; what TensorBoard's ``--logdir`` takes.

    Returns:
        The folders.

    Raises:
        ConfigError: TensorBoard is not installed, or nothing can be written there.
    """
    groups: dict[str, list[Result | ModalityResult]] = {}
    histories: dict[str, Sequence[EpochRow]] = {}
    for result, history in results:
        groups.setdefault(_name(result), []).append(result)
        histories[_name(result)] = history
    for name, members in groups.items():
        with _writer(folder / name) as writer:
            _write_history(writer, histories[name])
            for tag, value in (score for member in members for score in _scores(member)):
                writer.add_scalar(tag, value, len(histories[name]))
    return [folder / name for name in groups]


class Live:
    """A training's curves, written while it runs: the loss and the speed of every step, then the epochs.

    Args:
        folder: What TensorBoard's ``--logdir`` takes; each model has a folder in it.
        name: The run's.
        resume: Whether an interrupted training goes on, whose steps stay.

    Raises:
        ConfigError: TensorBoard is not installed, or nothing can be written there.
    """

    def __init__(self, folder: Path, name: str, *, resume: bool = False):
        self._folder, self._name, self._resume = folder, name, resume
        self._writers: dict[str, SummaryWriter] = {}
        _summary_writer()  # refused now, not after the first step
        _made(folder)

    def step(self, labels: str, state: FitProgress) -> None:
        """Takes a step down; what ``train`` calls as its ``progress``."""
        writer = self._of(labels)
        step = state.epoch * state.num_steps + state.step
        writer.add_scalar("step/loss", state.loss, step)
        writer.add_scalar("step/clips_per_s", state.clips_per_s, step)

    def finish(self, reports: Mapping[str, FitReport]) -> None:
        """Takes the epochs down and closes all files."""
        for labels, report in reports.items():
            if report.history:  # of methods without training there is nothing to write
                _write_history(self._of(labels), report.history)
        self.close()

    def close(self) -> None:
        """Closes all files; what was taken down is kept."""
        for writer in self._writers.values():
            writer.close()

    def _of(self, labels: str) -> "SummaryWriter":
        if labels not in self._writers:
            self._writers[labels] = _open(self._folder / f"{self._name}-{labels}", keep=self._resume)
        return self._writers[labels]


def _name(result: Result | ModalityResult) -> str:
    labels = "+".join(dict.fromkeys(row.label for row in result.rows))
    oracle = "-oracle" if result.selection == "oracle" else ""
    return f"{result.variant or result.method}-{labels}-{result.train}-seed{result.seed}{oracle}".replace("/", "_")


def _scores(result: Result | ModalityResult) -> Iterator[tuple[str, float]]:
    if isinstance(result, Result):
        for row in result.rows:
            yield f"{result.test}/{row.label}_{row.metric}_{row.subset}", row.value
        return
    for line in result.rows:
        pair = f"{subset_name(line.support)}_to_{subset_name(line.query)}"
        yield f"{result.test}/{line.label}_{line.task}_{pair}_{line.clips}", line.value


def _write_history(writer: "SummaryWriter", history: Sequence[EpochRow]) -> None:
    for row in history:
        writer.add_scalar("train/loss", row.loss, row.epoch + 1)
        writer.add_scalar("train/lr", row.lr, row.epoch + 1)
        for label, value in row.validation.items():
            writer.add_scalar(f"validation/top1_{label}", value, row.epoch + 1)


@contextmanager
def _writer(folder: Path) -> Iterator["SummaryWriter"]:
    writer = _open(folder)
    try:
        yield writer
    finally:
        writer.close()


def _open(folder: Path, *, keep: bool = False) -> "SummaryWriter":
    writer = _summary_writer()
    _made(folder)
    for old in () if keep else folder.glob(f"events.out.tfevents.*{_SUFFIX}"):
        old.unlink()
    return writer(str(folder), flush_secs=_EVERY_S, filename_suffix=_SUFFIX)


def _summary_writer() -> "type[SummaryWriter]":
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ConfigError(
            "--tensorboard needs TensorBoard, which is not installed; pip install 'egoshift[tensorboard]'"
        ) from None
    return SummaryWriter


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise ConfigError(
            f"--tensorboard {folder}: cannot be written ({error.strerror}); give another folder"
        ) from None
