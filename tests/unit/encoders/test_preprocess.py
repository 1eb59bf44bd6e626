"""Frames to what a tower sees."""

import numpy as np
import pytest
import torch

from egoshift.encoders import WeightCard
from egoshift.encoders.preprocess import normalise, prepare, resized_size


def card(**changes: object) -> WeightCard:
    fields = {"id": "x", "family": "clip", "sha256": "", "licence": "", "activation": "gelu", "pooling": "", "dim": 8}
    fields |= {"has_text": False, "dtype": "float32", "mean": (0.5, 0.4, 0.3), "std": (0.1, 0.2, 0.4), "size": 24}
    return WeightCard.model_validate(fields | {"resize": "shortest-crop", "resize_to": 24} | changes)


def frame(height: int, width: int) -> np.ndarray:
    """A frame whose red rises from left to right and whose green rises from top to bottom."""
    red = np.broadcast_to(np.linspace(0, 255, width)[None], (height, width))
    green = np.broadcast_to(np.linspace(0, 255, height)[:, None], (height, width))
    return np.stack([red, green, np.full((height, width), 7.0)], axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(720, 1280, (24, 42)), (1280, 720, (42, 24)), (100, 100, (24, 24)), (5, 3, (40, 24)), (24, 24, (24, 24))],
)
def test_the_short_side_becomes_the_length_and_the_long_side_is_rounded_down(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    assert resized_size(height, width, card()) == expected
    assert resized_size(height, width, card(resize="squash")) == (24, 24)


@pytest.mark.parametrize(("height", "width"), [(48, 96), (96, 48), (7, 500), (1, 1), (30, 31)])
@pytest.mark.parametrize(
    "changes", [{}, {"resize": "squash"}, {"resize_to": 32}, {"resize": "squash", "resize_to": 32}]
)
def test_frames_of_any_shape_become_squares_of_the_cards_size(
    height: int, width: int, changes: dict[str, object]
) -> None:
    prepared = prepare(frame(height, width), card(**changes))
    assert prepared.shape == (3, 24, 24)
    assert prepared.dtype == torch.uint8
    assert prepared.is_contiguous()
    assert (prepared[2] == 7).all()  # channels stay where they are


def test_the_crop_takes_the_middle_and_the_squash_takes_all() -> None:
    wide = frame(24, 96)
    cropped, squashed = prepare(wide, card()), prepare(wide, card(resize="squash"))
    torch.testing.assert_close(cropped, torch.from_numpy(wide[:, 36:60]).permute(2, 0, 1), rtol=0, atol=0)
    assert squashed[0, 0, 0] < 8
    assert squashed[0, 0, -1] > 247


def test_a_crop_read_only_memory_and_a_mirrored_view_are_all_taken_and_left_alone() -> None:
    whole = frame(60, 80)
    inside = np.ascontiguousarray(whole[10:50, 20:70])
    expected = prepare(inside, card())
    torch.testing.assert_close(prepare(whole[10:50, 20:70], card()), expected, rtol=0, atol=0)
    read_only = inside.copy()
    read_only.flags.writeable = False
    torch.testing.assert_close(prepare(read_only, card()), expected, rtol=0, atol=0)
    mirrored = inside[:, ::-1]
    torch.testing.assert_close(
        prepare(mirrored, card()), prepare(np.ascontiguousarray(mirrored), card()), rtol=0, atol=0
    )
    np.testing.assert_array_equal(whole, frame(60, 80))


def test_what_is_prepared_shares_no_memory_with_the_frame() -> None:
    pixels = frame(24, 24)  # nothing to resize: the easy case to get wrong
    prepared = prepare(pixels, card())
    pixels[:] = 0
    assert prepared[0].max() == 255


def test_pixels_are_normalised_per_channel() -> None:
    images = torch.tensor([[[[0]], [[255]], [[51]]]], dtype=torch.uint8)
    expected = torch.tensor([(0 - 0.5) / 0.1, (1 - 0.4) / 0.2, (0.2 - 0.3) / 0.4]).view(1, 3, 1, 1)
    torch.testing.assert_close(normalise(images, card()), expected)
    assert images[0, 1, 0, 0] == 255
