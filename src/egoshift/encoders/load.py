"""A name to an encoder that is ready to run."""

from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import torch

from egoshift.encoders.card import Runtime, TowerCard, TowerKind, WeightCard
from egoshift.encoders.compiled import CompiledImageEncoder, check_compiler
from egoshift.encoders.folder import WeightFolder, digest, licence
from egoshift.encoders.image import FEATURES, AbstractImageEncoder, FrozenImageEncoder
from egoshift.encoders.openvino import OpenVinoImageEncoder, import_openvino
from egoshift.encoders.packed import can_pack, pack
from egoshift.encoders.pixels import PIXELS, load_pixel_encoder
from egoshift.encoders.precision import Precision, choose_dtype, open_device
from egoshift.encoders.rule import PreparationRule
from egoshift.encoders.text import AbstractTextEncoder, ClipTextEncoder, SiglipTextEncoder
from egoshift.encoders.tokens import Tokeniser, open_tokeniser
from egoshift.encoders.weights import AbstractWeights, open_weights
from egoshift.errors import ConfigError, WeightsError


def load_image_encoder(
    name: str,
    *,
    device: str | torch.device = "cpu",
    precision: Precision = "auto",
    runtime: Runtime = "torch",
) -> AbstractImageEncoder:
    """An image tower by name. Reads local files only: nothing is ever downloaded here.

    Args:
        name: A Hugging Face id of a CLIP, SigLIP or DINOv2 in the local cache, a local folder in that layout, or
            ``"egoworld"`` or ``"egoworld-dino"``, the small CLIP and the small DINO inside the package; or a checkpoint
            file as OpenAI's CLIP, open_clip, DINOv2 or LaViLa publish it, which is read without running any of it.
        device: Where it runs.
        precision: In what it computes. ``"auto"`` is bfloat16 where the processor or GPU has instructions for it,
            else float32 (float16 on older GPUs). Features are float32 in any case.
        runtime: By what it computes: ``"torch"`` starts at once; ``"compiled"`` takes a minute at the first batch;
            ``"openvino"`` needs the extra of that name. The latter two are for CPUs.

    Raises:
        WeightsError: The weights are missing (the text says which command fetches them), unreadable, incomplete, or
            of a family that is not supported.
        ConfigError: There is no such device, precision or runtime here.
    """
    if name.startswith(PIXELS):
        if runtime != "torch":
            raise ConfigError(f"{name} computes nothing that runtime {runtime} could; leave the runtime out")
        return load_pixel_encoder(name)
    opened = open_device(device)
    check_runtime(runtime, opened)
    dtype = choose_dtype(opened, precision)
    weights = open_weights(name)
    family, _ = weights.offer("image")
    rule = weights.rule()
    # OpenVINO rounds the weights itself.
    tower = weights.tower("image", opened, torch.float32 if runtime == "openvino" else dtype)
    check_image_tower(weights.folder, tower.config, rule)
    card = WeightCard(
        **tower_fields(weights, "image", dtype),
        activation=image_activation(tower.config),
        pooling=FEATURES[family][1],
        dim=tower.config.projection_dim if family in ("clip", "lavila") else tower.config.hidden_size,
        runtime=runtime,
        **vars(rule),
    )
    load_exact = partial(load_image_encoder, name, device=device, precision="float32")
    return image_encoder(card, tower, load_exact)


def image_encoder(card: WeightCard, tower: Any, load_exact: Callable[[], AbstractImageEncoder]) -> AbstractImageEncoder:
    """A tower in the runtime that its card names."""
    if card.runtime == "compiled":
        return CompiledImageEncoder(card, tower, load_exact)
    if card.runtime == "openvino":
        return OpenVinoImageEncoder(card, tower, load_exact)
    on_cpu = next(tower.parameters()).device.type == "cpu"
    if card.dtype == "bfloat16" and on_cpu and can_pack():
        pack(tower)
    return FrozenImageEncoder(card, tower, None if card.dtype == "float32" else load_exact)


def check_runtime(runtime: str, device: torch.device) -> None:
    """Refuse a runtime that is none, or that lacks something here.

    Raises:
        ConfigError: There is no such runtime, it does not run on this device, or what it needs is not installed.
    """
    if runtime not in get_args(Runtime):
        raise ConfigError(f"runtime {runtime!r} is not known; use one of {', '.join(get_args(Runtime))}")
    if runtime != "torch" and device.type != "cpu":
        raise ConfigError(f"runtime {runtime} is for CPUs, and the device is {device}; use runtime torch or device cpu")
    if runtime == "compiled":
        check_compiler()
    elif runtime == "openvino":
        import_openvino()


def load_text_encoder(
    name: str, *, device: str | torch.device = "cpu", precision: Precision = "auto"
) -> AbstractTextEncoder:
    """A text tower by name. Reads local files only: nothing is ever downloaded here.

    Args:
        name: As for ``load_image_encoder``; DINOv2 has no text tower. Beside a checkpoint file must lie its tokenizer:
            ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``, or OpenAI's ``bpe_simple_vocab_16e6.txt.gz``.
        device: Where it runs.
        precision: In what it computes. ``"auto"`` is float32 everywhere: class names are encoded once, and close
            names should not move by a rounding.

    Raises:
        WeightsError: As for ``load_image_encoder``, or the tokenizer's files are missing or of another model.
        ConfigError: There is no such device or precision here.
    """
    card, tower, tokeniser = open_text_tower(name, device=device, precision=precision)
    kind = SiglipTextEncoder if card.family == "siglip" else ClipTextEncoder
    return kind(card, tower, tokeniser)


def open_text_tower(
    name: str, *, device: str | torch.device = "cpu", precision: Precision = "auto"
) -> tuple[TowerCard, Any, Tokeniser]:
    """The parts of a text encoder, for what runs the tower in its own way (prompts that are learned).

    Args:
        name: As for ``load_text_encoder``.
        device: Where the tower lies.
        precision: In what it computes; see ``load_text_encoder``.

    Returns:
        Its card; the tower, frozen and on the device (a ``CLIPTextModelWithProjection`` of ``transformers`` where the
        card's family is not ``"siglip"``, else a ``SiglipTextModel``); its tokenizer.

    Raises:
        WeightsError: As for ``load_text_encoder``.
        ConfigError: There is no such device or precision here.
    """
    opened = open_device(device)
    dtype = choose_dtype(opened, "float32" if precision == "auto" else precision)
    weights = open_weights(name)
    family, _ = weights.offer("text")
    tokeniser = open_tokeniser(weights.folder, family)
    tower = weights.tower("text", opened, dtype)
    check_tokeniser(weights.folder, tower.config, tokeniser)
    siglip = family == "siglip"
    card = TowerCard(
        **tower_fields(weights, "text", dtype),
        activation=tower.config.hidden_act,
        pooling="projected last position" if siglip else "projected first end-of-text token",
        dim=tower.config.projection_size if siglip else tower.config.projection_dim,
    )
    return card, tower, tokeniser


def tower_fields(weights: AbstractWeights, kind: TowerKind, dtype: torch.dtype) -> dict[str, Any]:
    """The fields of a card that do not depend on what the tower looks like inside."""
    family, has_text = weights.offer(kind)
    return {
        "id": weights.folder.id,
        "family": family,
        "sha256": digest(weights.folder.weights),
        "licence": licence(weights.folder.path),
        "has_text": has_text,
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
