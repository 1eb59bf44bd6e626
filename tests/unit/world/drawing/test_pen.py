import numpy as np
import pytest
from PIL import Image

from egoshift.world.drawing.pen import Pen, shade, stamp


def test_shade_darkens_below_one_and_lightens_above() -> None:
    assert shade((100, 200, 0), 0.5) == (50, 100, 0)
    assert shade((100, 200, 0), 1.5) == (178, 228, 128)


def square(size: int) -> Image.Image:
    pen = Pen(size)
    pen.polygon([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)], (255, 0, 0))
    return pen.picture()


def test_a_pen_draws_soft_edges() -> None:
    pen = Pen(20)
    pen.ellipse(0.5, 0.5, 0.4, 0.4, (0, 255, 0))
    alpha = np.asarray(pen.picture().getchannel("a"))
    assert alpha[10, 10] == 255
    assert alpha[0, 0] == 0
    assert len(np.unique(alpha)) > 3


def test_a_stamp_lands_where_it_should() -> None:
    canvas = Image.new("RGB", (60, 40))
    box = stamp(canvas, square(10), (30.0, 20.0))
    red = np.asarray(canvas)[..., 0] > 128
    assert box == (25.0, 15.0, 35.0, 25.0)
    assert np.argwhere(red).min(0).tolist() == [15, 25]
    assert red.sum() == 100


@pytest.mark.parametrize(("angle", "corner"), [(0.0, (39, 11)), (90.0, (39, 29)), (180.0, (21, 29)), (270.0, (21, 11))])
def test_a_stamp_turns_clockwise_about_its_pivot(angle: float, corner: tuple[int, int]) -> None:
    canvas = Image.new("RGB", (60, 40))
    pen = Pen(20, 20)
    pen.polygon([(0.9, 0.0), (1.0, 0.0), (1.0, 0.1), (0.9, 0.1)], (255, 255, 255))  # in the upper right corner
    stamp(canvas, pen.picture(), (30.0, 20.0), angle_deg=angle)
    y, x = (np.argwhere(np.asarray(canvas)[..., 0] > 100)).mean(0) + 0.5
    assert abs(x - corner[0]) <= 1
    assert abs(y - corner[1]) <= 1


def test_scale_squash_and_mirror_change_the_box() -> None:
    canvas = Image.new("RGB", (80, 80))
    assert stamp(canvas, square(10), (40.0, 40.0), scale=2.0, squash=0.5) == (30, 35, 50, 45)
    assert stamp(canvas, square(10), (40.0, 40.0), pivot=(0.0, 0.0), mirrored=True) == (30, 40, 40, 50)


def test_what_lies_outside_is_cut_off_or_not_drawn() -> None:
    canvas = Image.new("RGB", (20, 20))
    assert stamp(canvas, square(10), (0.0, 10.0)) == (0, 5, 5, 15)
    assert stamp(canvas, square(10), (-30.0, 10.0)) is None
    assert stamp(canvas, Pen(10).picture(), (10.0, 10.0)) is None
