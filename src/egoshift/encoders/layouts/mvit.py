"""MViT-B as pytorchvideo, SlowFast and torchvision write it, read into ``MultiscaleTransformer``.

The three hold the same model under different names:

- pytorchvideo (https://github.com/facebookresearch/pytorchvideo, ``models/vision_transformers.py``): under
  ``model_state``; queries, keys and values separate or fused. Newer versions name the weights of each pooling a second
  time (``_attention_pool_q.pool``, ...); a file may have either name, or both with the same numbers.
- SlowFast (https://github.com/facebookresearch/SlowFast, ``models/video_model_builder.py``): under ``model_state``,
  beside the optimiser's state and ``cfg``, a text, which is read as plain YAML and never run: if it states another
  model than MViT-B where the weights do not show it, the file is refused.
- torchvision (https://github.com/pytorch/vision, ``models/video/mvit.py``): flat, position tables without the
  dimension of the batch.

Widths, depth, the blocks that halve the grid, and the clip the positions were made for follow from the shapes. A
classifier, of however many classes, is left out. Frames are prepared as in torchvision's card of these weights.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from egoshift.encoders.layouts.converted import Converted, TowerParts, check_weights, dimensions, num_blocks
from egoshift.encoders.mvit import MultiscaleTransformer
from egoshift.encoders.mvit_config import KEY_STRIDE, PATCH_PADDING, PATCH_STRIDE, MultiscaleConfig
from egoshift.encoders.rule import PreparationRule
from egoshift.errors import ConfigError, WeightsError
from egoshift.foreign import parse_yaml

Names = tuple[tuple[str, str], ...]

FACEBOOK: Names = ((r"\.(pool_\w)\.conv", r".\1"), (r"\.pool_(\w)\.norm", r".norm_\1"))
LAYOUTS: Mapping[str, Names] = {
    "pytorchvideo": (
        (r"^patch_embed", "patch_embed.patch_model"),
        (r"^(cls_token|pos_embed_\w+)", r"cls_positional_encoding.\1"),
        (r"^norm\.", "norm_embed."),
        *FACEBOOK,
    ),
    "SlowFast": ((r"^patch_embed", "patch_embed.proj"), *FACEBOOK),
    "torchvision": (
        (r"^patch_embed", "conv_proj"),
        (r"^cls_token", "pos_encoding.class_token"),
        (r"^pos_embed_(\w+)", r"pos_encoding.\1_pos"),
        (r"\.attn\.proj\.", ".attn.project.0."),
        (r"\.(pool_\w)\.conv", r".\1.pool"),
        (r"\.(pool_\w)\.norm", r".\1.norm_act.0"),
        (r"\.mlp\.fc1", ".mlp.0"),
        (r"\.mlp\.fc2", ".mlp.3"),
        (r"^(blocks\.\d+)\.proj", r"\1.project"),
    ),
}
"""Per layout, what turns our names into its own, one after another."""

PATCHES = {"conv_proj": "torchvision", "patch_embed.patch_model": "pytorchvideo", "patch_embed.proj": "SlowFast"}
HEAD = re.compile(r"head\.(proj|projection|1)\.(weight|bias)")
ALIAS = re.compile(r"\._attention_pool_(\w)\.(pool|norm)\.")
POOLED_KEYS = re.compile(r"^blocks\.\d+\.attn\.(pool_k|_attention_pool_k)\.")

STATED: Mapping[str, object] = {
    "MODE": "conv",
    "POOL_FIRST": False,
    "RESIDUAL_POOLING": False,
    "USE_MEAN_POOLING": False,
    "PATCH_STRIDE": list(PATCH_STRIDE),
    "PATCH_PADDING": list(PATCH_PADDING),
    "POOL_KV_STRIDE_ADAPTIVE": [1, KEY_STRIDE, KEY_STRIDE],
}
"""What MViT-B's ``cfg`` has where its weights' shapes would be the same otherwise."""

REMEDY = "give a checkpoint of MViT-B (16x4 or 32x3) for videos"


def is_mvit(state: Mapping[str, Tensor]) -> bool:
    """Whether weights are those of a multiscale transformer of any kind: they pool the keys."""
    return any(POOLED_KEYS.match(name) for name in state)


def convert(state: Mapping[str, Tensor], cfg: object, file: Path) -> Converted:
    """The video tower of an MViT-B.

    Args:
        state: The weights.
        cfg: What lies beside them under ``cfg``; None where there is nothing.
        file: To be named.

    Raises:
        WeightsError: It is another multiscale transformer, or weights are missing, left over or of a wrong shape.
    """
    layout = find_layout(state, file)
    weights = {name: weight for name, weight in without_aliases(state, file).items() if not HEAD.fullmatch(name)}
    config = find_config(weights, layout, file)
    check_cfg(cfg, config, file)
    try:
        with torch.device("meta"):  # for its names and shapes only
            shapes = {name: tuple(weight.shape) for name, weight in MultiscaleTransformer(config).state_dict().items()}
    except (ConfigError, RuntimeError, ZeroDivisionError) as error:
        raise WeightsError(f"{file}: its weights are of no MViT-B ({error}); {REMEDY}") from error
    fused = "blocks.0.attn.qkv.weight" in weights
    theirs = {name: their_names(name, layout, fused=fused) for name in shapes}
    expected = {part: their_shape(name, shapes[name], layout, len(p)) for name, p in theirs.items() for part in p}
    check_weights(file, f"an MViT-B of {layout}", weights, expected)
    converted = {
        name: torch.cat([weights[part].float() for part in parts]).reshape(shapes[name])
        for name, parts in theirs.items()
    }
    tower = TowerParts(lambda attention: MultiscaleTransformer(config, attention=attention), converted)
    return Converted("mvit", {"video": tower}, preparation(config.image_size))


def preparation(size: int) -> PreparationRule:
    """How frames are prepared, at 224 pixels as in torchvision's card: resized to 256, the centre cut."""
    mean, std = (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)
    return PreparationRule(mean, std, size, "shortest-crop", round(size * 256 / 224), "bilinear", "MViT layout")


