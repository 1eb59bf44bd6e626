"""The inertial transformer: what is absent has no influence, and windows of any length are read."""

from typing import Any

import pytest
import torch
from torch import Tensor

from egoshift.encoders.inertial import InertialTransformer
from egoshift.encoders.sensors import new_sensor_encoder


def tiny(**options: Any) -> InertialTransformer:
    torch.manual_seed(2)
    encoder = new_sensor_encoder("inertial", "tiny", **options)
    assert isinstance(encoder, InertialTransformer)
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.mul_(4)
    return encoder.eval()


def windows(samples: int = 1000, channels: int = 6) -> Tensor:
    return torch.randn(3, samples, channels, generator=torch.Generator().manual_seed(9))


def gaps(samples: int = 1000) -> Tensor:
    """A sensor that is off, a gap of several patches and a part of one, and an early end."""
    present = torch.ones(3, samples, 6, dtype=torch.bool)
    present[0, :, 3:] = False
    present[1, 203:467] = False
    present[2, samples // 2 + 3 :] = False
    return present


POOLINGS = pytest.mark.parametrize("pooling", ["cls", "mean"])
ABSENCES = pytest.mark.parametrize("absence", ["learned", "zero"])


@POOLINGS
@ABSENCES
@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, -1e30, 7.0])
def test_what_stands_in_the_place_of_absent_samples_does_not_matter(pooling: str, absence: str, garbage: float) -> None:
    encoder, present = tiny(pooling=pooling, absence=absence), gaps()
    clean = encoder(windows(), present)
    assert clean.isfinite().all()
    assert encoder(windows().masked_fill(~present, garbage), present).equal(clean)


def test_no_gradient_comes_out_of_absent_samples_not_even_from_nan() -> None:
    encoder, present = tiny(), gaps()
    given = windows().masked_fill(~present, torch.nan).requires_grad_(True)
    encoder(given, present).square().sum().backward()
    assert given.grad is not None
    assert given.grad[~present].abs().max() == 0
    assert given.grad[present].abs().max() > 0
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in encoder.parameters())


@ABSENCES
def test_present_samples_do_matter_one_by_one(absence: str) -> None:
    encoder, present = tiny(absence=absence), gaps()
    before = encoder(windows(), present)
    for place in ((0, 501, 1), (1, 202, 5), (2, 0, 0)):
        changed = windows()
        changed[place] += 3
        moved = (encoder(changed, present) - before).abs().amax(1)
        assert moved[place[0]] > 1e-4
        assert moved.sum() == moved[place[0]]


def test_all_present_is_the_same_as_no_mask() -> None:
    encoder = tiny()
    for samples in (1000, 995):
        everything = torch.ones(3, samples, 6, dtype=torch.bool)
        torch.testing.assert_close(
            encoder(windows(samples), everything), encoder(windows(samples)), rtol=1e-5, atol=1e-5
        )


def test_learned_absence_is_no_value_of_the_sensor() -> None:
    encoder, present = tiny(), gaps()
    zeros = windows().masked_fill(~present, 0.0)
    assert (encoder(zeros, present) - encoder(zeros)).abs().max() > 1e-3
    whole = present.clone()
    whole[:, :, 3:] = True
    zero = tiny(absence="zero")
    torch.testing.assert_close(zero(zeros, present)[0], zero(zeros)[0], rtol=1e-4, atol=1e-5)


@POOLINGS
@pytest.mark.parametrize("position", ["learned", "none"])
def test_a_window_without_any_sample_gives_one_constant_vector(pooling: str, position: str) -> None:
    encoder = tiny(pooling=pooling, position=position)
    nothing = torch.zeros(3, 1000, 6, dtype=torch.bool)
    found = encoder(windows().masked_fill(~nothing, torch.nan), nothing)
    assert found.isfinite().all()
    torch.testing.assert_close(found, found[:1].expand(3, -1), rtol=1e-6, atol=1e-6)
    assert bool((found == 0).all()) == (pooling == "mean")


def test_a_window_without_any_sample_is_no_harm_to_kernels_that_cannot_attend_to_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def plain(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        return torch.matmul(scores.masked_fill(~mask, -torch.inf).softmax(-1), value)

    present = gaps()
    present[1] = False
    encoder = tiny(pooling="mean")
    expected = encoder(windows(), present)
    monkeypatch.setattr("torch.nn.functional.scaled_dot_product_attention", plain)
    torch.testing.assert_close(encoder(windows(), present), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 9, 10, 400, 1003, 2500])
def test_windows_of_any_length_are_read(samples: int) -> None:
    assert tiny()(windows(samples)).shape == (3, 64)


def test_without_positions_patches_have_no_order_and_with_them_they_do() -> None:
    turned = windows().view(3, 100, 10, 6).flip(1).view(3, 1000, 6)
    plain = tiny(position="none")
    torch.testing.assert_close(plain(turned), plain(windows()), rtol=1e-4, atol=1e-5)
    placed = tiny()
    assert (placed(turned) - placed(windows())).abs().max() > 1e-2


@pytest.mark.parametrize("shape", [(2, 1000, 5), (2, 0, 6)])
def test_a_window_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"a window of shape .*; give \(batch, samples, 6\)"):
        tiny()(torch.zeros(shape))


def test_more_sensors_are_an_option() -> None:
    encoder = tiny(num_channels=10, num_samples=250, patch_size=25)
    assert encoder.input_shape == (250, 10)
    assert encoder(windows(250, 10)).shape == (3, 64)
