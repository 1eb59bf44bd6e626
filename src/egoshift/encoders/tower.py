"""One frozen tower out of a checkpoint, loaded through ``transformers`` and checked to be whole."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from egoshift.encoders.card import Family, TowerKind
from egoshift.encoders.folder import WeightFolder
from egoshift.encoders.layouts import TowerParts
from egoshift.encoders.precision import choose_attention
from egoshift.errors import WeightsError


@dataclass(frozen=True)
class ModelType:
    """What a ``model_type`` of ``config.json`` stands for.

    Attributes:
        family: The family it belongs to.
        towers: Per tower it holds, the class of ``transformers`` that loads that tower alone.
    """

    family: Family
    towers: dict[TowerKind, str]


MODEL_TYPES = {
    "clip": ModelType("clip", {"image": "CLIPVisionModelWithProjection", "text": "CLIPTextModelWithProjection"}),
    "clip_vision_model": ModelType("clip", {"image": "CLIPVisionModelWithProjection"}),
    "clip_text_model": ModelType("clip", {"text": "CLIPTextModelWithProjection"}),
    "siglip": ModelType("siglip", {"image": "SiglipVisionModel", "text": "SiglipTextModel"}),
    "siglip_vision_model": ModelType("siglip", {"image": "SiglipVisionModel"}),
    "siglip_text_model": ModelType("siglip", {"text": "SiglipTextModel"}),
    "dinov2": ModelType("dinov2", {"image": "Dinov2Model"}),
    "dinov2_with_registers": ModelType("dinov2", {"image": "Dinov2WithRegistersModel"}),
    "audio-spectrogram-transformer": ModelType("ast", {"audio": "ASTModel"}),
}
"""SigLIP 2 of a fixed size says ``siglip``; its variable-size kind (``siglip2``, NaFlex) takes patches, not frames."""


MOST_LAYERS = 256
"""Of a tower; the largest published one has 48."""

SPARE = 10_000_000
"""So many weights more than the files hold cost nothing that matters."""

REMEDIES: dict[TowerKind, str] = {
    "image": "give a CLIP, SigLIP, DINOv2 or LaViLa checkpoint with its image tower",
    "text": "class names need a CLIP or SigLIP checkpoint with its text tower",
    "video": "give a checkpoint of MViT-B",
    "audio": "give a checkpoint of AST",
}


def model_type(folder: WeightFolder, tower: TowerKind) -> ModelType:
    """What a checkpoint is, which must hold the tower asked for.

    Raises:
        WeightsError: It is of another family, or lacks that tower.
    """
    stated = str(folder.config.get("model_type"))
    found = MODEL_TYPES.get(stated)
    if found is None:
        hint = ' ("naflex"; take the fixed-size kind of SigLIP 2)' if stated == "siglip2" else ""
        raise WeightsError(
            f"{folder.id}: model_type is {stated!r}{hint}; supported are {', '.join(MODEL_TYPES)}: "
            "give a CLIP, SigLIP, DINOv2 or AST checkpoint"
        )
    if tower not in found.towers:
        raise WeightsError(f"{folder.id}: model_type {stated!r} has no {tower} tower; {REMEDIES[tower]}")
    return found


def load_tower(folder: WeightFolder, kind: TowerKind, device: torch.device, dtype: torch.dtype) -> Any:
    """The tower alone, frozen, with every weight from the file.

    Returns:
        A ``PreTrainedModel``; ``Any``, since the annotations of ``transformers`` do not hold under strict checking.

    Raises:
        WeightsError: A weight is missing or of another shape, or the configuration does not make a model.
    """
    with quiet_transformers():
        import transformers

        tower_class = getattr(transformers, model_type(folder, kind).towers[kind])
        check_depth(folder)
        try:
            config = tower_config(folder, kind, tower_class.config_class)
            check_size(folder, tower_class, config)
            tower, report = tower_class.from_pretrained(
                str(folder.path),
                config=config,
                dtype=dtype,
                attn_implementation=choose_attention(device, dtype),
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
        except WeightsError:
            raise
        except Exception as error:  # transformers fails with whatever the damaged part made it trip over
            raise WeightsError(
                f"{folder.id}: {folder.path} cannot be loaded as {tower_class.__name__} "
                f"({type(error).__name__}: {' '.join(str(error).split())[:300]}); fetch the folder again"
            ) from error
    check_whole(folder, kind, report)
    return frozen(str(folder.path), tower, device)


def check_depth(folder: WeightFolder) -> None:
    """Refuse a configuration of more layers than any model has, which would take minutes to build.

    Raises:
        WeightsError: It is one.
    """
    parts = [folder.config, *(part for part in folder.config.values() if isinstance(part, dict))]
    for part in parts:
        layers = part.get("num_hidden_layers", 0)
        if not isinstance(layers, int) or not 0 <= layers <= MOST_LAYERS:
            raise WeightsError(
                f"{folder.id}: {folder.path / 'config.json'} says num_hidden_layers is {layers!r}, expected 1 to "
                f"{MOST_LAYERS}; fetch it again"
            )


def check_size(folder: WeightFolder, tower_class: Any, config: Any) -> None:
    """Refuse a configuration of more weights than there are, before memory is taken for them.

    Raises:
        WeightsError: It is one.
    """
    from safetensors import safe_open

    with torch.device("meta"):
        asked = sum(weight.numel() for weight in tower_class(config).parameters())
    held = 0
    for file in folder.weights:
        with safe_open(file, framework="pt") as tensors:
            held += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())
    if asked > 2 * held + SPARE:  # which weights are missing is told later
        files = ", ".join(file.name for file in folder.weights)
        raise WeightsError(
            f"{folder.id}: config.json describes {asked} weights, and {files} hold {held}; give the "
            "checkpoint that config.json belongs to"
        )


def fill_tower(file: Path, parts: TowerParts, device: torch.device, dtype: torch.dtype) -> Any:
    """The tower of a converted checkpoint, frozen, with every weight from the file.

    Args:
        file: The checkpoint, to be named.
        parts: The tower and its weights, whose names and shapes the converter has checked.
        device: Where it will lie.
        dtype: In which type it will compute.

    Raises:
        WeightsError: A weight does not fit after all.
    """
    with quiet_transformers():
        attention = choose_attention(device, dtype)
        with torch.device("meta"):  # nothing is drawn, and no memory is taken for what is replaced
            empty: Any = parts.build(attention)
        if hasattr(empty, "from_pretrained"):
            tower, report = type(empty).from_pretrained(
                None,
                config=empty.config,
                state_dict=dict(parts.state),
                dtype=dtype,
                attn_implementation=attention,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
            faults = [*report["missing_keys"], *report["unexpected_keys"], *map(str, report["mismatched_keys"])]
        else:
            tower, faults = empty, fill_module(empty, parts, dtype)
    if faults:
        raise WeightsError(
            f"{file}: {len(faults)} weights do not fit {type(empty).__name__}, the first {min(faults)}; give the "
            "checkpoint as published"
        )
    return frozen(str(file), tower, device)


def frozen(place: str, tower: Any, device: torch.device) -> Any:
    """The tower on its device, not to be trained.

    Raises:
        WeightsError: Some of its weights are no numbers, so that every feature would be none.
    """
    faults = [name for name, weight in tower.named_parameters() if not bool(torch.isfinite(weight).all())]
    if faults:
        raise WeightsError(
            f"{place}: {len(faults)} of its weights hold NaN or infinity, the first {faults[0]}; fetch it again, or "
            "give the checkpoint of an earlier epoch"
        )
    module: nn.Module = tower.to(device).eval().requires_grad_(False)
    return module


def fill_module(empty: nn.Module, parts: TowerParts, dtype: torch.dtype) -> list[str]:
    """Gives a module of ours its weights; returns the names of those that do not fit, of which there should be none."""
    expected = {name: weight.shape for name, weight in empty.state_dict().items()}
    found = {name: weight.shape for name, weight in parts.state.items()}
    if faults := [name for name in expected | found if expected.get(name) != found.get(name)]:
        return faults
    copied = {name: weight.to(dtype, copy=True) for name, weight in parts.state.items()}
    empty.load_state_dict(copied, assign=True)
    return []


def tower_config(folder: WeightFolder, kind: TowerKind, config_class: Any) -> Any:
    """The tower's part of the configuration.

    In a whole CLIP the outer ``projection_dim`` counts: the towers' own copies are often left at their default.
    """
    config = config_class.from_pretrained(str(folder.path), local_files_only=True)
    if folder.config["model_type"] == "clip" and "projection_dim" in folder.config:
        config.projection_dim = folder.config["projection_dim"]
    return config


def check_whole(folder: WeightFolder, kind: TowerKind, report: dict[str, Any]) -> None:
    """Refuse a tower of which ``transformers`` had to make up a weight."""
    missing, mismatched = sorted(report["missing_keys"]), sorted(report["mismatched_keys"])
    files = ", ".join(file.name for file in folder.weights)
    if missing:
        raise WeightsError(
            f"{folder.id}: {folder.path / files} lacks {len(missing)} weights of the {kind} tower, the first "
            f"{missing[0]}; give the checkpoint that config.json belongs to"
        )
    if mismatched:
        name, found, expected = mismatched[0]
        raise WeightsError(
            f"{folder.id}: {len(mismatched)} weights of the {kind} tower do not fit config.json, the first {name}: "
            f"{tuple(found)} in {files}, {tuple(expected)} expected; give the checkpoint that config.json belongs to"
        )


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Loads without progress bars and reports, and leaves the caller's settings as they were."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
