"""Locators by the name of their format."""

from pathlib import Path

import pytest

from egoshift.errors import ConfigError, MediaError
from egoshift.media import HAND_LOCATORS, open_hand_locator
from egoshift.media.locators import _SETTINGS


def test_stored_detections_default_to_the_thresholds_of_the_published_crops(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text("video,time_s,left,top,right,bottom\n")
    for format, path in (("epic-hoa", tmp_path), ("egoclip", tmp_path), ("boxes", tmp_path / "boxes.csv")):
        description = open_hand_locator(format, path).description
        assert (description["kind"], description["hand_threshold"], description["object_threshold"]) == (
            format,
            0.8,
            0.01,
        )


def test_settings_reach_the_locator(tmp_path: Path) -> None:
    locator = open_hand_locator("epic-hoa", tmp_path, hand_threshold=0.5, object_threshold=0.1, frame_rate_hz=60.0)
    description = locator.description
    assert [description[name] for name in _SETTINGS["epic-hoa"]] == [0.5, 0.1, 60.0]


def test_every_format_says_which_settings_apply_to_it() -> None:
    assert list(HAND_LOCATORS) == list(_SETTINGS) == ["epic-hoa", "egoclip", "boxes", "palm"]


def test_an_unknown_format_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"no hand detections of format 'coco'; choose one of epic-hoa, egoclip, boxes, palm"
    ):
        open_hand_locator("coco", tmp_path)


def test_a_missing_path_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"absent: no such file or folder of hand detections; correct the path"):
        open_hand_locator("boxes", tmp_path / "absent")
