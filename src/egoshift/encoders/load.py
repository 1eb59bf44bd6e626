"""A name to an encoder that is ready to run."""

from typing import Any

import torch

from egoshift.encoders.card import TowerCard, WeightCard
from egoshift.encoders.folder import WeightFolder, digest, licence, open_folder
from egoshift.encoders.image import FEATURES, AbstractImageEncoder, FrozenImageEncoder
from egoshift.encoders.precision import Precision, choose_dtype, open_device
from egoshift.encoders.rule import PreparationRule, read_rule
from egoshift.encoders.text import AbstractTextEncoder, ClipTextEncoder, SiglipTextEncoder
from egoshift.encoders.tokens import Tokeniser, open_tokeniser
from egoshift.encoders.tower import TowerKind, load_tower, model_type
from egoshift.errors import WeightsError


def load_image_encoder(
    name: str, *, device: str | torch.device = "cpu", precision: Precision = "auto"
) -> AbstractImageEncoder:
    """An image tower by name. Reads local files only: nothing is ever downloaded here.

    Args:
        name: A Hugging Face id of a CLIP, SigLIP or DINOv2 in the local cache, a local folder, or ``"egoworld"`` or
            ``"egoworld-dino"``, the small CLIP and the small DINO inside the package.
        device: Where it runs.
        precision: In what it computes. ``"auto"`` is bfloat16 where the processor or GPU has instructions for it,
            else float32 (float16 on older GPUs). Features are float32 in any case.

    Raises:
        WeightsError: The weights are missing (the text says which command fetches them), unreadable, incomplete, or
            of a family that is not supported.
        ConfigError: There is no such device or precision here.
    """
    opened = open_device(device)
    dtype = choose_dtype(opened, precision)
    folder = open_folder(name)
    family = model_type(folder, "image").family
    rule = read_rule(folder)
    tower = load_tower(folder, "image", opened, dtype)
    check_image_tower(folder, tower.config, rule)
    card = WeightCard(
        **tower_fields(folder, "image", dtype),
        activation=image_activation(tower.config),
        pooling=FEATURES[family][1],
        dim=tower.config.projection_dim if family == "clip" else tower.config.hidden_size,
        **vars(rule),
    )
    return FrozenImageEncoder(card, tower)


def load_text_encoder(
    name: str, *, device: str | torch.device = "cpu", precision: Precision = "auto"
) -> AbstractTextEncoder:
    """A text tower by name. Reads local files only: nothing is ever downloaded here.

    Args:
        name: As for ``load_image_encoder``; DINOv2 has no text tower.
        device: Where it runs.
        precision: In what it computes. ``"auto"`` is float32 everywhere: class names are encoded once, and close
            names should not move by a rounding.

    Raises:
        WeightsError: As for ``load_image_encoder``, or the tokenizer's files are missing or of another model.
        ConfigError: There is no such device or precision here.
    """
    opened = open_device(device)
    dtype = choose_dtype(opened, "float32" if precision == "auto" else precision)
    folder = open_folder(name)
    family = model_type(folder, "text").family
    tokeniser = open_tokeniser(folder, family)
    tower = load_tower(folder, "text", opened, dtype)
    check_tokeniser(folder, tower.config, tokeniser)
    card = TowerCard(
        **tower_fields(folder, "text", dtype),
        activation=tower.config.hidden_act,
        pooling="projected first end-of-text token" if family == "clip" else "projected last position",
        dim=tower.config.projection_dim if family == "clip" else tower.config.projection_size,
    )
    return ClipTextEncoder(card, tower, tokeniser) if family == "clip" else SiglipTextEncoder(card, tower, tokeniser)


def tower_fields(folder: WeightFolder, kind: TowerKind, dtype: torch.dtype) -> dict[str, Any]:
    """The fields of a card that do not depend on what the tower looks like inside."""
    found = model_type(folder, kind)
    return {
        "id": folder.id,
        "family": found.family,
        "sha256": digest(folder.weights),
        "licence": licence(folder.path),
        "has_text": "text" in found.towers,
        "dtype": str(dtype).removeprefix("torch."),
    }


def image_activation(config: Any) -> str:
    """The activation of an image tower's MLPs; the giant DINOv2 gates them instead."""
    return "swiglu" if getattr(config, "use_swiglu_ffn", False) else str(config.hidden_act)


def check_image_tower(folder: WeightFolder, config: Any, rule: PreparationRule) -> None:
    """Refuse a tower that gives no feature, or files that prepare frames of a size it does not take."""
    if not getattr(config, "vision_use_head", True):
        raise WeightsError(
            f"{folder.id}: vision_use_head is off, so this SigLIP has no pooled feature; give one with its head"
        )
    fixed = config.model_type in ("clip_vision_model", "siglip_vision_model")  # DINOv2 interpolates its positions
    if fixed and config.image_size != rule.size:
        raise WeightsError(
            f"{folder.id}: {rule.preprocessing_source} cuts frames to {rule.size} pixels and config.json says the "
            f"model takes {config.image_size}; copy both from the page the weights came from"
        )


def check_tokeniser(folder: WeightFolder, config: Any, tokeniser: Tokeniser) -> None:
    """Refuse a tokenizer that gives ids for which the tower has no embedding."""
    if tokeniser.size > config.vocab_size:
        raise WeightsError(
            f"{folder.id}: the tokenizer has {tokeniser.size} tokens and the weights {config.vocab_size}; copy the "
            "tokenizer's files from the page the weights came from"
        )
