"""CLIP's image tower run by ourselves, against the tower as ``transformers`` runs it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from egoshift.encoders import load_image_encoder, vision
from egoshift.encoders.vision import VisionTower, load_vision_tower
from egoshift.errors import ConfigError, WeightsError
from tests.fixtures import native_clip
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.lavila_checkpoints import write_tiny_lavila

CLIPS, TIME = 3, 2


def pictures(tower: VisionTower) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (CLIPS, TIME, tower.num_pixels)
    return torch.randint(0, 256, shape, generator=generator).float()


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> VisionTower:
    return load_vision_tower(str(write_clip(tmp_path_factory.mktemp("vision") / "clip")))


def checked(name: str) -> None:
    tower, encoder = load_vision_tower(name), load_image_encoder(name, precision="float32")
    pixels = pictures(tower)
    images = pixels.to(torch.uint8).view(-1, 3, tower.size, tower.size)
    expected = encoder.encode(images).view(CLIPS, TIME, -1)
    assert expected.std() > 0.1
    torch.testing.assert_close(tower.in_chunks(pixels, tower.encode), expected, rtol=1e-5, atol=1e-5)
    assert tower.dim == encoder.card.dim
    assert not any(weight.requires_grad for weight in tower.module.parameters())


@pytest.mark.parametrize("act", ["quick_gelu", "gelu"])
@pytest.mark.parametrize("few_tokens", [0, 128])
def test_features_are_those_of_the_image_encoder(
    tmp_path: Path, act: str, few_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vision, "FEW_TOKENS", few_tokens)
    checked(str(write_clip(tmp_path / "clip", act=act)))


def test_features_of_a_checkpoint_file_are_those_of_the_image_encoder(tmp_path: Path) -> None:
    file, _ = native_clip.write_openai_archive(tmp_path)
    checked(str(file))


def slow_layer(layer: Any, tokens: Tensor, prompts: Tensor) -> Tensor:
    """The layer over one frame's tokens and prompts in one sequence, without what becomes of the prompts."""
    sequence = torch.cat([tokens, prompts]).unsqueeze(0)
    carried: Tensor = layer(sequence, attention_mask=None)
    return carried[0, : len(tokens)]


@pytest.mark.parametrize("few_tokens", [0, 128])
def test_prompts_are_attended_to_by_the_frames_that_share_them(
    tower: VisionTower, few_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vision, "FEW_TOKENS", few_tokens)
    generator = torch.Generator().manual_seed(1)
    frames = CLIPS * TIME
    tokens = torch.randn(frames, tower.num_tokens, tower.width, generator=generator)
    everyones, clips, own = (torch.randn(groups, 2, tower.width, generator=generator) for groups in (1, CLIPS, frames))
    for index, layer in enumerate(tower.module.vision_model.encoder.layers):
        carried = tower.layer(index, tokens, [everyones, clips, own])
        for frame in range(frames):
            prompts = torch.cat([everyones[0], clips[frame // TIME], own[frame]])
            expected = slow_layer(layer, tokens[frame], prompts)[: carried.shape[1]]
            torch.testing.assert_close(carried[frame], expected, rtol=1e-5, atol=1e-5)
        assert carried.shape[1] == (1 if index == tower.num_layers - 1 else tower.num_tokens)


class Shifted:
    """An encoder with something to train before the tower; counts the clips of each call."""

    def __init__(self, tower: VisionTower):
        self.tower, self.shift, self.calls = tower, torch.full((tower.width,), 0.1, requires_grad=True), list[int]()

    def __call__(self, pixels: Tensor) -> Tensor:
        self.calls.append(len(pixels))
        tokens = self.tower.started(self.tower.embedded(pixels.flatten(0, 1)) + self.shift)
        for index in range(self.tower.num_layers):
            tokens = self.tower.layer(index, tokens)
        return self.tower.finished(tokens).view(*pixels.shape[:2], -1)


def test_chunks_change_memory_and_neither_features_nor_gradients(tower: VisionTower) -> None:
    whole, parts = Shifted(tower), Shifted(tower)
    two_clips = 2 * TIME * tower.num_tokens
    expected = tower.in_chunks(pictures(tower), whole, 9 * two_clips)
    actual = tower.in_chunks(pictures(tower), parts, two_clips)
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-6)
    for features in (expected, actual):
        features.square().sum().backward()
    assert whole.shift.grad is not None
    assert parts.shift.grad is not None
    torch.testing.assert_close(parts.shift.grad, whole.shift.grad, rtol=1e-4, atol=1e-4)
    assert whole.calls == [CLIPS]
    # Each chunk a second time in the backward pass, which keeps the activations of one only.
    assert sorted(parts.calls) == [1, 1, 2, 2]


def test_without_gradients_no_chunk_is_computed_twice(tower: VisionTower) -> None:
    parts = Shifted(tower)
    with torch.no_grad():
        tower.in_chunks(pictures(tower), parts, 1)
    assert parts.calls == [1] * CLIPS


def test_pictures_are_left_as_they_were_and_features_are_single_precision(tower: VisionTower) -> None:
    pixels = pictures(tower)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = tower.encode(pixels)
    assert torch.equal(pixels, pictures(tower))
    assert coarse.dtype == torch.float32
    exact = tower.encode(pixels)
    assert (coarse - exact).abs().max() < 0.1 * exact.abs().max()
    assert not torch.equal(coarse, exact)


@pytest.mark.parametrize(("name", "family"), [("siglip", "siglip"), ("dinov2", "dinov2"), ("lavila", "lavila")])
def test_towers_of_other_families_are_refused(tiny: dict[str, Path], tmp_path: Path, name: str, family: str) -> None:
    path = write_tiny_lavila(tmp_path / "lavila.pt") if name == "lavila" else tiny[name]
    with pytest.raises(ConfigError, match=rf"this one is of family {family}; give a CLIP, or choose") as error:
        load_vision_tower(str(path))
    assert "\n" not in str(error.value)


def test_files_that_prepare_pictures_of_another_size_are_refused(tiny: dict[str, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny["clip"], tmp_path / "copy"))
    file = copy / "preprocessor_config.json"
    file.write_text(file.read_text(encoding="utf-8").replace("32", "24"), encoding="utf-8")
    with pytest.raises(WeightsError, match="cuts frames to 24 pixels and config"):
        load_vision_tower(str(copy))
