import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from egoshift.world import order as order_module
from egoshift.world.detections import FrameDetections
from egoshift.world.imu import Inertial
from egoshift.world.order import Order, film_one
from egoshift.world.script import Script

Filmed = dict[str, np.ndarray | None]
Made = Callable[[str, str], tuple[str, str, dict[str, Any]]]


def _readings(script: Script, rate_hz: float) -> Inertial:
    """Numbers of the right shape in no time."""
    times_s = np.arange(round(script.duration_s * rate_hz)) / rate_hz
    rng = np.random.default_rng(script.seed)
    return Inertial(times_s, rng.normal(size=(len(times_s), 3)), rng.normal(size=(len(times_s), 3)))


@pytest.fixture
def filmed(monkeypatch: pytest.MonkeyPatch) -> Filmed:
    """The sound that each video was filmed with; nothing is drawn."""
    sounds: Filmed = {}

    def film(script: Script, path: Path, samples: np.ndarray | None) -> list[FrameDetections]:
        sounds[script.video_id] = samples
        return [FrameDetections((), ())]

    monkeypatch.setattr(order_module, "film", film)
    monkeypatch.setattr(order_module, "synthesise", lambda script: np.zeros(4, np.float32))
    monkeypatch.setattr("egoshift.world.files.sensors.measure", _readings)
    return sounds


@pytest.fixture
def made(filmed: Filmed, tmp_path: Path) -> Made:
    """Writes the first video with a defect, and the same without; says its id, person and what is said of it."""

    def make(name: str, defect: str) -> tuple[str, str, dict[str, Any]]:
        faulty = Order(str(tmp_path / "faulty"), 2, 0.45, True, True)
        videos = [script.video_id for script in faulty.cast(name)]
        video = next(video for video, each in faulty.defects_of(name).items() if each == defect)
        for order in (faulty, Order(str(tmp_path / "sound"), 2, 0.45, True, False)):
            film_one(order, name, videos.index(video))
        script = faulty.cast(name)[videos.index(video)]
        return video, script.participant_id, faulty.say_defects(name)[video]

    return make


@pytest.mark.parametrize("name", ["home", "multimodal"])
def test_defects_of_ego4d_files_are_where_they_are_said_to_be(name: str, made: Made, tmp_path: Path) -> None:
    def tables(defect: str) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
        video, _, said = made(name, defect)
        assert said["defect"] == defect
        paths = [tmp_path / world / name / "imu" / f"{video}.csv" for world in ("faulty", "sound")]
        faulty, whole = (pl.read_csv(path, infer_schema_length=None) for path in paths)
        return faulty, whole, said

    stamp = "canonical_timestamp_ms"
    faulty, whole, said = tables("gap")
    start_s, stop_s = said["gap_s"]
    within = pl.col(stamp).is_between(start_s * 1000, stop_s * 1000, closed="left")
    assert whole.filter(within).height > 200
    assert faulty.equals(whole.filter(~within))
    faulty, whole, _ = tables("null times")
    assert 0 < faulty[stamp].null_count() < len(faulty) / 2
    assert whole[stamp].null_count() == 0
    faulty, whole, _ = tables("no accelerometer")
    assert faulty["accl_x"].null_count() == len(faulty) == len(whole)
    assert faulty["gyro_x"].equals(whole["gyro_x"])
    faulty, whole, _ = tables("out of order")
    assert (np.diff(faulty[stamp].to_numpy()) < 0).any()
    assert faulty.sort(stamp).equals(whole)
    faulty, whole, said = tables("desync")
    assert said["desync_s"] == 0.7
    np.testing.assert_allclose(faulty[stamp].to_numpy() - whole[stamp].to_numpy(), 700, atol=1e-3)


def test_defects_of_epic_files_are_in_both_files(made: Made, tmp_path: Path) -> None:
    video, person, said = made("kitchen", "desync")
    assert said == {"defect": "desync", "desync_s": 0.7}
    for kind in ("accl", "gyro"):
        folders = (tmp_path / world / "kitchen" / "videos" / person / "meta_data" for world in ("faulty", "sound"))
        paths = [folder / f"{video}-{kind}.csv" for folder in folders]
        faulty, whole = (pl.read_csv(path)["Milliseconds"].to_numpy() for path in paths)
        np.testing.assert_allclose(faulty - whole, 700, atol=1e-3)


@pytest.mark.parametrize(("name", "files"), [("kitchen", 2), ("home", 1), ("multimodal", 1)])
def test_a_missing_file_is_missing_even_where_one_was(name: str, files: int, made: Made, tmp_path: Path) -> None:
    video, _, said = made(name, "no file")
    assert said == {"defect": "no file"}
    assert len(list((tmp_path / "sound").rglob(f"*{video}*.csv"))) == files
    assert list((tmp_path / "faulty").rglob(f"*{video}*.csv")) == []
    (tmp_path / "sound").rename(tmp_path / "swapped")
    (tmp_path / "faulty").rename(tmp_path / "sound")
    (tmp_path / "swapped").rename(tmp_path / "faulty")
    made(name, "no file")
    assert list((tmp_path / "faulty").rglob(f"*{video}*.csv")) == []


@pytest.mark.parametrize("name", ["kitchen", "home", "bench", "multimodal"])
def test_a_video_without_sound_has_its_motion(name: str, made: Made, filmed: Filmed, tmp_path: Path) -> None:
    video, _, said = made(name, "no sound")
    assert said == {"defect": "no sound"}
    assert filmed[video] is not None  # The faultless one was filmed last.
    faulty = Order(str(tmp_path / "faulty"), 2, 0.45, True, True)
    film_one(faulty, name, [script.video_id for script in faulty.cast(name)].index(video))
    assert filmed[video] is None
    found = {len(list((tmp_path / world).rglob(f"*{video}*.csv"))) for world in ("faulty", "sound")}
    assert found == {{"kitchen": 2, "bench": 0}.get(name, 1)}


def test_an_order_survives_the_command_line() -> None:
    order = Order("some folder/with 'quotes'", 3, 0.05, True, False)
    assert Order.from_text(order.to_text()) == order
    assert json.loads(order.to_text())["scale"] == 0.05
