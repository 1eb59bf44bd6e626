"""Ego4D's tables as documented, and with each documented defect."""

from pathlib import Path

import numpy as np
import pytest

from egoshift.datasets.inertial_files import ego4d_imu
from egoshift.errors import DataError
from egoshift.media.inertial import read_ego4d_imu

HEADER = "component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z"
SAMPLE = [
    "0,0.0,0.0,0.02555,0.25026,0.11182,-2.27817,-1.03117,-1.03117",
    "0,4.975124378109452,4.975124378109452,0.03,0.25,0.11,-2.3,-1.04,-1.04",
    "0,9.950248756218904,9.950248756218904,0.04,0.24,0.12,-2.4,-1.05,-1.05",
]


def write(folder: Path, *rows: str) -> Path:
    path = ego4d_imu(folder, "0a-1b").path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    assert path == folder / "imu" / "0a-1b.csv"
    return path


def row(time_ms: float | str, component: int = 0, acceleration: str = "1,2,3") -> str:
    return f"{component},0.0,{time_ms},4,5,6,{acceleration}"


def test_the_documented_sample_is_read_on_the_canonical_clock(tmp_path: Path) -> None:
    found = read_ego4d_imu(write(tmp_path, *SAMPLE))
    assert found.faults == ()
    gyroscope, accelerometer = found.sensors["gyroscope"], found.sensors["accelerometer"]
    np.testing.assert_allclose(gyroscope.times_s, [0, 1 / 201, 2 / 201], atol=1e-12)
    assert gyroscope.axes == accelerometer.axes == ("x", "y", "z")
    assert (gyroscope.unit, accelerometer.unit) == ("rad/s", "m/s^2")
    assert gyroscope.values[0].tolist() == [0.02555, 0.25026, 0.11182]
    assert accelerometer.values[0].tolist() == [-2.27817, -1.03117, -1.03117]


def test_readings_without_a_canonical_time_are_left_out_and_counted(tmp_path: Path) -> None:
    found = read_ego4d_imu(write(tmp_path, row(""), row("NULL"), row(5.0), row(10.0)))
    assert found.sensors["gyroscope"].times_s.tolist() == [0.005, 0.01]
    assert found.sensors["gyroscope"].defects == {"no-time": 2}
    assert [(fault.kind, fault.row) for fault in found.faults] == [("no-time", 2)]


def test_times_that_run_backwards_are_sorted_and_counted(tmp_path: Path) -> None:
    rows = [f"0,0.0,{time_ms},{time_ms},0,0,1,2,3" for time_ms in (0, 10, 5, 20, 15)]
    found = read_ego4d_imu(write(tmp_path, *rows))
    assert found.sensors["gyroscope"].values[:, 0].tolist() == [0, 5, 10, 15, 20]
    assert found.sensors["accelerometer"].defects == {"backwards": 2}
    assert "(first from 0.010 to 0.005 s)" in str(found.faults[0])
    assert found.faults[0].row == 4


def test_hugely_large_and_small_times_are_left_out(tmp_path: Path) -> None:
    found = read_ego4d_imu(write(tmp_path, row(0), row(1.8e19), row(-9.2e18), row(5)))
    assert found.sensors["gyroscope"].times_s.tolist() == [0, 0.005]
    assert found.sensors["gyroscope"].defects == {"absurd-time": 2}


def test_empty_accelerations_make_that_sensor_absent_there_and_nowhere_else(tmp_path: Path) -> None:
    found = read_ego4d_imu(write(tmp_path, row(0, acceleration=",,"), row(5), row(10, acceleration="1,,3")))
    assert found.sensors["accelerometer"].times_s.tolist() == [0.005]
    assert found.sensors["accelerometer"].defects == {"empty-cell": 2}
    assert len(found.sensors["gyroscope"].times_s) == 3
    without = read_ego4d_imu(write(tmp_path, *(row(5 * k, acceleration=",,") for k in range(4))))
    assert list(without.sensors) == ["gyroscope"]
    assert [fault.kind for fault in without.faults] == ["no-readings"]


def test_components_follow_each_other_by_their_canonical_times(tmp_path: Path) -> None:
    rows = [row(time_ms, component) for component, times in ((1, (10, 15)), (0, (0, 5))) for time_ms in times]
    found = read_ego4d_imu(write(tmp_path, *rows))
    assert found.sensors["gyroscope"].times_s.tolist() == [0, 0.005, 0.01, 0.015]
    assert [fault.kind for fault in found.faults] == ["backwards"]


def test_components_that_lie_among_each_other_are_reported(tmp_path: Path) -> None:
    rows = [row(time_ms, component) for component, times in ((0, (0, 10, 20)), (1, (5, 15, 25))) for time_ms in times]
    found = read_ego4d_imu(write(tmp_path, *rows))
    assert str(found.faults[-1]).endswith(
        "readings of 2 components take turns 5 times; 1 was expected; "
        "they are kept in order of time; check that sensor and video show the same motion"
    )


def test_other_units_can_be_named(tmp_path: Path) -> None:
    found = read_ego4d_imu(write(tmp_path, row(0)), acceleration_unit="g", rotation_unit="deg/s")
    np.testing.assert_allclose(found.sensors["accelerometer"].values[0], np.array([1, 2, 3]) * 9.80665)
    np.testing.assert_allclose(found.sensors["gyroscope"].values[0], np.radians([4, 5, 6]))


def test_one_reading_and_no_reading_are_no_errors(tmp_path: Path) -> None:
    assert len(read_ego4d_imu(write(tmp_path, row(3.0))).sensors["gyroscope"].times_s) == 1
    none = read_ego4d_imu(write(tmp_path))
    assert none.sensors == {}
    assert [fault.kind for fault in none.faults] == ["no-readings", "no-readings"]


def test_another_table_is_refused_and_says_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "gaze.csv"
    path.write_text("component_idx,component_timestamp_s,canonical_timestamp_s\n0,0.0,0.0\n")
    with pytest.raises(DataError) as error:
        read_ego4d_imu(path)
    assert len(error.value.faults) == 7
    assert "column 'canonical_timestamp_ms' is missing; the file has 'component_idx'" in str(error.value)
