"""A run becomes models.

A run's folder holds ``run.yaml`` (the run, defaults and overrides included), ``models/<labels>`` (one trained model
each) and
``results/<run>-<labels>--<source>-to-<target>.json``.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText
from egoshift.encoders import class_text, load_text_encoder
from egoshift.errors import CheckpointError, ConfigError, StoreError
from egoshift.features import AbstractFeatureSource, SeenBy, Store
from egoshift.fusion import Fusion, Unimodal
from egoshift.recipes.run import Run, absolute, read_run, write_run
from egoshift.recipes.stores import Opened, made_from
from egoshift.records import Label
from egoshift.training import FitProgress, FitReport, fit, load_checkpoint
from egoshift.training.checkpoint import kept_state, load_state, trained_parameters
from egoshift.training.classifiers import CLASSIFIERS
from egoshift.training.devices import Accelerator

RUN_FILE, MODELS, RESULTS = "run.yaml", "models", "results"

OnTraining = Callable[[str, FitProgress], None]
"""Told which labels are being trained, and how far they are."""


def train(
    run: Run, out: Path, *, device: Accelerator = "auto", resume: bool = False, progress: OnTraining | None = None
) -> dict[str, FitReport]:
    """Fit the run's models and keep them under ``out``.

    Args:
        run: What to do; its stores must have been filled.
        out: The run's folder; made where absent.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: Go on from the last finished epoch of an interrupted training of the same run.
        progress: Called after every step.

    Returns:
        What training did, by labels.

    Raises:
        ConfigError: ``out`` holds another run, or the data do not allow what the run asks for.
    """
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, run)
    opened = Opened.of(run, run.train)
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
        fitted, held_out = _sources(run, opened, everything, labels) if selects else (everything, None)
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
            provenance=provenance_of(run, opened),
            progress=None if progress is None else partial(progress, name),
        )
    return reports


def label_groups(run: Run) -> list[tuple[Label, ...]]:
    """The labels of each model: all together, or one each as in the released code."""
    return [run.labels] if run.together else [(label,) for label in run.labels]


def class_texts(run: Run, opened: Opened, labels: Sequence[Label]) -> dict[Label, ClassText]:
    """The class text of a data set by the run's text encoder and templates.

    Raises:
        ConfigError: The data set has no such label.
        StoreError: The features are by other weights of the same name.
    """
    vocabularies = opened.dataset.vocabularies
    missing = [label for label in labels if label not in vocabularies]
    if missing:
        raise ConfigError(
            f"{opened.card.name}: has no {' or '.join(missing)} labels, it has {', '.join(vocabularies) or 'none'}; "
            f"set labels, such as --set labels=[{next(iter(vocabularies), 'noun')}]"
        )
    if not run.text_encoder:  # a linear head reads the names alone
        return {
            label: ClassText(torch.zeros(len(vocabularies[label]), 0), vocabularies[label].names) for label in labels
        }
    encoder, store = load_text_encoder(run.text_encoder), opened.stores.get(run.text_encoder)
    # Where a run reads stored pictures alone, the method runs the image tower itself: there are no features to differ.
    if store is not None:
        _check_weights(store, run.text_encoder, encoder.card.sha256)
    return {label: class_text(encoder, vocabularies[label].names, run.templates) for label in labels}


def _check_weights(store: Store, name: str, ours: str) -> None:
    theirs = store.manifest.encoder.sha256
    if theirs != ours:
        raise StoreError(
            f"{store.path}: was encoded by weights {theirs[:12]}, but {name} now holds {ours[:12]}, whose class text "
            "does not belong to these features; put the old weights back, or extract into another folder"
        )


def build(run: Run, dims: Mapping[str, int], text: Mapping[Label, ClassText]) -> AbstractClassifier:
    """The run's method, with what follows from features and text filled in: widths, frames, encoder and class names.

    Raises:
        ConfigError: The method refuses its options.
    """
    method = CLASSIFIERS[run.method.name]
    options = dict(run.method.options)
    accepted = inspect.signature(method).parameters
    if run.templates != ("{}",) and {"text_encoder", "encoder"} & accepted.keys():
        raise ConfigError(
            f"run {run.name}: {run.method.name} reads the bare class names, so templates {list(run.templates)} would "
            "do nothing; leave them out"
        )
    condition = options.get("condition_streams", ())
    follows: dict[str, Any] = {
        "text_dim": next(iter(text.values())).vectors.shape[1] or None,
        "modalities": {name: dims[name] for name in run.streams if name in dims},
        "condition_dim": next((dims[name] for name in condition if name in dims), None),
        "num_frames": run.fit.num_frames,
        "text_encoder": run.text_encoder,
        "encoder": run.text_encoder,
        "classes": {label: list(words.names) for label, words in text.items()},
        "seed": run.fit.seed,
    }
    for name, value in follows.items():
        if name in accepted and name not in options and value is not None:
            options[name] = value
    try:
        return method(**options)
    except (TypeError, ValueError, ConfigError) as error:
        raise ConfigError(
            f"run {run.name}: {run.method.name} refuses its options: {error}; each is set with --set "
            "method.options.NAME=VALUE"
        ) from error


def start_from(run: Run, classifier: AbstractClassifier) -> None:
    """Give a classifier the weights of earlier runs: all of its own, or those of its encoders of signals.

    Raises:
        CheckpointError: A folder holds no model, one of another shape, or an encoder that this run has no use for.
    """
    for folder in run.start:
        model = load_checkpoint(folder).classifier
        if type(model) is type(classifier):
            load_state(kept_state(classifier), kept_state(model), str(folder), classifier)
            continue
        encoders = classifier.signal_encoders if isinstance(classifier, Fusion) else {}
        sensor = model.spec.sensor if isinstance(model, Unimodal) else None
        if not isinstance(model, Unimodal) or sensor not in encoders:
            what = f"an encoder of {sensor}" if sensor else f"a model of {type(model).__name__}"
            raise CheckpointError(
                f"{folder}: is {what}, of which {run.name} has none of its own signal to begin with; take it out of "
                f"start, or read the stream signal:{sensor or 'SENSOR'}"
            )
        load_state(encoders[sensor].state_dict(keep_vars=True), model.encoder.state_dict(), str(folder), classifier)


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
    run: Run, opened: Opened, everything: AbstractFeatureSource, labels: tuple[Label, ...]
) -> tuple[AbstractFeatureSource, tuple[AbstractFeatureSource, dict[Label, ClassText] | None]]:
    """The clips to fit on; and those that select the epoch, with their class text where it is another."""
    if run.fit.selection == "oracle":
        target = Opened.of(run, run.test[0])
        text = class_texts(run, target, labels)
        return everything, (target.features(run, target.evaluation_clips(trained_on=False), labels), text)
    held_out = held_out_clips(everything.groups, run.held_out, run.fit.seed)
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
    """What models and results say of the run that they are of and of its features."""
    return {"run": run.model_dump(mode="json"), "stores": made_from(run, opened.stores)}


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
