"""What the sensors of a data set recorded: shares of the clips' time, rates, gaps, and what is left out."""

import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from egoshift.features import check
from egoshift.records import Dataset, SensorFile
from tests.fixtures.videos import write_video
from tests.unit.media.inertial.test_glasses import ALL, arrays
from tests.unit.media.inertial.test_glasses import write as write_archive

from .examples import example_dataset

CLIPS = [("a", 0.0, 2.0), ("a", 1.0, 4.0), ("b", 0.5, 1.5), ("c", 0.0, 3.0)]
GAP = (1.2, 2.6)


def write_imu(path: Path, times_s: np.ndarray, rotation: float = 0.5) -> Path:
    columns = "component_idx,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z"
    wave = rotation * np.sin(3 * times_s)
    values = np.stack([0 * wave, 1000 * times_s, wave, wave / 2, -wave / 3, wave, 9.8 + wave / 9, 1 - wave], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, values, "%.9g", ",", header=columns, comments="")
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Recording a has all and a gap, b a slower IMU, c nothing that can be used."""
    video = write_video(tmp_path / "a.mp4", 40, 10, audio=True)
    grid_s = np.arange(0, 4, 0.005)
    one = write_imu(tmp_path / "a.csv", grid_s[(grid_s < GAP[0]) | (grid_s >= GAP[1])])
    other = write_imu(tmp_path / "b.csv", np.arange(0, 2, 0.01))
    sensors = {
        "a": {"video": SensorFile(video, "av"), "audio": SensorFile(video, "av"), "imu": SensorFile(one, "ego4d")},
        "b": {"imu": SensorFile(other, "ego4d")},
        "c": {"imu": SensorFile(tmp_path / "c.csv", "ego4d")},
    }
    return replace(example_dataset({"a": video}, CLIPS), sensors=sensors)


def test_each_sensor_is_measured_over_the_clips(dataset: Dataset) -> None:
    report = check(dataset, read_sensors=True)
    by_name = {one.sensor: one for one in report.readings}
    assert list(by_name) == ["video", "audio", "imu accelerometer", "imu gyroscope"]
    imu = by_name["imu gyroscope"]
    assert (imu.recordings, imu.recordings_total, imu.clips, imu.clips_total) == (2, 3, 3, 4)
    assert (imu.lowest_hz, imu.rate_hz, imu.highest_hz) == pytest.approx((100, 150, 200))
    assert imu.num_gaps == 1
    assert imu.longest_gap_s == pytest.approx(1.405, abs=1e-6)
    # The slow twin: look at every millisecond of every clip.
    present = {"a": lambda at_s: not GAP[0] <= at_s < GAP[1], "b": lambda _: True, "c": lambda _: False}
    looks = [present[video](at_s) for video, start, stop in CLIPS for at_s in np.arange(start, stop, 0.001)]
    assert imu.coverage == pytest.approx(np.mean(looks), abs=0.003)
    assert by_name["video"].coverage == pytest.approx(5 / 9, abs=1e-6)
    assert by_name["audio"].channels == (1,)
    assert imu.findings == {"low-coverage": 1, "gaps": 1}
    assert (imu.desync_s, imu.num_desync) == (None, 0)


def test_what_cannot_be_read_is_a_fault_and_costs_the_clips_that_have_nothing_else(dataset: Dataset) -> None:
    report = check(dataset, read_sensors=True)
    assert report.counts == {"missing-file": 1}
    assert (report.clips_usable, report.clips_without_video) == (3, 1)
    assert report.clips["video_id"].unique().to_list() == ["a"]
    only_looked_at = check(dataset)
    assert (only_looked_at.readings, only_looked_at.warnings) == ((), ())
    assert only_looked_at.clips_usable == 4, "files that are not opened count as they stand"


def test_warnings_are_no_faults(dataset: Dataset) -> None:
    report = check(dataset, read_sensors=True)
    assert report.warning_counts == {"low-coverage": 2, "gaps": 2, "ends-late": 1}
    assert {Path(warning.path).name for warning in report.warnings} == {"a.mp4", "a.csv"}


def test_progress_counts_each_recording_too(dataset: Dataset) -> None:
    seen: list[tuple[int, int]] = []
    check(dataset, read_sensors=True, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 4) for done in range(1, 5)]


def test_without_the_package_for_aria_the_other_recordings_go_on(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyvrs.reader", None)
    path = tmp_path / "c.vrs"
    aria = {"audio": SensorFile(path, "aria", "mic"), "imu": SensorFile(path, "aria", "imu-left")}
    report = check(replace(dataset, sensors={**dataset.sensors, "c": aria}), read_sensors=True)
    assert report.counts == {"missing-package": 1}
    assert str(report.faults[0]) == (
        f'{tmp_path / "c.vrs"}: Project Aria recordings need the vrs package; run: pip install "egoshift[aria]"'
    )
    assert report.clips_usable == 3


def test_readings_of_a_longer_recording_count_only_where_the_cut_one_is(dataset: Dataset, tmp_path: Path) -> None:
    whole = write_imu(tmp_path / "whole.csv", np.concatenate([np.arange(0, 103.5, 0.005), np.arange(300, 310, 0.005)]))
    of_a = {**dataset.sensors["a"], "imu": SensorFile(whole, "ego4d", begin_s=100.0)}
    report = check(replace(dataset, sensors={**dataset.sensors, "a": of_a}), read_sensors=True)
    imu = next(one for one in report.readings if one.sensor == "imu gyroscope")
    assert (imu.num_gaps, imu.findings) == (0, {"low-coverage": 1})
    clips = [(0.0, 2.0), (1.0, 3.5), (0.5, 1.5)]  # the third is that of b, whole
    assert imu.coverage == pytest.approx(sum(stop - start for start, stop in clips) / 9, abs=0.003)


def test_pictures_that_cannot_be_decoded_cost_the_estimate_and_not_the_gyroscope(dataset: Dataset) -> None:
    video = dataset.videos["a"]
    with av.open(str(video)) as container:
        packets = container.demux(video=0)
        places = [(packet.pos, packet.size) for packet in packets if packet.size and packet.pos is not None]
    content = bytearray(video.read_bytes())
    for first, size in places[15:25]:
        content[first : first + size] = bytes([255]) * size
    video.write_bytes(bytes(content))
    report = check(dataset, read_sensors=True, desync=True)
    imu = next(one for one in report.readings if one.sensor == "imu gyroscope")
    assert (imu.recordings, imu.num_desync) == (2, 0)
    assert report.counts == {"undecodable-frame": 1, "missing-file": 1}


def test_a_file_that_does_not_open_is_named_once_for_pictures_and_sound(dataset: Dataset) -> None:
    dataset.videos["a"].write_bytes(dataset.videos["a"].read_bytes()[:500])
    report = check(dataset, read_sensors=True)
    assert report.counts == {"truncated-video": 1, "missing-file": 1}
    assert (report.clips_usable, report.clips_without_video, list(report.unusable)) == (3, 3, ["a"])


def test_the_sensors_of_an_archives_entry_are_told_apart(tmp_path: Path) -> None:
    some = {name: array for name, array in arrays().items() if name != "gyr"}
    path = write_archive(tmp_path, [arrays(), some], ALL)
    names = ("accelerometer", "gyroscope", "magnetometer", "barometer")
    entries = {"a": (names, "0"), "b": ((names[0], *names[2:]), "1")}
    sensors = {
        video: {name: SensorFile(path, "classyglass", part) for name in having}
        for video, (having, part) in entries.items()
    }
    report = check(replace(example_dataset({}, [("a", 0, 2), ("b", 0, 2)]), sensors=sensors), read_sensors=True)
    assert [(one.sensor, one.recordings, round(one.rate_hz or 0, 6)) for one in report.readings] == [
        ("accelerometer", 2, 50),
        ("gyroscope", 1, 50),
        ("magnetometer", 2, 20),
        ("barometer", 2, 7),
    ]
    assert report.faults == (), "that an array is not there is told by who lists the recordings"
    assert report.warning_counts["constant"] == 7
    assert {warning.message.partition(": ")[0] for warning in report.warnings} == {"a", "b"}
