"""MViT-B's three layouts: what is in them, what is left out, and what is refused in one line."""

import os
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from egoshift.encoders import load_image_encoder
from egoshift.encoders.layouts import convert_file, mvit
from egoshift.encoders.mvit import MultiscaleTransformer
from egoshift.encoders.mvit_config import PRESETS
from egoshift.encoders.sensors import load_sensor_encoder
from egoshift.errors import WeightsError
from tests.fixtures.mvit_checkpoints import (
    BASE,
    CFG,
    LAYOUTS,
    SMALL,
    State,
    contents,
    drawn,
    pytorchvideo_shapes,
    slowfast,
    torchvision,
    with_second_names,
)


def without_numbers() -> State:
    """MViT-B 16x4 by pytorchvideo's names, with shapes only."""
    return {name: torch.empty(shape, device="meta") for name, shape in pytorchvideo_shapes(BASE).items()}


def test_the_published_mvit_b_has_these_sizes() -> None:
    state = without_numbers()
    assert len(with_second_names(state)) == 482
    assert sum(prod(weight.shape) for weight in state.values()) == 36_610_672
    headless = [weight for name, weight in state.items() if not name.startswith("head.")]
    assert sum(prod(weight.shape) for weight in headless) == 36_303_072


@pytest.mark.parametrize("write", [dict, slowfast, torchvision], ids=["pytorchvideo", "SlowFast", "torchvision"])
def test_the_published_mvit_b_is_read_whole_and_becomes_the_base_preset(write: Callable[[State], State]) -> None:
    converted = mvit.convert(write(without_numbers()), None, Path("file.pyth"))
    parts = converted.towers["video"]
    with torch.device("meta"):
        tower = parts.build("sdpa")
    assert isinstance(tower, MultiscaleTransformer)
    assert tower.config == PRESETS["base"]
    expected = {name: weight.shape for name, weight in tower.state_dict().items()}
    assert {name: weight.shape for name, weight in parts.state.items()} == expected
    assert sum(weight.numel() for weight in parts.state.values()) == 36_303_072


def test_frames_are_prepared_as_on_torchvisions_card() -> None:
    rule = mvit.convert(without_numbers(), None, Path("file.pyth")).rule
    assert rule is not None
    assert (rule.mean, rule.std) == ((0.45, 0.45, 0.45), (0.225, 0.225, 0.225))
    assert (rule.size, rule.resize, rule.resize_to, rule.interpolation) == (224, "shortest-crop", 256, "bilinear")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_of_each_layout_are_told_by_their_weights(tmp_path: Path, layout: str) -> None:
    torch.save(contents(layout, drawn(SMALL)), tmp_path / "weights.bin")
    assert convert_file(tmp_path / "weights.bin").family == "mvit"


def test_files_without_a_classifier_or_in_half_precision_or_of_parallel_training_are_read(tmp_path: Path) -> None:
    state = {f"module.{name}": weight.half() for name, weight in drawn(SMALL).items() if not name.startswith("head.")}
    torch.save(state, tmp_path / "half.pth")
    encoder = load_sensor_encoder(str(tmp_path / "half.pth"), "video", precision="float32")
    for name, weight in mvit.convert(drawn(SMALL), None, Path("x")).towers["video"].state.items():
        torch.testing.assert_close(encoder.state_dict()[name], weight, rtol=1e-3, atol=1e-4)


def test_second_names_alone_are_enough(tmp_path: Path) -> None:
    both = with_second_names(drawn(SMALL))
    second = {k: v for k, v in both.items() if ".pool_" not in k and ".norm_" not in k}
    assert len(second) == len(drawn(SMALL))
    state = mvit.convert(second, None, Path("x")).towers["video"].state
    expected = mvit.convert(both, None, Path("x")).towers["video"].state
    assert state.keys() == expected.keys()
    assert all(weight.equal(expected[name]) for name, weight in state.items())


