"""Which layout a checkpoint file is in, told by the names of its weights and never by its own name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from egoshift.encoders.archive import read_checkpoint
from egoshift.encoders.layouts import ast, clip, dinov2, lavila, mvit
from egoshift.encoders.layouts.converted import Converted
from egoshift.errors import WeightsError

KNOWN = (
    "known are OpenAI CLIP, open_clip, DINOv2, LaViLa, MViT-B and AST; a model in the Hugging Face layout is given as "
    "its folder"
)
UNDER = ("state_dict", "model_state")
"""Where checkpoints keep their weights, beside what else they hold."""

HUGGING_FACE = ("vision_model.", "text_model.", "embeddings.", "encoder.layer.")


def convert_file(file: Path) -> Converted:
    """The towers of a checkpoint file.

    Args:
        file: A zip of ``torch.save`` or ``torch.jit.save``, or safetensors. Nothing in it is run.

    Raises:
        WeightsError: It cannot be read, is in no known layout, or does not hold what its layout should.
    """
    contents = dict(read_checkpoint(file).value)
    state = weights_of(contents, file)
    if lavila.is_lavila(contents) or "visual.temporal_embed" in state:
        return lavila.convert(contents, str(file))
    if any(name.startswith("visual.") for name in state):
        return clip.convert(state, contents | state, file)
    if mvit.is_mvit(state):
        return mvit.convert(state, contents.get("cfg"), file)
    if ast.is_ast(state):
        return ast.convert(state, file)
    if {"pos_embed", "patch_embed.proj.weight", "blocks.0.attn.qkv.weight"} <= state.keys():
        return dinov2.convert(state, file)
    if any(name.startswith(HUGGING_FACE) for name in state):
        raise WeightsError(
            f"{file}: these weights are in the Hugging Face layout; give the folder that holds them and their "
            "config.json, not the file"
        )
    first = ", ".join(list(state)[:3])
    raise WeightsError(f"{file}: the weights ({first}, ...) are of no layout that can be read; {KNOWN}")


def weights_of(contents: Mapping[str, Any], file: Path) -> dict[str, Tensor]:
    """The weights of a file, at the top or under one of ``UNDER``, without the prefix of parallel training.

    Raises:
        WeightsError: There are none.
    """
    inner = next((contents[key] for key in UNDER if isinstance(contents.get(key), Mapping)), contents)
    state = {k: v for k, v in inner.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if not state:
        keys = ", ".join(map(str, list(contents)[:5])) or "nothing"
        places = " or ".join(UNDER)
        raise WeightsError(f"{file}: holds no weights, at the top or under {places} (it holds {keys}); {KNOWN}")
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): weight for name, weight in state.items()}
    return state
