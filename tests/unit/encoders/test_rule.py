"""How a checkpoint's files say that frames are prepared."""

import json
from pathlib import Path
from typing import Any

import pytest

from egoshift.encoders.folder import WeightFolder
from egoshift.encoders.rule import PreparationRule, read_rule
from egoshift.errors import WeightsError

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
BASE: dict[str, Any] = {"image_mean": MEAN, "image_std": STD, "resample": 3}


def read(folder: Path, stated: dict[str, Any], file: str = "preprocessor_config.json") -> PreparationRule:
    (folder / file).write_text(json.dumps(stated), encoding="utf-8")
    return read_rule(WeightFolder("tiny", folder, {}, ()))


def sizes(rule: PreparationRule) -> tuple[str, int, int, str]:
    return rule.resize, rule.resize_to, rule.size, rule.interpolation


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        # OpenAI's CLIP, as written in 2021 and as written today
        ({"size": 224, "crop_size": 224, "do_center_crop": True}, ("shortest-crop", 224, 224, "bicubic")),
        (
            {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}},
            ("shortest-crop", 336, 336, "bicubic"),
        ),
        # DINOv2
        (
            {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": True},
            ("shortest-crop", 256, 224, "bicubic"),
        ),
        # SigLIP, and SigLIP 2 with its other kernel
        ({"size": {"height": 384, "width": 384}}, ("squash", 384, 384, "bicubic")),
        (
            {"size": {"height": 256, "width": 256}, "resample": 2, "do_center_crop": None},
            ("squash", 256, 256, "bilinear"),
        ),
        # squashed, then cut
        (
            {"size": {"height": 256, "width": 256}, "crop_size": 224, "do_center_crop": True},
            ("squash", 256, 224, "bicubic"),
        ),
        # a crop size that is switched off
        (
            {"size": {"height": 256, "width": 256}, "crop_size": 224, "do_center_crop": False},
            ("squash", 256, 256, "bicubic"),
        ),
    ],
)
def test_the_rules_of_known_processors_are_read(
    tmp_path: Path, stated: dict[str, Any], expected: tuple[str, int, int, str]
) -> None:
    rule = read(tmp_path, BASE | stated)
    assert sizes(rule) == expected
    assert rule.mean == tuple(MEAN)
    assert rule.std == tuple(STD)
    assert rule.preprocessing_source == "preprocessor_config.json"


def test_the_newer_file_is_read_where_the_older_is_absent(tmp_path: Path) -> None:
    stated = {"image_processor": BASE | {"size": {"height": 64, "width": 64}}, "processor_class": "CLIPProcessor"}
    rule = read(tmp_path, stated, "processor_config.json")
    assert sizes(rule) == ("squash", 64, 64, "bicubic")
    assert rule.preprocessing_source == "processor_config.json"


def test_a_model_that_is_not_normalised_has_mean_0_and_std_1(tmp_path: Path) -> None:
    rule = read(tmp_path, {"size": {"height": 64, "width": 64}, "do_normalize": False})
    assert rule.mean == (0.0, 0.0, 0.0)
    assert rule.std == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("file", [None, "processor_config.json"])
def test_without_the_file_nothing_is_guessed(tmp_path: Path, file: str | None) -> None:
    if file:
        (tmp_path / file).write_text('{"processor_class": "CLIPProcessor"}', encoding="utf-8")
    with pytest.raises(WeightsError, match=r"preprocessor_config\.json is missing.*not guessed"):
        read_rule(WeightFolder("tiny", tmp_path, {}, ()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_mean": None}, "image_mean is None; expected three numbers"),
        ({"image_mean": [0.5, 0.5]}, "image_mean is .0.5, 0.5.; expected three numbers"),
        ({"image_std": [0.5, "x", 0.5]}, "expected three positive numbers"),
        ({"image_std": [0.5, 0.0, 0.5]}, "expected three positive numbers"),
        ({"size": None}, "size is None; expected"),
        ({"size": {"height": 224, "width": 320}}, "size is .*; expected"),
        ({"size": {"longest_edge": 224}}, "size is .*; expected"),
        ({"size": 0}, "size is 0; expected"),
        ({"crop_size": 256}, "crop_size is 256; expected a square of at most 224 pixels"),
        ({"crop_size": {"height": 224, "width": 112}}, "crop_size is .*; expected a square"),
        ({"crop_size": None, "do_center_crop": True}, "crop_size is None; expected a square"),
        ({"do_center_crop": False}, "frames would not be square"),
        ({"resample": 1}, r"resample is 1; only 2 \(bilinear\) and 3 \(bicubic\) can be followed"),
        ({"resample": "bicubic"}, "resample is 'bicubic'"),
        ({"do_resize": False}, "do_resize is off"),
        ({"do_rescale": False}, "not rescaled by 1/255"),
        ({"rescale_factor": 1 / 127.5}, "not rescaled by 1/255"),
        ({"do_pad": True}, "do_pad is on"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(WeightsError, match=message) as error:
        read(tmp_path, BASE | {"size": 224, "crop_size": 224} | change)
    assert "\n" not in str(error.value)
    assert str(tmp_path / "preprocessor_config.json") in str(error.value)


def test_all_faults_of_a_file_come_together(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as error:
        read(tmp_path, {"do_pad": True})
    assert len(str(error.value).splitlines()) == 4  # padding, mean, std, size
