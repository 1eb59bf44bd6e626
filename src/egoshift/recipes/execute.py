"""A run becomes models, a model and a data set become a result.

A run's folder holds ``run.yaml`` (the run, defaults and overrides included), ``models/<labels>`` (one trained model
each) and ``results/<run>-<labels>--<source>-to-<target>.json``.
"""

import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText
from egoshift.datasets import shared_and_novel
from egoshift.datasets.vocabulary import read_synonyms
from egoshift.encoders import class_text, load_text_encoder
from egoshift.errors import CheckpointError, ConfigError, Fault, StoreError
from egoshift.evaluation import Provenance, Result, build_result, library_versions, predict
from egoshift.features import Store, StoredFeatures
from egoshift.methods import METHODS
from egoshift.recipes.run import Run, absolute, read_run, write_run
from egoshift.recipes.stores import Opened, made_from
from egoshift.records import Label
from egoshift.training import Checkpoint, CheckpointConfig, FitProgress, FitReport, fit, load_checkpoint
from egoshift.training.checkpoint import trained_parameters
from egoshift.training.devices import Accelerator, choose_device

RUN_FILE, MODELS, RESULTS = "run.yaml", "models", "results"

OnTraining = Callable[[str, FitProgress], None]
"""Told which labels are being trained, and how far they are."""

OnEvaluation = Callable[[str, int, int], None]
"""Told what is being evaluated, clips done and clips in all."""


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
        everything = _training_features(run, opened, labels)
        torch.manual_seed(run.fit.seed)
        own_text = {label: text[label] for label in labels}
        classifier = build(run, everything.dims, own_text)
        selects = run.fit.selection != "last" and bool(trained_parameters(classifier))
        fitted, held_out = _sources(run, opened, everything, labels) if selects else (everything, None)
        reports[name] = fit(
            classifier,
            fitted,
            own_text,
            validation=None if held_out is None else held_out[0],
            validation_text=None if held_out is None else held_out[1],
            settings=run.fit,
            accelerator=device,
            checkpoint=out / MODELS / name,
            resume=resume,
            text_encoder=run.text_encoder,
            provenance=_provenance(run, opened),
            progress=None if progress is None else partial(progress, name),
        )
    return reports


def evaluate(
    out: Path,
    cards: Sequence[Path] | None = None,
    *,
    results: Path | None = None,
    device: Accelerator = "auto",
    progress: OnEvaluation | None = None,
) -> dict[Path, Result]:
    """Evaluate every model of a run's folder and write one result file for each data set.

    Args:
        out: The folder that ``train`` filled.
        cards: Data cards to evaluate on; by default the run's own targets, and its source where it has labelled clips
            that were not trained on.
        results: Where to write; by default ``results`` in the run's folder.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: Called after every batch.

    Returns:
        The results by the file that each was written to.

    Raises:
        CheckpointError: The folder holds no trained run.
    """
    if not (out / RUN_FILE).is_file():
        raise CheckpointError(f"{out}: holds no {RUN_FILE}; train a run there with `egoshift train … --out {out}`")
    run = read_run(out / RUN_FILE)
    written = {}
    source = Opened.of(run, run.train)
    for card in cards if cards is not None else _default_cards(run, source):
        opened = source if card.resolve() == run.train.resolve() else Opened.of(run, card)
        text = class_texts(run, opened, run.labels)
        for labels in label_groups(run):
            checkpoint = load_checkpoint(out / MODELS / "+".join(labels))
            _check_features(checkpoint.config, opened)
            checkpoint.classifier.to(choose_device(device))
            own_text = {label: text[label] for label in labels}
            result = _evaluate_one(run, checkpoint, source, opened, own_text, progress)
            name = f"{run.name}-{'+'.join(labels)}--{source.dataset.name}-to-{opened.dataset.name}.json"
            path = (results or out / RESULTS) / name
            result.write(path)
            written[path] = result
    return written


