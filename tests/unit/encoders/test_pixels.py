"""Pictures as features: prepared as the tower of an encoder wants them, without its weights."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from egoshift.encoders import load_image_encoder
from egoshift.encoders.pixels import load_pixel_encoder
from egoshift.encoders.rule import PreparationRule
from egoshift.errors import WeightsError
from tests.fixtures import native_clip

RULE = tuple(PreparationRule.__dataclass_fields__)


def frames(num: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num, 50, 80, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["clip", "siglip", "dinov2"])
def test_a_feature_is_the_picture_that_the_tower_would_see(tiny: dict[str, Path], name: str) -> None:
    pixels, tower = load_pixel_encoder(str(tiny[name])), load_image_encoder(str(tiny[name]), precision="float32")
    images = torch.stack([pixels.prepare(frame) for frame in frames()])
    assert torch.equal(images, torch.stack([tower.prepare(frame) for frame in frames()]))
    features = pixels.encode(images)
    assert features.dtype == torch.float32
    assert features.shape == (3, pixels.card.dim)
    again = features.to(torch.uint8).view(3, 3, tower.card.size, tower.card.size)
    assert torch.equal(tower.encode(again), tower.encode(images))


def test_the_card_is_that_of_the_preparation(tiny: dict[str, Path]) -> None:
    card, tower = load_pixel_encoder(f"pixels:{tiny['clip']}").card, load_image_encoder(str(tiny["clip"])).card
    assert (card.id, card.family, card.dim, card.dtype) == (f"pixels:{tiny['clip']}", "pixels", 3 * 32 * 32, "uint8")
    assert card.model_dump(include=set(RULE)) == tower.model_dump(include=set(RULE))
    assert not card.has_text


def test_another_preparation_has_another_hash_and_other_weights_have_not(tiny: dict[str, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny["clip"], tmp_path / "copy"))
    save_file({"none": torch.zeros(1)}, copy / "model.safetensors", {"format": "pt"})
    assert load_pixel_encoder(str(copy)).card.sha256 == load_pixel_encoder(str(tiny["clip"])).card.sha256
    with pytest.raises(WeightsError, match="lacks"):
        load_image_encoder(str(copy))
    file = copy / "preprocessor_config.json"
    stated = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(stated | {"image_mean": [0.5, 0.5, 0.5]}), encoding="utf-8")
    assert load_pixel_encoder(str(copy)).card.sha256 != load_pixel_encoder(str(tiny["clip"])).card.sha256


def test_a_checkpoint_file_has_its_layouts_preparation(tmp_path: Path) -> None:
    file, _ = native_clip.write_openai_archive(tmp_path)
    card = load_pixel_encoder(str(file)).card
    assert card.dim == 3 * card.size**2
    assert card.model_dump(include=set(RULE)) == load_image_encoder(str(file)).card.model_dump(include=set(RULE))


def test_an_encoder_that_is_not_here_or_sees_nothing_is_refused(tiny: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nobody/nothing"):
        load_pixel_encoder("pixels:nobody/nothing")
    blind = Path(shutil.copytree(tiny["clip"], tmp_path / "blind"))
    config = json.loads((blind / "config.json").read_text(encoding="utf-8"))
    (blind / "config.json").write_text(json.dumps(config | {"model_type": "clip_text_model"}), encoding="utf-8")
    with pytest.raises(WeightsError, match="has no image tower"):
        load_pixel_encoder(str(blind))


def test_pictures_that_were_not_prepared_are_refused(tiny: dict[str, Path]) -> None:
    encoder = load_pixel_encoder(str(tiny["clip"]))
    with pytest.raises(ValueError, match=r"give uint8 \(batch, 3, 32, 32\)"):
        encoder.encode(torch.zeros(2, 3, 16, 16, dtype=torch.uint8))
