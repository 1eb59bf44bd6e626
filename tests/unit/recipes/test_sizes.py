"""Sizes are counted, and the slides' stand beside them where a preset stands for a row of theirs."""

import torch

from egoshift.encoders.sensors import SENSOR_ENCODERS, new_sensor_encoder
from egoshift.encoders.sizes import count
from egoshift.recipes.sizes import REPORTED_SIZES, size_row, size_rows


def test_every_encoder_and_preset_has_a_row() -> None:
    rows = size_rows()
    assert [(row.encoder, row.preset) for row in rows] == [
        (encoder, preset) for encoder, kind in SENSOR_ENCODERS.items() for preset in kind.presets
    ]
    assert {(row.encoder, row.preset) for row in rows if row.reported} == REPORTED_SIZES.keys()


def test_a_row_is_counted_with_a_clip_of_the_shape_it_names() -> None:
    for encoder in SENSOR_ENCODERS:
        row, model = size_row(encoder, "tiny"), new_sensor_encoder(encoder, "tiny").eval()
        assert row.size == count(model, torch.zeros(1, *row.input_shape))
        assert model(torch.zeros(1, *row.input_shape)).shape == (1, row.dim)
