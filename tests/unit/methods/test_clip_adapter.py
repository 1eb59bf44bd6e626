"""CLIP-Adapter's own options; its whole forward is compared with a slow twin in tests/parity."""

import pytest
import torch
from torch import Tensor

from egoshift.classifier import ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.methods import ZeroShot
from egoshift.methods.clip_adapter import PRESETS_CLIP_ADAPTER, CLIPAdapter

BATCH, FRAMES, DIM = 4, 6, 32
TEXT = {"noun": ClassText(torch.randn(7, DIM, generator=torch.Generator().manual_seed(5)))}


def batch(present: dict[str, Tensor] | None = None, factor: float = 1.0) -> StreamBatch:
    generator = torch.Generator().manual_seed(2)
    streams = {name: factor * torch.randn(BATCH, FRAMES, DIM, generator=generator) for name in ("full", "hand")}
    return StreamBatch(streams, present or {})


def small(**options: object) -> CLIPAdapter:
    torch.manual_seed(0)
    return CLIPAdapter(**({"text_dim": DIM, "num_frames": FRAMES} | options))  # type: ignore[arg-type]


def preset(name: str, **options: object) -> CLIPAdapter:
    return small(**{**PRESETS_CLIP_ADAPTER[name], **options})


@pytest.mark.parametrize(
    ("name", "count"),
    # At D = 512: the official adapter twice 512 x 128, X-MIC's two of these and the scale. With time: two blocks of
    # 1,184,384 and a position embedding of 16 x 512, each as many as in the released X-MIC.
    [
        ("official", 131_072),
        ("xmic", 262_145),
        ("official-temporal", 131_072 + 2 * 1_184_384 + 8_192),
        ("xmic-temporal", 262_145 + 2 * 1_184_384 + 8_192),
    ],
)
def test_presets_have_as_many_parameters_as_the_released_code(name: str, count: int) -> None:
    model = CLIPAdapter(**PRESETS_CLIP_ADAPTER[name])  # type: ignore[arg-type]
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_the_defaults_are_the_official_preset_and_presets_name_every_option_but_the_widths() -> None:
    widths = {"text_dim": 512, "num_frames": 16}
    assert CLIPAdapter().settings == {**PRESETS_CLIP_ADAPTER["official"], **widths}
    for options in PRESETS_CLIP_ADAPTER.values():
        assert options.keys() | widths.keys() == CLIPAdapter().settings.keys()


@pytest.mark.parametrize("pooling", ["mean-of-raw", "mean-of-unit"])
def test_without_an_adapted_share_it_is_zero_shot_to_the_bit(pooling: str) -> None:
    model = small(ratio=0.0, pooling=pooling, adapt_text=True, num_temporal_layers=1)
    assert torch.equal(model(batch(), TEXT)["noun"], ZeroShot(pooling=pooling)(batch(), TEXT)["noun"])


def test_the_presets_blend_the_other_way_round() -> None:
    for name, share in (("official", 0.2), ("xmic", 0.8)):
        model = preset(name)
        mean = torch.nn.functional.normalize(batch().streams["full"], dim=-1).mean(1)
        original = batch().streams["full"].mean(1) if name == "xmic" else mean
        expected = share * model.visual_adapter(mean) + (1 - share) * original
        torch.testing.assert_close(model.video(batch()), expected)


def test_official_leaves_the_text_as_it_is_and_xmic_adapts_it() -> None:
    assert torch.equal(preset("official").text(TEXT["noun"]), TEXT["noun"].vectors)
    model = preset("xmic")
    assert model.text_adapter is not None
    expected = 0.8 * model.text_adapter(TEXT["noun"].vectors) + 0.2 * TEXT["noun"].vectors
    torch.testing.assert_close(model.text(TEXT["noun"]), expected)


def test_adapters_have_no_biases_so_that_lengths_matter_only_relative_to_each_other() -> None:
    raw = small(pooling="mean-of-raw", normalise_input=False)
    torch.testing.assert_close(raw(batch(factor=7.0), TEXT)["noun"], raw(batch(), TEXT)["noun"], rtol=0, atol=1e-3)
    mixed = preset("xmic")
    assert not torch.allclose(mixed(batch(factor=7.0), TEXT)["noun"], mixed(batch(), TEXT)["noun"], atol=0.1)


