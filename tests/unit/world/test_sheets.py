from pathlib import Path

import numpy as np
from PIL import Image

from egoshift.world.script import write_script
from egoshift.world.sheets import draw_sensors, draw_sheet
from egoshift.world.style import HOME_STYLE


def test_a_sheet_has_a_frame_in_each_field_and_a_caption_under_it(tmp_path: Path) -> None:
    scripts = [write_script("v", "100", "train", HOME_STYLE, 30.0, (3, n, n)) for n in (1, 2)]
    draw_sheet(scripts, tmp_path / "sheet.png", columns=3, rows=2)
    with Image.open(tmp_path / "sheet.png") as picture:
        sheet = np.asarray(picture.convert("L"))
    width, height = HOME_STYLE.size
    assert sheet.shape == (2 * (height + 24) + 4, 3 * (width + 4) + 4)
    for column in range(3):
        for row in range(2):
            left, top = 4 + column * (width + 4), 4 + row * (height + 24)
            assert sheet[top : top + height, left : left + width].std() > 10
            assert (sheet[top + height : top + height + 20, left : left + width] < 100).sum() > 30


def test_the_sensors_picture_is_of_the_size_that_the_pages_show(tmp_path: Path) -> None:
    draw_sensors(write_script("v", "100", "train", HOME_STYLE, 30.0, (3, 1, 1)), tmp_path / "sensors.png")
    with Image.open(tmp_path / "sensors.png") as picture:
        assert picture.size == (1200, 700)
