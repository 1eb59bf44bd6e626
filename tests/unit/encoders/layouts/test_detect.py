"""Layouts are told by the names of the weights, and each is checked to be whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.fixtures.native_clip import under_text
from tests.unit.encoders.test_weights import State, clip_state, dino_state, refused, saved


def changed(state: State, **changes: Tensor | None) -> State:
    """A state with weights replaced, or taken away."""
    assert changes.keys() <= state.keys()
    return {k: v for k, v in (state | changes).items() if v is not None}


CLIP_FAULTS: dict[str, tuple[dict[str, Tensor | None], str]] = {
    "narrow": ({"visual.proj": torch.zeros(127, 24)}, r"visual\.proj: \(127, 24\) where \(128, 24\) was expected"),
    "flat": ({"visual.conv1.weight": torch.zeros(128)}, r"visual\.conv1\.weight has the shape \(128,\) where 4"),
    "bare": ({"visual.conv1.weight": None}, r"lacks the weight visual\.conv1\.weight"),
    "rectangle": ({"visual.conv1.weight": torch.zeros(128, 3, 8, 7)}, r"visual\.conv1\.weight: \(128, 3, 8, 7\)"),
    "position": ({"visual.positional_embedding": torch.zeros(18, 128)}, r"visual\.positional_embedding: \(18, 128\)"),
    "block": (
        {"visual.transformer.resblocks.1.attn.in_proj_bias": torch.zeros(383)},
        r"1 of its weights have another shape, the first visual\.transformer\.resblocks\.1\.attn\.in_proj_bias: \(383",
    ),
    "norm": ({"visual.ln_post.bias": None}, r"lacks 1 weights, the first visual\.ln_post\.bias"),
    "text": ({"ln_final.weight": None}, r"lacks 1 weights, the first ln_final\.weight"),
    "hole": (
        {f"transformer.resblocks.0.{name}": None for name in ("ln_1.weight", "ln_1.bias")},
        r"lacks 2 weights, the first transformer\.resblocks\.0\.ln_1\.weight",
    ),
}


@pytest.mark.parametrize("fault", CLIP_FAULTS)
def test_weights_of_clip_that_are_missing_or_of_another_shape_are_named(tmp_path: Path, fault: str) -> None:
    changes, message = CLIP_FAULTS[fault]
    refused(saved(tmp_path, changed(clip_state(), **changes)), message)


DINO_FAULTS: dict[str, tuple[dict[str, Tensor | None], str]] = {
    "position": ({"pos_embed": torch.zeros(1, 83, 128)}, r"pos_embed: \(1, 83, 128\) where \(1, 82, 128\) was"),
    "scale": ({"blocks.1.ls2.gamma": None}, r"lacks 1 weights, the first blocks\.1\.ls2\.gamma"),
    "qkv": ({"blocks.0.attn.qkv.weight": torch.zeros(128, 128)}, r"blocks\.0\.attn\.qkv\.weight: \(128, 128\)"),
    "patch": ({"patch_embed.proj.weight": torch.zeros(128, 3, 15, 15)}, "patches of 15 pixels"),
    "mask": ({"mask_token": None}, "lacks 1 weights, the first mask_token"),
}


@pytest.mark.parametrize("fault", DINO_FAULTS)
def test_weights_of_dinov2_that_are_missing_or_of_another_shape_are_named(tmp_path: Path, fault: str) -> None:
    changes, message = DINO_FAULTS[fault]
    refused(saved(tmp_path, changed(dino_state(), **changes)), message)


STRANGERS: dict[str, tuple[Callable[[], Any], str]] = {
    "resnet": (lambda: {"visual.layer1.0.conv1.weight": torch.ones(2)}, r"visual\.layer1\.\* are those of a ResNet"),
    "timm": (lambda: {"visual.trunk.norm.weight": torch.ones(2)}, "give the Hugging Face layout of this SigLIP"),
    "coca": (lambda: clip_state() | {"visual.attn_pool.q": torch.ones(2)}, "an attention-pooled tower"),
    "other text": (
        lambda: under_text(clip_state()) | {"text.transformer.embeddings.w": torch.ones(2)},
        "a text tower of another library",
    ),
    "layer scale": (
        lambda: clip_state() | {"visual.transformer.resblocks.0.ls_1.gamma": torch.ones(128)},
        r"has 1 weights that .* does not have, the first visual\.transformer\.resblocks\.0\.ls_1\.gamma",
    ),
    "dinov2 with a head": (lambda: dino_state() | {"head.weight": torch.ones(2)}, "the first head.weight"),
    "dino 1": (lambda: {k: v for k, v in dino_state().items() if ".ls" not in k}, "lacks 4 weights"),
    "hugging face": (lambda: {"vision_model.embeddings.x": torch.ones(2)}, "give the folder that holds them"),
    "unknown": (lambda: {"a": torch.ones(2), "b": torch.ones(2)}, r"the weights \(a, b, \.\.\.\) are of no layout"),
    "no weights": (lambda: {"epoch": 3, "args": {"a": 1}}, r"holds no weights.*\(it holds epoch, args\)"),
    "number": (lambda: {"state_dict": 5}, r"holds no weights"),
    "nothing": (dict, r"holds no weights.*\(it holds nothing\)"),
    "nothing inside": (lambda: {"state_dict": {}}, "holds no weights"),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_other_families_are_refused_by_what_they_are(tmp_path: Path, stranger: str) -> None:
    make, message = STRANGERS[stranger]
    refused(saved(tmp_path, make()), message)
