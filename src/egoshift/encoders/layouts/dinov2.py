"""DINOv2 as its authors write it, read into ``transformers``' tower at 224 pixels.

The layout is that of ``dinov2/models/vision_transformer.py`` in https://github.com/facebookresearch/dinov2, as
``dinov2/hub/backbones.py`` publishes it: with or without register tokens, with an MLP or (giant) with SwiGLU. All sizes
follow from the weights' shapes; heads are 64 wide. Preparation is that of the authors' evaluation: the short side
resized to 256 bicubically, the centre cut to 224, ImageNet's mean and std.

Positions were trained on a grid of 37 x 37 patches (518 pixels). They are resampled to the 16 x 16 of 224 pixels ONCE,
here, by the rule of the authors' code, which differs between the two kinds:

* without registers: by the scale ``(16 + 0.1) / 37``, bicubically, without antialiasing; the 0.1 shifts all positions;
* with registers: to the size 16, bicubically, with antialiasing.

**Deviation.** The towers of ``transformers`` resample to the size in both kinds and without the 0.1, so features of the
kind without registers differ slightly between this layout and the same model's Hugging Face folder; these here are the
authors' own.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

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
from egoshift.encoders.rule import PreparationRule
from egoshift.errors import WeightsError

LAYOUT = "a DINOv2 of its authors"
SIZE = 224
RULE = PreparationRule(
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    size=SIZE,
    resize="shortest-crop",
    resize_to=256,
    interpolation="bicubic",
    preprocessing_source="DINOv2 layout",
)
OFFSET = 0.1
"""What the authors' code adds to the number of patches a side, against rounding errors of the scale."""


def convert(state: Mapping[str, Tensor], file: Path) -> Converted:
    """The image tower of a DINOv2.

    Raises:
        WeightsError: Weights are missing, left over or of a wrong shape.
    """
    width, _, patch, _ = dimensions(file, LAYOUT, state, "patch_embed.proj.weight", 4)
    _, num_positions, _ = dimensions(file, LAYOUT, state, "pos_embed", 3)
    registers = dimensions(file, LAYOUT, state, "register_tokens", 3)[1] if "register_tokens" in state else 0
    gated = "blocks.0.mlp.w12.weight" in state
    hidden = dimensions(file, LAYOUT, state, f"blocks.0.mlp.{'w3.weight' if gated else 'fc2.weight'}", 2)[1]
    grid, layers = round((num_positions - 1) ** 0.5), num_blocks(state, "blocks.")
    expected = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, grid * grid + 1, width),
        "mask_token": (1, width),
        **({"register_tokens": (1, registers, width)} if registers else {}),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
        **block_shapes(layers, width, hidden, gated),
        **norm_shapes("norm", width),
    }
    check_weights(file, LAYOUT, state, expected)
    if SIZE % patch or (4 * width != hidden and not gated):
        raise WeightsError(
            f"{file}: patches of {patch} pixels and an MLP of {hidden} at width {width} are not those of {LAYOUT}; "
            "give one of dinov2_vits14, vitb14, vitl14 and vitg14"
        )
    config = {"hidden_size": width, "num_hidden_layers": layers, "image_size": SIZE, "patch_size": patch}
    config |= {"num_attention_heads": num_heads(file, "image", width), "use_swiglu_ffn": gated}
    config |= {"num_register_tokens": registers} if registers else {}
    parts = TowerParts(builder(config), convert_state(state, layers, gated, SIZE // patch))
    return Converted("dinov2", {"image": parts}, RULE)


def block_shapes(layers: int, width: int, hidden: int, gated: bool) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of the blocks."""
    first, last, rows = ("w12", "w3", 2 * hidden) if gated else ("fc1", "fc2", hidden)
    shapes: dict[str, tuple[int, ...]] = {
        **norm_shapes("norm1", width),
        "attn.qkv.weight": (3 * width, width),
        "attn.qkv.bias": (3 * width,),
        "attn.proj.weight": (width, width),
        "attn.proj.bias": (width,),
        "ls1.gamma": (width,),
        **norm_shapes("norm2", width),
        f"mlp.{first}.weight": (rows, width),
        f"mlp.{first}.bias": (rows,),
        f"mlp.{last}.weight": (width, hidden),
        f"mlp.{last}.bias": (width,),
        "ls2.gamma": (width,),
    }
    return {f"blocks.{i}.{name}": shape for i in range(layers) for name, shape in shapes.items()}


def convert_state(state: Mapping[str, Tensor], layers: int, gated: bool, grid: int) -> dict[str, Tensor]:
    """The weights by the names of the Hub, with positions of the grid that is used."""
    plain = "register_tokens" not in state
    converted = {
        "embeddings.cls_token": state["cls_token"],
        "embeddings.mask_token": state["mask_token"],
        "embeddings.position_embeddings": resample(state["pos_embed"], grid, antialias=not plain),
        **({} if plain else {"embeddings.register_tokens": state["register_tokens"]}),
        **renamed(state, {"patch_embed.proj": "embeddings.patch_embeddings.projection", "norm": "layernorm"}),
    }
    names = {"norm1": "norm1", "norm2": "norm2", "attn.proj": "attention.output.dense"}
    names |= {"mlp.w12": "mlp.weights_in", "mlp.w3": "mlp.weights_out"} if gated else {}
    names |= {} if gated else {"mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
    for i in range(layers):
        old, new = f"blocks.{i}.", f"encoder.layer.{i}."
        converted |= renamed(state, {old + part: new + name for part, name in names.items()})
        converted |= {f"{new}layer_scale{j}.lambda1": state[f"{old}ls{j}.gamma"] for j in (1, 2)}
        for kind in ("weight", "bias"):
            roles = zip(("query", "key", "value"), state[f"{old}attn.qkv.{kind}"].chunk(3), strict=True)
            converted |= {f"{new}attention.attention.{role}.{kind}": part for role, part in roles}
    return converted


def resample(
    positions: Float[Tensor, "1 trained dim"], grid: int, *, antialias: bool
) -> Float[Tensor, "1 resampled dim"]:
    """Positions of a square grid and of the class token, on a grid of another side, as the authors' code does it.

    Args:
        positions: As trained, the class token's first.
        grid: Patches a side.
        antialias: The rule of the kind with registers, else that of the kind without; see the top of this file.
    """
    trained = round((positions.shape[1] - 1) ** 0.5)
    if trained == grid:
        return positions
    square = positions[:, 1:].float().reshape(1, trained, trained, -1).permute(0, 3, 1, 2)
    if antialias:
        square = functional.interpolate(square, size=(grid, grid), mode="bicubic", antialias=True)
    else:
        scale = (grid + OFFSET) / trained
        square = functional.interpolate(square, scale_factor=(scale, scale), mode="bicubic")
    assert square.shape[-2:] == (grid, grid), "the offset is less than a patch"
    return torch.cat([positions[:, :1].float(), square.flatten(2).transpose(1, 2)], dim=1)


def builder(config: Mapping[str, Any]) -> Callable[[str], nn.Module]:
    """What makes the tower."""
    kind = "Dinov2WithRegisters" if "num_register_tokens" in config else "Dinov2"

    def build(attention: str) -> nn.Module:
        import transformers  # late: it takes seconds

        settings = getattr(transformers, f"{kind}Config")(**config, attn_implementation=attention)
        module: nn.Module = getattr(transformers, f"{kind}Model")(settings)
        return module

    return build