def _default_cards(run: Run, source: Opened) -> tuple[Path, ...]:
    if run.test and not len(source.clips("test", "val")):
        return run.test
    return (run.train, *run.test)


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
    method = METHODS[run.method.name]
    options = dict(run.method.options)
    accepted = inspect.signature(method).parameters
    if run.templates != ("{}",) and {"text_encoder", "encoder"} & accepted.keys():
        raise ConfigError(
            f"run {run.name}: {run.method.name} reads the bare class names, so templates {list(run.templates)} would "
            "do nothing; leave them out"
        )
    condition = options.get("condition_streams", ())
    follows: dict[str, Any] = {
        "text_dim": next(iter(text.values())).vectors.shape[1],
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


def _training_features(run: Run, opened: Opened, labels: tuple[Label, ...]) -> StoredFeatures:
    clips = opened.clips("train")
    if not len(clips):
        raise ConfigError(f"{opened.card.name}: has no training clips; `egoshift data clips {run.train}` lists them")
    return opened.features(run, clips, labels)


def _sources(
    run: Run, opened: Opened, everything: StoredFeatures, labels: tuple[Label, ...]
) -> tuple[StoredFeatures, tuple[StoredFeatures, dict[Label, ClassText] | None]]:
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


def _check_features(config: CheckpointConfig, opened: Opened) -> None:
    """Refuse features that other weights of the same name have made than those trained on."""
    trained_on = config.provenance.get("stores")
    for encoder, made in made_from(opened.stores).items():
        theirs = trained_on.get(encoder) if isinstance(trained_on, dict) else None
        if isinstance(theirs, dict) and isinstance(made, dict) and theirs["weights"] != made["weights"]:
            raise StoreError(
                f"{opened.stores[encoder].path}: was encoded by weights {str(made['weights'])[:12]} of {encoder}, the "
                f"model was trained on features by {str(theirs['weights'])[:12]}; extract it again by those, or train "
                "again"
            )


def _evaluate_one(
    run: Run,
    checkpoint: Checkpoint,
    source: Opened,
    target: Opened,
    text: Mapping[Label, ClassText],
    progress: OnEvaluation | None,
) -> Result:
    labels = tuple(text)
    clips = target.evaluation_clips(trained_on=target is source)
    features = target.features(run, clips, labels)
    title = f"{run.name} ({'+'.join(labels)}) on {target.dataset.name}"
    scores = predict(
        checkpoint.classifier,
        features,
        text,
        num_frames=run.fit.num_frames,
        batch_size=run.fit.eval_batch_size,
        progress=None if progress is None else lambda done, total: progress(title, done, total),
    )
    splits = {}
    if target.dataset.name != source.dataset.name:
        synonyms = None if run.synonyms is None else read_synonyms(run.synonyms)
        for label in labels:
            ours, theirs = source.dataset.vocabularies[label], target.dataset.vocabularies[label]
            splits[label] = shared_and_novel(ours, theirs, synonyms, semantic=run.shared_by == "semantic")
    fitted = checkpoint.config.fit
    return build_result(
        scores,
        method=run.method.name,
        train=source.dataset.name,
        test=target.dataset.name,
        splits=splits,
        unlabelled={label: len(features) - len(scores[label].targets) for label in labels},
        dropped=_by_kind(features.dropped),
        faults=_by_kind(target.dataset.faults),
        variant=run.name,
        selection="none" if fitted is None else fitted.selection,
        seed=run.fit.seed,
        history=() if fitted is None else fitted.history,
        provenance=Provenance(
            versions=library_versions(),
            command=" ".join(["egoshift", *sys.argv[1:]]),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            **_provenance(run, target),
        ),
    )


def _by_kind(faults: Iterable[Fault]) -> dict[str, int]:
    return dict(Counter(fault.kind for fault in faults))


def _provenance(run: Run, opened: Opened) -> dict[str, Any]:
    return {"run": run.model_dump(mode="json"), "stores": made_from(opened.stores)}


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
