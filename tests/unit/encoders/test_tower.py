"""Towers are loaded alone, whole, and quietly."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from egoshift.encoders import load_image_encoder, load_text_encoder
from egoshift.encoders.folder import open_folder
from egoshift.encoders.tower import load_tower, model_type, quiet_transformers
from egoshift.errors import WeightsError
from tests.fixtures.checkpoints import write_json


@pytest.fixture
def copy(tiny: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the tiny CLIP that a test may damage."""
    return Path(shutil.copytree(tiny["clip"], tmp_path / "copy"))


def change_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write_json(folder / "config.json", config | changes)


def keep_weights(folder: Path, prefixes: tuple[str, ...]) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in weights.items() if key.startswith(prefixes)}
    assert 0 < len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("stated", ["bert", "siglip2", "clip_segmentation", None])
def test_another_family_is_refused_with_the_supported_ones_named(copy: Path, stated: str | None) -> None:
    change_config(copy, model_type=stated)
    with pytest.raises(
        WeightsError, match=f"model_type is '{stated}'.*supported are clip, .*dinov2_with_regis"
    ) as error:
        load_image_encoder(str(copy))
    assert "\n" not in str(error.value)
    assert ("fixed-size kind of SigLIP 2" in str(error.value)) == (stated == "siglip2")


@pytest.mark.parametrize("name", ["dinov2", "dinov2-registers"])
def test_dinov2_has_no_text_tower(tiny: dict[str, Path], name: str) -> None:
    with pytest.raises(WeightsError, match="has no text tower; class names need a CLIP or SigLIP checkpoint"):
        load_text_encoder(str(tiny[name]))


