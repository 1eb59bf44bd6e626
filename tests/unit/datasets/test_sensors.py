"""Where the files of several sensors are found or listed, and what is wrong with that."""

from pathlib import Path

import pytest

from egoshift.errors import DataError
from egoshift.records import SensorFile
from tests.unit.datasets.several_sensors import CLIPS, load, said, write_files, write_video
from tests.unit.datasets.writing import touch, write_rows


def test_a_sensor_that_no_recording_has_is_told_once(tmp_path: Path) -> None:
    write_files(tmp_path)
    for name in "abc":
        write_video(tmp_path / "videos" / f"{name}.mp4", sound=False)
    dataset = load(tmp_path, need_videos=True)
    assert len(dataset.clips) == len(CLIPS)
    assert [str(fault) for fault in dataset.faults] == [
        f"{tmp_path}: no recording has audio (no video has a sound track); add its files, or do without the sensor",
        f"{tmp_path}: no recording has imu (looked for {tmp_path / 'imu'}/<video>.csv); "
        "add its files, or do without the sensor",
    ]
    assert load(tmp_path).faults == ()


def test_without_any_recording_it_says_where_they_were_looked_for(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "videos").mkdir()
    with pytest.raises(DataError, match=r"videos: none of the 3 videos of the annotations is here, such as 'a'"):
        load(tmp_path, need_videos=True)


def test_a_list_says_where_each_sensors_file_is(tmp_path: Path) -> None:
    write_files(tmp_path)
    write_video(tmp_path / "walks" / "one.mp4", sound=True)
    touch(tmp_path, "walks/one.csv", "aria/b.vrs", "imu/c.csv")
    rows = [
        ("a", "video", "walks/one.mp4", ""),
        ("a", "audio", "walks/one.mp4", ""),
        ("a", "imu", "walks/one.csv", ""),
        ("b", "video", "aria/b.vrs", ""),
        ("b", "audio", "aria/b.vrs", ""),
        ("b", "imu", "aria/b.vrs", "imu-right"),
    ]
    write_rows(tmp_path / "sensors.csv", ("video", "sensor", "path", "part"), rows)
    dataset = load(tmp_path, need_videos=True)
    vrs, one = tmp_path / "aria/b.vrs", tmp_path / "walks/one.mp4"
    assert dataset.sensors == {
        "a": {
            "video": SensorFile(one, "av"),
            "audio": SensorFile(one, "av"),
            "imu": SensorFile(tmp_path / "walks/one.csv", "ego4d"),
        },
        "b": {
            "video": SensorFile(vrs, "aria", "camera-rgb"),
            "audio": SensorFile(vrs, "aria", "mic"),
            "imu": SensorFile(vrs, "aria", "imu-right"),
        },
    }
    assert dataset.videos == {"a": one}
    assert said(dataset) == [("missing-video", 5)]  # c is not in the list, and nothing else is looked for


def test_what_is_wrong_with_a_list_of_sensors_makes_the_sensor_absent(tmp_path: Path) -> None:
    write_files(tmp_path)
    write_video(tmp_path / "a.mp4", sound=False)
    touch(tmp_path, "a.csv", "b.vrs")
    rows = [
        ("a", "video", "a.mp4", ""),
        ("a", "audio", "a.mp4", ""),
        ("a", "gaze", "a.csv", ""),
        ("a", "imu", "a.csv", "left"),
        ("b", "imu", "b.vrs", "left"),
        ("b", "video", "lost.mp4", ""),
        ("a", "video", "a.mp4", ""),
        ("c", "imu", "a.csv", ""),
    ]
    write_rows(tmp_path / "sensors.csv", ("video", "sensor", "path", "part"), rows)
    dataset = load(tmp_path)
    assert {video: list(files) for video, files in dataset.sensors.items()} == {"a": ["video"], "c": ["imu"]}
    assert sorted(said(dataset), key=lambda fault: fault[1] or 0) == [
        ("no-sound", 3),
        ("unknown-sensor", 4),
        ("bad-value", 5),
        ("bad-value", 6),
        ("missing-sensor-file", 7),
        ("duplicate-sensor", 8),
    ]
    texts = {fault.row: fault.message for fault in dataset.faults}
    assert texts[3] == "a.mp4 has no sound"
    assert texts[6] == "part is 'left', expected imu-left or imu-right"
    assert texts[7] == "there is no file lost.mp4 for the video of b"


def test_the_layout_of_an_imus_tables_may_be_said(tmp_path: Path) -> None:
    write_files(tmp_path)
    touch(tmp_path, "a/accl.csv", "a/gyro.csv", "b.csv", "c.csv", "a.vrs")
    rows = [
        ("a", "imu", "a", "", "gopro"),
        ("b", "imu", "b.csv", "", "wear"),
        ("c", "imu", "c.csv", "", ""),
        ("c", "audio", "a.vrs", "", "gopro"),
        ("c", "video", "a.vrs", "", "aria"),
    ]
    write_rows(tmp_path / "sensors.csv", ("video", "sensor", "path", "part", "layout"), rows)
    dataset = load(tmp_path)
    assert {video: files["imu"] for video, files in dataset.sensors.items()} == {
        "a": SensorFile(tmp_path / "a", "gopro"),
        "b": SensorFile(tmp_path / "b.csv", "wear"),
        "c": SensorFile(tmp_path / "c.csv", "ego4d"),
    }
    assert [path.name for path in dataset.sensors["a"]["imu"].files] == ["accl.csv", "gyro.csv"]
    assert said(dataset) == [("bad-value", 5), ("bad-value", 6)]
    assert str(dataset.faults[0]).endswith(
        "row 5: layout is gopro for the audio in a.vrs; leave it empty, or for an imu's tables use ego4d, gopro or wear"
    )
