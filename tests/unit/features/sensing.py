"""Recordings of single sensors in small files, and an encoder of them that can be computed by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from egoshift.encoders import SensorCard, SignalEncoder, SignalSpec, SignalTower
from egoshift.encoders.sensor import AbstractSensorEncoder
from egoshift.records import Dataset, SensorFile, SensorLayout, Vocabulary
from tests.fixtures.multimodal import write_inertial

from .examples import clip_table

IMU = SignalSpec(sensor="imu", rows="readings", rate_hz=50.0, num_rows=50, layout={"accelerometer": 3, "gyroscope": 3})
AUDIO = SignalSpec(sensor="audio", rows="log-mel", rate_hz=100.0, num_rows=64, num_mels=16)
VIDEO = SignalSpec(sensor="video", rows="frames", rate_hz=5.0, num_rows=4, size=32)


class Means(AbstractSensorEncoder):
    """The mean of what is present of each channel, and how much of it is; 0 where nothing is."""

    def __init__(self, spec: SignalSpec):
        super().__init__()
        self._shape = (spec.num_rows, *spec.row_shape)
        self.calls = 0

    @property
    def dim(self) -> int:
        return 7

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self._shape

    def forward(self, window: Tensor, present: Tensor | None = None) -> Tensor:
        self.calls += 1
        present = torch.ones_like(window, dtype=torch.bool) if present is None else present
        values = torch.where(present, window, 0.0).flatten(2)[..., :6]
        there = present.flatten(2)[..., :6]
        means = values.sum(1) / there.sum(1).clamp_min(1)
        return torch.cat([means, there.float().mean((1, 2))[:, None]], 1)


def tower(spec: SignalSpec, sha256: str = "1" * 64) -> SignalTower:
    encoder = Means(spec)
    card = SensorCard(
        id="means",
        family="inertial",
        sha256=sha256,
        licence="MIT",
        activation="none",
        pooling="mean",
        dim=7,
        has_text=False,
        dtype="float32",
        signal=spec,
    )
    return SignalTower(card, SignalEncoder(encoder, spec))


def dataset(files: Mapping[str, Path], spec: SignalSpec, clips: Sequence[tuple[str, float, float]]) -> Dataset:
    layout: SensorLayout = "ego4d" if spec.rows == "readings" else "av"
    sensors = {video: {spec.sensor: SensorFile(path, layout)} for video, path in files.items()}
    verbs = [number % 3 for number in range(len(clips))]
    table = clip_table(clips, verbs)
    return Dataset("sensed", table, {"verb": Vocabulary("verb", ("a", "b", "c"))}, {}, sensors=sensors)


def ramp(times_s: np.ndarray) -> np.ndarray:
    """Six readings that tell the time: 1, 2, ... 6 times it."""
    return times_s[:, None] * np.arange(1, 7)


def write_ramp(path: Path, stop_s: float, gap_s: tuple[float, float] = (-1.0, -1.0), begin_s: float = 0.0) -> Path:
    """Readings of ``ramp`` 50 times a second, none in the gap."""
    times = begin_s + np.arange(round((stop_s - begin_s) * 50)) / 50
    return write_inertial(path, ramp, times[(times < gap_s[0]) | (times >= gap_s[1])].tolist())
