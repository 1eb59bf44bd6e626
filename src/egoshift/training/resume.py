"""The point at which an interrupted training is taken up: one safetensors file with JSON in its header.

One file, written in one step, so that weights, optimiser and epoch always belong together. The state of no random
number generator is needed: what a step draws follows from the seed, the epoch and the step (see ``order.py``).
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import xxhash
from jaxtyping import Int
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from safetensors import SafetensorError
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText
from egoshift.errors import CheckpointError
from egoshift.evaluation.result import EpochRow
from egoshift.features import AbstractFeatureSource
from egoshift.files import write_atomically
from egoshift.foreign import parse_json
from egoshift.records import Label
from egoshift.training.checkpoint import (
    RESUME_FILE,
    kept_state,
    load_state,
    method_name,
    plain_settings,
    trained_parameters,
)
from egoshift.training.job import Job, sketch
from egoshift.training.objectives import Objective
from egoshift.training.settings import FitSettings


@dataclass
class TrainingState:
    """How far training is.

    Attributes:
        epoch: The epoch being trained, or to be trained next.
        step: Its steps done.
        losses: The loss of each of them.
        history: The epochs done.
        best: The epoch with the highest score so far.
        best_weights: Its trained parameters, on the CPU.
        shards: The shard of each clip where features did not fit into memory when training began; they decide the
            order of an epoch, and so stay as they are.
    """

    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    history: list[EpochRow] = field(default_factory=list)
    best: int | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    shards: Int[Tensor, " n"] | None = None


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid")

    job: Job
    epoch: int
    step: int
    losses: list[float]
    history: list[EpochRow]
    best: int | None
    scaler: dict[str, JsonValue]


def job_of(
    classifier: AbstractClassifier,
    settings: FitSettings,
    objective: Objective,
    training: tuple[AbstractFeatureSource, Int[Tensor, " clip"]],
    text: Mapping[Label, ClassText],
    validation: tuple[AbstractFeatureSource, Mapping[Label, ClassText]] | None,
    made_from: Any,
    processes: int,
    precision: str,
) -> Job:
    """The job that a call of ``fit`` is.

    Args:
        classifier: The model, not yet trained.
        settings: How to train.
        objective: What is minimised.
        training: A source, and which of its samples are trained on.
        text: The classes.
        validation: Clips to choose the epoch by, and their classes.
        made_from: What the features are of, as far as it is known.
        processes: How many train together.
        precision: What is computed in.
    """
    parts = {"": (*training, text)}
    if validation is not None:
        parts["validation "] = (validation[0], torch.arange(len(validation[0])), validation[1])
    digests = {name: _clips_digest(*part) for name, part in parts.items()}
    sketches = {
        f"{name}{what}": values
        for name, part in parts.items()
        for what, values in _sketches(*part, settings.num_frames).items()
    }
    return Job(
        method=method_name(classifier),
        method_settings=plain_settings(classifier),
        settings=settings,
        objective=objective,
        clips=len(training[1]),
        training_clips=digests[""],
        validation_clips=digests.get("validation ", ""),
        classes={label: len(words.vectors) for label, words in text.items()},
        sketches=sketches,
        frozen_weights=dict(classifier.frozen_weights),
        made_from=made_from,
        processes=processes,
        precision=precision,
    )


def _clips_digest(source: AbstractFeatureSource, indices: Int[Tensor, " clip"], text: Mapping[Label, ClassText]) -> str:
    """Of the videos, times and labels of some clips, and of the names of the classes."""
    groups, spans = source.groups, source.spans
    named = [[groups[index] for index in indices.tolist()], {label: list(words.names) for label, words in text.items()}]
    digest = xxhash.xxh3_64(json.dumps(named).encode())
    targets = [source.targets[label].cpu()[indices] for label in text]
    for values in targets if spans is None else [*targets, spans.cpu()[indices]]:
        digest.update(values.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _sketches(
    source: AbstractFeatureSource, indices: Int[Tensor, " clip"], text: Mapping[Label, ClassText], num_frames: int
) -> dict[str, tuple[float, ...]]:
    """Of the class text, and of the features of the first clip.

    One clip's tell whether features were made anew; all would take as long to read as an epoch.
    """
    first = source.batch(indices[:1], num_frames=num_frames).streams
    texts = {f"text of {label}": sketch(words.vectors) for label, words in text.items()}
    return texts | {f"features {name}": sketch(values) for name, values in first.items()}


def training_bytes(classifier: AbstractClassifier, text: Mapping[Label, ClassText]) -> int:
    """What a training keeps on the disk at most: the model, and two points to resume from, of which one is written.

    Such a point has the weights, the best of them so far, and two moments of each parameter that is trained.
    """
    state = sum(map(_num_bytes, kept_state(classifier).values()))
    trained = sum(map(_num_bytes, trained_parameters(classifier).values()))
    vectors = sum(words.vectors.numel() * 4 for words in text.values())
    return state + vectors + 2 * (2 * state + 2 * trained)


def _num_bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def save_resume_point(
    folder: Path,
    job: Job,
    state: TrainingState,
    classifier: AbstractClassifier,
    optimizer: torch.optim.Optimizer,
    scaler: Mapping[str, JsonValue],
) -> None:
    """Writes all that is needed to go on as if nothing had happened."""
    tensors = {f"state.{name}": value for name, value in kept_state(classifier).items()}
    tensors |= {f"best.{name}": value for name, value in state.best_weights.items()}
    tensors |= {} if state.shards is None else {"order.shards": state.shards}
    for name, value in trained_parameters(classifier).items():
        moments = {key: moment for key, moment in optimizer.state.get(value, {}).items()}
        tensors |= {f"optimizer.{key}.{name}": moment for key, moment in moments.items()}
    header = _Header(
        job=job,
        epoch=state.epoch,
        step=state.step,
        losses=state.losses,
        history=state.history,
        best=state.best,
        scaler=dict(scaler),
    )
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    content = safetensors.torch.save(plain, {"state": header.model_dump_json()})
    write_atomically(folder / RESUME_FILE, content)


def load_resume_point(
    folder: Path, job: Job, classifier: AbstractClassifier, optimizer: torch.optim.Optimizer
) -> tuple[TrainingState, dict[str, JsonValue]] | None:
    """Puts classifier and optimiser where an interrupted training left them.

    Returns:
        How far it was and the state of the gradient scaler; None where nothing was interrupted.

    Raises:
        CheckpointError: If the file is damaged or of another job.
    """
    path = folder / RESUME_FILE
    if not path.is_file():
        return None
    remedy = "train again without resuming"
    try:
        content = path.read_bytes()
        tensors = safetensors.torch.load(content)
        header = _Header.model_validate_json(_metadata(content)["state"])
    except ValidationError:
        text = f"{path}: is no state that this version of egoshift knows; resume with the version that wrote it, or "
        raise CheckpointError(text + remedy) from None
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path}: is damaged ({reason}); {remedy}") from None
    header.job.check(job, path)
    load_state(kept_state(classifier), _section(tensors, "state."), str(path), classifier)
    try:
        _load_optimizer(optimizer, trained_parameters(classifier), _section(tensors, "optimizer."))
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        raise CheckpointError(f"{path}: is damaged (the optimiser's state: {error}); {remedy}") from None
    state = TrainingState(
        epoch=header.epoch,
        step=header.step,
        losses=header.losses,
        history=header.history,
        best=header.best,
        best_weights=_section(tensors, "best."),
        shards=tensors.get("order.shards"),
    )
    return state, header.scaler


def _load_optimizer(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, Tensor], moments: Mapping[str, Tensor]
) -> None:
    """The optimiser numbers the parameters in the order in which the classifier names them.

    Raises:
        ValueError: Parameters do not all have the same moments; torch raises others.
    """
    numbered: dict[int, dict[str, Tensor]] = {}
    for number, name in enumerate(parameters):
        own = {key.partition(".")[0]: value for key, value in moments.items() if key.partition(".")[2] == name}
        if own:
            numbered[number] = own
    if len({frozenset(own) for own in numbered.values()}) > 1:
        raise ValueError("some parameters lack what others have")
    optimizer.load_state_dict({"state": numbered, "param_groups": optimizer.state_dict()["param_groups"]})


def _section(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _metadata(content: bytes) -> dict[str, str]:
    """The strings in a safetensors header, which ``safetensors.torch.load`` does not give."""
    (length,) = struct.unpack("<Q", content[:8])
    metadata: dict[str, str] = parse_json(content[8 : 8 + length])["__metadata__"]
    return metadata
