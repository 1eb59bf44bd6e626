"""The factored logits against the equation as printed, in double precision."""

import doctest
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from egoshift.blocks import adapted_logits, adapted_logits_direct, cosine, cosine_logits

BATCH, CLASSES, DIM, SCALE = 6, 9, 64, 100.0
LENGTH = 8.0  # about that of CLIP's text embeddings


def inputs(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Class text, shifts and unit video vectors of usual lengths."""
    generator = torch.Generator().manual_seed(seed)
    text = LENGTH * functional.normalize(torch.randn(CLASSES, DIM, generator=generator), dim=-1)
    shift = 2.0 * torch.randn(BATCH, DIM, generator=generator).relu()
    video = functional.normalize(torch.randn(BATCH, DIM, generator=generator), dim=-1)
    return text, shift, video


def with_gaps(gap: float) -> tuple[Tensor, Tensor, Tensor]:
    """Shifts that leave class b of video b a vector of length ``gap``, and are ordinary for all other entries."""
    text, _, video = inputs()
    direction = functional.normalize(torch.randn(BATCH, DIM, generator=torch.Generator().manual_seed(1)), dim=-1)
    return text, -text[:BATCH] + gap * direction, video


def values_and_gradients(
    function: Callable[..., Tensor], text: Tensor, shift: Tensor, video: Tensor, dtype: torch.dtype
) -> dict[str, Tensor]:
    """The logits, and the gradients of a cross-entropy of them to every input, in double precision."""
    leaves = [tensor.detach().to(dtype).requires_grad_() for tensor in (text, shift, video, torch.tensor(SCALE))]
    logits = function(*leaves)
    functional.cross_entropy(logits, torch.arange(BATCH)).backward()
    names = ("text", "shift", "video", "scale")
    gradients = {name: leaf.grad.double() for name, leaf in zip(names, leaves, strict=True) if leaf.grad is not None}
    return {"logits": logits.detach().double()} | gradients


def relative_errors(text: Tensor, shift: Tensor, video: Tensor) -> dict[str, float]:
    """Of the factored form in single precision to the direct one in double, as shares of the largest value."""
    exact = values_and_gradients(adapted_logits_direct, text, shift, video, torch.float64)
    ours = values_and_gradients(adapted_logits, text, shift, video, torch.float32)
    assert set(exact) == set(ours) == {"logits", "text", "shift", "video", "scale"}
    return {name: float((ours[name] - exact[name]).abs().max() / exact[name].abs().max()) for name in exact}


def test_values_and_gradients_equal_the_direct_form() -> None:
    for seed in range(5):
        assert max(relative_errors(*inputs(seed)).values()) < 2e-6


@pytest.mark.parametrize("length", [1e-3, 0.5, 30.0, 100.0])
def test_values_and_gradients_hold_for_short_and_long_shifts(length: float) -> None:
    text, shift, video = inputs()
    shift = length * functional.normalize(shift, dim=-1)
    assert max(relative_errors(text, shift, video).values()) < 2e-5


@pytest.mark.parametrize("length", [1e3, 1e5])
def test_with_a_huge_shift_the_error_is_that_of_the_direct_form(length: float) -> None:
    # The gradients are differences of nearly equal terms then, in whatever way they are computed.
    text, shift, video = inputs()
    shift = length * functional.normalize(shift, dim=-1)
    exact = values_and_gradients(adapted_logits_direct, text, shift, video, torch.float64)
    direct = values_and_gradients(adapted_logits_direct, text, shift, video, torch.float32)
    ours = values_and_gradients(adapted_logits, text, shift, video, torch.float32)
    for name, reference in exact.items():
        allowed = 4 * (direct[name] - reference).abs().max() + 1e-6 * reference.abs().max()
        assert (ours[name] - reference).abs().max() <= allowed, name


@pytest.mark.parametrize("gap", [2e-6, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0, 1.12, 1.15, 2.0])
def test_values_and_gradients_hold_where_text_and_shift_nearly_cancel(gap: float) -> None:
    # 1.13 is where |e + a|^2 crosses the threshold of a hundredth of |e|^2 + |a|^2.
    assert max(relative_errors(*with_gaps(gap)).values()) < 2e-5


def test_with_a_smaller_threshold_entries_above_it_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(relative_errors(*with_gaps(0.04)).values()) < 2e-5
    monkeypatch.setattr(cosine, "CANCELLATION", 1e-5)
    assert relative_errors(*with_gaps(0.04))["logits"] > 1e-4


def test_exact_cancellation_gives_a_cosine_of_zero_and_finite_gradients() -> None:
    text, _, video = inputs()
    results = values_and_gradients(adapted_logits, text, -text[:BATCH], video, torch.float32)
    assert torch.equal(results["logits"].diagonal(), torch.zeros(BATCH, dtype=torch.float64))
    assert all(bool(value.isfinite().all()) for value in results.values())


def test_text_and_shift_of_zero_give_finite_values_and_gradients() -> None:
    text, shift, video = inputs()
    results = values_and_gradients(adapted_logits, 0 * text, 0 * shift, video, torch.float32)
    assert torch.equal(results["logits"], torch.zeros(BATCH, CLASSES, dtype=torch.float64))
    assert all(bool(value.isfinite().all()) for value in results.values())


def test_text_and_shift_shorter_than_the_floor_count_as_long_as_it() -> None:
    text, shift, video = inputs()
    text, shift = 1e-9 * text, 1e-9 * shift
    expected = SCALE * ((text + shift.unsqueeze(1)) / cosine.FLOOR * video.unsqueeze(1)).sum(-1)
    torch.testing.assert_close(adapted_logits(text, shift, video, SCALE), expected)
    torch.testing.assert_close(cosine_logits(text, video, SCALE), SCALE * video @ text.T / cosine.FLOOR)


def test_a_shift_of_zero_is_zero_shot_to_the_bit() -> None:
    text, shift, video = inputs()
    assert torch.equal(adapted_logits(text, 0 * shift, video, SCALE), cosine_logits(text, video, SCALE))


def test_cosine_logits_are_scaled_cosine_similarities() -> None:
    text, _, video = inputs()
    expected = SCALE * functional.cosine_similarity(video.unsqueeze(1), text.unsqueeze(0), dim=-1)
    torch.testing.assert_close(cosine_logits(text, video, SCALE), expected, rtol=0, atol=1e-4)


def test_directly_computed_entries_do_not_depend_on_their_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = values_and_gradients(adapted_logits, *with_gaps(1e-3), torch.float32)
    monkeypatch.setattr(cosine, "CHUNK", 4)
    parts = values_and_gradients(adapted_logits, *with_gaps(1e-3), torch.float32)
    torch.testing.assert_close(parts, whole)


def test_logits_under_autocast_are_those_without_it() -> None:
    text, shift, video = inputs()
    with torch.autocast("cpu", torch.bfloat16):
        moved, fixed = adapted_logits(text, shift, video, SCALE), cosine_logits(text, video, SCALE)
    assert moved.dtype == fixed.dtype == torch.float32
    assert torch.equal(moved, adapted_logits(text, shift, video, SCALE))
    assert torch.equal(fixed, cosine_logits(text, video, SCALE))


class LargestTensor(TorchDispatchMode):
    """Notes the number of elements of the largest tensor that any operation gives."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        for tensor in output if isinstance(output, list | tuple) else (output,):
            if isinstance(tensor, Tensor):
                self.largest = max(self.largest, tensor.numel())
        return output


@pytest.mark.parametrize("gap", [None, 1e-3])
def test_no_tensor_is_larger_than_batch_by_classes_or_the_text(gap: float | None) -> None:
    drawn = inputs() if gap is None else with_gaps(gap)
    text, shift, video = (tensor.requires_grad_() for tensor in drawn)
    with LargestTensor() as factored:
        adapted_logits(text, shift, video, SCALE).sum().backward()
    with LargestTensor() as direct:
        adapted_logits_direct(text, shift, video, SCALE).sum().backward()
    assert factored.largest == CLASSES * DIM
    assert direct.largest == BATCH * CLASSES * DIM


def test_the_examples_give_what_they_say() -> None:
    assert doctest.testmod(cosine) == (0, 3)
