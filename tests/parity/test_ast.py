"""AST, out of its three layouts, against a slow twin that works one patch, one head and one query at a time.

The twin follows https://github.com/YuanGongND/ast/blob/31088be/src/models/ast_models.py and the blocks of
DeiT-distilled (timm 0.4.5, epsilon 1e-6) by the authors' names.
"""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from egoshift.encoders.ast import AUDIOSET_MEAN, AUDIOSET_STD, SpectrogramTransformer
from egoshift.encoders.sensor import AbstractSensorEncoder
from egoshift.encoders.sensors import load_sensor_encoder
from tests.fixtures.ast_checkpoints import SMALL, drawn, hub_state, write_authors, write_folder


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return drawn()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, weights: dict[str, Tensor]) -> Path:
    """Every layout of the same weights."""
    place = tmp_path_factory.mktemp("ast")
    write_authors(place / "audioset.pth", weights)
    torch.save(hub_state(weights, modules=False), place / "hub.pt")
    torch.save(hub_state(weights, modules=True, classifier=False), place / "modules.pt")
    write_folder(place / "folder", weights, mean=AUDIOSET_MEAN, std=AUDIOSET_STD)
    return place


def loaded(folder: Path, name: str) -> AbstractSensorEncoder:
    return load_sensor_encoder(str(folder / name), "audio", precision="float32")


def norm(weights: dict[str, Tensor], name: str, x: Tensor, eps: float) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    unit = centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt()
    return unit * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return torch.einsum("lc,dc->ld", x, weights[f"{name}.weight"]) + weights[f"{name}.bias"]


def column_of(table: Tensor, moments: int, i: int) -> Tensor:
    """The positions of all bands at moment ``i`` of a clip: the middle of the trained ones, or a mixture of two."""
    trained = table.shape[1]
    if moments <= trained:
        return table[:, int(trained / 2) - int(moments / 2) + i]
    at = min(max((i + 0.5) * trained / moments - 0.5, 0.0), trained - 1.0)
    before = min(int(at), trained - 2)
    return table[:, before] * (1 - (at - before)) + table[:, before + 1] * (at - before)


def slow_clip(weights: dict[str, Tensor], log_mel: Tensor, eps: float) -> Tensor:
    """The feature of one log-mel ``(frames, 128)``."""
    image = ((log_mel - -4.2677393) / (4.5689974 * 2)).T
    table = weights["v.pos_embed"][0, 2:].reshape(SMALL.bands, SMALL.moments, SMALL.width)
    kernel, bias = weights["v.patch_embed.proj.weight"], weights["v.patch_embed.proj.bias"]
    moments = (len(log_mel) - 16) // 10 + 1
    tokens = [
        weights[f"v.{token}"][0, 0] + weights["v.pos_embed"][0, i]
        for i, token in enumerate(("cls_token", "dist_token"))
    ]
    for band in range(SMALL.bands):
        for moment in range(moments):
            patch = image[10 * band : 10 * band + 16, 10 * moment : 10 * moment + 16]
            embedded = torch.einsum("dij,ij->d", kernel[:, 0], patch) + bias
            tokens.append(embedded + column_of(table, moments, moment)[band])
    x = torch.stack(tokens)
    for i in range(SMALL.depth):
        name = f"v.blocks.{i}"
        packed = linear(weights, f"{name}.attn.qkv", norm(weights, f"{name}.norm1", x, eps))
        q, k, v = (packed[:, part * SMALL.width : (part + 1) * SMALL.width] for part in range(3))
        mixed = torch.empty_like(q)
        for start in range(0, SMALL.width, 64):
            part = slice(start, start + 64)
            for query in range(len(x)):
                powers = torch.exp(k[:, part] @ q[query, part] / 8)
                mixed[query, part] = (powers / powers.sum()) @ v[:, part]
        x = x + linear(weights, f"{name}.attn.proj", mixed)
        hidden = linear(weights, f"{name}.mlp.fc1", norm(weights, f"{name}.norm2", x, eps))
        x = x + linear(weights, f"{name}.mlp.fc2", hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2)
    x = norm(weights, "v.norm", x, eps)
    return (x[0] + x[1]) / 2


def random_log_mels(frames: int, batch: int = 2) -> Tensor:
    return AUDIOSET_MEAN + AUDIOSET_STD * torch.randn(
        batch, frames, 128, generator=torch.Generator().manual_seed(frames)
    )


@pytest.mark.parametrize("frames", [128, 131, 47, 36, 16, 170])
@torch.no_grad()
def test_clips_of_any_length_get_the_slow_twins_features_trained_for_128_frames(
    folder: Path, weights: dict[str, Tensor], frames: int
) -> None:
    log_mels = random_log_mels(frames)
    expected = torch.stack([slow_clip(weights, log_mel, 1e-6) for log_mel in log_mels])
    assert expected.std() > 0.1
    torch.testing.assert_close(loaded(folder, "audioset.pth")(log_mels), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["hub.pt", "modules.pt", "folder"])
@torch.no_grad()
def test_the_layouts_of_transformers_get_the_slow_twins_features_with_their_own_epsilon(
    folder: Path, weights: dict[str, Tensor], name: str
) -> None:
    log_mels = random_log_mels(128)
    expected = torch.stack([slow_clip(weights, log_mel, 1e-12) for log_mel in log_mels])
    torch.testing.assert_close(loaded(folder, name)(log_mels), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_both_namings_and_the_folder_give_the_features_of_transformers_itself(folder: Path) -> None:
    from transformers import ASTModel

    log_mels = random_log_mels(128)
    itself = ASTModel.from_pretrained(folder / "folder").eval()
    expected = itself((log_mels - AUDIOSET_MEAN) / (2 * AUDIOSET_STD)).pooler_output
    for name in ("hub.pt", "modules.pt", "folder"):
        assert loaded(folder, name)(log_mels).equal(expected), name


@torch.no_grad()
def test_explicit_attention_gives_the_same(folder: Path) -> None:
    from transformers import ASTModel

    explicit = SpectrogramTransformer(ASTModel.from_pretrained(folder / "folder", attn_implementation="eager").eval())
    for frames in (40, 128, 150):
        log_mels = random_log_mels(frames)
        torch.testing.assert_close(explicit(log_mels), loaded(folder, "folder")(log_mels), rtol=1e-5, atol=1e-5)
