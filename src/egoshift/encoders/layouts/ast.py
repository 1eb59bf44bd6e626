"""AST as its authors and as ``transformers`` write it, read into an ``ASTModel`` of ``transformers``.

The layouts, of which a file is in one:

- the authors' (https://github.com/YuanGongND/ast/blob/31088be/src/models/ast_models.py): ``v.*`` as in DeiT, queries,
  keys and values fused, all names after ``module.``; beside it the classifier ``mlp_head`` and DeiT's two unused ones;
- that of the Hugging Face Hub: ``encoder.layer.N.attention.attention.query``;
- the names of ``transformers``' modules since its version 5: ``layers.N.attention.q_proj``.

The last two may have ``audio_spectrogram_transformer.`` before their names and a ``classifier`` beside. Classifiers are
left out. Heads are 64 wide. The norms' epsilon is 1e-6 in the authors' model and 1e-12 in that of the Hub.

**What the weights do not say** is the stride from patch to patch: the position table only says how many patches there
were over all bands and frames together. So the stride is the one with which the authors' recipes for 1024 frames
(AudioSet), 512 (ESC-50) or 128 (Speech Commands) get this number, or else the only one among 10, 12, 14 and 16 that
divides it; where neither is, the file is refused, and a folder with the ``config.json`` of ``transformers`` is read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from egoshift.encoders.ast import NUM_TOKENS, SpectrogramConfig
from egoshift.encoders.layouts.converted import (
    Converted,
    TowerParts,
    check_weights,
    dimensions,
    norm_shapes,
    num_blocks,
    num_heads,
    renamed,
)
from egoshift.errors import WeightsError

PATCH, NUM_MELS = 16, 128
STRIDES = (10, 12, 14, 16)
RECIPE_FRAMES = (1024, 512, 128)

BEFORE = "audio_spectrogram_transformer."
UNUSED = ("mlp_head.", "v.head.", "v.head_dist.", "classifier.")
"""How the names of classifiers begin, in any layout."""

ATTENTION = {f"attention.attention.{role}": f"attention.{role[0]}_proj" for role in ("query", "key", "value")}
HUB = {name: name for name in ("layernorm_before", "layernorm_after", *ATTENTION)}
HUB |= {name: name for name in ("attention.output.dense", "intermediate.dense", "output.dense")}
MODULES = {**HUB, **ATTENTION, "attention.output.dense": "attention.o_proj"}
MODULES |= {"intermediate.dense": "mlp.fc1", "output.dense": "mlp.fc2"}
AUTHORS = {"layernorm_before": "norm1", "layernorm_after": "norm2", "attention.output.dense": "attn.proj"}
AUTHORS |= {"intermediate.dense": "mlp.fc1", "output.dense": "mlp.fc2"}
"""The parts of a block by the names of the Hub; in the authors' layout queries, keys and values come beside."""

OUTSIDE = {
    "embeddings.cls_token": "v.cls_token",
    "embeddings.distillation_token": "v.dist_token",
    "embeddings.position_embeddings": "v.pos_embed",
}
PARTS_OUTSIDE = {"embeddings.patch_embeddings.projection": "v.patch_embed.proj", "layernorm": "v.norm"}


def is_ast(state: Mapping[str, Tensor]) -> bool:
    """Whether weights are those of an AST: a distillation token, and patches of one channel."""
    names = {"v.dist_token": "v.patch_embed.proj.weight"}
    names |= {
        f"{before}embeddings.distillation_token": f"{before}embeddings.patch_embeddings.projection.weight"
        for before in ("", BEFORE)
    }
    kernels = [state[kernel] for token, kernel in names.items() if token in state and kernel in state]
    return any(kernel.ndim == 4 and kernel.shape[1] == 1 for kernel in kernels)


def convert(state: Mapping[str, Tensor], file: Path) -> Converted:
    """The audio tower of an AST.

    Raises:
        WeightsError: Weights are missing, left over or of a wrong shape, or fit several strides.
    """
    weights = {name.removeprefix(BEFORE): weight for name, weight in state.items() if not name.startswith(UNUSED)}
    if "v.dist_token" in weights:
        return Converted("ast", {"audio": from_authors(weights, file)}, None)
    return Converted("ast", {"audio": from_transformers(weights, file)}, None)


def from_authors(weights: Mapping[str, Tensor], file: Path) -> TowerParts:
    """The tower of a file in the authors' layout."""
    layout = "an AST of its authors"
    _, positions, width = dimensions(file, layout, weights, "v.pos_embed", 3)
    hidden = dimensions(file, layout, weights, "v.blocks.0.mlp.fc1.weight", 2)[0]
    layers = num_blocks(weights, "v.blocks.")
    shapes = shapes_outside(width, positions)
    expected = {their: shapes[hub] for hub, their in OUTSIDE.items()}
    expected |= {f"{their}.{kind}": shapes[f"{hub}.{kind}"] for hub, their in PARTS_OUTSIDE.items() for kind in KINDS}
    block = block_shapes(width, hidden)
    for i in range(layers):
        old = f"v.blocks.{i}."
        expected |= {f"{old}{their}.{kind}": block[f"{hub}.{kind}"] for hub, their in AUTHORS.items() for kind in KINDS}
        expected |= {f"{old}attn.qkv.weight": (3 * width, width), f"{old}attn.qkv.bias": (3 * width,)}
    check_weights(file, layout, weights, expected)
    converted = {hub: weights[their] for hub, their in OUTSIDE.items()}
    converted |= renamed(weights, {their: hub for hub, their in PARTS_OUTSIDE.items()})
    for i in range(layers):
        old, new = f"v.blocks.{i}.", f"encoder.layer.{i}."
        converted |= renamed(weights, {old + their: new + hub for hub, their in AUTHORS.items()})
        for kind in KINDS:
            converted |= {
                f"{new}{role}.{kind}": part
                for role, part in zip(ATTENTION, weights[f"{old}attn.qkv.{kind}"].chunk(3), strict=True)
            }
    return tower(config_of(width, hidden, layers, positions, 1e-6, file), converted)


