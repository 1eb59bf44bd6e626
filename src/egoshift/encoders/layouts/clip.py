"""CLIP as OpenAI and open_clip write it, read into the towers of ``transformers``.

The layout is that of ``clip/model.py`` in https://github.com/openai/CLIP: the image tower under ``visual.``, the text
tower at the top level; open_clip's ``CustomTextCLIP`` puts the text tower under ``text.``. All sizes follow from the
weights' shapes. What does not follow is the activation and how frames are prepared, so it must be stated:

* by OpenAI's own archives, which carry ``input_resolution``, ``context_length`` and ``vocab_size`` beside the weights:
  QuickGELU, heads of 64, OpenAI's mean and std, the short side resized bicubically and the centre cut;
* or by an ``open_clip_config.json`` beside the file; see ``layouts/open_clip.py``.

Without either the file is refused: a wrong activation costs several points of accuracy without any sign.

**Deviation.** open_clip runs a model in half precision with norms in float32; here all of a tower runs in one type.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from egoshift.encoders.card import TowerKind
from egoshift.encoders.folder import OPEN_CLIP_CONFIG
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
from egoshift.encoders.layouts.open_clip import ClipStatement, read_statement
from egoshift.encoders.rule import PreparationRule
from egoshift.errors import WeightsError

LAYOUT = "a CLIP of OpenAI or open_clip"
SCALARS = ("input_resolution", "context_length", "vocab_size")
"""What only OpenAI's own archives carry."""

OPENAI = ClipStatement(source="OpenAI CLIP layout", activation="quick_gelu")
NO_TOWER = ("logit_scale", "logit_bias", *SCALARS)
"""Entries that belong to neither tower."""

VISUAL = "visual."
BLOCKS = "transformer.resblocks."
BLOCK_NAMES = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
"""Per part of a block, its name in ``transformers``."""


def convert(state: Mapping[str, Tensor], fields: Mapping[str, Any], file: Path) -> Converted:
    """The towers of a CLIP.

    Args:
        state: The weights.
        fields: Everything the file holds at its top level, for the scalars of OpenAI's archives.
        file: Where it lies; named in errors, and what lies beside it is read.

    Raises:
        WeightsError: It is a ResNet or of another kind of tower, weights are missing or of a wrong shape, or nothing
            states the activation.
    """
    refuse_other_towers(state, file)
    statement = find_statement(fields, file)
    weights = {k: v for k, v in state.items() if k not in NO_TOWER and not k.endswith("attn_mask")}
    visual = {k.removeprefix(VISUAL): v for k, v in weights.items() if k.startswith(VISUAL)}
    text = {k: v for k, v in weights.items() if not k.startswith(VISUAL)}
    if all(name.startswith("text.") for name in text):
        text = {name.removeprefix("text."): weight for name, weight in text.items()}
    towers: dict[TowerKind, TowerParts] = {}
    image, size = image_parts(visual, statement, file)
    towers["image"] = image
    if text:
        towers["text"] = text_parts(text, statement, file)
    rule = PreparationRule(
        mean=statement.mean,
        std=statement.std,
        size=size,
        resize=statement.resize,
        resize_to=size,
        interpolation=statement.interpolation,
        preprocessing_source=statement.source,
    )
    return Converted("clip", towers, rule)


def refuse_other_towers(state: Mapping[str, Tensor], file: Path) -> None:
    """Refuse the kinds of image and text tower that are laid out alike and compute something else."""
    kinds = {
        "visual.layer1.": "a ResNet; only the vision transformers of CLIP can be run: give one such as ViT-B/16",
        "visual.trunk.": "a tower of timm; if it is a SigLIP, give the Hugging Face layout of this SigLIP",
        "visual.attn_pool.": "an attention-pooled tower (CoCa or ViTamin); give a plain CLIP",
        "text.transformer.embeddings.": "a text tower of another library beside its image tower; give a plain CLIP",
    }
    for prefix, kind in kinds.items():
        if any(name.startswith(prefix) for name in state):
            raise WeightsError(f"{file}: the weights {prefix}* are those of {kind}")


def find_statement(fields: Mapping[str, Any], file: Path) -> ClipStatement:
    """Who says what the weights do not."""
    config = file.parent / OPEN_CLIP_CONFIG
    stated = read_statement(config) if config.is_file() else None
    if all(name in fields for name in SCALARS):
        if stated and stated.activation != OPENAI.activation:
            raise WeightsError(
                f"{file}: this is OpenAI's own layout, whose activation is {OPENAI.activation}, and {config} says "
                f"{stated.activation}; move the file that does not belong here to another folder"
            )
        return stated or OPENAI
    if stated is None:
        raise WeightsError(
            f"{file}: nothing says whether its activation is QuickGELU or GELU, nor how frames are prepared, and a "
            f"guess would give wrong features without a sign; put its {OPEN_CLIP_CONFIG} beside it (from the page the "
            "weights came from), or give OpenAI's own archive"
        )
    return stated