def test_the_cfg_of_slowfast_is_read_and_not_run(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    bad = contents("SlowFast", drawn(SMALL)) | {"cfg": f"MVIT: !!python/object/apply:os.mkdir ['{planted}']"}
    torch.save(bad, tmp_path / "bad.pyth")
    refused(tmp_path / "bad.pyth", "its cfg is not plain YAML .* and nothing of it was run")
    torch.save(bad | {"cfg": Planted(planted)}, tmp_path / "worse.pyth")
    refused(tmp_path / "worse.pyth", r"asks to run (posix|nt)\.mkdir, which weights do not need; nothing of it was run")
    assert not planted.exists()


class Planted:
    """What makes a folder when it is unpickled."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def refused(file: Path, message: str) -> None:
    with pytest.raises(WeightsError, match=f"^{file}: {message}") as error:
        convert_file(file)
    assert "\n" not in str(error.value)


STATEMENTS = {
    "RESIDUAL_POOLING: false": ("RESIDUAL_POOLING: true", "RESIDUAL_POOLING = True, and MViT-B has False"),
    "POOL_FIRST: false": ("POOL_FIRST: true", "POOL_FIRST = True"),
    "[1, 8, 8]": ("[1, 4, 4]", r"POOL_KV_STRIDE_ADAPTIVE = \[1, 4, 4\], and MViT-B has \[1, 8, 8\]"),
    "[1, 1, 2, 2]": ("[1, 2, 2, 2]", r"POOL_Q_STRIDE = \[\[1, 2, 2, 2\]"),
    "  - 2\n": ("  - 1\n", r"PATCH_STRIDE = \[1, 4, 4\]"),
    "MODE: conv": ("MODE: max", "MODE = 'max', and MViT-B has conv"),
}


@pytest.mark.parametrize("plain", STATEMENTS)
def test_a_cfg_that_states_another_model_is_refused(tmp_path: Path, plain: str) -> None:
    other, message = STATEMENTS[plain]
    assert plain in CFG
    torch.save(contents("SlowFast", drawn(SMALL)) | {"cfg": CFG.replace(plain, other)}, tmp_path / "x.pyth")
    refused(tmp_path / "x.pyth", f"its cfg states MVIT.{message}.*; give a checkpoint of MViT-B")


@pytest.mark.parametrize("cfg", ["", "MVIT:", "NUM_GPUS: 8", {"MVIT": {"PATCH_STRIDE": "(2, 4, 4)"}}, None])
def test_a_cfg_that_says_nothing_against_it_is_no_obstacle(cfg: object) -> None:
    assert mvit.convert(slowfast(drawn(SMALL)), cfg, Path("x")).family == "mvit"


FAULTS: dict[str, tuple[dict[str, Tensor | None], str]] = {
    "norm": ({"blocks.1.attn.norm_k.bias": None}, r"MViT-B of pytorchvideo it lacks 1 weights, .*attn\.norm_k\.bias"),
    "keys": ({"blocks.2.attn.k.weight": None}, r"it lacks 1 weights, the first blocks\.2\.attn\.k\.weight"),
    "second name": (
        {"blocks.1.attn._attention_pool_k.pool.weight": torch.zeros(12, 1, 3, 3, 3)},
        r"blocks\.1\.attn\.pool_k\.weight and its second name .* hold different numbers",
    ),
    "narrow": ({"blocks.1.mlp.fc2.weight": torch.zeros(48, 90)}, r"fc2\.weight: \(48, 90\) where \(48, 96\)"),
    "temporal": ({"cls_positional_encoding.pos_embed_temporal": None}, r"lacks the weight .*pos_embed_temporal"),
    "oblong": (
        {"cls_positional_encoding.pos_embed_spatial": torch.zeros(1, 99, 12)},
        r"pos_embed_spatial: \(1, 99, 12\) where \(1, 81, 12\)",
    ),
    "image model": ({"patch_embed.patch_model.weight": torch.zeros(12, 3, 7, 7)}, "where 5 dimensions were expected"),
    "patches": ({"patch_embed.patch_model.weight": None}, "lacks the weights of the patches"),
    "second version": ({"blocks.0.attn.rel_pos_h": torch.zeros(3, 12)}, r"relative positions .* it is an MViTv2"),
    "one table": ({"pos_embed": torch.zeros(1, 201, 12)}, "has one table of positions for space and time"),
    "all queries": (
        {f"blocks.0.attn.{kind}": torch.zeros(1) for kind in ("pool_q.weight", "norm_q.weight", "norm_q.bias")},
        r"its weights are of no MViT-B \(halved_at is \(0, 1, 2, 4\)",
    ),
    "heads": ({"blocks.0.attn.pool_k.weight": torch.zeros(5, 1, 3, 3, 3)}, r"pool_k\.weight: \(5, 1, 3, 3, 3\) where"),
    "left over": ({"blocks.0.gamma_1": torch.zeros(12)}, r"has 1 weights that .* does not have, .*blocks\.0\.gamma_1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_weight_at_fault_is_named_in_one_line(tmp_path: Path, fault: str) -> None:
    changes, message = FAULTS[fault]
    state = {name: weight for name, weight in (drawn(SMALL) | changes).items() if weight is not None}
    torch.save({"model_state": state}, tmp_path / "x.pyth")
    refused(tmp_path / "x.pyth", f".*{message}")


def test_it_is_no_encoder_of_images_or_sound(tmp_path: Path) -> None:
    torch.save(drawn(SMALL), tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="this mvit has no image tower; give a CLIP, SigLIP, DINOv2 or LaViLa"):
        load_image_encoder(str(tmp_path / "x.pth"))
    with pytest.raises(WeightsError, match="this mvit has no audio tower; give a checkpoint of AST"):
        load_sensor_encoder(str(tmp_path / "x.pth"), "audio")


def test_a_loaded_encoder_is_frozen_and_can_be_trained_further(tmp_path: Path) -> None:
    torch.save(contents("torchvision", drawn(SMALL)), tmp_path / "x.pth")
    encoder = load_sensor_encoder(str(tmp_path / "x.pth"), "video", precision="bfloat16")
    assert not encoder.training
    assert not any(weight.requires_grad for weight in encoder.parameters())
    encoder.requires_grad_(True).train()
    feature = encoder(torch.randn(1, 4, 3, 40, 40))
    assert feature.dtype is torch.bfloat16
    feature.float().square().sum().backward()
    assert all(weight.grad is not None for weight in encoder.parameters())
