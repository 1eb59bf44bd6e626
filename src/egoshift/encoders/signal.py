"""From a sensor's recording to features: which rows of it make a window, how they are normalised, and the encoder.

A recording of any sensor is taken as rows on a uniform grid from the video's first frame on: prepared pictures, frames
of a log-mel, readings of inertial channels. A window is some of them, in order; what is absent is NaN.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any, Literal

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from egoshift.encoders.card import TowerCard, WeightCard
from egoshift.encoders.sensor import AbstractSensorEncoder

SIGNAL = "signal:"
"""What the name of a stream's encoder begins with that gives the windows themselves, such as ``signal:imu``."""

Rows = Literal["frames", "log-mel", "readings"]

PIXEL_MEAN, PIXEL_STD = 0.45, 0.225
"""Of each colour, as MViT was trained (SlowFast, pytorchvideo, torchvision alike)."""

SHORT_SIDE = 256 / 224
"""The short side of a frame before it is cut, in sizes of what is cut out of it; likewise."""


class SignalSpec(BaseModel):
    """What an encoder reads of a recording.

    Attributes:
        sensor: The sensor's name in the data set.
        rows: What a row is: a prepared picture, a frame of a log-mel, or readings of the channels of ``layout``.
        rate_hz: Rows a second.
        num_rows: Rows of a window.
        size: Of frames: height and width of a picture, in pixels.
        num_mels: Of a log-mel: its bands.
        layout: Of readings: how many axes each sensor has, in the order of the channels.
        centred: Of readings: whether each window's own mean is taken off, so that its changes alone are seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sensor: str
    rows: Rows
    rate_hz: float = Field(gt=0)
    num_rows: int = Field(ge=1)
    size: int = 0
    num_mels: int = 0
    layout: dict[str, int] = Field(default_factory=dict)
    centred: bool = False

    @property
    def window_s(self) -> float:
        """The length of a window, in seconds."""
        return self.num_rows / self.rate_hz

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of a row."""
        if self.rows == "frames":
            return (3, self.size, self.size)
        return (self.num_mels if self.rows == "log-mel" else sum(self.layout.values()),)

    @property
    def row_dim(self) -> int:
        """Numbers in a row."""
        return prod(self.row_shape)


HEAD = MappingProxyType({"accelerometer": 3, "gyroscope": 3})

_OWN = {name: {name: axes} for name, axes in {"accelerometer": 3, "gyroscope": 3, "magnetometer": 3}.items()}

SIGNALS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "video": MappingProxyType({"rows": "frames", "rate_hz": 7.5}),
        "audio": MappingProxyType({"rows": "log-mel", "rate_hz": 100.0, "num_mels": 128}),
        "imu": MappingProxyType({"rows": "readings", "rate_hz": 200.0, "layout": dict(HEAD)}),
        "accelerometer": MappingProxyType({"rows": "readings", "rate_hz": 50.0, "layout": _OWN["accelerometer"]}),
        "gyroscope": MappingProxyType({"rows": "readings", "rate_hz": 50.0, "layout": _OWN["gyroscope"]}),
        "magnetometer": MappingProxyType({"rows": "readings", "rate_hz": 20.0, "layout": _OWN["magnetometer"]}),
        "barometer": MappingProxyType(
            {"rows": "readings", "rate_hz": 10.0, "layout": {"barometer": 1}, "centred": True}
        ),
    }
)
"""What the rows of each sensor are, and how many a second unless another rate is asked for.

Video: every fourth frame of 30 a second, as MViT-B 16x4 was trained. Sound: Kaldi's frames. IMU: the rate that most
code brings Ego4D's to. The four of glasses: rates at which they record, the slow ones a little above. A barometer is
centred: its level is the weather's and the hill's, hundreds of times what a flight of stairs changes.
"""


def sensor_of(encoder: str) -> str | None:
    """The sensor that an encoder's name says it is of: ``imu`` of ``imu:runs/imu/models/action``; none of pictures'.

    >>> sensor_of("audio:runs/audio/models/action"), sensor_of("signal:imu"), sensor_of("openai/clip-vit-base-patch16")
    ('audio', None, None)
    """
    prefix, colon, _ = encoder.partition(":")
    return prefix if colon and prefix in SIGNALS else None


class SensorCard(TowerCard):
    """The encoder of a sensor and what it reads.

    Attributes:
        signal: The windows that it reads.
    """

    signal: SignalSpec


