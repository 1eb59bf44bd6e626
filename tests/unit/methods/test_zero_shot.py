"""Zero-shot against a loop over videos and classes."""

import pytest
import torch
from torch.nn import functional

from egoshift.classifier import ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.methods import PRESETS, ZeroShot


def test_logits_are_scaled_cosines_of_the_mean_frame_and_the_text() -> None:
    frames, text = torch.randn(3, 4, 8), torch.randn(5, 8)
    expected = torch.empty(3, 5)
    for b in range(3):
        mean = sum(frames[b, i] / frames[b, i].norm() for i in range(4)) / 4
        for t in range(5):
            expected[b, t] = 50.0 * functional.cosine_similarity(mean, text[t], dim=0)
    logits = ZeroShot(logit_scale=50.0)(StreamBatch({"full": frames}), {"noun": ClassText(text)})["noun"]
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)


def test_it_has_nothing_to_train_or_to_store() -> None:
    assert not list(ZeroShot().parameters())
    assert not ZeroShot().state_dict()


def test_the_defaults_are_the_preset_of_the_paper() -> None:
    assert ZeroShot().settings == PRESETS["zero_shot"]["paper"]
    assert ZeroShot(logit_scale=0.5).settings["logit_scale"] == 0.5


def test_features_of_another_encoder_than_the_text_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"class text is 6 wide, expected 8"):
        ZeroShot()(StreamBatch({"full": torch.randn(3, 4, 8)}), {"noun": ClassText(torch.randn(5, 6))})


def test_a_scale_of_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"logit_scale is 0; give a scale above zero"):
        ZeroShot(logit_scale=0)
