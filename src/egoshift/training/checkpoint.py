"""A trained model as a folder: its state and class text as safetensors, all else as JSON; nothing is pickled.

``model.safetensors`` holds what was trained and what the method took in of the training clips, ``text.safetensors`` the
class vectors trained with, ``config.json`` the method, its settings and where it all came from. ``config.json`` is
written last and holds the digests of the other two and a checksum of itself, so that a folder is either a whole model
or none.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from safetensors import SafetensorError
from torch import Tensor, nn

from egoshift.classifier import AbstractClassifier, ClassText
from egoshift.errors import CheckpointError, ConfigError
from egoshift.evaluation.versions import library_versions
from egoshift.files import write_atomically
from egoshift.records import Label
from egoshift.remote import here
from egoshift.sealed import ALTERED, OR_EDITED, is_as_sealed, sealed
from egoshift.training.classifiers import CLASSIFIERS
from egoshift.training.job import Job
from egoshift.training.report import FitReport
from egoshift.training.splits import kept_to_test

WEIGHTS_FILE, TEXT_FILE, CONFIG_FILE = "model.safetensors", "text.safetensors", "config.json"
FILES = (WEIGHTS_FILE, TEXT_FILE, CONFIG_FILE)

RESUME_FILE = "resume.safetensors"
"""Lies in their place, or beside an earlier model, while a training is not finished; see ``resume``."""


LARGEST = 1 << 20
"""A width, a number of layers or of frames beyond this is none."""


class CheckpointConfig(BaseModel):
    """What ``config.json`` says.

    Attributes:
        method: A name of ``CLASSIFIERS``, or module and class of another method.
        settings: Its constructor's arguments.
        streams: The features it reads.
        vocabularies: Per kind of label, the class names; none where only vectors are known.
        text_encoder: The id of the encoder that made the class vectors; empty where unknown.
        num_frames: Frames per clip in training.
        fit: How it was trained; None where it was not.
        job: What was trained, by digests, for whoever asks for a training that is finished; None where nothing was, in
            a copy, and in models of before it was kept.
        frozen_weights: SHA-256 of the weights of frozen towers that the method runs, by encoder.
        versions: Of the libraries.
        digests: SHA-256 by file name.
        provenance: Whatever else the one who saved it wanted known.
        checksum: In the file, xxh3-128 of it with nothing between these quotes; empty in older ones and in memory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["egoshift-classifier"] = "egoshift-classifier"
    schema_version: Literal[1] = 1
    method: str
    settings: dict[str, JsonValue]
    streams: tuple[str, ...]
    vocabularies: dict[Label, tuple[str, ...]]
    text_encoder: str = ""
    num_frames: int = 16
    fit: FitReport | None = None
    job: Job | None = None
    frozen_weights: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    digests: dict[str, str] = Field(default_factory=dict)
    provenance: dict[str, JsonValue] = Field(default_factory=dict)
    checksum: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """A trained model as read from its folder: the classifier on the CPU, in evaluation mode."""

    classifier: AbstractClassifier
    text: dict[Label, ClassText]
    config: CheckpointConfig


def trained_parameters(classifier: nn.Module) -> dict[str, Tensor]:
    """The parameters that training changes, by name."""
    return {name: value for name, value in classifier.named_parameters() if value.requires_grad}


def kept_state(classifier: nn.Module) -> dict[str, Tensor]:
    """What a checkpoint holds, by name: the parameters that training changes, and buffers that are kept."""
    frozen = {name for name, value in classifier.named_parameters() if not value.requires_grad}
    return {name: value for name, value in classifier.state_dict(keep_vars=True).items() if name not in frozen}


def method_name(classifier: AbstractClassifier) -> str:
    """The name in ``CLASSIFIERS``, or module and class for a method from elsewhere."""
    kind = type(classifier)
    return next(
        (name for name, method in CLASSIFIERS.items() if method is kind), f"{kind.__module__}:{kind.__qualname__}"
    )


