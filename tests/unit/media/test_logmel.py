import math

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from egoshift.media import logmel
from egoshift.media.logmel import FLOOR, frames_present, log_mel, num_frames

RATE_HZ = 16_000


def noise(*shape: int) -> Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (160_000, 998)])
def test_only_whole_frames_are_given(samples: int, frames: int) -> None:
    assert num_frames(samples) == frames
    assert log_mel(noise(2, samples)).shape == (2, frames, 128)
    assert frames_present(torch.ones(2, samples, dtype=torch.bool)).shape == (2, frames)


@pytest.mark.parametrize("chunk", [1, 3, 10, 25, 1000])
def test_it_matters_not_in_what_portions_it_is_computed(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    waveforms = noise(5, 4000).double()
    expected = torch.cat([log_mel(waveform[None]) for waveform in waveforms])
    monkeypatch.setattr(logmel, "CHUNK_FRAMES", chunk)
    torch.testing.assert_close(log_mel(waveforms), expected, rtol=0, atol=1e-9)


def test_a_batch_may_be_empty_or_strided() -> None:
    assert log_mel(noise(0, 1000)).shape == (0, 4, 128)
    wide = noise(1000, 6).double()
    torch.testing.assert_close(log_mel(wide.T), log_mel(wide.T.contiguous()), rtol=0, atol=1e-9)


def test_waveforms_stay_as_they_were_and_no_gradient_passes() -> None:
    waveforms = noise(2, 2000).requires_grad_()
    before = waveforms.detach().clone()
    assert not log_mel(waveforms).requires_grad
    assert torch.equal(waveforms, before)


def test_single_precision_comes_within_the_stated_error_of_double_precision() -> None:
    waveforms = noise(4, 3 * RATE_HZ)
    error = (log_mel(waveforms) - log_mel(waveforms.double())).abs()
    assert float(error.mean()) < 1e-5
    assert float(error.max()) < 5e-3


def test_a_constant_changes_nothing() -> None:
    waveforms = noise(2, 8000)
    shifted = (log_mel(waveforms + 0.5) - log_mel(waveforms.double())).abs()
    assert float(shifted.mean()) < 1e-5
    assert float(shifted.max()) < 5e-3


def test_loudness_adds_its_logarithm() -> None:
    waveforms = noise(1, 8000).double()
    louder = log_mel(4 * waveforms) - log_mel(waveforms)
    loud = log_mel(waveforms) > math.log(FLOOR) + 1e-9
    torch.testing.assert_close(louder[loud], torch.full_like(louder[loud], math.log(16)), rtol=0, atol=1e-9)
    assert loud.float().mean() > 0.98


def test_a_hop_later_is_a_frame_later() -> None:
    waveforms = noise(1, 8000).double()
    torch.testing.assert_close(log_mel(waveforms[:, 160:]), log_mel(waveforms)[:, 1:], rtol=0, atol=1e-9)


def test_silence_is_the_floor() -> None:
    floor = torch.full((1, 8, 128), math.log(2.0**-23))
    torch.testing.assert_close(log_mel(torch.zeros(1, 1600)), floor)


@pytest.mark.parametrize("hertz", [100.0, 440.0, 1000.0, 3000.0, 7500.0])
def test_a_tone_is_loudest_in_the_triangle_that_stands_over_it(hertz: float) -> None:
    waveform = 0.5 * torch.sin(2 * math.pi * hertz * torch.arange(8000) / RATE_HZ)
    low, high = (1127 * math.log1p(edge / 700) for edge in (20, 8000))
    place = (1127 * math.log1p(hertz / 700) - low) / (high - low) * 129 - 1  # triangle 0 has its peak at step 1
    loudest = log_mel(waveform[None]).mean(dim=1).argmax().item()
    bin_width = 129 * 31.25 * 1127 / (700 + hertz) / (high - low)
    assert abs(loudest - place) <= 1 + bin_width / 2


@pytest.mark.parametrize("num_bins", [4, 40, 64, 120, 128])
def test_the_triangles_add_up_to_one_between_the_first_peak_and_the_last(num_bins: int) -> None:
    weights = logmel._triangles(num_bins)
    hertz = torch.arange(257) * 31.25
    mels = 1127 * torch.log1p(hertz.double() / 700)
    low, high = (1127 * math.log1p(edge / 700) for edge in (20, 8000))
    step = (high - low) / (num_bins + 1)
    between = (mels >= low + step) & (mels <= high - step)
    sums = weights.sum(dim=1)[between]
    torch.testing.assert_close(sums, torch.ones_like(sums), rtol=0, atol=1e-9)
    assert not weights[(hertz <= 20) | (hertz >= 8000)].any()


def test_one_of_128_triangles_holds_no_frequency_and_stays_at_the_floor() -> None:
    empty = [index for index, triangle in enumerate(logmel._triangles(128).T) if not triangle.any()]
    assert empty == [3]
    torch.testing.assert_close(log_mel(noise(1, 1600))[..., 3], torch.full((1, 8), math.log(2.0**-23)))
    assert logmel._triangles(120).any(dim=0).all()


@hypothesis.given(st.lists(st.tuples(st.integers(0, 2400), st.integers(1, 300)), max_size=3), st.integers(0, 2500))
def test_a_frame_is_present_if_all_its_samples_are(gaps: list[tuple[int, int]], samples: int) -> None:
    present = np.ones(samples, dtype=bool)
    for first, length in gaps:
        present[first : first + length] = False
    expected = [bool(present[k * 160 : k * 160 + 400].all()) for k in range(num_frames(samples))]
    assert frames_present(torch.from_numpy(present)[None])[0].tolist() == expected