def test_the_order_of_frames_matters_with_temporal_attention_and_position_only() -> None:
    frames = batch()
    backwards = StreamBatch({name: stream.flip(1) for name, stream in frames.streams.items()})
    starred = preset("official-temporal")
    assert not torch.allclose(starred(frames, TEXT)["noun"], starred(backwards, TEXT)["noun"], atol=0.01)
    for model in (preset("official"), preset("official-temporal", position="none")):
        torch.testing.assert_close(model(frames, TEXT)["noun"], model(backwards, TEXT)["noun"], rtol=0, atol=1e-3)


def test_without_temporal_attention_there_is_no_position_embedding() -> None:
    assert preset("official").position is None
    assert not list(preset("official").temporal.parameters())


def test_with_one_layer_of_it_there_is_a_small_one() -> None:
    position = small(num_temporal_layers=1, num_frames=64).position
    assert position is not None
    assert position.shape == (64, DIM)
    assert position.std().item() == pytest.approx(0.01, rel=0.1)
    assert abs(position.mean().item()) < 0.001


@pytest.mark.parametrize(
    "options",
    [
        {"logit_scale": 0.5},
        {"ratio": 0.0},
        {"ratio": 1.0},
        {"num_frames": 1, "num_heads": 1, "num_temporal_layers": 1},
        {"reduction": 1},
        {"reduction": DIM},
        {"num_temporal_layers": 1, "mlp_ratio": 1 / DIM},
    ],
)
def test_the_least_and_the_most_that_options_may_be(options: dict[str, object]) -> None:
    assert small(**options)(batch(), TEXT)["noun"].isfinite().all()


def test_with_one_of_two_streams_the_other_is_as_if_it_were_not_there() -> None:
    model, alone = preset("xmic-temporal", streams=["full", "hand"]), preset("xmic-temporal")
    alone.load_state_dict(model.state_dict())
    without_hand = batch(present={"hand": torch.zeros(BATCH, dtype=torch.bool)})
    torch.testing.assert_close(model(without_hand, TEXT)["noun"], alone(batch(), TEXT)["noun"], rtol=0, atol=1e-3)
    assert not torch.allclose(model(batch(), TEXT)["noun"], alone(batch(), TEXT)["noun"], atol=0.1)


def test_streams_may_differ_in_their_number_of_frames() -> None:
    shorter = {**batch().streams, "hand": batch().streams["hand"][:, :2]}
    absent = torch.tensor([True, False, False, False])
    logits = preset("official-temporal", streams=["full", "hand"])(StreamBatch(shorter, {"hand": ~absent}), TEXT)
    alone = preset("official-temporal")(batch(), TEXT)
    torch.testing.assert_close(logits["noun"][absent], alone["noun"][absent], rtol=0, atol=1e-3)


def test_the_scale_is_trained_as_its_logarithm() -> None:
    model = small(logit_scale=20.0, train_logit_scale=True)
    before = model(batch(), TEXT)["noun"]
    assert model.log_scale is not None
    with torch.no_grad():
        model.log_scale.add_(torch.tensor(3.0).log())
    torch.testing.assert_close(model(batch(), TEXT)["noun"], 3 * before)


def test_clips_without_any_of_the_streams_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"1 of 4 clips have none of the streams to classify \(full\)"):
        small()(batch(present={"full": torch.tensor([True, True, False, True])}), TEXT)


def test_features_and_text_of_another_width_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"stream 'full' is 32 wide, the method was made for 64"):
        small(text_dim=64)(batch(), TEXT)
    with pytest.raises(ConfigError, match=r"class text is 8 wide, expected 32"):
        small()(batch(), {"noun": ClassText(torch.randn(3, 8))})


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"ratio": 1.5}, r"ratio is 1.5, logit_scale 100.0; give a ratio of 0 to 1"),
        ({"ratio": -0.1}, r"ratio is -0.1"),
        ({"logit_scale": 0.0}, r"logit_scale 0.0; .* a scale above zero"),
        ({"reduction": 0}, r"reduction 0, .* a reduction of 1 to text_dim"),
        ({"reduction": 64}, r"text_dim 32, .*reduction 64"),
        ({"num_frames": 0}, r"num_frames 0, .* at least one frame"),
        ({"num_heads": 0}, r"num_heads 0, .* at least one frame and head"),
        ({"num_temporal_layers": -1}, r"no negative number of layers"),
        ({"num_temporal_layers": 1, "num_heads": 5}, r"text_dim is 32 with num_heads 5"),
        ({"num_temporal_layers": 1, "mlp_ratio": 0.01}, r"a ratio that leaves the MLP one unit"),
        ({"pooling": "max"}, r"pooling is 'max'; give one of"),
        ({"position": "sine"}, r"position is 'sine'; give one of"),
        ({"streams": "full"}, r"streams is 'full'; give a list"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, object], found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        small(**options)
