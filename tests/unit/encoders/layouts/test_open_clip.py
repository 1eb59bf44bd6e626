"""What ``open_clip_config.json`` states is followed or refused, never passed over."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from egoshift.encoders.layouts.open_clip import OPENAI_MEAN, OPENAI_STD, ClipStatement, read_statement
from egoshift.errors import WeightsError
from tests.fixtures.native_clip import VOCAB, write_open_clip_config


def statement(folder: Path, **changes: Any) -> ClipStatement:
    write_open_clip_config(folder, **changes)
    return read_statement(folder / "open_clip_config.json")


def written(folder: Path, content: object) -> Path:
    (folder / "open_clip_config.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "open_clip_config.json"


def test_every_field_that_matters_is_read(tmp_path: Path) -> None:
    assert statement(tmp_path, quick_gelu=True, preprocess_cfg={"interpolation": "bilinear"}) == ClipStatement(
        source="open_clip_config.json",
        activation="quick_gelu",
        head_width=32,
        text_heads=2,
        mean=(0.5, 0.5, 0.5),
        std=(0.4, 0.5, 0.6),
        resize="squash",
        interpolation="bilinear",
        image_size=32,
        sizes={
            "vision_cfg": {"layers": 3, "width": 128, "patch_size": 8},
            "text_cfg": {"context_length": 77, "vocab_size": VOCAB, "width": 64, "layers": 2},
        },
    )


def test_where_it_is_silent_open_clips_own_defaults_hold(tmp_path: Path) -> None:
    file = written(
        tmp_path, {"model_cfg": {"embed_dim": 512, "vision_cfg": {"layers": 12}, "text_cfg": {"width": 512}}}
    )
    assert read_statement(file) == ClipStatement(
        source="open_clip_config.json",
        activation="gelu",
        head_width=64,
        text_heads=8,
        mean=OPENAI_MEAN,
        std=OPENAI_STD,
        resize="shortest-crop",
        interpolation="bicubic",
        image_size=224,
        sizes={"vision_cfg": {"layers": 12}, "text_cfg": {"width": 512}},
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"vision_cfg": {"pool_type": "tok", "patch_dropout": 0.5, "output_tokens": True, "ls_init_value": None}},
        {"vision_cfg": {"attentional_pool": False, "norm_kwargs": {}, "image_size": [32, 32], "layers": None}},
        {"text_cfg": {"pool_type": "argmax", "hf_tokenizer_name": "x", "embed_cls": False, "proj_type": "linear"}},
        {"preprocess_cfg": {"size": 32, "mode": "RGB", "fill_color": 0, "interpolation": "random"}},
        {"preprocess_cfg": {"size": [32, 32]}, "custom_text": True},
    ],
)
def test_what_changes_nothing_is_accepted(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert replace(statement(tmp_path, **changes), sizes={}) == replace(statement(tmp_path), sizes={})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vision_cfg": {"pool_type": "avg"}}, "vision_cfg states pool_type = 'avg', which only open_clip itself can"),
        ({"vision_cfg": {"no_ln_pre": True}}, "vision_cfg states no_ln_pre = True"),
        ({"vision_cfg": {"norm_kwargs": {"eps": 1e-6}}}, "vision_cfg states norm_kwargs"),
        ({"vision_cfg": {"timm_model_name": "vit"}}, "vision_cfg states timm_model_name = 'vit'"),
        ({"vision_cfg": {"something_new": 3}}, "vision_cfg states something_new = 3"),
        ({"vision_cfg": {"head_width": 0}}, "head_width is 0; expected a positive number"),
        ({"vision_cfg": {"image_size": [32, 48]}}, r"image_size is \[32, 48\]; expected a positive number"),
        ({"text_cfg": {"heads": "8"}}, "heads is '8'; expected a positive number"),
        ({"text_cfg": {"no_causal_mask": True}}, "text_cfg states no_causal_mask = True"),
        ({"text_cfg": {"pool_type": "last"}}, "text_cfg states pool_type = 'last'"),
        ({"text_cfg": {"hf_model_name": "roberta-base"}}, "text_cfg states hf_model_name"),
        ({"quick_gelu": "yes"}, "quick_gelu is 'yes'; expected true or false"),
        ({"preprocess_cfg": {"resize_mode": "longest"}}, "resize_mode is 'longest'; only shortest and squash"),
        ({"preprocess_cfg": {"interpolation": "lanczos"}}, "interpolation is 'lanczos'; only bicubic and bilinear"),
        ({"preprocess_cfg": {"mean": [0.5]}}, r"mean is \[0\.5\]; expected three numbers"),
        ({"preprocess_cfg": {"std": [0.5, 0, 0.5]}}, "expected three positive numbers"),
        ({"preprocess_cfg": {"size": 48}}, "preprocess_cfg cuts frames to 48 and vision_cfg takes 32"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WeightsError, match=message) as error:
        statement(tmp_path, **changes)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{tmp_path / 'open_clip_config.json'}: ")


@pytest.mark.parametrize("content", [[], {}, {"model_cfg": []}, {"model_cfg": {"vision_cfg": {"layers": 2}}}])
def test_a_file_without_its_parts_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(WeightsError, match=r"copy the file from the page|holds a list, not a JSON object"):
        read_statement(written(tmp_path, content))


def test_all_faults_are_named_together(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as error:
        statement(tmp_path, quick_gelu=1, vision_cfg={"pool_type": "avg"}, preprocess_cfg={"resize_mode": "longest"})
    assert len(str(error.value).splitlines()) == 3
