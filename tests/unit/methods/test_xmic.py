"""X-MIC's own options; its whole forward is compared with a slow twin in tests/parity."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from egoshift.blocks.attention import positioned
from egoshift.classifier import ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.methods import PRESETS, XMIC, ZeroShot

BATCH, FRAMES, DIM = 4, 6, 32
TEXT = {"noun": ClassText(torch.randn(7, DIM, generator=torch.Generator().manual_seed(5)))}


def batch(frames: int = FRAMES, present: dict[str, Tensor] | None = None, dim: int = DIM) -> StreamBatch:
    generator = torch.Generator().manual_seed(2)
    streams = {name: torch.randn(BATCH, frames, dim, generator=generator) for name in ("full", "hand")}
    return StreamBatch(streams, present or {})


def small(**options: object) -> XMIC:
    """A small X-MIC with every parameter away from its initial value, equal for equal shapes."""
    torch.manual_seed(0)
    model = XMIC(**({"text_dim": DIM, "num_frames": FRAMES} | options))  # type: ignore[arg-type]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim():
                generator = torch.Generator().manual_seed(len(name))
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.mark.parametrize(("dim", "count"), [(384, 2_029_497), (512, 3_594_657), (768, 8_058_225), (1024, 14_299_457)])
def test_the_released_preset_has_as_many_parameters_as_the_released_code(dim: int, count: int) -> None:
    released = PRESETS["xmic"]["released"]
    model = XMIC(text_dim=512, condition_dim=dim, num_frames=16, **released)  # type: ignore[arg-type]
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_the_defaults_are_the_released_preset() -> None:
    widths = {"text_dim": 512, "condition_dim": 512, "num_frames": 16}
    assert XMIC().settings == {**PRESETS["xmic"]["released"], **widths}


def test_without_alpha_it_is_zero_shot_to_the_bit() -> None:
    zero_shot = ZeroShot(streams=["full"], pooling="mean-of-unit")
    model = small(alpha=0.0, classify_streams=["full"], pooling="mean-of-unit", train_logit_scale=False)
    assert torch.equal(model(batch(), TEXT)["noun"], zero_shot(batch(), TEXT)["noun"])


def test_a_clip_without_conditioning_streams_is_classified_zero_shot() -> None:
    absent = torch.tensor([True, False, True, True])
    streams = dict(batch().streams) | {"raw": torch.randn(BATCH, FRAMES, DIM)}
    given = StreamBatch(streams, {"full": ~absent, "hand": ~absent})
    logits = small(classify_streams=["raw"])(given, TEXT)["noun"]
    zero_shot = ZeroShot(streams=["raw"], pooling="mean-of-raw")(given, TEXT)["noun"]
    torch.testing.assert_close(logits[absent], zero_shot[absent], rtol=0, atol=1e-4)
    assert not torch.allclose(logits[~absent], zero_shot[~absent], atol=0.1)


def test_with_one_of_two_streams_the_other_is_as_if_it_were_not_there() -> None:
    # One present token attends to itself, and is the mean: what b_S makes of a sequence of one.
    model = small(classify_streams=["full"])
    alone = model.spatial(functional.normalize(batch().streams["full"], dim=-1).flatten(0, 1).unsqueeze(1))
    with_frames = model.temporal(alone.view(BATCH, FRAMES, DIM) + model.position)
    expected = 2.0 * model.head(with_frames)
    without_hand = batch(present={"hand": torch.zeros(BATCH, dtype=torch.bool)})
    torch.testing.assert_close(model.shift(without_hand), expected, rtol=1e-5, atol=1e-6)


def test_a_single_stream_has_no_spatial_attention() -> None:
    model = small(condition_streams=["full"], num_spatial_layers=1)
    assert not list(model.spatial.parameters())
    assert model.required_streams == ("hand", "full")


def test_the_order_of_frames_matters_with_a_position_embedding_only() -> None:
    frames = batch()
    reversed_frames = StreamBatch({name: stream.flip(1) for name, stream in frames.streams.items()})
    with_position, without = small(), small(position="none")
    assert not torch.allclose(with_position.shift(frames), with_position.shift(reversed_frames), atol=1e-4)
    torch.testing.assert_close(without.shift(frames), without.shift(reversed_frames), rtol=1e-5, atol=1e-5)


def test_the_position_embedding_is_interpolated_between_bin_centres() -> None:
    model = small()
    assert model.position is not None
    with torch.no_grad():
        model.position.copy_((torch.arange(FRAMES) + 0.5).unsqueeze(1) / FRAMES)
    for frames in (2, 3, 6, 12):
        centres = (torch.arange(frames) + 0.5) / frames
        inner = centres.clamp(0.5 / FRAMES, 1 - 0.5 / FRAMES)  # beyond the outer centres the ends are held
        given = positioned(torch.zeros(1, frames, DIM), model.position)
        torch.testing.assert_close(given, inner.view(1, -1, 1).expand(1, -1, DIM))


def test_the_released_head_moves_text_in_non_negative_directions_only() -> None:
    assert bool((small().shift(batch()) >= 0).all())
    assert bool((small(head="linear-if-needed").shift(batch()) < 0).any())


def test_a_linear_head_exists_only_where_the_widths_differ() -> None:
    assert not list(small(head="linear-if-needed").head.parameters())
    wider = small(head="linear-if-needed", condition_dim=48)
    assert [tuple(parameter.shape) for parameter in wider.head.parameters()] == [(DIM, 48), (DIM,)]


def test_normalising_the_adapter_makes_every_shift_as_long_as_alpha() -> None:
    lengths = small(normalise_adapter=True, alpha=3.0).shift(batch()).norm(dim=1)
    torch.testing.assert_close(lengths, torch.full((BATCH,), 3.0))


@pytest.mark.parametrize(("option", "scaled"), [("normalise_condition", "condition"), ("normalise_text", "text")])
def test_a_normalised_input_may_have_any_length(option: str, scaled: str) -> None:
    factor = {"condition": 1.0, "text": 1.0} | {scaled: 7.0}
    longer = StreamBatch({name: factor["condition"] * stream for name, stream in batch().streams.items()})
    text = {"noun": ClassText(factor["text"] * TEXT["noun"].vectors)}
    options = {"normalise_condition": False, "normalise_text": False}
    on, off = small(**options | {option: True}), small(**options)
    torch.testing.assert_close(on(longer, text)["noun"], on(batch(), TEXT)["noun"], rtol=1e-4, atol=1e-3)
    assert not torch.allclose(off(longer, text)["noun"], off(batch(), TEXT)["noun"], atol=0.1)


def test_the_scale_is_trained_as_its_logarithm() -> None:
    model = small(logit_scale=20.0)
    before = model(batch(), TEXT)["noun"]
    assert model.log_scale is not None
    with torch.no_grad():
        model.log_scale.add_(torch.tensor(3.0).log())
    torch.testing.assert_close(model(batch(), TEXT)["noun"], 3 * before)


def test_streams_may_be_of_two_encoders() -> None:
    streams = dict(batch().streams) | {"dino": torch.randn(BATCH, FRAMES, 48)}
    model = small(condition_dim=48, condition_streams=["dino"])
    assert model.required_streams == ("hand", "dino")
    assert model(StreamBatch(streams), TEXT)["noun"].shape == (BATCH, 7)


def test_under_autocast_the_logits_are_single_precision_and_close() -> None:
    model = small()
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(batch(), TEXT)["noun"]
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, model(batch(), TEXT)["noun"], rtol=0, atol=1.0)


def test_conditioning_streams_of_different_lengths_are_refused() -> None:
    streams = {"full": torch.randn(BATCH, 5, DIM), "hand": torch.randn(BATCH, 6, DIM)}
    with pytest.raises(ConfigError, match=r"differ in frames per clip \('hand' 6, 'full' 5\)"):
        small()(StreamBatch(streams), TEXT)


def test_features_of_another_width_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"stream 'hand' is 48 wide, the method was made for 32"):
        small()(batch(dim=48), TEXT)
    mixed = StreamBatch({"hand": batch().streams["hand"], "full": batch(dim=48).streams["full"]})
    for classified, conditioning in (("hand", "full"), ("full", "hand")):
        with pytest.raises(ConfigError, match=r"stream 'full' is 48 wide, the method was made for 32"):
            small(classify_streams=[classified], condition_streams=[conditioning])(mixed, TEXT)


@pytest.mark.parametrize("options", [{"num_heads": 5}, {"text_dim": 8}, {"mlp_ratio": 0.01}])
def test_widths_that_do_not_divide_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"condition_dim is \d+ with num_heads"):
        small(**options)


@pytest.mark.parametrize(
    "options", [{"num_frames": 0}, {"num_heads": 0}, {"num_temporal_layers": -1}, {"logit_scale": 0.0}]
)
def test_counts_and_scales_that_mean_nothing_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"give at least one frame and head"):
        small(**options)


def test_the_smallest_of_everything_that_means_something_is_taken() -> None:
    least = small(num_frames=1, num_heads=1, num_spatial_layers=0, num_temporal_layers=0, logit_scale=0.5)
    assert least.log_scale is not None
    assert least.log_scale.exp().item() == pytest.approx(0.5)
    assert small(text_dim=16, num_heads=1, mlp_ratio=1 / 16).condition_dim == 16


@pytest.mark.parametrize("option", ["pooling", "position", "head"])
def test_unknown_choices_are_refused(option: str) -> None:
    with pytest.raises(ConfigError, match=rf"{option} is 'other'; give one of"):
        small(**{option: "other"})
