"""A run becomes models.

A run's folder holds ``run.yaml`` (the run, defaults and overrides included), ``models/<labels>`` (one trained model
each) and ``results/<run>-<labels>--<source>-to-<target>.json``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from pydantic import ValidationError
from torch import Tensor

from egoshift.classifier import ClassText
from egoshift.errors import CheckpointError, ConfigError
from egoshift.features import AbstractFeatureSource, SeenBy
from egoshift.features.lock import Work, writing
from egoshift.files import make_folder
from egoshift.processes import processes
from egoshift.recipes.models import build, class_texts, start_from
from egoshift.recipes.overlap import check_targets, recordings_of
from egoshift.recipes.run import Run
from egoshift.recipes.run_files import absolute, read_run, write_run
from egoshift.recipes.stores import Opened, made_from
from egoshift.records import Label
from egoshift.remote import name_of
from egoshift.space import need_space
from egoshift.training import FitProgress, FitReport, fit
from egoshift.training.checkpoint import trained_parameters
from egoshift.training.devices import Accelerator

RUN_FILE, MODELS, RESULTS = "run.yaml", "models", "results"

TRAINING = Work(
    doing="is training this run",
    remedy="give another --out, wait until it is done, or stop it",
    broken_off="was killed while it trained this run; --resume goes on from what it saved",
    refusal=ConfigError,
)

OnTraining = Callable[[str, FitProgress], None]
"""Told which labels are being trained, and how far they are."""


def train(
    run: Run, out: Path, *, device: Accelerator = "auto", resume: bool = False, progress: OnTraining | None = None
) -> dict[str, FitReport]:
    """Fit the run's models and keep them under ``out``, in all processes that torchrun or Slurm started together.

    Args:
        run: What to do; its stores must have been filled.
        out: The run's folder; made where absent.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: Go on from where a training of the same run was interrupted.
        progress: Called after every step.

    Returns:
        What training did, by labels.

    Raises:
        ConfigError: ``out`` holds another run or another process trains there, the data do not allow what the run asks
            for, or clips that it is tested on show what it is trained on.
    """
    with _holding(out, run):
        return _train(run, out, device, resume, progress)


def _train(run: Run, out: Path, device: Accelerator, resume: bool, progress: OnTraining | None) -> dict[str, FitReport]:
    """Fit the models into a folder that is held."""
    opened = Opened.of(run, run.train)
    check_targets(run, opened)
    text = class_texts(run, opened, run.labels)
    reports = {}
    for labels in label_groups(run):
        name = "+".join(labels)
        all_streams = opened.features(run, _clips(run, opened), labels)
        torch.manual_seed(run.fit.seed)
        own_text = {label: text[label] for label in labels}
        classifier = build(run, all_streams.dims, own_text)
        start_from(run, classifier)
        everything = seen(run, all_streams) if run.objective.needs_labels else all_streams
        selects = run.fit.selection != "last" and bool(run.objective.cross_entropy)
        selects = selects and bool(trained_parameters(classifier))
        oracle = Opened.of(run, run.test[0]) if selects and run.fit.selection == "oracle" else None
        fitted, held_out = _sources(run, opened, oracle, everything, labels) if selects else (everything, None)
        chosen_on = {} if oracle is None else {"chosen_on": data_of(run, oracle)}
        reports[name] = fit(
            classifier,
            fitted,
            own_text,
            validation=None if held_out is None else held_out[0],
            validation_text=None if held_out is None else held_out[1],
            settings=run.fit,
            objective=run.objective,
            accelerator=device,
            checkpoint=out / MODELS / name,
            resume=resume,
            text_encoder=run.text_encoder,
            provenance=provenance_of(run, opened) | chosen_on,
            progress=None if progress is None else partial(progress, name),
        )
    return reports


def label_groups(run: Run) -> list[tuple[Label, ...]]:
    """The labels of each model: all together, or one each as in the released code."""
    return [run.labels] if run.together else [(label,) for label in run.labels]


def seen(run: Run, source: AbstractFeatureSource) -> AbstractFeatureSource:
    """The clips as labelled training may see them: by the streams ``seen_by`` alone, if it names any.

    Raises:
        ConfigError: No clip has any of them.
    """
    if not run.seen_by:
        return source
    there = source.present
    known = torch.stack([there.get(name, torch.ones(len(source), dtype=torch.bool)) for name in run.seen_by]).any(0)
    if not known.any():
        raise ConfigError(f"run {run.name}: no clip has any of the streams {', '.join(run.seen_by)} of seen_by")
    return SeenBy(source.subset(known.nonzero()[:, 0]), run.seen_by)


def _clips(run: Run, opened: Opened) -> pl.DataFrame:
    clips = opened.clips(*run.splits)
    if not len(clips):
        raise ConfigError(
            f"{opened.card.name}: has no clips of the split {' or '.join(run.splits)}; "
            f"`egoshift data clips {run.train}` lists them"
        )
    return clips


def _sources(
    run: Run, opened: Opened, oracle: Opened | None, everything: AbstractFeatureSource, labels: tuple[Label, ...]
) -> tuple[AbstractFeatureSource, tuple[AbstractFeatureSource, dict[Label, ClassText] | None]]:
    """The clips to fit on; and those that select the epoch, with their class text where it is another."""
    if oracle is not None:
        text = class_texts(run, oracle, labels)
        return everything, (oracle.features(run, oracle.evaluation_clips(trained_on=False), labels), text)
    held_out = held_out_clips(recordings_of(opened, everything.groups), run.held_out, run.fit.seed)
    if held_out.all():
        raise ConfigError(
            f"{opened.card.name}: one training video cannot be split to select an epoch on; --set fit.selection=last"
        )
    return everything.subset((~held_out).nonzero()[:, 0]), (everything.subset(held_out.nonzero()[:, 0]), None)


def held_out_clips(groups: Sequence[str], share: float, seed: int) -> Tensor:
    """Which clips to select on: those of a random ``share`` of the videos, at least one video.

    Returns:
        A mask over the clips, the same for the same seed.
    """
    videos = sorted(set(groups))
    number = max(1, round(share * len(videos)))
    chosen = set(np.random.default_rng(seed).permutation(len(videos))[:number].tolist())
    names = {videos[index] for index in chosen}
    return torch.tensor([video in names for video in groups])


def provenance_of(run: Run, opened: Opened) -> dict[str, Any]:
    """What models and results say of the run that they are of, of its features and of the data."""
    return {
        "run": run.model_dump(mode="json"),
        "card": name_of(opened.path.absolute()),
        **data_of(run, opened),
    }


def data_of(run: Run, opened: Opened) -> dict[str, Any]:
    """What a data set gives to a run, by digests: features, and clips with their labels; others make another model."""
    return {"stores": made_from(run, opened.stores), "data": opened.data_digest}


def check_trained_by(run: Run, model: Path, provenance: Mapping[str, Any]) -> None:
    """See that a model in a run's folder is of the run that the folder describes.

    What evaluation alone reads may differ, and so may places, which move.

    Raises:
        CheckpointError: It is of another run.
    """
    try:
        theirs = _of_training(Run.model_validate(provenance["run"]))
    except (KeyError, ValidationError):  # of before, or of a version to come: nothing is known
        return
    different = [name for name, value in _of_training(run).items() if theirs[name] != value]
    if different:
        raise CheckpointError(
            f"{model}: is of a run that differs in {', '.join(different)} from the {RUN_FILE} of its folder; train it "
            "again"
        )


def _of_training(run: Run) -> dict[str, Any]:
    """What of a run decides how its models are trained, places aside."""
    decides = {"method", "objective", "splits", "seen_by", "held_out", "fit"}
    return run.model_dump(mode="json", include=decides, exclude={"fit": {"eval_batch_size"}})


@contextmanager
def _holding(out: Path, run: Run) -> Iterator[None]:
    """Hold the run's folder while it is trained: of several processes that train together the first does.

    Two trainings at once would leave the models of one beside the run of the other.
    """
    if not processes().is_first:
        yield
        return
    need_space(out, 0, "models")  # how much is known when they are built
    make_folder(out)
    with writing(out, work=TRAINING):
        _claim(out, run)
        yield


def _claim(out: Path, run: Run) -> None:
    """Write the run into its folder, or see that the folder is this run's; one that trained nothing is replaced."""
    path = out / RUN_FILE
    if not path.exists() or not any((out / MODELS).rglob("*")):
        write_run(run, path)
        return
    theirs = read_run(path).model_dump(mode="json")
    different = [name for name, value in absolute(run).model_dump(mode="json").items() if theirs[name] != value]
    if different:
        raise ConfigError(f"{out}: holds a run that differs in {', '.join(different)}; give another --out or remove it")
