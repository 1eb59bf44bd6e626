"""How large the sensor encoders are, beside the numbers on MMG-Ego4D's slides.

The slides (CVPR 2023) print, for each encoder, parameters in millions and "GFLOPs", which by their size must be
multiply-adds. How they were counted is not said. Of MViT-B 16x4, a published model, we count 70.60 G where they print
70.50, and 36.30 M without a classifier where they print 36.50 (a linear layer from 768 to 256 would be the rest; that
is a guess). AST's number of patches was chosen here so that its cost is theirs, and the inertial transformer's width
and depth so that both of its numbers come near: that those agree shows nothing. AST's 87.03 M could not be traced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch

from egoshift.encoders.sensors import SENSOR_ENCODERS, Sensor, new_sensor_encoder
from egoshift.encoders.sizes import Size, count


class ReportedSize(NamedTuple):
    """Two printed numbers.

    Attributes:
        parameters_m: In millions.
        gflops: As the slides call them.
    """

    parameters_m: float
    gflops: float


REPORTED_SIZES: Mapping[tuple[str, str], ReportedSize] = {
    ("mvit", "base"): ReportedSize(36.50, 70.50),
    ("ast", "paper"): ReportedSize(87.03, 42.08),
    ("inertial", "base"): ReportedSize(15.55, 1.65),
}
"""By encoder and by the preset that stands for it. References, never test oracles."""


@dataclass(frozen=True)
class SizeRow:
    """One encoder.

    Attributes:
        encoder: Its name.
        preset: Of which size.
        sensor: What it encodes.
        input_shape: Of the clip that it was counted with.
        dim: Length of a feature.
        size: What was counted, for one clip.
        reported: What the slides print; None for a preset that is not on them.
    """

    encoder: str
    preset: str
    sensor: Sensor
    input_shape: tuple[int, ...]
    dim: int
    size: Size
    reported: ReportedSize | None


def size_rows() -> list[SizeRow]:
    """Every encoder in every preset, counted without computing anything."""
    return [size_row(encoder, preset) for encoder, kind in SENSOR_ENCODERS.items() for preset in kind.presets]


def size_row(encoder: str, preset: str) -> SizeRow:
    """One encoder in one preset.

    Raises:
        ConfigError: There is none of that name.
    """
    with torch.device("meta"):
        model = new_sensor_encoder(encoder, preset).eval()
        clip = torch.empty(1, *model.input_shape)
    return SizeRow(
        encoder=encoder,
        preset=preset,
        sensor=SENSOR_ENCODERS[encoder].sensor,
        input_shape=model.input_shape,
        dim=model.dim,
        size=count(model, clip),
        reported=REPORTED_SIZES.get((encoder, preset)),
    )
