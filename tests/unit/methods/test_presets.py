"""Presets are what was published: each number and switch once more, from the papers and the released codes."""

import pytest

from egoshift.methods import METHODS, PRESETS

_X_MIC = {
    "num_spatial_layers": 1,
    "num_temporal_layers": 2,
    "num_heads": 4,
    "mlp_ratio": 0.25,
    "train_alpha": False,
    "normalise_condition": True,
    "normalise_adapter": False,
    "normalise_text": False,
    "logit_scale": 100.0,
}
_CLIP_ADAPTER = {"reduction": 4, "normalise_input": True, "num_heads": 4, "mlp_ratio": 0.25, "logit_scale": 100.0}
_OFFICIAL = {**_CLIP_ADAPTER, "ratio": 0.2, "adapt_text": False, "train_logit_scale": False}
_X_MICS = {**_CLIP_ADAPTER, "ratio": 0.8, "adapt_text": True, "train_logit_scale": True}
_VITA_CLIP = {
    "num_text_tokens": 8,
    "full_stop": True,
    "num_global": 8,
    "use_local": True,
    "use_summary": True,
    "train_cls_proj": False,
    "logit_scale": 1 / 0.07,
    "train_logit_scale": True,
}
_EFFICIENT = {"prefix": 16, "postfix": 16, "num_temporal_layers": 2, "num_heads": 8, "mlp_ratio": 4.0}
NUMBERS: dict[tuple[str, str], dict[str, object]] = {
    ("zero_shot", "paper"): {"logit_scale": 100.0},
    ("xmic", "released"): {**_X_MIC, "alpha": 2.0, "train_logit_scale": True},
    ("xmic", "paper"): {**_X_MIC, "alpha": 1.0, "train_logit_scale": False},
    ("coop", "official"): {"full_stop": True, "logit_scale": 100.0, "num_tokens": 16, "class_specific": False},
    ("coop", "xmic"): {"full_stop": False, "logit_scale": 100.0, "num_tokens": 16, "class_specific": False},
    ("cocoop", "official"): {"full_stop": True, "logit_scale": 100.0, "num_tokens": 4},
    ("cocoop", "xmic"): {"full_stop": False, "logit_scale": 100.0, "num_tokens": 4},
    ("clip_adapter", "official"): {**_OFFICIAL, "num_temporal_layers": 0},
    ("clip_adapter", "xmic"): {**_X_MICS, "num_temporal_layers": 0},
    ("clip_adapter", "official-temporal"): {**_OFFICIAL, "num_temporal_layers": 2},
    ("clip_adapter", "xmic-temporal"): {**_X_MICS, "num_temporal_layers": 2},
    ("vita_clip", "official"): {**_VITA_CLIP, "class_specific": False},
    ("vita_clip", "official-csc"): {**_VITA_CLIP, "class_specific": True},
    ("tip_adapter", "paper"): {"shots": 16, "train_keys": False, "alpha": 1.0, "beta": 5.5, "logit_scale": 100.0},
    ("tip_adapter", "paper-f"): {"shots": 16, "train_keys": True, "alpha": 1.0, "beta": 5.5, "logit_scale": 100.0},
    ("clip_lora", "official"): {"rank": 2, "alpha": 1.0, "dropout": 0.25, "logit_scale": 100.0},
    ("linear_probe", "text"): {"bias": False, "logit_scale": 100.0},
    ("linear_probe", "standard"): {"bias": True, "logit_scale": 100.0},
    ("efficient_prompt", "official"): {**_EFFICIENT, "temperature": 0.07, "max_classes": 400},
}


def test_every_preset_is_here_and_of_a_method() -> None:
    assert {(method, preset) for method, presets in PRESETS.items() for preset in presets} == set(NUMBERS)
    assert set(PRESETS) == set(METHODS)


@pytest.mark.parametrize(("method", "preset"), NUMBERS)
def test_a_presets_numbers_and_switches_are_those_published(method: str, preset: str) -> None:
    options = PRESETS[method][preset]
    assert {name: value for name, value in options.items() if isinstance(value, int | float)} == NUMBERS[method, preset]
