"""LaViLa's dual encoders as released: a TimeSformer for clips beside CLIP's text tower.

A file of LaViLa (https://github.com/facebookresearch/LaViLa/blob/8002b5a/lavila/models/models.py) is a dict of
``state_dict``, whose names begin with ``module.``, ``args``, the command line it was trained with, ``epoch``,
``best_acc1``, and what the optimiser left. ``args.model`` says which architecture it is; sizes are read from the shapes
of the weights. Heads are 64 wide in both towers, both activations are QuickGELU, and files in half precision are read
as float32.

Frames are prepared as LaViLa's evaluation prepares them (``eval_zeroshot.py``): the short side is resized to what the
tower sees, bilinearly, and the centre is cut. The mean of red is 108.33 there where CLIP's is 122.77: a slip, which
the authors confirmed and kept (https://github.com/facebookresearch/LaViLa/issues/15), since the weights were trained
with it; so it is kept here too.

**Deviations**

- Frames are resized with antialiasing; theirs, as tensors in torchvision 0.11, without. Their videos lie on the disk
  at 256 or 288 pixels, where it hardly matters; larger ones would alias.
- CLIP's weights are not fetched first to be overwritten, as their constructors do.
- Their text vector is that of the largest token id, ours that of the first end-of-text token, which has the largest.
"""

import math
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from egoshift.encoders.layouts import clip
from egoshift.encoders.layouts.converted import (
    Converted,
    TowerParts,
    check_weights,
    dimensions,
    num_blocks,
    num_heads,
)
from egoshift.encoders.rule import PreparationRule
from egoshift.encoders.timesformer import SpaceTimeConfig, SpaceTimeTransformer
from egoshift.errors import WeightsError

LAYOUT = "a dual encoder of LaViLa"
MODELS = ("CLIP_OPENAI_TIMESFORMER_BASE", "CLIP_OPENAI_TIMESFORMER_LARGE", "CLIP_OPENAI_TIMESFORMER_LARGE_336PX")
"""The values of ``args.model`` whose text tower is CLIP's."""

OTHER_PARTS = {
    "textual.": "a text tower of Hugging Face's (such as DistilBERT)",
    "text_decoder.": "a narrator, which writes text and does not read it",
    "fc_cls.": "a classifier with a head in place of a text tower",
}
"""What LaViLa's other files are, by how the names of some of their weights begin."""

MEAN = (108.3272985 / 255, 116.7460125 / 255, 104.09373615 / 255)
STD = (68.5005327 / 255, 66.6321579 / 255, 70.32316305 / 255)
REMEDY = f"give one of LaViLa's dual encoders whose args name the model {', '.join(MODELS[:-1])} or {MODELS[-1]}"


def is_lavila(contents: Mapping[str, object]) -> bool:
    """Whether a file is LaViLa's, of whichever of its models: its weights, or its ``args``, speak of a TimeSformer."""
    state = contents.get("state_dict")
    if not isinstance(state, Mapping):
        return False
    model = str(arguments(contents).get("model"))
    return "TIMESFORMER" in model or any(str(name).endswith("visual.temporal_embed") for name in state)


def convert(contents: Mapping[str, object], place: str) -> Converted:
    """The two towers of a file.

    Args:
        contents: What the file holds; ``args`` as a dict or an ``argparse.Namespace``.
        place: What to call the file in an error.

    Raises:
        WeightsError: It is another model of LaViLa's, or a weight is missing, unknown, or of a shape that does not fit
            the others.
    """
    state = float_weights(contents, place)
    check_model(contents, state, place)
    image = {name: weight for name, weight in state.items() if name.startswith(("visual.", "image_projection"))}
    text = {name: weight for name, weight in state.items() if name not in image and name != "logit_scale"}
    config = image_config(image, place)
    image_tower = image_parts(image, config, place)
    text_tower = clip.text_parts(text, clip.OPENAI, Path(place))
    check_joint_space(image["image_projection"], text["text_projection"], place)
    size = config.image_size
    rule = PreparationRule(MEAN, STD, size, "shortest-crop", size, "bilinear", "eval_zeroshot.py of LaViLa")
    return Converted("lavila", {"image": image_tower, "text": text_tower}, rule)


