"""Counted sizes against formulas written out, against torch's own counter, and against the published numbers."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from egoshift.encoders.sensor import AbstractSensorEncoder
from egoshift.encoders.sensors import SENSOR_ENCODERS, new_sensor_encoder
from egoshift.encoders.sizes import Size, count
from egoshift.errors import ConfigError

CASES = [(name, preset) for name, kind in SENSOR_ENCODERS.items() for preset in kind.presets]


def on_paper(encoder: str, preset: str) -> tuple[AbstractSensorEncoder, Tensor]:
    """An encoder without numbers, and a clip for it."""
    with torch.device("meta"):
        model = new_sensor_encoder(encoder, preset).eval()
        return model, torch.empty(1, *model.input_shape)


class Parts(nn.Module):
    """One of each operation that is counted."""

    def __init__(self, *, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.embed = nn.Conv1d(3, 8, 4, stride=2, groups=1)
        self.depthwise = nn.Conv1d(8, 8, 3, padding=1, groups=8)
        self.norm = nn.LayerNorm(8)
        self.bare_norm = nn.LayerNorm(8, elementwise_affine=False)
        self.qkv = nn.Linear(8, 24, bias=False)
        self.out = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.depthwise(self.embed(x)).transpose(1, 2)
        q, k, v = self.qkv(self.bare_norm(self.norm(tokens))).chunk(3, -1)
        apart = (q @ k.transpose(1, 2)).softmax(-1) @ v if not self.fused else None
        mixed = functional.scaled_dot_product_attention(q, k, v) if apart is None else apart
        projected: Tensor = self.out(mixed)
        return projected


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("fused", [True, False])
def test_each_operation_costs_what_its_shapes_say(device: str, fused: bool) -> None:
    model = Parts(fused=fused).to(device)
    batch, length = 2, 10  # 22 samples in windows of 4, every second place
    found = count(model, torch.zeros(batch, 3, 22, device=device))
    tokens = batch * length
    assert found == Size(
        parameters=(3 * 8 * 4 + 8) + (8 * 3 + 8) + 16 + 8 * 24 + (8 * 5 + 5),
        linear=tokens * 8 * 24 + tokens * 8 * 5,
        attention=batch * length * length * 8 * 2,
        convolution=tokens * 8 * 3 * 4 + tokens * 8 * 3,
        norm=tokens * 8 * 5 + tokens * 8 * 4,
    )
    assert found.multiply_adds == found.linear + found.attention + found.convolution
    assert found.with_norms == found.multiply_adds + found.norm


def test_shared_weights_are_one_and_counting_changes_nothing() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Dropout(0.5))
    model[1].weight = model[0].weight
    clip = torch.ones(3, 4, requires_grad=True)
    found = count(model, clip)
    assert (found.parameters, found.linear) == (16 + 4 + 4, 2 * 3 * 16)
    assert model.training
    assert clip.grad is None


@pytest.mark.parametrize(("encoder", "preset"), CASES)
def test_products_are_those_of_torchs_own_counter(encoder: str, preset: str) -> None:
    model, clip = on_paper(encoder, preset)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(clip)
    assert counter.get_total_flops() == 2 * count(model, clip).multiply_adds


@pytest.mark.parametrize("encoder", SENSOR_ENCODERS)
def test_without_numbers_and_with_them_the_cost_is_the_same(encoder: str) -> None:
    model = new_sensor_encoder(encoder, "tiny").eval()
    assert count(model, torch.zeros(1, *model.input_shape)) == count(*on_paper(encoder, "tiny"))


def test_mvit_b_costs_what_pytorchvideo_and_torchvision_list() -> None:
    found = count(*on_paper("mvit", "base"))
    assert found.parameters == 36_303_072
    billions = [round(part / 1e9, 2) for part in (found.linear, found.attention, found.convolution, found.norm)]
    assert billions == [54.83, 14.43, 1.34, 0.20]
    assert round(found.multiply_adds / 1e9, 3) == 70.599  # torchvision's card of mvit_v1_b, which has a classifier
    assert round(found.with_norms / 1e9, 2) == 70.80  # pytorchvideo's model zoo


def test_ast_costs_what_the_number_of_its_tokens_says() -> None:
    published = count(*on_paper("ast", "base"))
    assert published.parameters == 86_187_264
    assert round(published.with_norms / 1e9, 1) == 130.6
    tokens, width = 450, 768
    found = count(*on_paper("ast", "paper"))
    assert found.linear == 12 * tokens * 12 * width**2
    assert found.attention == 12 * 2 * tokens**2 * width
    assert found.convolution == 448 * width * 256
    assert found.norm == 25 * tokens * width * 5
    assert round(found.with_norms / 1e9, 2) == 42.08


def test_the_inertial_transformer_is_about_as_large_as_the_slides_say() -> None:
    found = count(*on_paper("inertial", "base"))
    assert found.parameters == 15_510_016
    assert round(found.with_norms / 1e9, 2) == 1.65


def test_other_sizes_of_clips_are_counted_as_they_are() -> None:
    with torch.device("meta"):
        model = new_sensor_encoder("mvit", "base").eval()
        short, whole = (count(model, torch.empty(1, frames, 3, 224, 224)) for frames in (8, 16))
    assert short.parameters == whole.parameters
    assert 0.3 < short.multiply_adds / whole.multiply_adds < 0.5


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("mvitt",), {}, "no sensor encoder 'mvitt'; there are mvit, ast, inertial"),
        (("mvit", "large"), {}, "mvit has no preset 'large'; it has base, tiny"),
        (("ast", "tiny"), {"depth": 3}, "ast has no option 'depth'; it has num_frames, num_mels, stride"),
        (("mvit", "tiny"), {"halved_at": (0, 2)}, r"halved_at is \(0, 2\); give blocks from 1 to 4"),
    ],
)
def test_what_there_is_not_is_refused(arguments: tuple[str, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        new_sensor_encoder(*arguments, **options)
