"""The training loop: features and class text in, a fitted classifier out."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from pydantic import JsonValue
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import CheckpointError, ConfigError, by_kind
from egoshift.evaluation.calibration import calibrations
from egoshift.evaluation.passes import check_streams, text_to
from egoshift.evaluation.predict import check_labels, predict
from egoshift.features import AbstractFeatureSource
from egoshift.features.shards import SHARDS_TOGETHER
from egoshift.processes import others_needed, processes
from egoshift.records import Label, Scores
from egoshift.space import need_space
from egoshift.training.checkpoint import (
    CONFIG_FILE,
    RESUME_FILE,
    load_checkpoint,
    read_config,
    save_checkpoint,
    trained_parameters,
)
from egoshift.training.devices import Accelerator, check_same, open_fabric
from egoshift.training.epochs import Trainer
from egoshift.training.job import Job
from egoshift.training.objectives import Objective, check_objective
from egoshift.training.report import FitReport, OnProgress
from egoshift.training.resume import training_bytes
from egoshift.training.settings import FitSettings
from egoshift.training.splits import check_splits


@others_needed()
def fit(
    classifier: AbstractClassifier,
    train: AbstractFeatureSource,
    text: Mapping[Label, ClassText],
    *,
    validation: AbstractFeatureSource | None = None,
    validation_text: Mapping[Label, ClassText] | None = None,
    settings: FitSettings | None = None,
    objective: Objective | None = None,
    accelerator: Accelerator = "auto",
    checkpoint: Path | None = None,
    resume: bool = False,
    text_encoder: str = "",
    provenance: Mapping[str, JsonValue] | None = None,
    progress: OnProgress | None = None,
) -> FitReport:
    """Fits the trainable parameters of a classifier to labelled clips.

    The loss is the sum over the kinds of label in ``text`` of the cross-entropies, or what ``objective`` says. The
    classifier is changed in place; it ends on the device trained on, in evaluation mode. The same seed gives the same
    losses on the same machine, also when interrupted and resumed.

    Processes that torchrun or Slurm started, a device each, share each batch: they learn what one would learn, but for
    rounding and for what is drawn or compared within a share: dropout, and negatives of the alignment loss. The first
    writes.

    Args:
        classifier: What to fit; it sees the training clips first, and without trainable parameters that is all.
        train: Features and labels; clips with none of the labels are left out and counted.
        text: The classes of each kind of label to train for.
        validation: Clips to choose the best epoch by, from the *source* data set; none keeps the last epoch.
        validation_text: Their classes where they are not those of ``text`` (a target's, for ``oracle``).
        settings: Optimiser, schedule, selection, seed; none takes X-MIC's released ones. With a prototypical loss, a
            step is an episode, whatever ``batch_size`` says.
        objective: The losses; none takes cross-entropy. Without a loss that reads labels, clips need none, and the last
            epoch is kept.
        accelerator: Where to; ``auto`` is CUDA where there is a device.
        checkpoint: A folder for the fitted classifier, and while training for the point to resume from.
        resume: Take up an interrupted training of that folder; a finished one is read back.
        text_encoder: The id of the encoder that made the class vectors, for the checkpoint.
        provenance: Whatever else the checkpoint shall say of its origin; ``stores`` in it, what the features were made
            from, must be the same for a training to be resumed.
        progress: Called as training goes on.

    Raises:
        ConfigError: If labels, streams, settings or devices do not fit, clips that are kept to test on are given to
            learn from, the loss is no longer a number, or the disk has no room for the model.
        StoreError: If features are not finite.
        CheckpointError: If the training to resume is damaged or another one.
        ProcessError: If another process that shares the work has ended.
    """
    objective = objective or Objective()
    check_objective(objective, classifier, tuple(text))
    settings = _settings(settings or FitSettings(), objective)
    validation = None if objective.cross_entropy == 0 else validation
    validation_text = validation_text or text
    check_splits(train, validation, settings)
    indices = _clips(classifier, train, text, objective)
    _check_rest(classifier, validation, text, validation_text, checkpoint, resume)
    if checkpoint is not None and processes().is_first:
        need_space(checkpoint, training_bytes(classifier, text), "the model and the points to resume its training from")
    clips, unlabelled = len(indices), len(train) - len(indices)
    classifier.observe(_all_clips(train.subset(indices), settings), text)
    save = partial(_save, checkpoint, classifier, text, text_encoder, provenance)
    if not trained_parameters(classifier):
        classifier.eval()
        note = f"{type(classifier).__name__} has no trainable parameters: nothing was trained"
        report = FitReport(
            selection="none",
            settings=settings,
            clips=clips,
            unlabelled=unlabelled,
            dropped=by_kind(train.dropped),
            splits=train.splits,
            note=note,
        )
        if processes().is_first:
            save(report)
        return report
    fabric = open_fabric(accelerator, settings.precision)
    if objective.prototypes is not None and fabric.world_size > 1:
        raise ConfigError("objective.prototypes: an episode cannot be shared by several processes; start one")
    cuda = [fabric.device.index] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):  # the caller's random numbers go on as if nothing was trained
        trainer = Trainer(
            fabric,
            classifier,
            train,
            indices,
            text_to(text, fabric.device),
            settings,
            objective=objective,
            validation=None if validation is None else (validation, text_to(validation_text, fabric.device)),
            folder=checkpoint,
            made_from=(provenance or {}).get("stores"),
            progress=progress,
        )
        resumed_at = trainer.resume() if resume else None
        finished = _finished(checkpoint, trainer.job, classifier) if resume and resumed_at is None else None
        check_same(fabric, clips, trainer.state.epoch, trainer.state.step, int(finished is not None))
        if finished is not None:
            return finished
        trainer.run()
    classifier.eval()
    report = _report(fabric, trainer, validation is not None, settings).model_copy(
        update={
            "objective": objective,
            "clips": clips,
            "unlabelled": unlabelled,
            "dropped": by_kind(train.dropped),
            "splits": train.splits,
            "resumed_at": resumed_at,
            "clip_s": _clip_s(train, indices),
            # Clips of the target, by which ``oracle`` chooses, must not decide how sure a model is.
            "calibration": {}
            if validation is None or settings.selection == "oracle"
            else calibrations(_scores(classifier, validation, validation_text, settings)),
        }
    )
    if fabric.is_global_zero:
        save(report, trainer.job)
        if checkpoint is not None:
            (checkpoint / RESUME_FILE).unlink(missing_ok=True)
    fabric.barrier()
    return report


def _all_clips(clips: AbstractFeatureSource, settings: FitSettings) -> Iterator[StreamBatch]:
    """The training clips in batches, in order, with frames at the bins' centres."""
    for rows in torch.split(torch.arange(len(clips)), settings.eval_batch_size):
        yield clips.batch(rows, num_frames=settings.num_frames)


def _clip_s(train: AbstractFeatureSource, indices: Int[Tensor, " clip"]) -> float | None:
    """How long the clips trained on are, in the median."""
    spans = train.spans
    return None if spans is None else float((spans[indices, 1] - spans[indices, 0]).median())


def _scores(
    classifier: AbstractClassifier,
    clips: AbstractFeatureSource,
    text: Mapping[Label, ClassText],
    settings: FitSettings,
) -> dict[Label, Scores]:
    return predict(classifier, clips, text, num_frames=settings.num_frames, batch_size=settings.eval_batch_size)


def _clips(
    classifier: AbstractClassifier,
    train: AbstractFeatureSource,
    text: Mapping[Label, ClassText],
    objective: Objective,
) -> Int[Tensor, " clip"]:
    """The clips with at least one label, after checking that there is something to learn of each kind.

    All clips where no loss reads labels.
    """
    check_labels(train, text)
    check_streams(classifier, train)
    if not objective.needs_labels:
        return torch.arange(len(train))
    labelled = {label: train.targets[label].cpu() >= 0 for label in text}
    for label, kept in labelled.items():
        if not kept.any():
            raise ConfigError(
                f"none of the {len(train)} training clips has a {label} label; leave {label} out or annotate it"
            )
    return torch.stack(list(labelled.values())).any(0).nonzero()[:, 0]


def _check_rest(
    classifier: AbstractClassifier,
    validation: AbstractFeatureSource | None,
    text: Mapping[Label, ClassText],
    validation_text: Mapping[Label, ClassText],
    checkpoint: Path | None,
    resume: bool,
) -> None:
    if resume and checkpoint is None:
        raise ConfigError("resume was asked for without a checkpoint folder; give the folder of the interrupted run")
    if set(text) != set(validation_text):
        raise ConfigError(
            f"training is for {', '.join(text)}, but validation_text is for {', '.join(validation_text)}; "
            "give the classes of the same kinds of label"
        )
    if validation is None:
        return
    check_labels(validation, validation_text)
    check_streams(classifier, validation)
    for label in validation_text:
        if not (validation.targets[label] >= 0).any():
            raise ConfigError(
                f"none of the {len(validation)} validation clips has a {label} label, so no epoch can be chosen; "
                "give other clips, or no validation to keep the last epoch"
            )


def _settings(settings: FitSettings, objective: Objective) -> FitSettings:
    """The settings as the objective needs them."""
    if objective.prototypes is not None:
        settings = settings.model_copy(update={"batch_size": objective.prototypes.clips})
    if objective.cross_entropy == 0 and settings.selection != "last":
        settings = settings.model_copy(update={"selection": "last"})  # by what should an epoch be chosen?
    return settings


def _report(fabric: Any, trainer: Trainer, validated: bool, settings: FitSettings) -> FitReport:
    state = trainer.state
    epoch = len(state.history) - 1 if state.best is None else state.best
    notes = []
    if settings.selection != "last" and not validated:
        notes.append(
            f"no validation clips were given, so that the last epoch was kept instead of the {settings.selection} one"
        )
    if state.shards is not None:
        notes.append(
            f"the features do not fit into memory, so that clips were shuffled within {SHARDS_TOGETHER} of "
            f"{int(state.shards.max()) + 1} shards at a time"
        )
    if settings.schedule != "constant" and settings.warmup_epochs >= settings.epochs:
        notes.append(
            f"all {settings.epochs} epochs were warm-up, so that the learning rate never reached {settings.lr:g}; set "
            "more epochs than warmup_epochs"
        )
    return FitReport(
        selection=settings.selection if validated else "last",
        settings=settings,
        epoch=epoch,
        score=state.history[epoch].score,
        history=tuple(state.history),
        parameters=trainer.num_parameters,
        precision=trainer.precision,
        device=str(fabric.device),
        processes=fabric.world_size,
        seconds=sum(row.seconds for row in state.history),
        note="; ".join(notes),
    )


def _save(
    checkpoint: Path | None,
    classifier: AbstractClassifier,
    text: Mapping[Label, ClassText],
    text_encoder: str,
    provenance: Mapping[str, JsonValue] | None,
    report: FitReport,
    job: Job | None = None,
) -> None:
    if checkpoint is not None:
        save_checkpoint(
            checkpoint,
            classifier,
            text,
            text_encoder=text_encoder,
            num_frames=report.settings.num_frames,
            fit=report,
            job=job,
            provenance=provenance,
        )


def _finished(checkpoint: Path | None, job: Job, classifier: AbstractClassifier) -> FitReport | None:
    """The report of a training that ran to its end in this folder, put into the classifier; None where there is none.

    Raises:
        CheckpointError: If it was another one.
    """
    if checkpoint is None or not (checkpoint / CONFIG_FILE).is_file():
        return None
    config = read_config(checkpoint)
    found = config.fit
    if config.job is not None:
        config.job.check(job, checkpoint, finished=True)
    elif found is None or (found.settings, found.objective) != (job.settings, job.objective):
        raise CheckpointError(
            f"{checkpoint}: holds a finished training with other settings; train again without resuming, or elsewhere"
        )
    load_checkpoint(checkpoint, into=classifier)
    return found
