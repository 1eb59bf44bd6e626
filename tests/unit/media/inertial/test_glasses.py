"""ClassyGlass: arrays with a scale and a rate each; what is not there is absent. Also the real file, where it is."""

import json
from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import DataError
from egoshift.media.inertial import absent_everywhere, examine_all, glasses_recording, onto_grid, read_glasses
from egoshift.media.inertial.glasses import LAYOUT

META = {"set": "1B", "user": 27, "exp": 351, "label": 8, "name": "walking", "seconds": 2.0}
ALL = ["Accelerometer", "Gyroscope", "Magnetometer", "Pressure"]


def arrays() -> dict[str, np.ndarray]:
    return {
        "acc": np.tile(np.array([0, 4096, 0], dtype=np.int16), (100, 1)),
        "gyr": np.tile(np.array([16, 0, -2880], dtype=np.int16), (100, 1)),
        "mag": np.tile(np.array([500, 0, 0], dtype=np.int16), (40, 1)),
        "pre": np.full((14, 1), 99_300.5, dtype=np.float32),
    }


def write(folder: Path, recordings: list[dict[str, np.ndarray]], sensors: list[str]) -> Path:
    path = folder / "glasses.npz"
    named = {f"{index}_{name}": array for index, one in enumerate(recordings) for name, array in one.items()}
    meta = json.dumps([META | {"sensors": sensors} for _ in recordings])
    np.savez(path, meta=np.array(meta), **named)  # type: ignore[arg-type]
    return path


def test_whole_numbers_become_si_units_at_each_sensors_rate(tmp_path: Path) -> None:
    ((entry, found),) = read_glasses(write(tmp_path, [arrays()], ALL))
    assert (entry.index, entry.part, entry.user, entry.experiment) == (0, "1B", 27, 351)
    assert (entry.label, entry.name, entry.duration_s) == (8, "walking", 2.0)
    assert found.faults == ()
    assert {name: samples.unit for name, samples in found.sensors.items()} == {
        "accelerometer": "m/s^2",
        "gyroscope": "rad/s",
        "magnetometer": "T",
        "barometer": "Pa",
    }
    np.testing.assert_allclose(found.sensors["accelerometer"].values[7], [0, 9.80665, 0])
    np.testing.assert_allclose(found.sensors["gyroscope"].values[7], np.radians([1, 0, -180]))
    np.testing.assert_allclose(found.sensors["magnetometer"].values[7], [5e-5, 0, 0])
    np.testing.assert_allclose(found.sensors["barometer"].values[7], [99_300.5])
    last_s = {name: samples.times_s[-1] for name, samples in found.sensors.items()}
    assert last_s == pytest.approx(
        {"accelerometer": 1.98, "gyroscope": 1.98, "magnetometer": 1.95, "barometer": 13 / 7}
    )


def test_sensors_of_four_rates_come_together_on_one_grid(tmp_path: Path) -> None:
    ((entry, found),) = read_glasses(write(tmp_path, [arrays()], ALL))
    gridded = onto_grid(found.sensors, entry.duration_s, layout=LAYOUT, rate_hz=50)
    assert gridded.values.shape == (100, 10)
    assert gridded.present.sum(dim=0).tolist() == [100, 100, 99, 97]  # the last half steps: 25 ms and 71 ms
    expected = [0, 9.80665, 0, np.radians(1), 0, -np.pi, 5e-5, 0, 0, 99_300.5]
    np.testing.assert_allclose(gridded.values[50], expected, rtol=1e-6, atol=1e-12)


def test_an_absent_array_is_an_absent_sensor_and_a_fault_only_where_it_is_listed(tmp_path: Path) -> None:
    some = {name: array for name, array in arrays().items() if name != "gyr"}
    ((_, found),) = read_glasses(write(tmp_path, [some], [name for name in ALL if name != "Gyroscope"]))
    assert list(found.sensors) == ["accelerometer", "magnetometer", "barometer"]
    assert found.faults == ()
    path = write(tmp_path, [some], ALL)
    ((_, found),) = read_glasses(path)
    assert [str(fault) for fault in found.faults] == [
        f"{path}: recording 0: gyroscope is listed but has no array 0_gyr; it counts as absent; download the file again"
    ]


def test_files_that_are_something_else_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 nothing")
    no_meta = tmp_path / "other.npz"
    np.savez(no_meta, a=np.zeros(3))
    bad_meta = tmp_path / "meta.npz"
    np.savez(bad_meta, meta=np.array('[{"user": 1}]'))
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, meta=np.array([{}], dtype=object))
    empty, single = tmp_path / "empty.npz", tmp_path / "single.npy"
    empty.write_bytes(b"")
    np.save(single, np.zeros(3))
    for path, expected in (
        (tmp_path / "none.npz", "no such file"),
        (broken, "is no .npz archive"),
        (no_meta, "has no list of recordings"),
        (bad_meta, "has no list of recordings"),
        (pickled, "has no list of recordings"),
        (empty, "is no .npz archive"),
        (single, "has no list of recordings"),
        (tmp_path, "is no .npz archive"),
    ):
        with pytest.raises(DataError, match=expected):
            next(read_glasses(path))
    with pytest.raises(DataError, match=r"3_pre has shape \(14, 2\), expected \(readings, 1\)"):
        glasses_recording(broken, 3, {"pre": np.zeros((14, 2))})


def test_the_real_recordings_show_gravity_and_keep_absent_sensors_absent(assets: Path) -> None:
    path = assets / "imu" / "classyglass_1ab.npz"
    if not path.is_file():
        pytest.skip(f"the ClassyGlass recordings are not at {path}")
    absent, medians, reports = {}, [], []
    with np.load(path) as archive:
        keys = set(archive.files)
    for entry, found in read_glasses(path):
        assert found.faults == ()
        for short, name in zip(("acc", "gyr", "mag", "pre"), LAYOUT, strict=True):
            assert (name in found.sensors) == (f"{entry.index}_{short}" in keys)
        if missing := set(LAYOUT) - set(found.sensors):
            absent[entry.index] = missing
            gridded = onto_grid(found.sensors, entry.duration_s, layout=LAYOUT, rate_hz=50)
            column = list(LAYOUT).index(next(iter(missing)))
            first = sum(list(LAYOUT.values())[:column])
            assert not gridded.present[:, column].any()
            assert gridded.values[:, first : first + list(LAYOUT.values())[column]].isnan().all()
        if "accelerometer" in found.sensors:
            medians.append(np.median(np.linalg.norm(found.sensors["accelerometer"].values, axis=1)))
        reports.append(examine_all(found.sensors, tuple(LAYOUT), entry.duration_s))
    assert absent == {167: {"barometer"}, 168: {"gyroscope"}, 317: {"accelerometer"}, 318: {"magnetometer"}} | {
        319: {"accelerometer"}
    }
    # Gravity: 9.61 m/s^2 in the middle recording of 340; 90 % lie between 9.2 and 10.1.
    assert len(medians) == 340
    assert np.median(medians) == pytest.approx(9.61, abs=0.01)
    np.testing.assert_allclose(np.percentile(medians, [5, 95]), [9.236, 10.046], atol=0.001)
    assert (min(medians), max(medians)) == pytest.approx((6.87, 10.51), abs=0.01)
    assert [finding for report in reports for one in report.values() for finding in one.findings] == []
    assert absent_everywhere(reports) == ()
