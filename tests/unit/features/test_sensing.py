"""Extraction of a sensor's features: what is stored, and that a kill changes nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from egoshift.encoders import SignalSpec
from egoshift.errors import DataError, StoreError
from egoshift.features import ExtractProgress, FramePlan, Store, extract_sensor
from egoshift.features.recordings import read_signal, windows_of
from egoshift.records import Dataset
from tests.fixtures.sounds import melody_heard, write_sound
from tests.fixtures.videos import write_video

from .examples import contents
from .sensing import AUDIO, IMU, VIDEO, dataset, tower, write_ramp

CLIPS = [("x", 0.0, 3.0), ("y", 0.5, 2.0), ("y", 1.0, 4.0), ("z", 0.0, 2.0)]


@pytest.fixture
def ramps(tmp_path: Path) -> Dataset:
    """Three recordings, of which the second has a gap and the third ends early."""
    files = {
        "x": write_ramp(tmp_path / "x.csv", 4.0),
        "y": write_ramp(tmp_path / "y.csv", 5.0, gap_s=(1.2, 3.6)),
        "z": write_ramp(tmp_path / "z.csv", 0.7),
    }
    return dataset(files, IMU, CLIPS)


def test_every_feature_is_the_encoders_of_the_window_around_its_time(ramps: Dataset, tmp_path: Path) -> None:
    report = extract_sensor(ramps, tower(IMU), tmp_path / "store", batch_size=3)
    store = report.store
    store.verify()
    assert store.views == ("window",)
    assert (report.videos_encoded, report.videos_kept, report.clips_total, report.clips_usable) == (3, 0, 4, 4)
    assert report.frames_encoded == len(store) == 6 + 7 + 4  # twice a second in 0 to 3, 0.5 to 4, and 0 to 2 s
    assert store.times("y").tolist() == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    encoder, row = tower(IMU), 0
    for video in store.offsets:
        signal = read_signal(ramps.sensors[video]["imu"], IMU)
        for time_s in store.times(video).tolist():
            centre = torch.tensor([round(time_s * 50)])
            window, share = windows_of(signal, torch.tensor([0]), torch.tensor([len(signal.rows)]), centre, IMU)
            is_there = float(share) >= 0.5
            expected = encoder.encode(window)[0].numpy() if is_there else np.zeros(7)
            np.testing.assert_allclose(store.array("window")[row], expected, rtol=1e-3, atol=1e-3)  # stored as float16
            assert (row in store.recorded) == is_there
            row += 1
    assert [row for row in range(17) if row not in store.recorded] == [8, 9, 10, 11, 12, 15, 16]


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_sound_and_pictures_are_encoded_alike(kind: str, tmp_path: Path) -> None:
    spec: SignalSpec = {"audio": AUDIO, "video": VIDEO}[kind]
    if kind == "audio":
        path = write_sound(tmp_path / "v.wav", melody_heard(3.0, 16_000), 16_000)
    else:
        path = write_video(tmp_path / "v.mp4", 30, 10)
    data = dataset({"v": path}, spec, [("v", 0.0, 3.0)])
    store = extract_sensor(data, tower(spec), tmp_path / "store", plan=FramePlan(rate_hz=1.0)).store
    signal, encoder = read_signal(data.sensors["v"][kind], spec), tower(spec)
    assert store.times_s.tolist() == [0.0, 1.0, 2.0]
    for row in range(3):
        rate = spec.rate_hz
        window, _ = windows_of(
            signal, torch.tensor([0]), torch.tensor([len(signal.rows)]), torch.tensor([round(row * rate)]), spec
        )
        np.testing.assert_allclose(store.array("window")[row], encoder.encode(window)[0].numpy(), rtol=2e-3, atol=2e-3)
    assert store.recorded.tolist() == [0, 1, 2]


def test_a_second_extraction_does_nothing_and_new_clips_are_added(ramps: Dataset, tmp_path: Path) -> None:
    first = extract_sensor(ramps, tower(IMU), tmp_path / "store").store
    before = contents(first.path)
    again = extract_sensor(ramps, tower(IMU), tmp_path / "store")
    assert (again.videos_encoded, again.videos_kept, again.frames_encoded) == (0, 3, 0)
    assert contents(first.path) == before
    more = dataset({video: files["imu"].path for video, files in ramps.sensors.items()}, IMU, [*CLIPS, ("x", 3.0, 4.0)])
    assert extract_sensor(more, tower(IMU), tmp_path / "store").frames_encoded == 2
    fresh = extract_sensor(more, tower(IMU), tmp_path / "fresh").store
    np.testing.assert_array_equal(Store.open(first.path).array("window"), fresh.array("window"))


@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_killed_extraction_goes_on_to_the_same_bytes(ramps: Dataset, tmp_path: Path, killed_after: int) -> None:
    whole = extract_sensor(ramps, tower(IMU), tmp_path / "whole", batch_size=2).store

    def kill(state: ExtractProgress) -> None:
        if state.videos_done == killed_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_sensor(ramps, tower(IMU), tmp_path / "killed", batch_size=2, progress=kill)
    report = extract_sensor(ramps, tower(IMU), tmp_path / "killed", batch_size=2)
    assert report.videos_kept >= killed_after - 1
    assert report.videos_encoded == 3 - report.videos_kept
    assert contents(report.store.path) == contents(whole.path)


def test_another_encoder_or_another_window_is_refused(ramps: Dataset, tmp_path: Path) -> None:
    extract_sensor(ramps, tower(IMU), tmp_path / "store")
    with pytest.raises(StoreError, match=r"encoder\.sha256"):
        extract_sensor(ramps, tower(IMU, sha256="2" * 64), tmp_path / "store")
    with pytest.raises(StoreError, match=r"num_rows"):
        extract_sensor(ramps, tower(IMU.model_copy(update={"num_rows": 60})), tmp_path / "store")
    with pytest.raises(StoreError, match=r"rate_hz"):
        extract_sensor(ramps, tower(IMU), tmp_path / "store", plan=FramePlan(rate_hz=4.0))


def test_a_recording_that_cannot_be_read_is_named_and_the_others_go_on(ramps: Dataset, tmp_path: Path) -> None:
    broken = ramps.sensors["y"]["imu"].path
    content = broken.read_text()
    broken.write_text("no,such,columns\n1,2,3\n")
    report = extract_sensor(ramps, tower(IMU), tmp_path / "store")
    (fault,) = report.faults
    assert fault.path == broken
    assert (report.videos_encoded, report.clips_usable) == (2, 2)
    assert list(report.store.offsets) == ["x", "z"]
    broken.write_text(content)
    repaired = extract_sensor(ramps, tower(IMU), tmp_path / "store")
    assert (repaired.videos_encoded, repaired.faults, list(repaired.store.offsets)) == (1, (), ["x", "y", "z"])


def test_a_recording_without_the_sensor_is_not_stored(ramps: Dataset, tmp_path: Path) -> None:
    files = {video: own["imu"].path for video, own in ramps.sensors.items() if video != "y"}
    report = extract_sensor(dataset(files, IMU, CLIPS), tower(IMU), tmp_path / "store")
    assert list(report.store.offsets) == ["x", "z"]
    assert (report.clips_total, report.clips_usable) == (4, 2)


def test_a_data_set_without_the_sensor_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no recording has imu"):
        extract_sensor(dataset({}, IMU, CLIPS), tower(IMU), tmp_path / "store")


def test_features_that_are_no_numbers_are_a_fault_of_their_recording(ramps: Dataset, tmp_path: Path) -> None:
    spoilt = tower(IMU)
    spoilt.encoder.std.fill_(1e-12)  # more than float16 holds
    with pytest.raises(DataError, match="the encoder gave NaN, or more than float16 holds"):
        extract_sensor(ramps, spoilt, tmp_path / "store")


def test_a_recording_that_is_read_in_another_way_is_encoded_again(ramps: Dataset, tmp_path: Path) -> None:
    extract_sensor(ramps, tower(IMU), tmp_path / "store")
    later = {**ramps.sensors, "x": {"imu": replace(ramps.sensors["x"]["imu"], begin_s=1.0)}}
    report = extract_sensor(replace(ramps, sensors=later), tower(IMU), tmp_path / "store")
    assert (report.videos_encoded, report.videos_kept, report.faults) == (1, 2, ())
    path = ramps.sensors["x"]["imu"].path
    assert report.notices == (f"{path}: is not read as what was stored as 'x' before; it was encoded again",)
    extract_sensor(replace(ramps, sensors=later), tower(IMU), tmp_path / "anew")
    assert contents(tmp_path / "store") == contents(tmp_path / "anew")


def test_a_store_that_does_not_say_how_files_were_read_stays(ramps: Dataset, tmp_path: Path) -> None:
    extract_sensor(ramps, tower(IMU), tmp_path / "store")
    manifest = tmp_path / "store" / "manifest.json"
    content = json.loads(manifest.read_text()) | {"checksum": ""}
    for entry in content["videos"].values():
        del entry["read_as"]
    manifest.write_text(json.dumps(content))
    assert Store.open(tmp_path / "store").manifest.videos["x"].read_as == ""
    report = extract_sensor(ramps, tower(IMU), tmp_path / "store")
    assert (report.videos_encoded, report.videos_kept, report.notices) == (0, 3, ())