def find_layout(state: Mapping[str, Tensor], file: Path) -> str:
    """Whose names these are.

    Raises:
        WeightsError: It is a known model that is not MViT-B, or nobody's.
    """
    if any(".rel_pos_" in name for name in state):
        raise WeightsError(f"{file}: has relative positions (attn.rel_pos_*), so it is an MViTv2; {REMEDY}")
    if "pos_embed" in state:
        raise WeightsError(f"{file}: has one table of positions for space and time (pos_embed); {REMEDY}")
    for prefix, layout in PATCHES.items():
        if f"{prefix}.weight" in state:
            return layout
    raise WeightsError(f"{file}: lacks the weights of the patches ({' or '.join(PATCHES)}); give a whole checkpoint")


def without_aliases(state: Mapping[str, Tensor], file: Path) -> dict[str, Tensor]:
    """The weights by one name each.

    Raises:
        WeightsError: A weight has other numbers under its second name.
    """
    plain: dict[str, Tensor] = {}
    for name, weight in state.items():
        alias = ALIAS.search(name)
        single = f"{name[: alias.start()]}.{alias[2]}_{alias[1]}.{name[alias.end() :]}" if alias else name
        if single in plain and not torch.equal(plain[single], weight):
            raise WeightsError(
                f"{file}: {single} and its second name (attn._attention_pool_*) hold different numbers, of which only "
                "one can be meant; give the checkpoint as published"
            )
        plain[single] = weight
    return plain


def find_config(weights: Mapping[str, Tensor], layout: str, file: Path) -> MultiscaleConfig:
    """What the model looks like, from the shapes of its weights."""
    kind, flat = f"an MViT-B of {layout}", layout == "torchvision"

    def shape(name: str, num: int) -> tuple[int, ...]:
        return dimensions(file, kind, weights, their_names(name, layout, fused=True)[0], num)

    width = shape("patch_embed.weight", 5)[0]
    head_width = shape("blocks.0.attn.pool_k.conv.weight", 5)[0]
    places, moments = (shape(f"pos_embed_{over}", 2 if flat else 3)[-2] for over in ("spatial", "temporal"))
    blocks = num_blocks(weights, "blocks.")
    pool_q = [their_names(f"blocks.{i}.attn.pool_q.norm.weight", layout, fused=True)[0] for i in range(blocks)]
    return MultiscaleConfig(
        image_size=math.isqrt(places) * PATCH_STRIDE[1],
        num_frames=moments * PATCH_STRIDE[0],
        hidden_size=width,
        num_hidden_layers=blocks,
        num_attention_heads=max(width // head_width, 1),
        mlp_ratio=shape("blocks.0.mlp.fc1.weight", 2)[0] // width,
        halved_at=tuple(i for i, name in enumerate(pool_q) if name in weights),
    )


def check_cfg(cfg: object, config: MultiscaleConfig, file: Path) -> None:
    """Refuse weights whose ``cfg`` states what MViT-B does not have and their shapes do not show.

    Raises:
        WeightsError: It does, or it cannot be read.
    """
    if cfg is None:
        return
    try:
        stated = parse_yaml(cfg) if isinstance(cfg, str) else cfg
    except ValueError as error:
        raise WeightsError(
            f"{file}: its cfg is not plain YAML ({error}) and nothing of it was run; give the "
            "checkpoint as SlowFast wrote it, or its model_state alone"
        ) from None
    part = stated.get("MVIT") if isinstance(stated, Mapping) else None
    model = part if isinstance(part, Mapping) else {}
    halvings = [number for i in config.halved_at for number in (i, 1, 2, 2)]
    for key, plain in {**STATED, "POOL_Q_STRIDE": halvings}.items():
        # numbers are compared without their brackets, which YAML and Python write differently
        found = [int(n) for n in re.findall(r"\d+", str(model.get(key)))] if isinstance(plain, list) else model.get(key)
        if key in model and found != plain:
            raise WeightsError(f"{file}: its cfg states MVIT.{key} = {model[key]!r}, and MViT-B has {plain}; {REMEDY}")


def their_names(name: str, layout: str, *, fused: bool) -> tuple[str, ...]:
    """The names under which a layout holds one weight of ours: three for queries, keys and values apart.

    >>> their_names("blocks.2.attn.qkv.bias", "pytorchvideo", fused=False)
    ('blocks.2.attn.q.bias', 'blocks.2.attn.k.bias', 'blocks.2.attn.v.bias')
    """
    for ours, theirs in LAYOUTS[layout]:
        name = re.sub(ours, theirs, name)
    return (name,) if fused else tuple(dict.fromkeys(name.replace(".qkv.", f".{part}.") for part in "qkv"))


def their_shape(name: str, shape: tuple[int, ...], layout: str, num_parts: int) -> tuple[int, ...]:
    """The shape in which a layout holds a weight of ours; torchvision leaves out dimensions of size 1 of the tables."""
    if layout == "torchvision" and name in ("pos_embed_spatial", "pos_embed_temporal"):
        return shape[1:]
    if layout == "torchvision" and name in ("cls_token", "pos_embed_class"):
        return shape[2:]
    return (shape[0] // num_parts, *shape[1:])
