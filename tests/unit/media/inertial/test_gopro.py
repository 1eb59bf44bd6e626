"""GoPro's telemetry in every layout that its users' tools write, and EPIC-KITCHENS' pairs of tables."""

from pathlib import Path

import numpy as np
import pytest

from egoshift.datasets.inertial_files import epic_imu
from egoshift.errors import DataError
from egoshift.media.inertial import read_epic_imu, read_gopro

ACCL = ["Milliseconds,AcclX,AcclY,AcclZ", "0,1,2,3", "5.05,4,5,6"]
GYRO = ["Milliseconds,GyroX,GyroY,GyroZ", "2.5,0.1,0.2,0.3", "7.6,0.4,0.5,0.6", "12.7,0.7,0.8,0.9"]


def write(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def line_of(*paths: Path) -> str:
    with pytest.raises(DataError) as error:
        read_gopro(paths)
    return str(error.value)


def test_epic_has_two_tables_with_two_clocks(tmp_path: Path) -> None:
    accl, gyro = epic_imu(tmp_path, "P01_103").files
    assert accl == tmp_path / "P01" / "meta_data" / "P01_103-accl.csv"
    assert gyro == tmp_path / "P01" / "meta_data" / "P01_103-gyro.csv"
    write(accl, *ACCL)
    write(gyro, *GYRO)
    found = read_epic_imu(epic_imu(tmp_path, "P01_103"))
    assert found.faults == ()
    np.testing.assert_allclose(found.sensors["accelerometer"].times_s, [0, 0.00505])
    np.testing.assert_allclose(found.sensors["gyroscope"].times_s, [0.0025, 0.0076, 0.0127])
    assert found.sensors["accelerometer"].values.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert found.sensors["gyroscope"].values[2].tolist() == [0.7, 0.8, 0.9]
    assert found.sensors["gyroscope"].unit == "rad/s"


def test_a_table_that_epic_does_not_have_is_an_absent_sensor(tmp_path: Path) -> None:
    assert read_epic_imu(epic_imu(tmp_path, "P01_103")).sensors == {}
    write(epic_imu(tmp_path, "P01_103").files[1], *GYRO)
    found = read_epic_imu(epic_imu(tmp_path, "P01_103"))
    assert list(found.sensors) == ["gyroscope"]
    assert found.faults == ()


def test_a_table_that_cannot_be_read_costs_its_own_sensor_only(tmp_path: Path) -> None:
    accl, gyro = epic_imu(tmp_path, "P01_103").files
    write(accl, "Milliseconds;AcclX;AcclY;AcclZ", "0;1;2;3")
    write(gyro, *GYRO)
    found = read_epic_imu(epic_imu(tmp_path, "P01_103"))
    assert list(found.sensors) == ["gyroscope"]
    assert [(fault.kind, fault.path) for fault in found.faults] == [("bad-csv", accl)]
    gyro.write_text("")
    with pytest.raises(DataError) as error:
        read_epic_imu(epic_imu(tmp_path, "P01_103"))
    assert [fault.kind for fault in error.value.faults] == ["bad-csv", "empty-file"]


@pytest.mark.parametrize(
    "header",
    [
        "cts,date,Accelerometer [m/s2],1,2,temperature [°C]",
        "cts,date,Accelerometer [m/s2],,,temperature [°C]",
        '"cts","date","Accelerometer [m/s²]","1","2","temperature [°C]"',
        "cts,date,Accelerometer,1,2",
    ],
)
def test_unnamed_axes_are_the_columns_after_the_sensors_own(tmp_path: Path, header: str) -> None:
    date = "2022-12-20T13:12:13.739Z"
    cells = [f"{cts},{date},-8.4,-0.5,4.9{',27.8' * ('temp' in header)}" for cts in (153.538, 158.514)]
    path = write(tmp_path / "GX01-ACCL.csv", header, *cells)
    found = read_gopro([path])
    accelerometer = found.sensors["accelerometer"]
    np.testing.assert_allclose(accelerometer.times_s, [0.153538, 0.158514])
    assert accelerometer.axes == ("0", "1", "2")
    assert accelerometer.unit == "m/s^2"
    assert accelerometer.values[0].tolist() == [-8.4, -0.5, 4.9]
    named = read_gopro([path], unnamed_axes=("z", "x", "y")).sensors["accelerometer"]
    assert named.axes == ("x", "y", "z")
    assert named.values[0].tolist() == [-0.5, 4.9, -8.4]
    assert found.faults == ()


def test_named_axes_come_in_the_order_x_y_z(tmp_path: Path) -> None:
    header = "cts,date,Gyroscope (z) [rad/s],Gyroscope (x) [rad/s],Gyroscope (y) [rad/s],temperature [°C]"
    path = write(tmp_path / "GYRO.csv", header, "0,2022-12-20T13:12:13.739Z,3,1,2,20")
    gyroscope = read_gopro([path]).sensors["gyroscope"]
    assert gyroscope.axes == ("x", "y", "z")
    assert gyroscope.values.tolist() == [[1, 2, 3]]
    header = "cts,Accelerometer (up/down) [m/s2],Accelerometer (right/left) [m/s2],Accelerometer (forward/back) [m/s2]"
    accelerometer = read_gopro([write(tmp_path / "ACCL.csv", header, "0,1,2,3")]).sensors["accelerometer"]
    assert accelerometer.axes == ("up/down", "right/left", "forward/back")
    assert accelerometer.values.tolist() == [[1, 2, 3]]


def test_dates_alone_count_from_the_earliest_of_all_tables(tmp_path: Path) -> None:
    day = "2022-12-20T13:12:"
    accl = write(tmp_path / "a.csv", "date,Accelerometer [g],1,2", f"{day}13.750Z,1,0,0", f"{day}13.755Z,0,1,0")
    gyro = write(tmp_path / "g.csv", "date,Gyroscope [deg/s],1,2", f"{day}13.740Z,180,0,0", "soon,0,90,0")
    found = read_gopro([accl, gyro])
    np.testing.assert_allclose(found.sensors["accelerometer"].times_s, [0.01, 0.015], atol=1e-6)
    np.testing.assert_allclose(found.sensors["gyroscope"].times_s, [0], atol=1e-6)
    np.testing.assert_allclose(found.sensors["accelerometer"].values[0], [9.80665, 0, 0])
    np.testing.assert_allclose(found.sensors["gyroscope"].values[0], [np.pi, 0, 0])
    assert [fault.kind for fault in found.faults] == ["no-time"]


def test_tables_that_are_something_else_say_what_they_have(tmp_path: Path) -> None:
    gps = write(tmp_path / "GPS.csv", "cts,date,GPS (Lat.) [deg],GPS (Long.) [deg]", "0,d,1,2")
    assert "no column of an accelerometer or a gyroscope; the file has 'cts', 'date'" in line_of(gps)
    no_time = write(tmp_path / "t.csv", "time,Accelerometer [m/s2],1,2", "0,1,2,3")
    assert "no column Milliseconds, cts or date; the file has 'time'" in line_of(no_time)
    two = write(tmp_path / "2.csv", "cts,Accelerometer [m/s2],1,temperature [°C]", "0,1,2,3")
    assert "the accelerometer has not three columns" in line_of(two)
    odd = write(tmp_path / "u.csv", "cts,Accelerometer [furlong],1,2", "0,1,2,3")
    assert "the accelerometer is in 'furlong'" in line_of(odd)
    half = write(tmp_path / "h.csv", "Milliseconds,AcclX,AcclY", "0,1,2")
    assert "column 'AcclZ' is missing" in line_of(half)
    other = write(tmp_path / "o.csv", "Milliseconds,MagX,MagY,MagZ", "0,1,2,3")
    assert "neither AcclX nor GyroX stands beside Milliseconds" in line_of(other)


def test_two_tables_of_one_sensor_are_refused(tmp_path: Path) -> None:
    one, other = write(tmp_path / "1.csv", *ACCL), write(tmp_path / "2.csv", *ACCL)
    assert line_of(one, other) == (
        f"{other}: a second table of the accelerometer, after {one}; give one table a sensor"
    )
