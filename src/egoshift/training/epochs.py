"""One fit in motion: steps, epochs, the best so far, and where to take up again."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText
from egoshift.errors import CheckpointError, ConfigError
from egoshift.evaluation.passes import raise_not_finite
from egoshift.evaluation.predict import predict_answers
from egoshift.evaluation.result import EpochRow
from egoshift.features import AbstractFeatureSource
from egoshift.records import Label
from egoshift.training.checkpoint import trained_parameters
from egoshift.training.interruption import Interruption
from egoshift.training.objectives import Objective
from egoshift.training.order import episode_order, epoch_order
from egoshift.training.report import FitProgress, OnProgress
from egoshift.training.resume import TrainingState, job_of, load_resume_point, save_resume_point
from egoshift.training.settings import FitSettings, learning_rate
from egoshift.training.steps import Stepper

STEPS_BETWEEN_LOOKS = 10
"""On an accelerator, how many steps are sent ahead before their losses are read."""

SECONDS_BETWEEN_SAVES = 300.0
"""How much of a long epoch a kill can cost."""

FRAMES_TO_SEARCH = 256
"""Frames per clip among which a feature that is not finite is looked for."""


class Trainer:
    """Fits a classifier epoch by epoch; holds what ``fit`` was given and how far it is.

    Args:
        fabric: Devices and precision.
        classifier: What to fit.
        source: Features and labels.
        indices: The clips to train on.
        text: Their classes, on the device.
        settings: How.
        objective: The losses.
        validation: Clips and classes to score each epoch by, where there are any.
        folder: Where to save points to resume from; none saves none.
        made_from: What the features were made from, which must be the same to resume.
        progress: Called as training goes on.
    """

    def __init__(
        self,
        fabric: Any,
        classifier: AbstractClassifier,
        source: AbstractFeatureSource,
        indices: Int[Tensor, " clip"],
        text: Mapping[Label, ClassText],
        settings: FitSettings,
        *,
        objective: Objective,
        validation: tuple[AbstractFeatureSource, Mapping[Label, ClassText]] | None = None,
        folder: Path | None = None,
        made_from: Any = None,
        progress: OnProgress | None = None,
    ):
        self._fabric, self._classifier, self._source, self._indices = fabric, classifier, source, indices
        self._settings, self._folder, self._progress = settings, folder, progress
        self._objective = objective
        # Of the one kind of label that episodes are of: a source may have targets of others too.
        self._episode_targets = source.targets[next(iter(text))].cpu() if objective.prototypes is not None else None
        # Of the first process, because memory may be shorter on one machine than on another. Episodes draw at random.
        self.state = TrainingState(shards=None if objective.prototypes is not None else fabric.broadcast(source.shards))
        self._num_clips = len(self._order(0))
        self._num_steps = math.ceil(self._num_clips / settings.batch_size)
        self._stepper = Stepper(fabric, classifier, source, text, settings, objective)
        self._shard: AbstractFeatureSource | None = None
        if validation is not None:
            clips = validation[0]
            own = torch.arange(fabric.global_rank, len(clips), fabric.world_size)
            self._shard, self._validation_text = clips.subset(own), validation[1]
        self.precision = str(fabric.strategy.precision.precision)
        self.num_parameters = sum(value.numel() for value in trained_parameters(classifier).values())
        given, world = (source, indices), fabric.world_size
        self.job = job_of(classifier, settings, objective, given, text, validation, made_from, world, self.precision)
        self._pending: list[tuple[Tensor, Tensor]] = []
        self._interruption = Interruption(agreed=fabric.world_size > 1)
        self._started = self._saved = time.monotonic()
        self._validation_s = 0.0

    def resume(self) -> int | None:
        """Takes up the folder's interrupted training, if there is one; gives its epoch.

        Raises:
            CheckpointError: If it is damaged or another one.
        """
        assert self._folder is not None, "fit checks that a folder is given"
        found = load_resume_point(self._folder, self.job, self._classifier, self._stepper.optimizer)
        if found is None:
            return None
        self.state, scaler = found
        self._fabric.strategy.precision.load_state_dict(scaler)
        return self.state.epoch

    def run(self) -> None:
        """Trains the epochs that are left and puts the selected weights into the classifier.

        Raises:
            ConfigError: If the loss is no longer a number.
            StoreError: If it is because features are not finite.
            KeyboardInterrupt: After the step that was being done was finished and saved.
        """
        with self._interruption:
            try:
                while self.state.epoch < self._settings.epochs:
                    self._train_epoch()
                    self._finish_epoch()
                self._stop_together(self._agreed())
            except KeyboardInterrupt:
                # Several processes have saved together, or may be anywhere: then the last point counts.
                if self._interruption.whole and self._fabric.world_size == 1:
                    self._settle()
                    self._save()
                raise
        if self.state.best is not None:
            with torch.no_grad():
                for name, value in trained_parameters(self._classifier).items():
                    value.copy_(self.state.best_weights[name])

    def _order(self, epoch: int) -> Int[Tensor, " clip"]:
        """The clips in the order in which an epoch visits them."""
        term = self._objective.prototypes
        if term is None:
            return epoch_order(self._indices, self._settings.seed, epoch, self.state.shards)
        assert self._episode_targets is not None, "taken with the term"
        return episode_order(self._episode_targets, self._indices, term, self._settings.seed, epoch)

    def _train_epoch(self) -> None:
        settings, state = self._settings, self.state
        self._started, self._skipped = time.monotonic(), state.step
        self._classifier.train()
        self._stepper.set_lr(learning_rate(settings, state.epoch))
        order = self._order(state.epoch)
        if state.shards is not None:
            self._source.read_ahead(order[state.step * settings.batch_size :])
        ahead = 1 if self._fabric.device.type == "cpu" else STEPS_BETWEEN_LOOKS
        for step in range(state.step, self._num_steps):
            batch = order[step * settings.batch_size : (step + 1) * settings.batch_size]
            with self._interruption.held():
                self._pending.append((batch, self._stepper.step(batch, state.epoch, step)))
            if len(self._pending) >= ahead:
                self._look()
        self._look()

    def _look(self) -> None:
        """Reads the losses of the steps sent ahead, tells of them, and now and then saves."""
        if not self._pending:
            return
        stop = self._settle()
        state, settings = self.state, self._settings
        if self._progress is not None:
            elapsed = max(1e-9, time.monotonic() - self._started)
            done = min(self._num_clips, state.step * settings.batch_size)
            rate = (done - self._skipped * settings.batch_size) / elapsed
            later = settings.epochs - state.epoch - 1
            left = (self._num_clips - done + later * self._num_clips) / max(rate, 1e-9)
            left += (later + 1) * self._validation_s
            self._progress(
                FitProgress(state.epoch, settings.epochs, state.step, self._num_steps, state.losses[-1], rate, left)
            )
        if time.monotonic() - self._saved > SECONDS_BETWEEN_SAVES:
            self._save()
        self._stop_together(stop)

    def _settle(self) -> bool:
        """Moves the losses of the steps sent ahead into the state; whether several processes are to stop."""
        if not self._pending:
            return False
        with self._interruption.held():
            losses = torch.stack([loss for _, loss in self._pending])
            if self._fabric.world_size > 1:
                noted = losses.new_tensor([float(self._interruption.noted)])
                losses = self._fabric.all_reduce(torch.cat([losses, noted]), reduce_op="mean")
            values = losses.tolist()
            for number, (batch, _) in enumerate(self._pending):
                if not math.isfinite(values[number]):
                    self._refuse_loss(values[number], self.state.step + number, batch)
            stop = any(values[len(self._pending) :])
            self.state.losses += values[: len(self._pending)]
            self.state.step += len(self._pending)
            self._pending.clear()
        return stop

    def _agreed(self) -> bool:
        """Whether one of several processes was interrupted."""
        if self._fabric.world_size == 1:
            return False
        noted = torch.tensor([float(self._interruption.noted)], device=self._fabric.device)
        return bool(self._fabric.all_reduce(noted, reduce_op="mean") > 0)

    def _stop_together(self, stop: bool) -> None:
        if stop:
            self._save()
            self._fabric.barrier()  # torchrun ends all as soon as one ends, and the first is still writing
            raise KeyboardInterrupt

    def _refuse_loss(self, value: float, step: int, batch: Int[Tensor, " batch"]) -> None:
        num_frames = max(FRAMES_TO_SEARCH, self._settings.num_frames)
        try:
            raise_not_finite(self._source, batch, self._source.batch(batch, num_frames=num_frames, generator=None))
        except CheckpointError:  # the features are finite
            remedy = "lower lr" if self._settings.clip_norm is not None else "lower lr or set clip_norm to 1.0"
            raise ConfigError(
                f"the loss became {value} at epoch {self.state.epoch}, step {step}, with "
                f"lr={learning_rate(self._settings, self.state.epoch):g} and precision {self.precision}; {remedy}"
                ", or use precision 32-true"
            ) from None

    def _finish_epoch(self) -> None:
        settings, state = self._settings, self.state
        validation = self._validate()
        last = self._num_clips - (self._num_steps - 1) * settings.batch_size
        sizes = [settings.batch_size] * (self._num_steps - 1) + [last]
        row = EpochRow(
            epoch=state.epoch,
            lr=learning_rate(settings, state.epoch),
            loss=sum(loss * size for loss, size in zip(state.losses, sizes, strict=True)) / self._num_clips,
            validation=validation,
            seconds=time.monotonic() - self._started,
        )
        with self._interruption.held():
            state.history.append(row)
            if row.score is not None and settings.selection != "last":
                best = None if state.best is None else state.history[state.best].score
                if best is None or row.score > best:
                    state.best, state.best_weights = state.epoch, _copies(trained_parameters(self._classifier))
            state.epoch, state.step, state.losses = state.epoch + 1, 0, []
        self._save()

    def _validate(self) -> dict[Label, float]:
        """Micro top-1 in percent per kind of label; nothing without validation clips."""
        if self._shard is None:
            return {}
        started, settings = time.monotonic(), self._settings
        with self._fabric.autocast():
            answers = predict_answers(
                self._classifier,
                self._shard,
                self._validation_text,
                num_frames=settings.num_frames,
                batch_size=settings.eval_batch_size,
            )
        sums = torch.tensor(
            [[(of.predicted["all"] == of.targets).sum().item(), len(of.targets)] for of in answers.values()],
            dtype=torch.float64,
            device=self._fabric.device,
        )
        if self._fabric.world_size > 1:
            sums = self._fabric.all_reduce(sums, reduce_op="sum")
        self._validation_s = time.monotonic() - started
        return {label: 100.0 * correct / total for label, (correct, total) in zip(answers, sums.tolist(), strict=True)}

    def _save(self) -> None:
        self._saved = time.monotonic()
        if self._folder is not None and self._fabric.is_global_zero:
            scaler = self._fabric.strategy.precision.state_dict()
            save_resume_point(self._folder, self.job, self.state, self._classifier, self._stepper.optimizer, scaler)


def _copies(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in weights.items()}
