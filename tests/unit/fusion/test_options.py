"""What may be given to ``Fusion``, and what is refused."""

import inspect
from typing import Any

import pytest

from egoshift.errors import ConfigError
from egoshift.fusion import PRESETS_FUSION, Fusion

DIMS = {"video": 8, "audio": 12}
FOLLOWS = {"modalities", "num_frames", "classes", "text_dim"}


def make(**options: Any) -> Fusion:
    return Fusion(**{"modalities": DIMS, "width": 8, "num_frames": 4, **options})


def test_presets_name_every_option_but_what_follows_from_the_data() -> None:
    options = set(inspect.signature(Fusion).parameters) - FOLLOWS
    assert all(set(preset) == options for preset in PRESETS_FUSION.values())


def test_the_defaults_are_the_attention_preset() -> None:
    defaults = dict(PRESETS_FUSION["attention"]) | {"num_frames": 16, "classes": None, "text_dim": 512}
    assert Fusion(modalities=DIMS).settings == defaults | {"modalities": DIMS}


@pytest.mark.parametrize("preset", PRESETS_FUSION)
def test_every_preset_can_be_built_and_keeps_its_options(preset: str) -> None:
    given: dict[str, Any] = {**PRESETS_FUSION[preset], "modalities": DIMS, "text_dim": 8, "classes": {"noun": ["cup"]}}
    model = Fusion(**given)
    assert {name: model.settings[name] for name in given} == given


def test_what_stands_for_a_missing_modality_is_the_first_rule_of_the_module_unless_given() -> None:
    assert make().settings["missing"] == "mask"
    assert make(fusion="mlp").settings["missing"] == "zeros"
    assert make(fusion="mlp", missing="mean").settings["missing"] == "mean"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"modalities": {}}, r"modalities are \{\}; give at least one stream and its width"),
        ({"modalities": {"video": 0}}, r"modalities are \{'video': 0\}"),
        ({"fusion": "sum"}, r"fusion is 'sum'; give one of 'attention', 'mlp'"),
        ({"width": 10}, r"width is 10 with num_heads 4"),
        ({"width": 0}, r"width 0; give at least 1"),
        ({"mlp_ratio": 0.1}, r"mlp_ratio 0.1; give a width that the heads divide, and a ratio that leaves the MLP"),
        ({"num_layers": -1}, r"num_layers -1; give .* no negative number of layers"),
        ({"num_layers": 0}, r"num_layers is 0 with pooling 'cls'"),
        ({"num_frames": 0, "projection_dim": 0}, r"num_frames 0, projection_dim 0; give at least 1"),
        ({"input_norm": "batch"}, r"input_norm is 'batch'; give one of 'layer', 'unit', 'none'"),
        ({"tokens": "patches"}, r"tokens is 'patches'; give one of 'frames', 'mean'"),
        ({"position": "sine"}, r"position is 'sine'; give one of 'learned', 'none'"),
        ({"pooling": "max"}, r"pooling is 'max'; give one of 'cls', 'mean'"),
        ({"missing": "zeros"}, r"missing is 'zeros'; give one of 'mask', 'token'"),
        ({"fusion": "mlp", "missing": "mask"}, r"missing is 'mask'; give one of 'zeros', 'token', 'mean'"),
        ({"modality_dropout": 1.5}, r"modality_dropout is 1.5; give a probability from 0 to 1"),
        ({"head": "mlp"}, r"head is 'mlp'; give one of 'linear', 'text'"),
        ({"text_rule": "add"}, r"text_rule is 'add'; give one of 'compare', 'shift'"),
        ({"logit_scale": 0.0}, r"logit_scale is 0.0; give a scale above zero"),
        ({"classes": {"noun": ["cup", "cup"]}}, r"noun classes: 'cup' given more than once"),
        (
            {"classify_streams": ["video"]},
            r"give head='text' and text_rule='shift' or 'both' too, or no classify_streams",
        ),
        ({"classify_streams": "video"}, r"classify_streams is 'video'; give a list"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make(**options)


def test_streams_outside_the_texts_space_cannot_be_classified() -> None:
    given: dict[str, Any] = {"head": "text", "text_rule": "shift", "text_dim": 8}
    assert make(**given, classify_streams=["video"]).classify_streams == ("video",)
    with pytest.raises(ConfigError, match=r"names 'audio', which is 12 wide; give modalities that are as wide .* 8"):
        make(**given, classify_streams=["audio"])
    with pytest.raises(ConfigError, match=r"names 'gaze', which is no modality"):
        make(**given, classify_streams=["gaze"])
