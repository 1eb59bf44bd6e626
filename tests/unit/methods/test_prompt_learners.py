"""CoOp's, CoCoOp's and A5's own options; their forward passes are compared with slow twins in tests/parity."""

from pathlib import Path

import pytest
import torch
from torch import nn

from egoshift.classifier import AbstractClassifier
from egoshift.errors import ConfigError
from egoshift.methods import METHODS, PRESETS, CoCoOp
from egoshift.methods.coop import STD
from tests.fixtures.checkpoints import write_clip

DIM, CONTEXT = 64, 77


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("checkpoint") / "clip", dim=DIM)


def make(method: str, folder: Path, **options: object) -> AbstractClassifier:
    torch.manual_seed(0)
    return METHODS[method](text_encoder=str(folder), **options)


@pytest.mark.parametrize(("method", "preset"), [("coop", "xmic"), ("cocoop", "xmic"), ("efficient_prompt", "official")])
def test_the_defaults_are_a_preset(method: str, preset: str, folder: Path) -> None:
    settings = make(method, folder).settings
    assert {name: settings[name] for name in PRESETS[method][preset]} == {**PRESETS[method][preset], **PHRASED[method]}


# Its number of tokens is that of its phrase's, which the tiny tokenizer cuts into more.
PHRASED: dict[str, dict[str, object]] = {"coop": {}, "cocoop": {"num_tokens": 9}, "efficient_prompt": {}}


@pytest.mark.parametrize("method", ["coop", "cocoop"])
def test_context_is_drawn_as_the_official_code_does(method: str, folder: Path) -> None:
    context = make(method, folder, phrase="", num_tokens=60).context
    assert isinstance(context, nn.Parameter)
    assert STD == 0.02
    assert context.std().item() == pytest.approx(0.02, rel=0.1)
    assert len(context) == 60


def test_the_meta_net_is_sixteen_times_narrower_inside(folder: Path, tmp_path: Path) -> None:
    for place, dim, inner in ((folder, DIM, 4), (write_clip(tmp_path / "clip", dim=8), 8, 1)):
        model = make("cocoop", place)
        assert isinstance(model, CoCoOp)
        shapes = {name: tuple(weight.shape) for name, weight in model.meta_net.named_parameters()}
        width = model.tower.width
        assert shapes == {"0.weight": (inner, dim), "0.bias": (inner,), "2.weight": (width, inner), "2.bias": (width,)}


ALLOWED: dict[str, tuple[dict[str, object], ...]] = {
    "coop": ({"num_tokens": 1}, {"chunk_tokens": 1}, {"logit_scale": 0.5}),
    "cocoop": ({"num_tokens": 1, "phrase": ""}, {"chunk_tokens": 1}, {"logit_scale": 0.5}),
    "efficient_prompt": (
        {"prefix": 0},
        {"postfix": 0},
        {"prefix": 1, "postfix": 0},
        {"prefix": CONTEXT - 3, "postfix": 0},
        {"num_temporal_layers": 0},
        {"num_heads": 1},
        {"mlp_ratio": 1 / DIM},
        {"num_frames": 1},
        {"max_classes": 1},
        {"chunk_tokens": 1},
        {"temperature": 1e-3},
    ),
}
REFUSED: dict[str, tuple[dict[str, object], ...]] = {
    "coop": ({"num_tokens": 0}, {"chunk_tokens": 0}, {"logit_scale": 0.0}, {"class_specific": True}),
    "cocoop": ({"num_tokens": 0}, {"chunk_tokens": 0}, {"logit_scale": 0.0}),
    "efficient_prompt": (
        {"prefix": -1},
        {"postfix": -1},
        {"prefix": 0, "postfix": 0},
        {"prefix": CONTEXT - 3, "postfix": 1},
        {"num_temporal_layers": -1},
        {"num_heads": 0},
        {"num_heads": 5},
        {"mlp_ratio": 0.9 / DIM},
        {"num_frames": 0},
        {"max_classes": 0},
        {"chunk_tokens": 0},
        {"temperature": 0.0},
    ),
}


@pytest.mark.parametrize(("method", "options"), [(name, options) for name, all_ in ALLOWED.items() for options in all_])
def test_the_least_and_the_most_that_options_may_be(method: str, options: dict[str, object], folder: Path) -> None:
    settings = make(method, folder, **options).settings
    assert {name: settings[name] for name in options} == options


@pytest.mark.parametrize(("method", "options"), [(name, options) for name, all_ in REFUSED.items() for options in all_])
def test_options_that_mean_nothing_are_refused(method: str, options: dict[str, object], folder: Path) -> None:
    with pytest.raises(ConfigError, match="give"):
        make(method, folder, **options)