def from_transformers(weights: Mapping[str, Tensor], file: Path) -> TowerParts:
    """The tower of a file in either layout of ``transformers``."""
    modules = any(name.startswith("layers.") for name in weights)
    layout = f"an AST in the layout of {'transformers 5' if modules else 'the Hugging Face Hub'}"
    names, prefix = (MODULES, "layers.") if modules else (HUB, "encoder.layer.")
    _, positions, width = dimensions(file, layout, weights, "embeddings.position_embeddings", 3)
    hidden = dimensions(file, layout, weights, f"{prefix}0.{names['intermediate.dense']}.weight", 2)[0]
    layers = num_blocks(weights, prefix)
    theirs = {
        f"encoder.layer.{i}.{hub}.{kind}": f"{prefix}{i}.{their}.{kind}"
        for i in range(layers)
        for hub, their in names.items()
        for kind in KINDS
    }
    outside, block = shapes_outside(width, positions), block_shapes(width, hidden)
    expected = outside | {their: block[hub.split(".", 3)[3]] for hub, their in theirs.items()}
    check_weights(file, layout, weights, expected)
    converted = {name: weights[name] for name in outside} | {hub: weights[their] for hub, their in theirs.items()}
    return tower(config_of(width, hidden, layers, positions, 1e-12, file), converted)


KINDS = ("weight", "bias")


def shapes_outside(width: int, positions: int) -> dict[str, tuple[int, ...]]:
    """The shapes of what is not in a block, by the names of the Hub."""
    return {
        "embeddings.cls_token": (1, 1, width),
        "embeddings.distillation_token": (1, 1, width),
        "embeddings.position_embeddings": (1, positions, width),
        "embeddings.patch_embeddings.projection.weight": (width, 1, PATCH, PATCH),
        "embeddings.patch_embeddings.projection.bias": (width,),
        **norm_shapes("layernorm", width),
    }


def block_shapes(width: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a block, by the names of the Hub."""
    linears = {name: (width, width) for name in (*ATTENTION, "attention.output.dense")}
    linears |= {"intermediate.dense": (hidden, width), "output.dense": (width, hidden)}
    shapes: dict[str, tuple[int, ...]] = {f"{name}.weight": shape for name, shape in linears.items()}
    shapes |= {f"{name}.bias": shape[:1] for name, shape in linears.items()}
    return shapes | norm_shapes("layernorm_before", width) | norm_shapes("layernorm_after", width)


def config_of(width: int, hidden: int, layers: int, positions: int, epsilon: float, file: Path) -> SpectrogramConfig:
    """What the model looks like."""
    stride, frames = find_stride(positions - NUM_TOKENS, file)
    return SpectrogramConfig(
        num_frames=frames,
        num_mels=NUM_MELS,
        stride=stride,
        hidden_size=width,
        intermediate_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=num_heads(file, "audio", width),
        layer_norm_eps=epsilon,
    )


def find_stride(num_patches: int, file: Path) -> tuple[int, int]:
    """The stride, and the number of frames that the positions were made for; see the file's head.

    Raises:
        WeightsError: Several strides or none get this number of patches.
    """
    bands = {stride: (NUM_MELS - PATCH) // stride + 1 for stride in STRIDES}
    for frames in RECIPE_FRAMES:
        for stride, num_bands in bands.items():
            if num_bands * ((frames - PATCH) // stride + 1) == num_patches:
                return stride, frames
    fitting = [stride for stride, num_bands in bands.items() if num_patches % num_bands == 0]
    if len(fitting) == 1:
        return fitting[0], PATCH + (num_patches // bands[fitting[0]] - 1) * fitting[0]
    found = f"strides of {' and '.join(map(str, fitting))} fit" if fitting else "no stride from 10 to 16 fits"
    raise WeightsError(
        f"{file}: it has positions for {num_patches} patches, which {found}, and the weights do not say which; give a "
        "folder in the Hugging Face layout, whose config.json states frequency_stride and time_stride"
    )


def tower(config: SpectrogramConfig, state: Mapping[str, Tensor]) -> TowerParts:
    """The tower, to be filled."""

    def build(attention: str) -> nn.Module:
        from transformers import ASTModel  # late: it takes seconds

        model: Any = ASTModel(config.of_transformers(attention))
        assert isinstance(model, nn.Module), "a model of transformers is a module"
        return model

    return TowerParts(build, state)