def image_parts(visual: Mapping[str, Tensor], statement: ClipStatement, file: Path) -> tuple[TowerParts, int]:
    """The image tower, and the side of the square it sees."""
    width, _, patch, _ = dimensions(file, LAYOUT, visual, "conv1.weight", 4, VISUAL)
    num_positions, _ = dimensions(file, LAYOUT, visual, "positional_embedding", 2, VISUAL)
    _, dim = dimensions(file, LAYOUT, visual, "proj", 2, VISUAL)
    layers, hidden, block_shapes = blocks(visual, width, file, VISUAL)
    grid = round((num_positions - 1) ** 0.5)
    expected = {
        "conv1.weight": (width, 3, patch, patch),
        "class_embedding": (width,),
        "positional_embedding": (grid * grid + 1, width),
        **norm_shapes("ln_pre", width),
        **block_shapes,
        **norm_shapes("ln_post", width),
        "proj": (width, dim),
    }
    check_weights(file, LAYOUT, visual, expected, VISUAL)
    size = patch * grid
    statement.check_sizes(
        "vision_cfg", {"layers": layers, "width": width, "patch_size": patch, "mlp_ratio": hidden}, file
    )
    if statement.image_size not in (None, size):
        raise WeightsError(
            f"{file}: its positions are those of pictures of {size} pixels and {statement.source} says "
            f"{statement.image_size}; copy both from one page"
        )
    config = {"image_size": size, "patch_size": patch}
    state = {
        "vision_model.embeddings.class_embedding": visual["class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": visual["conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": visual["positional_embedding"],
        **renamed(visual, {"ln_pre": "vision_model.pre_layrnorm", "ln_post": "vision_model.post_layernorm"}),
        **convert_blocks(visual, "vision_model", layers),
        "visual_projection.weight": visual["proj"].T,
    }
    config |= tower_sizes(width, hidden, layers, num_heads(file, "image", width, statement.head_width), dim)
    return TowerParts(builder("CLIPVision", config, statement.activation), state), size


def text_parts(text: Mapping[str, Tensor], statement: ClipStatement, file: Path) -> TowerParts:
    """The text tower."""
    vocab, width = dimensions(file, LAYOUT, text, "token_embedding.weight", 2)
    context, _ = dimensions(file, LAYOUT, text, "positional_embedding", 2)
    _, dim = dimensions(file, LAYOUT, text, "text_projection", 2)
    layers, hidden, block_shapes = blocks(text, width, file)
    expected = {
        "token_embedding.weight": (vocab, width),
        "positional_embedding": (context, width),
        **block_shapes,
        **norm_shapes("ln_final", width),
        "text_projection": (width, dim),
    }
    check_weights(file, LAYOUT, text, expected)
    state = {
        "text_model.embeddings.token_embedding.weight": text["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": text["positional_embedding"],
        **convert_blocks(text, "text_model", layers),
        **renamed(text, {"ln_final": "text_model.final_layer_norm"}),
        "text_projection.weight": text["text_projection"].T,
    }
    stated = {"layers": layers, "width": width, "context_length": context, "vocab_size": vocab, "mlp_ratio": hidden}
    statement.check_sizes("text_cfg", stated, file)
    heads = statement.text_heads or num_heads(file, "text", width)
    if width % heads:
        raise WeightsError(
            f"{file}: {statement.source} gives the text tower {heads} heads, which do not divide its width of {width}; "
            "copy both from one page"
        )
    # the last two ids are those of the start and the end; ours are read from the tokenizer, these only have to exist
    config = {"vocab_size": vocab, "max_position_embeddings": context, "bos_token_id": vocab - 2}
    config |= {"eos_token_id": vocab - 1, "pad_token_id": vocab - 1}
    config |= tower_sizes(width, hidden, layers, heads, dim)
    return TowerParts(builder("CLIPText", config, statement.activation), state)


def blocks(
    tower: Mapping[str, Tensor], width: int, file: Path, prefix: str = ""
) -> tuple[int, int, dict[str, tuple[int, ...]]]:
    """How many blocks a tower has, how wide their MLPs are, and the shape of each of their weights."""
    hidden, _ = dimensions(file, LAYOUT, tower, f"{BLOCKS}0.mlp.c_fc.weight", 2, prefix)
    shapes: dict[str, tuple[int, ...]] = {
        "attn.in_proj_weight": (3 * width, width),
        "attn.in_proj_bias": (3 * width,),
        "attn.out_proj.weight": (width, width),
        "attn.out_proj.bias": (width,),
        **norm_shapes("ln_1", width),
        **norm_shapes("ln_2", width),
        "mlp.c_fc.weight": (hidden, width),
        "mlp.c_fc.bias": (hidden,),
        "mlp.c_proj.weight": (width, hidden),
        "mlp.c_proj.bias": (width,),
    }
    layers = num_blocks(tower, BLOCKS)
    return layers, hidden, {f"{BLOCKS}{i}.{name}": shape for i in range(layers) for name, shape in shapes.items()}


def convert_blocks(tower: Mapping[str, Tensor], model: str, layers: int) -> dict[str, Tensor]:
    """The blocks' weights by the names of the Hub; the one projection of attention becomes three."""
    state: dict[str, Tensor] = {}
    for i in range(layers):
        old, new = f"{BLOCKS}{i}.", f"{model}.encoder.layers.{i}."
        state |= renamed(tower, {old + part: new + name for part, name in BLOCK_NAMES.items()})
        for kind in ("weight", "bias"):
            parts = tower[f"{old}attn.in_proj_{kind}"].chunk(3)
            state |= {f"{new}self_attn.{role}_proj.{kind}": part for role, part in zip("qkv", parts, strict=True)}
    return state


def tower_sizes(width: int, hidden: int, layers: int, heads: int, dim: int) -> dict[str, int]:
    """The sizes of a tower by the names that ``transformers`` has for them."""
    sizes = {"hidden_size": width, "intermediate_size": hidden, "num_hidden_layers": layers}
    return sizes | {"num_attention_heads": heads, "projection_dim": dim}


def builder(tower: str, config: Mapping[str, Any], activation: str) -> Callable[[str], nn.Module]:
    """What makes the tower: ``"CLIPVision"`` or ``"CLIPText"``."""

    def build(attention: str) -> nn.Module:
        import transformers  # late: it takes seconds

        settings = getattr(transformers, f"{tower}Config")(
            **config, hidden_act=activation, attn_implementation=attention
        )
        module: nn.Module = getattr(transformers, f"{tower}ModelWithProjection")(settings)
        return module

    return build
