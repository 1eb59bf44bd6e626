"""The inertial transformer against a slow twin that never sees an absent sample: one patch and head at a time."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from egoshift.encoders.inertial import InertialConfig, InertialTransformer

SMALL = InertialConfig(
    num_channels=3,
    num_samples=30,
    patch_size=4,
    hidden_size=12,
    intermediate_size=20,
    num_hidden_layers=2,
    num_attention_heads=3,
    dropout=0.0,
)


def encoder_of(**options: Any) -> InertialTransformer:
    """A small one, its weights wide enough apart that a wrong step shows."""
    encoder = InertialTransformer(InertialConfig(**{**vars(SMALL), **options})).eval()
    generator = torch.Generator().manual_seed(8)
    with torch.no_grad():
        for name, weight in encoder.named_parameters():
            centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            weight.copy_(centre + 0.4 * torch.randn(weight.shape, generator=generator))
    return encoder


def norm(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    centred = x - x.mean()
    unit = centred / (centred.square().mean() + 1e-5).sqrt()
    return unit * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return weights[f"{name}.weight"] @ x + weights[f"{name}.bias"]


def position(weights: dict[str, Tensor], patches: int, i: int) -> Tensor:
    trained = weights["pos_embed"][0]
    at = min(max((i + 0.5) * len(trained) / patches - 0.5, 0.0), len(trained) - 1.0)
    before = int(at)
    return trained[before] * (1 - (at - before)) + trained[min(before + 1, len(trained) - 1)] * (at - before)


def slow_tokens(encoder: InertialTransformer, window: Tensor, present: Tensor) -> list[Tensor]:
    """The patches that have a sample, in a list; nothing else is looked at."""
    weights, config = encoder.state_dict(), encoder.config
    patches = math.ceil(len(window) / config.patch_size)
    tokens = []
    for i in range(patches):
        token, measured = weights["patch_embed.bias"].clone(), 0
        for j in range(config.patch_size):
            for channel in range(config.num_channels):
                sample, place = i * config.patch_size + j, j * config.num_channels + channel
                if sample < len(window) and present[sample, channel]:
                    token += window[sample, channel] * weights["patch_embed.weight"][:, place]
                    measured += 1
                elif config.absence == "learned":
                    token += weights["absent_embed.weight"][:, place]
        if config.position == "learned":
            token += position(weights, patches, i)
        if measured:
            tokens.append(token)
    return tokens


def slow_feature(encoder: InertialTransformer, window: Tensor, present: Tensor) -> Tensor:
    weights, config = encoder.state_dict(), encoder.config
    tokens = slow_tokens(encoder, window, present)
    if config.pooling == "cls":
        tokens = [weights["cls_token"][0, 0], *tokens]
    width = config.hidden_size // config.num_attention_heads
    for block in range(config.num_hidden_layers):
        name = f"blocks.{block}"
        packed = [linear(weights, f"{name}.qkv", norm(weights, f"{name}.norm1", token)) for token in tokens]
        q, k, v = ([one[part * config.hidden_size :][: config.hidden_size] for one in packed] for part in range(3))
        for i in range(len(tokens)):
            heads = []
            for start in range(0, config.hidden_size, width):
                part = slice(start, start + width)
                powers = [math.exp(float(q[i][part] @ key[part]) / math.sqrt(width)) for key in k]
                heads.append(
                    sum((p / sum(powers) * value[part] for p, value in zip(powers, v, strict=True)), q[i][part] * 0)
                )
            tokens[i] = tokens[i] + linear(weights, f"{name}.proj", torch.cat(heads))
            hidden = linear(weights, f"{name}.mlp.fc1", norm(weights, f"{name}.norm2", tokens[i]))
            hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
            tokens[i] = tokens[i] + linear(weights, f"{name}.mlp.fc2", hidden)
    normed = [norm(weights, "norm", token) for token in tokens]
    return normed[0] if config.pooling == "cls" else torch.stack(normed).mean(0)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"pooling": "mean"},
    {"position": "none"},
    {"absence": "zero"},
    {"absence": "zero", "pooling": "mean", "position": "none"},
    {"num_channels": 1, "patch_size": 1},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("samples", [30, 32, 5, 61])
@torch.no_grad()
def test_windows_with_and_without_gaps_get_the_slow_twins_features(options: dict[str, Any], samples: int) -> None:
    encoder, generator = encoder_of(**options), torch.Generator().manual_seed(samples)
    shape = (4, samples, encoder.config.num_channels)
    windows, present = torch.randn(shape, generator=generator), torch.rand(shape, generator=generator) < 0.3
    present[0] = True
    present[1, samples // 3 :] = False
    present[1, 0, 0] = True
    present[2, :, 0] = True
    present[3, : samples // 2] = False
    present[3, -1, 0] = True
    expected = torch.stack([slow_feature(encoder, *pair) for pair in zip(windows, present, strict=True)])
    assert expected.std() > 0.1
    torch.testing.assert_close(encoder(windows, present), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(encoder(windows[:1]), expected[:1], rtol=1e-5, atol=1e-5)
