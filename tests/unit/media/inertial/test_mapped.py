"""Anyone's table by a map of its columns."""

from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import ConfigError, DataError
from egoshift.media.inertial import ColumnMap, SensorColumns, read_mapped

ACC = SensorColumns("accelerometer", ("ax", "ay", "az"), "g")
GYR = SensorColumns("gyroscope", ("wx", "wy", "wz"), "deg/s")


def write(folder: Path, *rows: str) -> Path:
    path = folder / "own.csv"
    path.write_text("\n".join(["wx,wy,wz,note,stamp,ax,ay,az", *rows]) + "\n")
    return path


@pytest.mark.parametrize(("unit", "second"), [("s", 1), ("ms", 1000), ("us", 1_000_000), ("ns", 1_000_000_000)])
def test_times_in_any_unit_become_seconds_of_the_video(tmp_path: Path, unit: str, second: int) -> None:
    rows = [f"0,0,0,hello,{(10 + k) * second},0,0,1" for k in range(3)]
    found = read_mapped(write(tmp_path, *rows), ColumnMap("stamp", unit, (ACC, GYR), zero=10.0 * second))
    np.testing.assert_allclose(found.sensors["accelerometer"].times_s, [0, 1, 2])
    assert found.faults == ()
    first = read_mapped(write(tmp_path, *reversed(rows)), ColumnMap("stamp", unit, (ACC,), zero="first"))
    np.testing.assert_allclose(first.sensors["accelerometer"].times_s, [0, 1, 2])


def test_units_are_converted_and_axes_keep_the_columns_names(tmp_path: Path) -> None:
    found = read_mapped(write(tmp_path, "180,0,90,x,0,0,1,2"), ColumnMap("stamp", "s", (ACC, GYR)))
    accelerometer, gyroscope = found.sensors["accelerometer"], found.sensors["gyroscope"]
    np.testing.assert_allclose(accelerometer.values, [[0, 9.80665, 19.6133]])
    np.testing.assert_allclose(gyroscope.values, [[np.pi, 0, np.pi / 2]])
    assert (accelerometer.unit, gyroscope.unit) == ("m/s^2", "rad/s")
    assert accelerometer.axes == ("ax", "ay", "az")


def test_nanoseconds_since_1970_keep_a_microsecond(tmp_path: Path) -> None:
    start = 1_700_000_000_000_000_000
    rows = [f"0,0,0,x,{start + 5_000_000 * k},0,0,1" for k in range(4)]
    found = read_mapped(write(tmp_path, *rows), ColumnMap("stamp", "ns", (ACC,), zero="first"))
    np.testing.assert_allclose(found.sensors["accelerometer"].times_s, [0, 0.005, 0.01, 0.015], atol=1e-6)


def test_one_absurd_time_does_not_move_the_first(tmp_path: Path) -> None:
    rows = [f"0,0,0,x,{stamp},0,0,1" for stamp in (0, 1_700_000_000, 1_700_000_001, 1_700_000_002)]
    found = read_mapped(write(tmp_path, *rows), ColumnMap("stamp", "s", (ACC,), zero="first"))
    assert found.sensors["accelerometer"].times_s.tolist() == [0, 1, 2]
    assert found.sensors["accelerometer"].defects == {"absurd-time": 1}


def test_a_wrong_unit_of_time_shows_as_absurd_times(tmp_path: Path) -> None:
    rows = [f"0,0,0,x,{1_700_000_000 + k},0,0,1" for k in range(3)]
    found = read_mapped(write(tmp_path, *rows), ColumnMap("stamp", "s", (ACC,)))
    assert found.sensors == {}
    assert "3 readings more than 86400 s from the start of the video (first 1.7e+09 s)" in str(found.faults[0])


def test_text_for_numbers_is_counted_with_its_row(tmp_path: Path) -> None:
    found = read_mapped(write(tmp_path, "0,0,0,x,0,0,0,1", "0,0,0,x,1,0,oops,1"), ColumnMap("stamp", "s", (ACC, GYR)))
    assert found.sensors["accelerometer"].defects == {"bad-cell": 1}
    assert [(fault.kind, fault.row) for fault in found.faults] == [("bad-cell", 3)]
    assert len(found.sensors["gyroscope"].times_s) == 2


def test_columns_that_the_file_lacks_are_named_together(tmp_path: Path) -> None:
    wrong = ColumnMap("time", "s", (SensorColumns("accelerometer", ("acc_x", "ay"), "g"),))
    with pytest.raises(DataError) as error:
        read_mapped(write(tmp_path), wrong)
    assert [fault.kind for fault in error.value.faults] == ["missing-column"] * 2


def test_maps_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="names each sensor once"):
        ColumnMap("t", "s", (ACC, ACC))
    with pytest.raises(ConfigError, match="names each sensor once"):
        ColumnMap("t", "s", ())
    with pytest.raises(ConfigError, match="the unit of time 'minute' is not known; write one of s, ms, us, ns"):
        ColumnMap("t", "minute", (ACC,))
    with pytest.raises(ConfigError, match="the unit 'knots' is not known; write one of"):
        SensorColumns("a", ("x",), "knots")
    with pytest.raises(ConfigError, match="'a' has no columns"):
        SensorColumns("a", (), "g")
