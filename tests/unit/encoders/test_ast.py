"""AST around the model of ``transformers``: normalisation, positions by length, and log-mels that it refuses."""

import pytest
import torch
from torch import Tensor

from egoshift.encoders.ast import AUDIOSET_MEAN, AUDIOSET_STD, SpectrogramTransformer, normalised, patch_grid
from egoshift.encoders.sensors import new_sensor_encoder


def tiny(**options: object) -> SpectrogramTransformer:
    torch.manual_seed(1)
    encoder = new_sensor_encoder("ast", "tiny", **options)
    assert isinstance(encoder, SpectrogramTransformer)
    return encoder.eval()


def log_mels(frames: int = 256) -> Tensor:
    return AUDIOSET_MEAN + AUDIOSET_STD * torch.randn(2, frames, 128, generator=torch.Generator().manual_seed(frames))


@torch.no_grad()
def test_log_mels_are_normalised_by_the_numbers_that_travel_with_the_weights() -> None:
    plain, own = tiny(), tiny(mean=3.0, std=0.25)
    unit = (log_mels() - AUDIOSET_MEAN) / AUDIOSET_STD
    torch.testing.assert_close(own(3.0 + 0.25 * unit), plain(log_mels()), rtol=1e-4, atol=1e-5)


def test_own_statistics_bring_their_data_to_a_mean_of_0_and_a_spread_of_a_half() -> None:
    own = 3 + 2 * log_mels()
    found = normalised(own, mean=float(own.mean()), std=float(own.std()))
    assert float(found.mean()) == pytest.approx(0, abs=1e-5)
    assert float(found.std()) == pytest.approx(0.5, abs=1e-5)
    assert torch.equal(own, 3 + 2 * log_mels()), "what is given stays as it is"


def test_nothing_is_what_the_published_weights_were_trained_with() -> None:
    assert normalised(torch.zeros(1, 1, 1)).item() == pytest.approx(0.46703, abs=1e-5)


@torch.no_grad()
def test_a_new_one_tells_patches_of_other_moments_and_bands_apart() -> None:
    encoder = tiny()
    later, higher = log_mels().roll(64, 1), log_mels().roll(32, 2)
    for moved in (later, higher):
        assert (encoder(moved) - encoder(log_mels())).abs().max() > 1e-3


@pytest.mark.parametrize(("stride", "frames", "grid"), [(16, 256, (8, 16)), (10, 1024, (12, 101)), (12, 100, (10, 8))])
def test_the_grid_of_patches_is_what_the_convolution_gives(stride: int, frames: int, grid: tuple[int, int]) -> None:
    with torch.device("meta"):
        encoder = tiny(stride=stride, num_frames=frames)
        patches = encoder.model.embeddings.patch_embeddings(torch.empty(1, frames, 128))
    assert patch_grid(encoder.config) == grid
    assert patches.shape[1] == grid[0] * grid[1]
    assert encoder.model.embeddings.position_embeddings.shape[1] == grid[0] * grid[1] + 2


@pytest.mark.parametrize("shape", [(2, 256, 64), (2, 15, 128)])
def test_a_log_mel_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"a log_mel of shape .*; give \(batch, frames, 128\), 16 frames or more"):
        tiny()(torch.zeros(shape))


def test_the_positions_that_a_clip_uses_are_the_ones_that_learn() -> None:
    encoder = tiny().train()
    encoder(log_mels(128)).square().sum().backward()
    gradient = encoder.model.embeddings.position_embeddings.grad[0, 2:].view(8, 16, -1).abs().amax((0, 2))
    assert (gradient > 0).tolist() == [4 <= moment < 12 for moment in range(16)]
