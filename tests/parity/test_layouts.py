"""Checkpoints in their makers' own layouts against forward passes written out from the papers.

The references are the modules of ``tests/fixtures/native_*.py`` that the files were written from; they share
no code with the converters or with ``transformers``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from egoshift.encoders import AbstractImageEncoder, load_image_encoder, load_text_encoder
from egoshift.encoders.layouts.dinov2 import resample
from tests.fixtures import native_clip as native
from tests.fixtures.checkpoints import clip_vocab, write_clip_tokenizer
from tests.fixtures.native_dinov2 import OriginalDino, slow_resample

WORDS = ("cut the onion", "wash", "", "take 2 knives, then wash them: all of them!")


def pictures(encoder: AbstractImageEncoder) -> tuple[Tensor, Tensor]:
    """Prepared pictures, and their pixels as the tower was trained to see them."""
    frames = np.random.default_rng(3).integers(0, 256, (3, 50, 80, 3), dtype=np.uint8)
    images = torch.stack([encoder.prepare(frame) for frame in frames])
    mean, std = torch.tensor(encoder.card.mean), torch.tensor(encoder.card.std)
    return images, (images / 255 - mean[:, None, None]) / std[:, None, None]


def check_image_tower(file: Path, reference: Any) -> AbstractImageEncoder:
    encoder = load_image_encoder(str(file), precision="float32")
    images, pixels = pictures(encoder)
    with torch.no_grad():
        expected = reference(pixels)
    assert expected.std() > 0.1
    torch.testing.assert_close(encoder.encode(images), expected, rtol=1e-5, atol=1e-5)
    return encoder


def check_text_tower(file: Path, reference: native.OriginalClip) -> None:
    encoder = load_text_encoder(str(file))
    tokens = encoder._tokeniser(WORDS, 77)  # type: ignore[attr-defined]
    padded = torch.tensor([[*ids, *[0] * (77 - len(ids))] for ids in tokens])  # as openai/CLIP pads
    with torch.no_grad():
        expected = reference.encode_text(padded)
    torch.testing.assert_close(encoder.encode(WORDS), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("half", [True, False])
def test_openais_archive_gives_the_features_of_the_model_that_was_traced(tmp_path: Path, half: bool) -> None:
    file, model = native.write_openai_archive(tmp_path, half=half)
    encoder = check_image_tower(file, model.encode_image)
    check_text_tower(file, model)
    assert encoder.card.activation == "quick_gelu"
    assert encoder.card.preprocessing_source == "OpenAI CLIP layout"


@pytest.mark.parametrize("scalars", [True, False])
def test_a_plain_state_dict_of_clip_gives_its_features(tmp_path: Path, scalars: bool) -> None:
    model = native.OriginalClip(scalars=scalars).eval()
    torch.save(model.state_dict(), tmp_path / "clip.pth")
    write_clip_tokenizer(tmp_path, "tokenizer.json")
    if not scalars:
        native.write_open_clip_config(tmp_path, quick_gelu=True, vision_cfg={"head_width": 64}, text_cfg={"heads": 1})
    check_image_tower(tmp_path / "clip.pth", model.encode_image)
    check_text_tower(tmp_path / "clip.pth", model)


def open_clip_file(folder: Path, kind: str, model: native.OriginalClip) -> Path:
    state = {name: weight.clone() for name, weight in model.state_dict().items()}
    if kind == "classic.safetensors":
        save_file(state, folder / kind, {"format": "pt"})
    elif kind == "custom-text.safetensors":
        save_file(native.under_text(state | {"logit_bias": torch.zeros(())}), folder / kind, {"format": "pt"})
    elif kind == "classic.bin":
        torch.save(state | {"logit_scale": state["logit_scale"][None]}, folder / kind)
    else:
        optimizer = torch.optim.AdamW(model.parameters()).state_dict()
        prefixed = {f"module.{name}": weight for name, weight in state.items()}
        torch.save({"epoch": 3, "name": "run", "state_dict": prefixed, "optimizer": optimizer}, folder / kind)
    return folder / kind


@pytest.mark.parametrize("kind", ["classic.safetensors", "custom-text.safetensors", "classic.bin", "epoch_3.pt"])
@pytest.mark.parametrize("quick", [True, False])
def test_open_clip_files_give_the_features_of_the_activation_and_heads_that_their_configuration_states(
    tmp_path: Path, kind: str, quick: bool
) -> None:
    model = native.OriginalClip(quick=quick, heads=(4, 2)).eval()
    file = open_clip_file(tmp_path, kind, model)
    write_clip_tokenizer(tmp_path, "vocab.json")
    native.write_open_clip_config(tmp_path, **({"quick_gelu": True} if quick else {}))
    encoder = check_image_tower(file, model.encode_image)
    check_text_tower(file, model)
    assert encoder.card.activation == ("quick_gelu" if quick else "gelu")
    assert encoder.card.preprocessing_source == "open_clip_config.json"
    assert (encoder.card.resize, encoder.card.std) == ("squash", (0.4, 0.5, 0.6))


@pytest.mark.parametrize("registers", [0, 4])
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("trained", [8, 9, 5])
def test_native_dinov2_gives_its_authors_features_at_224_pixels(
    tmp_path: Path, registers: int, gated: bool, trained: int
) -> None:
    model = OriginalDino(registers=registers, gated=gated, trained=trained).eval()
    torch.save(model.state_dict(), tmp_path / "dino.pth")
    encoder = check_image_tower(tmp_path / "dino.pth", model)
    assert encoder.card.activation == ("swiglu" if gated else "gelu")


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("trained", [37, 16, 12])
def test_positions_are_resampled_as_the_slow_twin_does_it_one_by_one(antialias: bool, trained: int) -> None:
    positions = torch.randn(1, trained**2 + 1, 6, generator=torch.Generator().manual_seed(0))
    found = resample(positions, 16, antialias=antialias)
    expected = positions
    if trained != 16:
        square = slow_resample(positions[0, 1:].reshape(trained, trained, 6), 16, antialias=antialias)
        expected = torch.cat([positions[:, :1], square.reshape(1, 256, 6)], dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_the_offset_of_a_tenth_of_a_patch_shows_in_the_positions() -> None:
    positions = torch.randn(1, 37**2 + 1, 6, generator=torch.Generator().manual_seed(0))
    square = positions[:, 1:].reshape(1, 37, 37, 6).permute(0, 3, 1, 2)
    to_size = torch.nn.functional.interpolate(square, size=(16, 16), mode="bicubic").flatten(2).transpose(1, 2)
    assert (resample(positions, 16, antialias=False)[:, 1:] - to_size).abs().max() > 0.1


def test_the_real_vocabulary_of_openai_is_read_from_its_own_file(tmp_path: Path, assets: Path) -> None:
    from egoshift.encoders.folder import WeightFolder
    from egoshift.encoders.tokens import clip_tokeniser
    from tests.fixtures.checkpoints import write_real_clip_vocab

    names = [str(name) for name in np.load(assets / "clip_text" / "clip_vitb32_text_vocab.npz")["names"]]
    prompts = [f"A photo of {name.replace('_', ' ')}, Zoë's café 2." for name in names]
    write_real_clip_vocab(tmp_path, assets)
    expected = clip_tokeniser(WeightFolder("pair", tmp_path, {}, ()))
    found = clip_tokeniser(WeightFolder("openai", assets / "clip_text", {}, ()))
    assert len(prompts) == 2148
    assert found(prompts, 77) == expected(prompts, 77)
    assert (found.end, found.size) == (49407, 49408)
    assert len(clip_vocab()) < 200  # the tests above run on a small vocabulary instead
