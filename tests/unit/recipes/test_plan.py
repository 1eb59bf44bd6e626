"""The arithmetic of a plan against counting by hand, rates from files, and rates measured."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from egoshift.errors import ConfigError, MediaError
from egoshift.features import View
from egoshift.features.layout import array_layout
from egoshift.recipes.plan import CLIPS_PER_HOUR, Cost, Job, Rates, bytes_per_frame, cost_of, plan_document
from egoshift.recipes.plan_rates import measure_rates, read_rates
from tests.fixtures.checkpoints import write_clip
from tests.unit.features.examples import BLOCKS_CARD

RATES = Rates(frames_per_s=40, clips_per_s=500, cores=2, gpus=1, dim=64)


def test_hours_are_those_of_a_machine_that_does_one_thing_after_the_other() -> None:
    job = Job(rate_hz=2, views=("full", "hand"), clips_per_hour=30, epochs=3, num_models=2)
    cost = cost_of(5, RATES, job, dollars_per_machine_hour=1.5)
    seconds, frames, clips = 0.0, 0, 0
    for _ in range(5):
        for _ in range(3600):
            for _ in range(2):
                frames += 1
                seconds += 2 / 40  # a view takes a fortieth of a second
        clips += 30
    assert (cost.frames, cost.clips) == (frames, clips)
    assert cost.extract_machine_hours == pytest.approx(seconds / 3600)
    trained_s = sum(1 / 500 for _ in range(clips) for _ in range(3) for _ in range(2))
    assert cost.train_machine_hours == pytest.approx(trained_s / 3600)
    machine_hours = cost.extract_machine_hours + cost.train_machine_hours
    assert (cost.core_hours, cost.gpu_hours) == (2 * machine_hours, machine_hours)
    assert cost.dollars == pytest.approx(1.5 * machine_hours)


@pytest.mark.parametrize("views", [("full",), ("hand",), ("full", "hand")])
def test_a_frame_takes_as_many_bytes_as_the_rows_of_the_store_s_arrays(views: tuple[View, ...]) -> None:
    layout = array_layout(views, BLOCKS_CARD)
    expected = sum(dtype.itemsize * math.prod(shape) for dtype, shape in layout.values())
    assert bytes_per_frame(views, BLOCKS_CARD.dim) == expected
    cost = cost_of(1, Rates(1, 1, dim=BLOCKS_CARD.dim), Job(rate_hz=0.5, views=views))
    assert cost.store_bytes == 1800 * expected


def test_every_number_but_the_price_grows_with_the_hours() -> None:
    one, many = (asdict(cost_of(hours, RATES, dollars_per_machine_hour=2.0)) for hours in (1, 1000))
    assert many == {name: pytest.approx(1000 * value) for name, value in one.items()}
    assert cost_of(1, RATES).dollars is None


def test_no_hours_cost_nothing() -> None:
    assert cost_of(0, RATES, dollars_per_machine_hour=9) == Cost(0, 0, 0, 0, 0, 0, 0, 0, 0)


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def lines(**changes: Any) -> list[dict[str, Any]]:
    extraction = {"name": "extraction-overlap", "value": 0.9, "machine": "m", "extract_frames_per_s": 21.5, "cores": 2}
    training = {"name": "full-scale-share-of-peak", "value": 70, "machine": "m", "clips_per_s": 1500, **changes}
    return [extraction, {"name": "another"}, training]


def test_rates_are_read_from_an_object_a_printed_plan_and_the_benchmarks(tmp_path: Path) -> None:
    assert read_rates(write(tmp_path / "a", {"frames_per_s": 20, "clips_per_s": 900})) == Rates(20, 900)
    assert read_rates(write(tmp_path / "b", plan_document(RATES, Job(), [cost_of(1, RATES)]))) == RATES
    assert read_rates(write(tmp_path / "c", lines())) == Rates(21.5, 1500, cores=2)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"frames_per_s": 20}, "clips_per_s is None, expected a number above 0"),
        ({"frames_per_s": 0, "clips_per_s": -1}, "frames_per_s is 0, expected a number above 0; clips_per_s is -1"),
        ({"frames_per_s": "20", "clips_per_s": True}, "frames_per_s is '20', .*clips_per_s is True"),
        ({"frames_per_s": 1, "clips_per_s": 1, "speed": 3}, "'speed' is no rate"),
        ({"frames_per_s": 1, "clips_per_s": 1, "gpus": -1}, "gpus is -1"),
        ({"frames_per_s": 1, "clips_per_s": 1, "cores": 1.5}, "cores is 1.5"),
        ("fast", "holds a str, expected an object"),
        ([{"name": "extraction-overlap"}], "has no benchmark full-scale-share-of-peak"),
        (lines(machine="n"), r"were measured on different machines \(m; n\)"),
        (lines(clips_per_s=None), "clips_per_s is None"),
    ],
)
def test_a_file_without_rates_is_refused_in_one_line(tmp_path: Path, document: object, message: str) -> None:
    path = write(tmp_path / "rates.json", document)
    with pytest.raises(ConfigError, match=message) as raised:
        read_rates(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rates.json").write_text("{")
    with pytest.raises(ConfigError, match="is no JSON"):
        read_rates(tmp_path / "rates.json")


def test_rates_are_measured_with_the_tower_and_the_video_given(tmp_path: Path) -> None:
    tower = write_clip(tmp_path / "tower")
    rates = measure_rates(str(tower), seconds=1.0, clips=4 * 128)
    assert min(rates.frames_per_s, rates.clips_per_s) > 0
    assert (rates.gpus, rates.dim) == (0, json.loads((tower / "config.json").read_text())["projection_dim"])
    (tmp_path / "walk.mp4").write_bytes(b"no video")
    with pytest.raises(MediaError, match="walk"):
        measure_rates(str(tower), video=tmp_path / "walk.mp4")


def test_the_default_is_as_many_clips_as_the_segments_of_epic_kitchens() -> None:
    assert CLIPS_PER_HOUR == pytest.approx(89_977 / 100, rel=1e-3)
    assert Job().clips_per_hour == CLIPS_PER_HOUR
