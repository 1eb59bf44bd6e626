"""Predictors of several sensors: what an evaluation of the same clips gives, whichever sensors are missing or off."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from egoshift.errors import ConfigError, EgoshiftError
from egoshift.evaluation import predict_logits
from egoshift.features import Store
from egoshift.fusion import Fusion
from egoshift.prediction import Predictor
from egoshift.prediction.gather import WINDOWS_A_SECOND
from egoshift.prediction.recording import open_recording
from egoshift.prediction.segments import steps_of, windows_of
from egoshift.recipes import read_run
from egoshift.recipes.stores import Opened
from tests.fixtures.multimodal import CLIP_S, SILENT, UNMOVED
from tests.fixtures.sounds import melody_heard, write_sound

RUNS = ("stored", "signals", "text")


def of(place: Path, video: str) -> tuple[Path, dict[str, Path]]:
    """A recording of the data set, and its inertial table."""
    return place / "small" / "videos" / f"{video}.mkv", {"imu": place / "small" / "imu" / f"{video}.csv"}


@pytest.fixture(scope="module")
def predictors(fusions: Path) -> Mapping[str, Predictor]:
    return {name: Predictor.from_pretrained(fusions / name) for name in RUNS}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("video", ["t1", UNMOVED])
def test_segments_are_scored_as_an_evaluation_scores_them(
    fusions: Path, predictors: Mapping[str, Predictor], cache: Path, name: str, video: str
):
    """By the stores of the data set, which were made for all its videos by another command."""
    predictor = predictors[name]
    (model,) = predictor.package.models
    run = read_run(fusions / name / "run.yaml")
    opened = Opened.of(run, fusions / "small.yaml")
    clips = opened.clips("test")
    source = opened.features(run, clips, ("action",))
    chosen = [index for index, group in enumerate(source.groups) if group == video]
    logits = predict_logits(model.classifier, source, model.text, torch.tensor(chosen), num_frames=model.num_frames)
    expected = (logits["action"] / (predictor.temperature("action") or 1.0)).softmax(1).numpy()
    assert source.spans is not None
    spans = [(start_s, stop_s) for start_s, stop_s in source.spans[chosen].tolist()]
    path, beside = of(fusions, video)
    found = predictor.predict(path, sensors=beside, segments=spans, cache=cache)
    assert len(spans) >= 10
    np.testing.assert_allclose(found.evidence.probabilities["action"], expected, atol=2e-5)
    assert expected.std(0).max() > 1e-3, "clips differ"
    assert found.timeline.sensors == {"video": "used", "audio": "used", "imu": "used"}
    assert found.timeline.calibrated == {"action": False}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("off", [("audio",), ("imu",), ("video",), ("audio", "imu"), ("video", "imu")])
def test_a_sensor_switched_off_is_the_fusions_own_subset(
    fusions: Path, predictors: Mapping[str, Predictor], cache: Path, name: str, off: tuple[str, ...]
):
    predictor = predictors[name]
    (model,) = predictor.package.models
    assert isinstance(model.classifier, Fusion)
    path, beside = of(fusions, "t1")
    features = predictor.features(open_recording(path, beside), cache=cache)
    windows = windows_of(steps_of(features.recording.duration_s, 1.0), CLIP_S, features.recording.duration_s)
    source, rows = features.source(model.classifier, windows)
    batch = source.batch(torch.arange(len(source)), num_frames=model.num_frames)
    left = tuple(sensor for sensor in model.classifier.modalities if sensor not in off)
    with torch.no_grad():
        logits = model.classifier.score_subsets(batch, model.text, [left], allow_empty=True)[left].logits["action"]
    found = predictor.predict(
        path, sensors=beside, without=off, smoothing_s=0.0, stride_s=1.0, window_s=CLIP_S, cache=cache
    )
    there = model.classifier.presence(batch, left).numpy()
    given = found.evidence.probabilities["action"]
    np.testing.assert_allclose(given[rows][there], logits.softmax(1).numpy()[there], atol=2e-5)
    assert there.sum() >= 15
    assert {sensor: found.timeline.sensors[sensor] for sensor in off} == dict.fromkeys(off, "missing: switched off")


def test_a_sensors_features_are_those_of_the_data_set(fusions: Path, predictors: Mapping[str, Predictor], cache: Path):
    path, beside = of(fusions, "t1")
    features = predictors["stored"].features(open_recording(path, beside), cache=cache)
    for sensor in ("audio", "imu"):
        ours, view = features.streams[sensor]
        (folder,) = {path.parent for path in fusions.rglob(f"{sensor}--*/manifest.json")}
        theirs = Store.open(folder)
        first, _ = theirs.offsets["t1"]
        times_s = ours.times("recording")
        assert len(times_s) == round(features.recording.duration_s * WINDOWS_A_SECOND)
        shared = [(a, b) for a, t in enumerate(times_s) for b, s in enumerate(theirs.times("t1")) if abs(t - s) < 1e-6]
        assert len(shared) > 30
        for mine, other in shared:
            np.testing.assert_array_equal(ours.array(view)[mine], theirs.array(view)[first + other])


@pytest.mark.parametrize("name", RUNS)
def test_what_is_missing_is_said(fusions: Path, predictors: Mapping[str, Predictor], cache: Path, name: str):
    path, _ = of(fusions, SILENT)
    timeline = predictors[name].predict(path, cache=cache).timeline
    assert timeline.sensors == {
        "video": "used",
        "audio": "missing: no sound in the file or beside it",
        "imu": f"missing: no table of readings {SILENT}.imu.csv beside the file",
    }
    assert not timeline.partial


@pytest.mark.parametrize("name", RUNS)
def test_sound_alone_is_enough(predictors: Mapping[str, Predictor], tmp_path: Path, name: str):
    path = write_sound(tmp_path / "talk.wav", melody_heard(6.0, 16_000), 16_000)
    timeline = predictors[name].predict(path, cache=tmp_path / "cache").timeline
    assert timeline.sensors["audio"] == "used"
    assert timeline.sensors["video"].startswith("missing: holds no pictures")
    assert timeline.duration_s == pytest.approx(6.0, abs=0.1)
    assert timeline.tracks["action"]


@pytest.mark.parametrize("name", RUNS)
def test_a_sensor_that_cannot_be_read_is_missing(
    fusions: Path, predictors: Mapping[str, Predictor], tmp_path: Path, name: str
):
    path, _ = of(fusions, "t1")
    table = tmp_path / "broken.csv"
    table.write_text("no,such,columns\n1,2,3\n")
    found = predictors[name].predict(path, sensors={"imu": table}, cache=tmp_path / "cache", smoothing_s=0.0)
    assert found.timeline.sensors["imu"].startswith("missing: ")
    assert "column" in found.timeline.sensors["imu"]
    assert found.timeline.sensors["video"] == found.timeline.sensors["audio"] == "used"
    assert not found.timeline.partial
    without = predictors[name].predict(path, without=["imu"], cache=tmp_path / "cache", smoothing_s=0.0)
    np.testing.assert_array_equal(found.evidence.probabilities["action"], without.evidence.probabilities["action"])


@pytest.mark.parametrize("name", ["signals", "stored"])
def test_where_every_sensor_has_a_gap_there_is_a_gap(
    fusions: Path, predictors: Mapping[str, Predictor], cache: Path, name: str
):
    """Of this video there are no readings for its last four clips."""
    path, beside = of(fusions, UNMOVED)
    found = predictors[name].predict(path, sensors=beside, without=["video", "audio"], cache=cache).timeline
    assert found.partial
    track = found.tracks["action"]
    assert found.duration_s - 4 * CLIP_S - 1.5 < track[-1].stop_s < found.duration_s - 4 * CLIP_S + 1.5
    assert "of the recording are missing" in found.notices[-1]


def test_another_table_of_readings_is_never_taken_from_the_cache(
    fusions: Path, predictors: Mapping[str, Predictor], tmp_path: Path
):
    predictor = predictors["stored"]
    path, beside = of(fusions, "t1")
    options: dict[str, Any] = {"cache": tmp_path / "cache", "without": ["video", "audio"], "smoothing_s": 0.0}
    first = predictor.predict(path, sensors=beside, **options)
    _, others = of(fusions, "a1")
    second = predictor.predict(path, sensors=others, **options)
    fresh = predictor.predict(path, sensors=others, **(options | {"cache": tmp_path / "other"}))
    a, b, c = (one.evidence.probabilities["action"] for one in (first, second, fresh))
    np.testing.assert_array_equal(b, c)
    assert not np.array_equal(a, b)
    again = predictor.predict(path, sensors=beside, **options)
    np.testing.assert_array_equal(again.evidence.probabilities["action"], a)


def test_a_linear_head_refuses_other_classes_in_one_line(
    fusions: Path, predictors: Mapping[str, Predictor], cache: Path
):
    path, _ = of(fusions, "t1")
    linear = predictors["stored"]
    assert not linear.open_vocabulary
    with pytest.raises(ConfigError, match="has a fixed list of 4 actions without 'peel '") as error:
        linear.predict(path, cache=cache, actions=[("peel", "")])
    assert "\n" not in str(error.value)
    assert predictors["text"].open_vocabulary
    other = predictors["text"].predict(path, cache=cache, actions=[("peel", "carrot"), ("pour", "tea")]).timeline
    assert other.classes["action"] == ("peel carrot", "pour tea")


def test_stopping_in_one_sensor_keeps_the_others(fusions: Path, predictors: Mapping[str, Predictor], tmp_path: Path):
    path, beside = of(fusions, "t1")
    stages = list[str]()

    found = predictors["stored"].predict(
        path,
        sensors=beside,
        cache=tmp_path,
        progress=lambda state: stages.append(state.stage),
        stop=lambda: len(set(stages)) > 1,
    )
    assert found.interrupted
    assert found.timeline.partial
    assert list(found.timeline.sensors.values()).count("used") == 1
    assert found.timeline.covered_s == pytest.approx(found.timeline.duration_s)
    whole = predictors["stored"].predict(path, sensors=beside, cache=tmp_path).timeline
    assert set(whole.sensors.values()) == {"used"}
    assert not whole.partial


def test_nothing_but_what_is_switched_off_is_refused(fusions: Path, predictors: Mapping[str, Predictor], cache: Path):
    path, _ = of(fusions, SILENT)
    with pytest.raises(EgoshiftError, match="all sensors that it has are switched off"):
        predictors["stored"].predict(path, without=["video"], cache=cache)


def test_a_recording_with_all_beside_it_needs_no_paths(
    fusions: Path, predictors: Mapping[str, Predictor], cache: Path, tmp_path: Path
):
    path, beside = of(fusions, "t1")
    copied = Path(shutil.copy(path, tmp_path / "walk.mkv"))
    shutil.copy(beside["imu"], tmp_path / "walk.imu.csv")
    ours = predictors["signals"].predict(copied, cache=tmp_path / "cache")
    theirs = predictors["signals"].predict(path, sensors=beside, cache=cache)
    assert ours.timeline.tracks == theirs.timeline.tracks
