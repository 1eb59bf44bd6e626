"""WEAR's tables: four limbs, no times, labels on rows."""

from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import DataError
from egoshift.media.inertial import onto_grid, read_wear
from egoshift.media.inertial.wear import LAYOUT, Span

HEADER = ",".join(
    ["sbj_id"]
    + [f"{limb}_acc_{axis}" for limb in ("right_arm", "right_leg", "left_leg", "left_arm") for axis in "xyz"]
    + ["label"]
)


def write(folder: Path, labels: list[str], *, persons: tuple[int, ...] = (0,), broken: str = "") -> Path:
    path = folder / "sbj_0.csv"
    rows = []
    for number, label in enumerate(labels):
        values = [f"{number + limb + axis / 10:.1f}" for limb in (0, 100, 200, 300) for axis in range(3)]
        values[0] = broken if broken and number == 1 else values[0]
        rows.append(",".join([str(persons[number % len(persons)]), *values, label]))
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def test_four_limbs_are_four_sensors_at_50_hz_in_si_units(tmp_path: Path) -> None:
    found, _ = read_wear(write(tmp_path, ["", "", ""]))
    assert list(found.sensors) == list(LAYOUT)
    assert found.faults == ()
    leg = found.sensors["left_leg_accelerometer"]
    np.testing.assert_allclose(leg.times_s, [0, 0.02, 0.04])
    np.testing.assert_allclose(leg.values[1], np.array([201, 201.1, 201.2]) * 9.80665)
    in_metres, _ = read_wear(write(tmp_path, [""]), unit="m/s^2")
    np.testing.assert_allclose(in_metres.sensors["left_arm_accelerometer"].values[0], [300, 300.1, 300.2])
    assert onto_grid(found.sensors, 0.06, layout=LAYOUT, rate_hz=50).present.all()


def test_labels_become_stretches_and_rows_without_one_are_background(tmp_path: Path) -> None:
    labels = ["", "jogging", "jogging", "null", "burpees", "jogging"]
    _, spans = read_wear(write(tmp_path, labels))
    assert spans == (Span("jogging", 0.02, 0.06), Span("burpees", 0.08, 0.1), Span("jogging", 0.1, 0.12))


def test_an_empty_cell_costs_one_limb_one_reading(tmp_path: Path) -> None:
    found, _ = read_wear(write(tmp_path, ["", "", ""], broken="nan"))
    assert found.sensors["right_arm_accelerometer"].times_s.tolist() == [0, 0.04]
    assert len(found.sensors["left_arm_accelerometer"].times_s) == 3
    assert [(fault.kind, fault.row) for fault in found.faults] == [("empty-cell", 3)]


def test_rows_of_several_persons_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"readings of 2 persons \(0, 1\); give each person a file"):
        read_wear(write(tmp_path, ["", ""], persons=(0, 1)))