def arguments(contents: Mapping[str, object]) -> Mapping[str, object]:
    """The command line that a file was trained with; empty where it does not say."""
    args = contents.get("args")
    if isinstance(args, Namespace):
        return vars(args)
    return args if isinstance(args, Mapping) else {}


def float_weights(contents: Mapping[str, object], place: str) -> dict[str, Tensor]:
    """The weights in float32, without the ``module.`` that training on several GPUs puts before their names."""
    state = contents.get("state_dict")
    if not isinstance(state, Mapping) or not state:
        raise WeightsError(f"{place}: has no weights under state_dict; {REMEDY}")
    prefix = "module." if all(str(name).startswith("module.") for name in state) else ""
    weights = {}
    for name, value in state.items():
        if not isinstance(value, Tensor) or not value.is_floating_point():
            found = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise WeightsError(
                f"{place}: {name} under state_dict is of type {found}, where a tensor of floating point numbers was "
                "expected; give the checkpoint as published"
            )
        weights[str(name).removeprefix(prefix)] = value.float()
    return weights


def check_model(contents: Mapping[str, object], state: Mapping[str, Tensor], place: str) -> None:
    """Refuse LaViLa's other models, each by what it is."""
    model = arguments(contents).get("model")
    for prefix, kind in OTHER_PARTS.items():
        if any(name.startswith(prefix) for name in state):
            raise WeightsError(f"{place}: the weights {prefix}* are those of {kind}; {REMEDY}")
    if model not in MODELS:
        stated = f"its args name the model {model!r}" if model else "it has no args that name its model"
        raise WeightsError(f"{place}: {stated}, which decides what its weights compute; {REMEDY}")


def image_config(image: Mapping[str, Tensor], place: str) -> SpaceTimeConfig:
    """What the image tower looks like, from the shapes of its weights."""
    width, _, patch_size, _ = dimensions(place, LAYOUT, image, "visual.patch_embed.proj.weight", 4)
    _, num_positions, _ = dimensions(place, LAYOUT, image, "visual.pos_embed", 3)
    grid = math.isqrt(num_positions - 1)
    if grid == 0 or grid**2 != num_positions - 1:
        raise WeightsError(
            f"{place}: as {LAYOUT} its weight visual.pos_embed has {num_positions} positions, where those of a square "
            "and one more were expected; give the checkpoint as published"
        )
    return SpaceTimeConfig(
        image_size=grid * patch_size,
        patch_size=patch_size,
        num_frames=dimensions(place, LAYOUT, image, "visual.temporal_embed", 3)[1],
        hidden_size=width,
        intermediate_size=dimensions(place, LAYOUT, image, "visual.blocks.0.mlp.fc1.weight", 2)[0],
        num_hidden_layers=num_blocks(image, "visual.blocks."),
        num_attention_heads=num_heads(place, "image", width),
        projection_dim=dimensions(place, LAYOUT, image, "image_projection", 2)[1],
    )


def image_parts(image: Mapping[str, Tensor], config: SpaceTimeConfig, place: str) -> TowerParts:
    """The image tower, its weights known to be whole."""
    with torch.device("meta"):  # for its names and shapes only
        weights = SpaceTimeTransformer(config).state_dict()
    theirs = {name: name if name == "image_projection" else f"visual.{name}" for name in weights}
    check_weights(place, LAYOUT, image, {theirs[name]: tuple(weight.shape) for name, weight in weights.items()})
    state = {name: image[theirs[name]] for name in weights}
    return TowerParts(lambda attention: SpaceTimeTransformer(config, attention=attention), state)


def check_joint_space(image_projection: Tensor, text_projection: Tensor, place: str) -> None:
    """Refuse towers whose features have different lengths."""
    dims = image_projection.shape[1], text_projection.shape[1]
    if dims[0] != dims[1]:
        raise WeightsError(
            f"{place}: image_projection gives {dims[0]} numbers and text_projection {dims[1]}, where both should give "
            "as many; give the checkpoint as published"
        )
