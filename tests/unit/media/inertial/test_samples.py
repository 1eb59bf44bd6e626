"""What is done to readings before anyone sees them, and how it is counted."""

from pathlib import Path

import numpy as np
import pytest

from egoshift.media.inertial import RawReadings, Recording, Samples, Unit, arrange, joined

PATH = Path("sensor.csv")
NAN = float("nan")


def put_in_order(times_s: list[float], values: list[float], unit: Unit = "Pa", **options: float) -> Recording:
    readings = RawReadings("barometer", ("0",), unit, np.array(values)[:, None])
    rows = np.arange(len(times_s)) + 2
    return arrange(PATH, np.array(times_s), [readings], rows=rows, **options)


def lines(recording: Recording) -> list[str]:
    return [str(fault) for fault in recording.faults]


def test_readings_without_fault_are_given_as_they_are() -> None:
    found = put_in_order([0.0, 0.5, 1.0], [3.0, 4.0, 5.0])
    samples = found.sensors["barometer"]
    assert found.faults == ()
    assert samples.defects == {}
    np.testing.assert_array_equal(samples.times_s, [0, 0.5, 1])
    np.testing.assert_array_equal(samples.values, [[3], [4], [5]])


def test_every_defect_is_counted_and_named_once_with_the_row_of_the_first() -> None:
    times_s = [0.0, NAN, 1.0, 1e9, 0.5, 0.5, 2.0, -1e12, NAN, 3.0, 2.5]
    values = [0.0, 9.0, NAN, 9.0, 1.0, 3.0, 4.0, 9.0, 9.0, 5.0, 7.0]
    found = put_in_order(times_s, values)
    samples = found.sensors["barometer"]
    np.testing.assert_array_equal(samples.times_s, [0.0, 0.5, 2.0, 2.5, 3.0])
    np.testing.assert_array_equal(samples.values[:, 0], [0, 2, 4, 7, 5])
    assert samples.defects == {"no-time": 2, "absurd-time": 2, "backwards": 2, "repeated-time": 1, "empty-cell": 1}
    assert lines(found) == [
        "sensor.csv, row 3: 2 readings without a time in the video; left out; write the times if they are known",
        "sensor.csv, row 5: 2 readings more than 86400 s from the start of the video (first 1e+09 s); "
        "left out; correct the times, or name their unit",
        "sensor.csv, row 6: the clock runs backwards at 2 readings (first from 1.000 to 0.500 s); "
        "sorted by time; check that sensor and video show the same motion",
        "sensor.csv, row 7: 1 reading at a time that an earlier one has; averaged; write times with more digits",
        "sensor.csv, row 4: barometer: 1 reading with an empty cell; left out; fill them in if they are known",
    ]


def test_a_time_at_the_limit_is_not_absurd() -> None:
    assert put_in_order([-10.0, 10.0], [1.0, 2.0], latest_s=10.0).faults == ()
    found = put_in_order([-10.1, 10.0], [1.0, 2.0], latest_s=10.0)
    assert found.sensors["barometer"].defects == {"absurd-time": 1}


def test_a_sensor_with_nothing_usable_is_absent_and_never_zero() -> None:
    found = put_in_order([0.0, 1.0], [NAN, NAN])
    assert found.sensors == {}
    assert lines(found) == [
        "sensor.csv: barometer: none of 2 readings can be used; the sensor counts as absent in this video"
    ]
    assert put_in_order([NAN, NAN], [1.0, 2.0]).sensors == {}
    assert put_in_order([], []).sensors == {}


def test_one_sensors_empty_cells_take_nothing_from_another() -> None:
    first = RawReadings("accelerometer", ("x", "y"), "m/s^2", np.array([[1.0, 2], [NAN, 4], [5, 6]]))
    second = RawReadings("gyroscope", ("x", "y"), "rad/s", np.array([[1.0, 2], [3, 4], [5, 6]]))
    found = arrange(PATH, np.array([0.0, 1.0, 2.0]), [first, second])
    assert found.sensors["accelerometer"].times_s.tolist() == [0, 2]
    assert found.sensors["accelerometer"].defects == {"empty-cell": 1}
    assert found.sensors["gyroscope"].times_s.tolist() == [0, 1, 2]
    assert found.sensors["gyroscope"].defects == {}
    assert [fault.row for fault in found.faults] == [None]


@pytest.mark.parametrize(
    ("unit", "si", "expected"),
    [("g", "m/s^2", 19.6133), ("deg/s", "rad/s", np.pi / 90), ("m/s^2", "m/s^2", 2), ("T", "T", 2), ("Pa", "Pa", 2)],
)
def test_units_become_those_of_the_si(unit: Unit, si: Unit, expected: float) -> None:
    samples = put_in_order([0.0], [2.0], unit).sensors["barometer"]
    assert samples.unit == si
    assert samples.values[0, 0] == pytest.approx(expected, rel=1e-12)


def test_samples_out_of_order_cannot_be_made() -> None:
    with pytest.raises(AssertionError, match="order of time"):
        Samples("barometer", ("0",), "Pa", np.array([0.0, 0.0]), np.zeros((2, 1)))
    with pytest.raises(AssertionError, match="finite"):
        Samples("barometer", ("0",), "Pa", np.array([0.0]), np.full((1, 1), NAN))
    with pytest.raises(AssertionError, match="SI"):
        Samples("accelerometer", ("0",), "g", np.array([0.0]), np.zeros((1, 1)))


def test_recordings_of_several_files_are_joined_with_all_their_faults() -> None:
    one = put_in_order([0.0, NAN], [1.0, 1.0])
    other = arrange(PATH, np.array([0.0]), [RawReadings("gyroscope", ("0",), "rad/s", np.full((1, 1), NAN))])
    both = joined([one, other])
    assert list(both.sensors) == ["barometer"]
    assert [fault.kind for fault in both.faults] == ["no-time", "no-readings"]
