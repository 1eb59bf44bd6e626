"""Normalisation of a sensor's windows, and what an encoder is given."""

import numpy as np
import pytest
import torch
from torch import Tensor

from egoshift.encoders import SIGNALS, SignalEncoder, SignalSpec, sensor_of
from egoshift.encoders.sensor import AbstractSensorEncoder
from egoshift.encoders.signal import frame_card


class Keeps(AbstractSensorEncoder):
    """Remembers what it was given."""

    @property
    def dim(self) -> int:
        return 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (4,)

    def forward(self, window: Tensor, present: Tensor | None = None) -> Tensor:
        self.window, self.present = window, present
        return torch.zeros(len(window), 1)


READINGS = SignalSpec(
    sensor="imu", rows="readings", rate_hz=10.0, num_rows=5, layout={"accelerometer": 3, "gyroscope": 1}
)
MEL = SignalSpec(sensor="audio", rows="log-mel", rate_hz=100.0, num_rows=5, num_mels=8)
FRAMES = SignalSpec(sensor="video", rows="frames", rate_hz=5.0, num_rows=3, size=2)


def windows(spec: SignalSpec, count: int = 7, seed: int = 0) -> Tensor:
    """Numbers far from zero, each channel by another scale; a third of them absent."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.logspace(-2, 4, spec.row_dim)
    values = torch.randn(count, spec.num_rows, spec.row_dim, generator=generator) * scale + 50 * scale
    return values.masked_fill(torch.rand(values.shape, generator=generator) < 0.33, torch.nan)


@pytest.mark.parametrize("spec", [READINGS, MEL], ids=["readings", "log-mel"])
def test_statistics_are_those_of_all_present_numbers(spec: SignalSpec) -> None:
    encoder, given = SignalEncoder(Keeps(), spec), windows(spec)
    encoder.observe(iter([given[:3], given[3:6], given[6:]]))
    numbers = given.double().numpy().reshape(-1, spec.row_dim)
    numbers = numbers if spec.rows == "readings" else numbers.reshape(-1, 1)
    np.testing.assert_allclose(encoder.mean.numpy(), np.nanmean(numbers, 0), rtol=1e-6)
    np.testing.assert_allclose(encoder.std.numpy(), np.nanstd(numbers, 0), rtol=1e-6)


def test_a_pressure_keeps_its_digits() -> None:
    spec = SignalSpec(sensor="barometer", rows="readings", rate_hz=10.0, num_rows=100, layout={"barometer": 1})
    given = 101_325 + 0.05 * torch.randn(20, 100, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    encoder = SignalEncoder(Keeps(), spec)
    encoder.observe([given.float()])
    assert float(encoder.std) == pytest.approx(float(given.float().double().std(correction=0)), rel=1e-4)


def test_a_channel_that_never_varies_or_never_is_present_keeps_a_deviation_of_one() -> None:
    given = windows(READINGS)
    given[..., 1], given[..., 2] = 3.5, torch.nan
    given[:3, :, 3] = torch.nan  # and one that comes late
    encoder = SignalEncoder(Keeps(), READINGS)
    encoder.observe(given.split(3))
    assert encoder.std[1:3].tolist() == [1.0, 1.0]
    assert encoder.mean[1:3].tolist() == [3.5, 0.0]
    assert float(encoder.mean[3]) == pytest.approx(float(given[..., 3].double().nanmean()), rel=1e-6)


@pytest.mark.parametrize("given", [[], [torch.full((2, 5, 4), torch.nan)]], ids=["no windows", "nothing present"])
def test_without_numbers_nothing_is_normalised(given: list[Tensor]) -> None:
    encoder = SignalEncoder(Keeps(), READINGS)
    encoder.observe(given)
    assert encoder.mean.tolist() == [0.0] * 4
    assert encoder.std.tolist() == [1.0] * 4


def test_readings_are_normalised_by_channel_and_absent_ones_are_told() -> None:
    inner = Keeps()
    encoder, given = SignalEncoder(inner, READINGS), windows(READINGS)
    encoder.observe([given])
    encoder(given)
    expected = (given - encoder.mean) / encoder.std
    torch.testing.assert_close(inner.window, expected, equal_nan=True)
    assert inner.present is not None
    assert torch.equal(inner.present, ~given.isnan())
    np.testing.assert_allclose(np.nanmean(inner.window.numpy(), (0, 1)), 0, atol=1e-4)


def test_absent_frames_of_a_log_mel_are_zero_before_normalisation() -> None:
    inner = Keeps()
    encoder, given = SignalEncoder(inner, MEL), windows(MEL)
    encoder.observe([given])
    encoder(given)
    assert inner.present is None
    torch.testing.assert_close(inner.window, (torch.where(given.isnan(), 0.0, given) - encoder.mean) / encoder.std)


def test_pictures_have_fixed_statistics() -> None:
    inner = Keeps()
    encoder = SignalEncoder(inner, FRAMES)
    given = torch.randint(256, (2, 3, 12), generator=torch.Generator().manual_seed(0)).float()
    encoder.observe([given])
    assert (encoder.mean.tolist(), encoder.std.tolist()) == ([0.0], [1.0])
    encoder(given)
    torch.testing.assert_close(inner.window, (given / 255 - 0.45).view(2, 3, 3, 2, 2) / 0.225)
    assert frame_card(72).mean == (0.45,) * 3


def test_a_row_has_as_many_numbers_as_its_shape() -> None:
    assert [(spec.row_shape, spec.row_dim) for spec in (READINGS, MEL, FRAMES)] == [
        ((4,), 4),
        ((8,), 8),
        ((3, 2, 2), 12),
    ]
    assert READINGS.window_s == 0.5


@pytest.mark.parametrize("sensor", SIGNALS)
def test_every_sensor_says_what_its_rows_are(sensor: str) -> None:
    spec = SignalSpec.model_validate({"sensor": sensor, "num_rows": 4, "size": 8, **SIGNALS[sensor]})
    assert spec.row_dim > 0
    assert sensor_of(f"{sensor}:runs/x") == sensor
    assert sensor_of(f"signal:{sensor}") is None


@pytest.mark.parametrize("name", ["openai/clip", "pixels:imu", "./imu", "C:/imu", "imu", "radar:x"])
def test_names_of_other_encoders_are_of_no_sensor(name: str) -> None:
    assert sensor_of(name) is None