def save_checkpoint(
    folder: Path,
    classifier: AbstractClassifier,
    text: Mapping[Label, ClassText],
    *,
    text_encoder: str = "",
    num_frames: int = 16,
    fit: FitReport | None = None,
    job: Job | None = None,
    provenance: Mapping[str, JsonValue] | None = None,
) -> CheckpointConfig:
    """Writes a trained model; an earlier one in the folder is replaced.

    Args:
        folder: Where to; made if absent.
        classifier: Its state is written.
        text: The classes it was trained with.
        text_encoder: The id of the encoder that made the class vectors.
        num_frames: Frames per clip in training.
        fit: How it was trained.
        job: What was trained.
        provenance: Whatever else shall be known.
    """
    # Cloned because safetensors refuses tensors that share memory, as the same vectors for two labels do.
    parameters = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in kept_state(classifier).items()
    }
    vectors: dict[str, Tensor] = {
        label: classes.vectors.detach().float().cpu().clone(memory_format=torch.contiguous_format)
        for label, classes in text.items()
    }
    contents = {WEIGHTS_FILE: safetensors.torch.save(parameters), TEXT_FILE: safetensors.torch.save(vectors)}
    config = CheckpointConfig(
        method=method_name(classifier),
        settings=plain_settings(classifier),
        streams=classifier.required_streams,
        vocabularies={label: classes.names for label, classes in text.items()},
        text_encoder=text_encoder,
        num_frames=num_frames,
        fit=fit,
        job=job,
        frozen_weights=dict(classifier.frozen_weights),
        versions=library_versions(),
        digests={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        provenance=dict(provenance or {}),
    )
    for name, content in contents.items():
        write_atomically(folder / name, content)
    write_atomically(folder / CONFIG_FILE, sealed(config.model_dump_json(indent=2) + "\n").encode())
    return config


def load_checkpoint(folder: Path, into: AbstractClassifier | None = None) -> Checkpoint:
    """Reads a trained model.

    Args:
        folder: What ``save_checkpoint`` wrote.
        into: A classifier of the same method and settings to load into, for methods that are not in ``CLASSIFIERS``;
            none builds one.

    Raises:
        CheckpointError: If the folder holds no model, a damaged one, one of another method or shape, or one that has
            learned from clips that are kept to test on.
    """
    config = read_config(folder)
    if config.fit is not None and (kept := kept_to_test(config.fit.splits)):
        raise CheckpointError(
            f"{folder / CONFIG_FILE}: its weights and statistics come from clips of the split {' and '.join(kept)}, "
            "which are kept to test on; train it on train or unlabelled clips"
        )
    classifier = _built(folder, config) if into is None else into
    _check_method(folder, config, classifier)
    load_state(kept_state(classifier), _tensors(folder, WEIGHTS_FILE, config), str(folder / WEIGHTS_FILE), classifier)
    vectors = _tensors(folder, TEXT_FILE, config)
    if set(vectors) != set(config.vocabularies):
        raise CheckpointError(f"{folder / TEXT_FILE}: does not hold the labels of {CONFIG_FILE}; copy the folder again")
    try:
        text = {label: ClassText(vectors[label], names) for label, names in config.vocabularies.items()}
    except ConfigError as error:
        raise CheckpointError(f"{folder / CONFIG_FILE}: {error}") from None
    return Checkpoint(classifier.eval(), text, config)


def read_config(folder: Path) -> CheckpointConfig:
    """Reads ``config.json`` alone.

    Raises:
        CheckpointError: If it is absent, not that of a trained model, or not as it was written.
    """
    path = here(folder) / CONFIG_FILE
    try:
        content = path.read_bytes()
        config = CheckpointConfig.model_validate_json(content)
    except OSError:
        remedy = "; train one with `egoshift train`"
        if (path.parent / RESUME_FILE).exists():
            remedy = ", but an unfinished training; when no process trains it, finish it by `egoshift train … --resume`"
        raise CheckpointError(f"{folder}: holds no trained model ({CONFIG_FILE} cannot be read){remedy}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors())
        raise CheckpointError(f"{path}: is not a trained model's: {faults}; train it again") from None
    if not is_as_sealed(content, config.checksum):
        raise CheckpointError(f"{path}: {ALTERED}; copy the folder or train it again, {OR_EDITED}")
    return config.model_copy(update={"checksum": ""})


def load_state(
    state: Mapping[str, Tensor], tensors: Mapping[str, Tensor], place: str, classifier: AbstractClassifier
) -> None:
    """Copies tensors into a classifier's own after checking that names and shapes are the same.

    Args:
        state: The classifier's tensors to fill.
        tensors: What to fill them with.
        place: Where that came from.
        classifier: Whose they are.

    Raises:
        CheckpointError: If they are not; names every difference, and the classifier is unchanged.
    """
    faults = [f"{name} is missing" for name in state if name not in tensors]
    faults += [f"{name} is unknown" for name in tensors if name not in state]
    faults += [
        f"{name} has shape {tuple(tensors[name].shape)}, expected {tuple(value.shape)}"
        for name, value in state.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    if faults:
        listed = "; ".join(faults[:5]) + (f" (and {len(faults) - 5} more)" if len(faults) > 5 else "")
        raise CheckpointError(
            f"{place}: does not fit {type(classifier).__name__}: {listed}; build the classifier with the settings in "
            f"{CONFIG_FILE}"
        )
    with torch.no_grad():
        for name, value in state.items():
            value.copy_(tensors[name])


def plain_settings(classifier: AbstractClassifier) -> dict[str, JsonValue]:
    """The classifier's settings as JSON gives them back (lists for tuples)."""
    settings: dict[str, JsonValue] = json.loads(json.dumps(classifier.settings))
    return settings


def _built(folder: Path, config: CheckpointConfig) -> AbstractClassifier:
    if config.method not in CLASSIFIERS:
        raise CheckpointError(
            f"{folder / CONFIG_FILE}: method {config.method!r} is not one of {', '.join(CLASSIFIERS)}; build the "
            "classifier yourself and give it as `into`"
        )
    if not _is_small(config.settings):
        raise CheckpointError(f"{folder / CONFIG_FILE}: a setting is beyond {LARGEST}; copy the folder again")
    try:
        return CLASSIFIERS[config.method](**config.settings)
    except (
        TypeError,
        ValueError,
        ConfigError,
        RuntimeError,
        ArithmeticError,
    ) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{folder / CONFIG_FILE}: {config.method} refuses the settings: {reason}") from None


def _is_small(setting: object) -> bool:
    """Whether no number in a setting is larger than any size of a model."""
    if isinstance(setting, dict | list):
        return all(_is_small(one) for one in (setting.values() if isinstance(setting, dict) else setting))
    return not isinstance(setting, int | float) or abs(setting) <= LARGEST


def _check_method(folder: Path, config: CheckpointConfig, classifier: AbstractClassifier) -> None:
    place, method = folder / CONFIG_FILE, method_name(classifier)
    if config.method != method:
        raise CheckpointError(f"{place}: is of method {config.method!r}, asked for {method!r}; choose the other folder")
    ours = plain_settings(classifier)
    names = dict.fromkeys((*config.settings, *ours))
    different = [name for name in names if config.settings.get(name) != ours.get(name)]
    if different:
        listed = "; ".join(
            f"{name} is {config.settings.get(name)!r}, asked for {ours.get(name)!r}" for name in different
        )
        raise CheckpointError(f"{place}: was trained with other settings: {listed}; build the classifier with these")
    for name, sha256 in config.frozen_weights.items():
        now = classifier.frozen_weights.get(name)
        if now != sha256:
            raise CheckpointError(
                f"{place}: was trained with weights {sha256[:12]} of {name}, which now holds {str(now)[:12]}; put the "
                "old weights back, or train it again"
            )


def _tensors(folder: Path, name: str, config: CheckpointConfig) -> dict[str, Tensor]:
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); copy the folder again") from None
    if name in config.digests and hashlib.sha256(content).hexdigest() != config.digests[name]:
        raise CheckpointError(f"{path}: is not the file that {CONFIG_FILE} was written with; copy the folder again")
    try:
        return safetensors.torch.load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: is not a safetensors file ({error}); copy the folder again") from None