class SignalEncoder(nn.Module):
    """An encoder with the normalisation that its training data asked for.

    Readings and log-mels come out of ``(value - mean) / std``, each channel of readings by its own numbers (after the
    window's own mean was taken off, where the sensor is ``centred``), a log-mel by one pair; until ``observe`` gives
    them, 0 and 1. Absent readings are told to the encoder as such; absent frames of a log-mel are 0 before
    normalisation, what an AST is used to take for nothing.

    Args:
        encoder: What runs.
        spec: What it reads.
        normalised: Whether the encoder normalises its inputs itself, as pretrained ones do.
    """

    mean: Tensor
    std: Tensor
    observed: Tensor

    def __init__(self, encoder: AbstractSensorEncoder, spec: SignalSpec, *, normalised: bool = False):
        super().__init__()
        self.encoder, self.spec = encoder, spec
        channels = spec.row_dim if spec.rows == "readings" else 1
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.register_buffer("observed", torch.tensor(normalised or spec.rows == "frames"))

    @property
    def dim(self) -> int:
        """Length of a feature."""
        return self.encoder.dim

    def observe(self, windows: Iterable[Float[Tensor, "_ rows flat"]]) -> None:
        """Takes mean and standard deviation from windows of the training clips, once; those of pictures are fixed.

        What was taken before stays, in a later stage of training as in an encoder that was trained before. A channel
        that never varies, or never is present, keeps a deviation of 1.
        """
        if bool(self.observed):
            return
        count = torch.zeros(len(self.mean), dtype=torch.float64)
        total, squares = torch.zeros_like(count), torch.zeros_like(count)
        for window in windows:
            values = self._centred(window.detach().cpu().double()).reshape(-1, len(self.mean))
            there = ~values.isnan()
            # About the first values seen, so that squares of numbers far from zero lose no digits.
            if not count.any():
                about = torch.where(there, values, 0.0).sum(0) / there.sum(0).clamp_min(1)
            offset = torch.where(there, values - about, 0.0)
            count, total, squares = count + there.sum(0), total + offset.sum(0), squares + offset.square().sum(0)
        if not count.any():
            return
        mean = total / count.clamp_min(1)
        std = (squares / count.clamp_min(1) - mean.square()).clamp_min(0).sqrt()
        self.mean.copy_(mean + about)
        self.std.copy_(torch.where((std > 1e-6) & (count > 0), std, 1.0))
        self.observed.fill_(True)

    def forward(self, windows: Float[Tensor, "batch rows flat"]) -> Float[Tensor, "batch dim"]:
        """One un-normalised vector a window; NaN where something is absent."""
        if self.spec.rows == "frames":
            pictures = windows.view(*windows.shape[:2], *self.spec.row_shape) / 255
            return self._run((pictures - PIXEL_MEAN) / PIXEL_STD)
        if self.spec.rows == "log-mel":
            return self._run((windows.nan_to_num(0.0) - self.mean) / self.std)
        features: Tensor = self.encoder((self._centred(windows) - self.mean) / self.std, ~windows.isnan())
        return features

    def _centred(self, windows: Float[Tensor, "batch rows flat"]) -> Float[Tensor, "batch rows flat"]:
        """The windows about their own means, each channel by itself and what is absent left out, where asked for."""
        return windows - windows.nanmean(1, keepdim=True) if self.spec.centred else windows

    def _run(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.encoder(inputs)
        return features


@dataclass(frozen=True)
class SignalTower:
    """A frozen encoder of a sensor, as extraction runs it.

    Attributes:
        card: What it is.
        encoder: What runs; left in evaluation mode.
    """

    card: SensorCard
    encoder: SignalEncoder

    @torch.no_grad()
    def encode(self, windows: Float[Tensor, "batch rows flat"]) -> Float[Tensor, "batch dim"]:
        """Un-normalised features in float32, on the CPU."""
        features: Tensor = self.encoder.eval()(windows.to(self.encoder.mean.device))
        return features.float().cpu()


def frame_card(size: int) -> WeightCard:
    """How a frame is prepared for an encoder of clips."""
    return WeightCard(
        id="frames",
        family="pixels",
        sha256="",
        licence="none",
        activation="none",
        pooling="none",
        dim=3 * size**2,
        has_text=False,
        dtype="uint8",
        mean=(PIXEL_MEAN,) * 3,
        std=(PIXEL_STD,) * 3,
        size=size,
        resize="shortest-crop",
        resize_to=round(size * SHORT_SIDE),
        interpolation="bilinear",
        preprocessing_source="MViT",
    )