def test_a_text_tower_has_no_image_tower(copy: Path) -> None:
    change_config(copy, model_type="clip_text_model")
    with pytest.raises(WeightsError, match="'clip_text_model' has no image tower"):
        model_type(open_folder(str(copy)), "image")


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("clip", "image", "CLIPVisionModelWithProjection"),
        ("clip", "text", "CLIPTextModelWithProjection"),
        ("siglip", "image", "SiglipVisionModel"),
        ("siglip", "text", "SiglipTextModel"),
        ("dinov2", "image", "Dinov2Model"),
        ("dinov2-registers", "image", "Dinov2WithRegistersModel"),
    ],
)
def test_only_the_tower_asked_for_is_loaded_and_it_is_frozen(
    tiny: dict[str, Path], name: str, kind: Any, expected: str
) -> None:
    tower = load_tower(open_folder(str(tiny[name])), kind, torch.device("cpu"), torch.float32)
    assert type(tower).__name__ == expected
    assert not tower.training
    assert not any(weight.requires_grad for weight in tower.parameters())
    other = "text" if kind == "image" else "vision"
    assert not [key for key in tower.state_dict() if key.startswith(other)]


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_a_checkpoint_of_one_tower_alone_gives_what_the_whole_gives(
    tiny: dict[str, Path], tmp_path: Path, name: str
) -> None:
    for kind in ("image", "text"):
        alone = Path(shutil.copytree(tiny[name], tmp_path / kind))
        load_tower(open_folder(str(tiny[name])), kind, torch.device("cpu"), torch.float32).save_pretrained(alone)
    frame = torch.randint(0, 256, (40, 50, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).numpy()
    whole, part = load_image_encoder(str(tiny[name])), load_image_encoder(str(tmp_path / "image"))
    expected = whole.encode(whole.prepare(frame)[None])
    torch.testing.assert_close(part.encode(part.prepare(frame)[None]), expected, rtol=0, atol=0)
    assert whole.card.has_text
    assert not part.card.has_text
    words = ["cut", "wash the cup"]
    expected = load_text_encoder(str(tiny[name])).encode(words)
    torch.testing.assert_close(load_text_encoder(str(tmp_path / "text")).encode(words), expected, rtol=0, atol=0)


def test_a_missing_tower_is_not_made_up(copy: Path) -> None:
    keep_weights(copy, ("text_model", "text_projection"))
    load_text_encoder(str(copy))
    with pytest.raises(WeightsError, match=r"lacks \d+ weights of the image tower, the first v") as error:
        load_image_encoder(str(copy))
    assert "\n" not in str(error.value)


def test_a_missing_projection_is_not_made_up(copy: Path) -> None:
    keep_weights(copy, ("text_model", "vision_model"))
    with pytest.raises(WeightsError, match=r"lacks 1 weights of the image tower, the first visual_projection\.weight"):
        load_image_encoder(str(copy))
    with pytest.raises(WeightsError, match=r"lacks 1 weights of the text tower, the first text_projection\.weight"):
        load_text_encoder(str(copy))


def test_weights_that_do_not_fit_the_configuration_are_refused(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    key = "vision_model.post_layernorm.weight"
    save_file(weights | {key: torch.zeros(31)}, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsError, match=r"1 weights of the image tower do not fit.*\(31,\) in .*\(32,\) expected"):
        load_image_encoder(str(copy))


def test_the_outer_projection_dim_of_a_whole_clip_counts(copy: Path, tiny: dict[str, Path]) -> None:
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    assert config["projection_dim"] == 24
    parts = {part: config[part] | {"projection_dim": 512} for part in ("vision_config", "text_config")}
    change_config(copy, **parts)
    expected = load_text_encoder(str(tiny["clip"])).encode(["cut"])
    torch.testing.assert_close(load_text_encoder(str(copy)).encode(["cut"]), expected, rtol=0, atol=0)
    assert load_image_encoder(str(copy)).card.dim == 24


def test_a_configuration_that_makes_no_model_is_one_line(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    change_config(copy, vision_config=config["vision_config"] | {"hidden_size": "wide"})
    with pytest.raises(WeightsError, match="cannot be loaded as CLIPVisionModelWithProjection") as error:
        load_image_encoder(str(copy))
    assert "\n" not in str(error.value)


def test_a_frame_size_that_the_model_does_not_take_is_refused(copy: Path) -> None:
    stated = json.loads((copy / "preprocessor_config.json").read_text(encoding="utf-8"))
    write_json(copy / "preprocessor_config.json", stated | {"size": 40, "crop_size": 40})
    with pytest.raises(WeightsError, match=r"cuts frames to 40 pixels and .* says the model takes 32"):
        load_image_encoder(str(copy))


def test_a_siglip_without_its_pooling_head_is_refused(tiny: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny["siglip"], tmp_path / "headless"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    change_config(folder, vision_config=config["vision_config"] | {"vision_use_head": False})
    with pytest.raises(WeightsError, match="vision_use_head is off"):
        load_image_encoder(str(folder))


def test_half_precision_files_compute_in_the_type_asked_for(copy: Path, tiny: dict[str, Path]) -> None:
    weights = {key: value.half() for key, value in load_file(copy / "model.safetensors").items()}
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    change_config(copy, dtype="float16")
    encoder = load_text_encoder(str(copy))
    assert encoder.card.dtype == "float32"
    expected = load_text_encoder(str(tiny["clip"])).encode(["cut the cup"])
    torch.testing.assert_close(encoder.encode(["cut the cup"]), expected, rtol=0.02, atol=0.02)


def test_loading_leaves_the_settings_of_transformers_as_they_were() -> None:
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    try:
        for verbosity, bars in ((logging.INFO, True), (logging.ERROR, False)):
            logging.set_verbosity(verbosity)
            (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
            with quiet_transformers():
                assert logging.get_verbosity() == logging.CRITICAL
                assert not logging.is_progress_bar_enabled()
            assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (verbosity, bars)
    finally:
        logging.set_verbosity(before[0])
        (logging.enable_progress_bar if before[1] else logging.disable_progress_bar)()
