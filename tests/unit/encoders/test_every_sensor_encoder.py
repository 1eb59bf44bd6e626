"""Every sensor encoder with its options through the same checks."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from egoshift.encoders.ast import AUDIOSET_MEAN, AUDIOSET_STD, SpectrogramTransformer
from egoshift.encoders.sensor import AbstractSensorEncoder
from egoshift.encoders.sensors import SENSOR_ENCODERS, new_sensor_encoder

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "mvit": [
        {},
        {"num_frames": 5, "image_size": 40},
        {"halved_at": ()},
        {"halved_at": (1, 2, 3), "num_attention_heads": 2},
        {"mlp_ratio": 2},
        {"drop_path": 0.2, "head_dropout": 0.5},
    ],
    "ast": [{}, {"stride": 10, "num_frames": 64}, {"num_mels": 64}, {"dropout": 0.2}, {"mean": 0.0, "std": 2.0}],
    "inertial": [
        {},
        {"num_channels": 3, "num_samples": 128, "patch_size": 16},
        {"pooling": "mean"},
        {"position": "none"},
        {"absence": "zero"},
        {"dropout": 0.0},
    ],
}
CASES = [
    pytest.param(encoder, options, id=f"{encoder}-{json.dumps(options)[:60]}")
    for encoder, several in OPTIONS.items()
    for options in several
]
every_case = pytest.mark.parametrize(("encoder", "options"), CASES)
every_preset = pytest.mark.parametrize(
    ("encoder", "preset"), [(name, preset) for name, kind in SENSOR_ENCODERS.items() for preset in kind.presets]
)
LENGTHS = {"mvit": ((3, 3, 30, 50), (12, 3, 72, 72)), "ast": ((16, 128), (333, 128)), "inertial": ((7, 6), (1400, 6))}


def make(encoder: str, options: dict[str, Any], seed: int = 0) -> AbstractSensorEncoder:
    torch.manual_seed(seed)
    return new_sensor_encoder(encoder, "tiny", **options)


def clips(model: AbstractSensorEncoder, batch: int = 3, shape: tuple[int, ...] | None = None) -> Tensor:
    given = torch.randn(batch, *(shape or model.input_shape), generator=torch.Generator().manual_seed(1))
    return AUDIOSET_MEAN + AUDIOSET_STD * given if isinstance(model, SpectrogramTransformer) else given


def test_every_encoder_is_in_the_table() -> None:
    assert OPTIONS.keys() == SENSOR_ENCODERS.keys()
    assert {kind.sensor for kind in SENSOR_ENCODERS.values()} == {"video", "audio", "imu"}
    assert all({"base", "tiny"} <= kind.presets.keys() for kind in SENSOR_ENCODERS.values())


@every_preset
def test_every_preset_gives_features_of_its_length_and_knows_its_clips(encoder: str, preset: str) -> None:
    with torch.device("meta"):
        model = new_sensor_encoder(encoder, preset).eval()
        found = model(torch.empty(2, *model.input_shape))
    assert found.shape == (2, model.dim)
    assert sum(weight.numel() for weight in model.parameters()) < (1e6 if preset == "tiny" else 1e8)


@every_case
@torch.no_grad()
def test_features_are_finite_and_differ_and_clips_do_not_see_each_other(encoder: str, options: dict[str, Any]) -> None:
    model = make(encoder, options).eval()
    given = clips(model)
    before = given.clone()
    found = model(given)
    assert found.shape == (3, model.dim)
    assert found.isfinite().all()
    assert (found[0] - found[1]).abs().max() > 1e-3
    alone = torch.cat([model(clip[None]) for clip in given])
    torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-5)
    assert given.equal(before)
    assert model(given[:0]).shape == (0, model.dim)


@every_case
def test_a_gradient_reaches_every_weight(encoder: str, options: dict[str, Any]) -> None:
    model = make(encoder, {**options, "drop_path": 0.0} if encoder == "mvit" else options).train()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel())))
    present = {"present": clips(model) > -1} if encoder == "inertial" else {}
    model(clips(model), **present).square().sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        # a bias added to all keys moves all scores of a query alike, which the softmax does not see
        parts = weight.grad.chunk(3) if name.endswith("qkv.bias") else (weight.grad,)
        strengths = [float(part.abs().max()) for part in (parts[0], parts[-1])]
        assert min(strengths) > 1e-5 or name.endswith(("k_proj.bias", "pool_k.norm.bias")), name


@every_case
def test_the_same_seed_gives_the_same_numbers_and_another_others(encoder: str, options: dict[str, Any]) -> None:
    def step(seed: int) -> tuple[Tensor, list[Tensor]]:
        model = make(encoder, options, seed).train()
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
        model(clips(model)).square().mean().backward()
        optimiser.step()
        return model.eval()(clips(model)), list(model.parameters())

    first, again, other = step(0), step(0), step(1)
    assert first[0].equal(again[0])
    assert all(a.equal(b) for a, b in zip(first[1], again[1], strict=True))
    assert not first[0].equal(other[0])


@every_case
@torch.no_grad()
def test_saved_and_loaded_it_gives_the_same(encoder: str, options: dict[str, Any], tmp_path: Path) -> None:
    model = make(encoder, options).eval()
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    loaded = make(encoder, options, seed=5).eval()
    loaded.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert loaded(clips(model)).equal(model(clips(model)))


@every_case
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.no_grad()
def test_in_half_precision_it_gives_nearly_the_same(encoder: str, options: dict[str, Any], dtype: torch.dtype) -> None:
    model = make(encoder, options).eval()
    expected = model(clips(model))
    found = model.to(dtype)(clips(model))
    assert found.dtype is dtype
    assert torch.cosine_similarity(found.float(), expected).min() > 0.995


@pytest.mark.parametrize("encoder", OPTIONS)
@torch.no_grad()
def test_clips_of_other_lengths_run(encoder: str) -> None:
    model = make(encoder, {}).eval()
    for shape in LENGTHS[encoder]:
        found = model(clips(model, 2, shape))
        assert found.shape == (2, model.dim)
        assert found.isfinite().all()


@pytest.mark.parametrize("encoder", OPTIONS)
def test_it_learns_to_tell_two_clips_apart(encoder: str) -> None:
    model = make(encoder, {}).train()
    head = torch.nn.Linear(model.dim, 2)
    given, labels = clips(model, 4), torch.tensor([0, 1, 0, 1])
    optimiser = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=3e-3)
    losses = []
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(head(model(given)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_dropping_is_for_training_only() -> None:
    for encoder, options in (("mvit", {"drop_path": 0.5}), ("mvit", {"head_dropout": 0.5}), ("ast", {"dropout": 0.5})):
        model = make(encoder, options).train()
        given = clips(model, 2)
        assert not model(given).equal(model(given))
        assert model.eval()(given).equal(make(encoder, {}).eval()(given))
