"""Windows about their own means: what a barometer or a magnetometer says, and not where it is."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from egoshift.encoders import SignalEncoder, SignalSpec, new_sensor_encoder
from egoshift.fusion import Unimodal

ROWS, CHANNELS = 40, 3


def encoder(*, centred: bool, absence: str = "learned") -> SignalEncoder:
    torch.manual_seed(0)
    options = {"num_channels": CHANNELS, "num_samples": ROWS, "patch_size": 4, "absence": absence}
    layout = {"magnetometer": CHANNELS}
    spec = SignalSpec(sensor="magnetometer", rows="readings", rate_hz=20, num_rows=ROWS, layout=layout, centred=centred)
    return SignalEncoder(new_sensor_encoder("inertial", "tiny", **options), spec).eval()


def windows(number: int = 6) -> Tensor:
    """Windows with gaps, each about another level."""
    generator = torch.Generator().manual_seed(1)
    found = torch.randn(number, ROWS, CHANNELS, generator=generator)
    found += 50 * torch.randn(number, 1, CHANNELS, generator=generator)
    found[0, :7] = math.nan
    found[1, 5] = math.nan
    return found


def test_statistics_are_those_of_each_window_about_its_own_mean() -> None:
    model, given = encoder(centred=True), windows()
    model.observe([given[:4], given[4:]])
    for channel in range(CHANNELS):
        values: list[float] = []
        for window in given[:, :, channel].double().tolist():
            there = [value for value in window if not math.isnan(value)]
            values += [value - sum(there) / len(there) for value in there]
        mean = sum(values) / len(values)
        std = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
        assert model.mean[channel].item() == pytest.approx(mean, abs=1e-6)
        assert model.std[channel].item() == pytest.approx(std, rel=1e-5)


@torch.no_grad()
def test_another_level_changes_features_only_where_the_level_is_seen() -> None:
    given = windows()
    moved = given + torch.tensor([30.0, -4.0, 7.0])
    centred, level = encoder(centred=True), encoder(centred=False)
    torch.testing.assert_close(centred(moved), centred(given), rtol=0, atol=1e-4)  # rounding at levels of a hundred
    assert (level(moved) - level(given)).abs().max() > 0.01


@torch.no_grad()
def test_a_window_without_any_reading_stays_absent() -> None:
    features = encoder(centred=True)(torch.full((2, ROWS, CHANNELS), math.nan))
    assert bool(features.isfinite().all())


@pytest.mark.parametrize(
    ("sensor", "asked", "centred"),
    [("barometer", None, True), ("barometer", False, False), ("gyroscope", None, False), ("gyroscope", True, True)],
)
def test_a_sensor_is_centred_as_asked_or_by_its_kind(sensor: str, asked: bool | None, centred: bool) -> None:
    model = Unimodal(sensor=sensor, preset="tiny", centred=asked)
    assert model.spec.centred is centred
    assert Unimodal(**dict[str, Any](model.settings)).spec == model.spec
