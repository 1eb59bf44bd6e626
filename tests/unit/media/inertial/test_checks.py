"""What is found suspicious about readings, each kind by itself, and nothing about sound ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egoshift.media.inertial import Finding, Samples, SensorReport, Unit, absent_everywhere, examine, examine_all

RNG = np.random.default_rng(0)
TIMES_S = np.arange(2000) / 200
REST = np.array([0.0, 9.0, 4.0]) + RNG.normal(0, 0.1, (2000, 3))
TURNS = RNG.normal(0, 0.5, (2000, 3))


def sensor(values: np.ndarray, times_s: np.ndarray = TIMES_S, unit: Unit = "m/s^2") -> Samples:
    name = "accelerometer" if unit == "m/s^2" else "gyroscope"
    return Samples(name, ("x", "y", "z"), unit, times_s, values, {"backwards": 3})


def findings(samples: Samples, duration_s: float = 10.0, **options: Any) -> list[tuple[str, int, str]]:
    found = examine(samples, duration_s, **options).findings
    assert all(finding.sensor == samples.name and finding.remedy for finding in found)
    return [(finding.kind, finding.count, finding.message) for finding in found]


def test_a_sound_sensor_is_counted_and_nothing_is_found() -> None:
    report = examine(sensor(REST), 10.0, nominal_hz=200)
    assert report.findings == ()
    assert (report.num_readings, report.start_s, report.stop_s) == (2000, 0.0, 9.995)
    assert report.rate_hz == pytest.approx(200)
    assert report.coverage == pytest.approx(0.99975)  # half a step is missing at the end, none at the start
    assert (report.num_gaps, report.longest_gap_s) == (0, 0.0)
    assert report.defects == {"backwards": 3}
    assert examine(sensor(TURNS, unit="rad/s"), 10.0, nominal_hz=201).findings == ()


def test_coverage_and_gaps_are_measured() -> None:
    kept = ((TIMES_S >= 1) & (TIMES_S < 4)) | ((TIMES_S >= 6) & (TIMES_S < 7)) | (TIMES_S >= 7.5)
    samples = sensor(REST[kept], TIMES_S[kept])
    report = examine(samples, 20.0)
    assert report.coverage == pytest.approx((3 + 1 + 2.5) / 20)
    assert report.num_gaps == 2
    assert report.longest_gap_s == pytest.approx(2.005)
    assert findings(samples, 20.0) == [
        ("low-coverage", 1300, "present for 32% of the video (1.0 to 10.0 s of 20.0 s)"),
        ("gaps", 2, "2 gaps, the longest of 2.00 s"),
    ]
    assert examine(sensor(REST, TIMES_S - 9), 1.0).coverage == pytest.approx(0.9975)
    assert examine(sensor(REST, TIMES_S + 90), 1.0).coverage == 0


def test_another_rate_than_the_nominal_one_is_found() -> None:
    assert findings(sensor(REST), nominal_hz=202) == []
    found = findings(sensor(REST), nominal_hz=1000)
    assert found == [("wrong-rate", 2000, "200.0 readings a second, expected 1000")]


def test_one_reading_is_found_and_nothing_else_said() -> None:
    assert findings(sensor(REST[:1], np.array([3.25]))) == [("one-reading", 1, "one reading only, at 3.250 s")]
    assert examine(sensor(REST[:1], np.array([3.25])), 10.0).rate_hz is None


def test_constant_axes_and_axes_written_twice_are_found() -> None:
    still = REST.copy()
    still[:, 0] = 0.5
    assert findings(sensor(still)) == [("constant", 1, "the same value in all 2000 readings of axis x")]
    twins = REST.copy()
    twins[:, 2] = twins[:, 1] = 6.9 + RNG.normal(0, 0.1, 2000)
    message = "axes y and z are equal in every reading: one was written twice"
    assert findings(sensor(twins)) == [("equal-axes", 1, message)]
    dead = np.zeros((2000, 3))
    assert findings(sensor(dead, unit="rad/s")) == [
        ("constant", 3, "the same value in all 2000 readings of axis x, y, z")
    ]


def test_clipped_readings_are_counted() -> None:
    shaken = REST + 30 * np.sin(2 * np.pi * 2 * TIMES_S)[:, None] * np.array([1.0, 0, 0])
    clipped = shaken.clip(-19.6, 19.6)
    count = int((np.abs(clipped[:, 0]) == 19.6).sum())
    assert count > 500
    message = f"{count} readings at the end of the sensor's range, 3 and more in a row"
    assert findings(sensor(clipped))[0] == ("clipped", count, message)
    assert "clipped" not in [kind for kind, _, _ in findings(sensor(shaken))]
    quantised = (REST / 0.5).round() * 0.5  # equal readings in a row at rest are none
    assert findings(sensor(quantised)) == []


def test_accelerations_in_g_and_without_gravity_are_suspected() -> None:
    (found,) = findings(sensor(REST / 9.80665))
    assert found[0] == "suspicious-unit"
    assert found[2] == "the median acceleration is 1 m/s^2, expected about 9.8: it is probably in g"
    (found,) = findings(sensor(REST - [0, 9, 4]))
    assert found[2].startswith("the median acceleration is 0.15")
    assert found[2].endswith("expected about 9.8")
    (found,) = findings(sensor(REST * 9.80665))
    assert found[2] == "the median acceleration is 96.6 m/s^2, expected about 9.8"


def test_rotations_in_degrees_are_suspected() -> None:
    (found,) = findings(sensor(np.degrees(TURNS), unit="rad/s"))
    assert found[0] == "suspicious-unit"
    assert found[2].endswith("which no head is: it is probably in deg/s")


def test_a_finding_becomes_a_fault_of_its_file() -> None:
    (finding,) = examine(sensor(REST / 9.80665), 10.0).findings
    assert str(finding.fault(Path("v.csv"))) == (
        "v.csv: accelerometer: the median acceleration is 1 m/s^2, expected about 9.8: it is probably in g; "
        "say that it is in g"
    )


def test_an_absent_sensor_is_no_finding_unless_no_video_has_it() -> None:
    reports = [examine_all({"accelerometer": sensor(REST)}, ("accelerometer", "gyroscope"), 10.0)] * 2
    assert reports[0]["gyroscope"] == SensorReport("gyroscope")
    assert absent_everywhere(reports) == (
        Finding(
            "absent-everywhere",
            "gyroscope",
            2,
            "none of 2 videos has a reading",
            "leave it out of the sensors asked for, or check where its files lie",
        ),
    )
    assert absent_everywhere([]) == ()
