"""Frames as the PIL image processors of ``transformers`` prepare them."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from egoshift.encoders.folder import WeightFolder
from egoshift.encoders.preprocess import prepare, resized_size
from egoshift.encoders.rule import PreparationRule, read_rule
from tests.parity.test_encoders import Frame, noise
from tests.unit.encoders.test_preprocess import card

PROCESSORS: dict[str, tuple[str, dict[str, Any]]] = {
    "clip": ("CLIPImageProcessorPil", {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}),
    "clip-2021": ("CLIPImageProcessorPil", {"size": 336, "crop_size": 336, "do_center_crop": True}),
    "siglip": ("SiglipImageProcessorPil", {"size": {"height": 384, "width": 384}}),
    "siglip2": ("SiglipImageProcessorPil", {"size": {"height": 256, "width": 256}, "resample": 2}),
    "dinov2": ("BitImageProcessorPil", {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}),
}
WIDE = {"720p": (720, 1280), "odd": (457, 611), "square": (300, 300), "small": (17, 23), "strip": (40, 700)}
TALL = {"portrait": (1280, 720), "crop": (211, 97), "small": (23, 17)}


def pil_levels(name: str, folder: Path, frame: Frame) -> Tensor:
    """The grey levels that the PIL processor hands to its normalisation."""
    import transformers

    class_name, stated = PROCESSORS[name]
    settings = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 3} | stated
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
    processor = getattr(transformers, class_name).from_pretrained(str(folder))
    levels = processor(frame, do_rescale=False, do_normalize=False, return_tensors="pt")["pixel_values"][0]
    assert isinstance(levels, Tensor)
    return levels


def pil_levels_across_first(rule: PreparationRule, frame: Frame) -> Tensor:
    """The same by PIL alone: across, then down, then the cut."""
    from PIL import Image

    height, width = resized_size(frame.shape[0], frame.shape[1], card(**vars(rule)))
    kernel = Image.Resampling.BICUBIC if rule.interpolation == "bicubic" else Image.Resampling.BILINEAR
    across = Image.fromarray(frame).resize((width, frame.shape[0]), kernel)
    down = torch.from_numpy(np.array(across.resize((width, height), kernel))).permute(2, 0, 1)
    top, left = (height - rule.size) // 2, (width - rule.size) // 2
    return down[:, top : top + rule.size, left : left + rule.size]


def levels_apart(folder: Path, frame: Frame, expected: Tensor) -> Tensor:
    rule = read_rule(WeightFolder("tiny", folder, {}, ()))
    found = prepare(frame, card(**vars(rule)))
    assert found.shape == expected.shape
    return (found.int() - expected.int()).abs()


def assert_within_one_level(pixels: Frame, apart: Tensor) -> None:
    """Torch keeps 16 bits of a weight and PIL 22, so a few values round otherwise; magnified noise can do so twice."""
    magnified = min(pixels.shape[:2]) < apart.shape[-1]
    assert int(apart.max()) <= (2 if magnified else 1)
    assert float((apart > 1).float().mean()) < 1e-4
    assert float((apart > 0).float().mean()) < 0.01


@pytest.mark.parametrize("frame", WIDE)
@pytest.mark.parametrize("name", PROCESSORS)
def test_frames_are_prepared_within_one_grey_level_of_the_pil_processors(tmp_path: Path, name: str, frame: str) -> None:
    pixels = noise(*WIDE[frame])
    assert_within_one_level(pixels, levels_apart(tmp_path, pixels, pil_levels(name, tmp_path, pixels)))


@pytest.mark.parametrize("frame", TALL)
@pytest.mark.parametrize("name", PROCESSORS)
def test_tall_frames_are_resized_across_first_and_within_one_grey_level_of_pil(
    tmp_path: Path, name: str, frame: str
) -> None:
    """Across first is what every Pillow did until 2026, so what published models were trained on.

    Newer ones may go down first where the height shrinks (python-pillow/Pillow#9549), which moves sharp edges by a few
    levels; so PIL is called once a direction here.
    """
    pixels = noise(*TALL[frame])
    pil_levels(name, tmp_path, pixels)
    rule = read_rule(WeightFolder("tiny", tmp_path, {}, ()))
    assert_within_one_level(pixels, levels_apart(tmp_path, pixels, pil_levels_across_first(rule, pixels)))


@pytest.mark.parametrize("name", PROCESSORS)
def test_real_frames_are_prepared_within_one_grey_level_of_the_pil_processors(
    tmp_path: Path, assets: Path, name: str
) -> None:
    from PIL import Image

    recording = np.load(assets / "aria" / "extracted" / "gen1_unit_test.npz")
    frame = np.array(Image.open(io.BytesIO(recording["rgb_jpg_0"].tobytes())).convert("RGB"))
    assert_within_one_level(frame, levels_apart(tmp_path, frame, pil_levels(name, tmp_path, frame)))
