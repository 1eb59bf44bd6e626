"""From a run and a data set to its classifier: class text, what its constructor takes, the weights it begins with."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from egoshift.classifier import AbstractClassifier, ClassText
from egoshift.encoders import class_text, load_text_encoder
from egoshift.errors import CheckpointError, ConfigError, StoreError
from egoshift.features import Store
from egoshift.fusion import Fusion, Unimodal
from egoshift.recipes.run import Run
from egoshift.recipes.stores import Opened
from egoshift.records import Label
from egoshift.training import load_checkpoint
from egoshift.training.checkpoint import kept_state, load_state
from egoshift.training.classifiers import CLASSIFIERS


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
