from pathlib import Path

import numpy as np
import polars as pl
import pytest

from egoshift.world.files.sensors import Defects, ego4d_path, epic_path, write_ego4d, write_epic
from egoshift.world.imu import measure
from egoshift.world.script import Script, write_script
from egoshift.world.style import HOME_STYLE

COLUMNS = [
    *("component_idx", "component_timestamp_ms", "canonical_timestamp_ms"),
    *("gyro_x", "gyro_y", "gyro_z", "accl_x", "accl_y", "accl_z"),
]
GYRO, ACCL = COLUMNS[3:6], COLUMNS[6:]


@pytest.fixture(scope="module")
def script() -> Script:
    return write_script("P07_101", "P07", "train", HOME_STYLE, 20.0, (3, 1, 1))


def ego4d(root: Path, script: Script, defects: Defects = Defects()) -> pl.DataFrame:  # noqa: B008
    write_ego4d(root, script, defects)
    return pl.read_csv(ego4d_path(root, script), infer_schema_length=None)


def epic(root: Path, script: Script, kind: str, defects: Defects = Defects()) -> pl.DataFrame:  # noqa: B008
    write_epic(root, script, defects)
    return pl.read_csv(epic_path(root, script, kind))


def test_the_table_of_ego4d_is_what_was_measured(tmp_path: Path, script: Script) -> None:
    table = ego4d(tmp_path, script)
    assert table.columns == COLUMNS
    assert (tmp_path / "imu" / "P07_101.csv").is_file()
    felt = measure(script, 201.0)
    assert set(table["component_idx"]) == {0}
    assert table["canonical_timestamp_ms"][1] == pytest.approx(4.975124378109452, abs=1e-6)
    for name in COLUMNS[1:3]:
        np.testing.assert_allclose(table[name].to_numpy(), felt.times_s * 1000, atol=1e-6)
    np.testing.assert_allclose(table[GYRO].to_numpy(), felt.rotation, atol=1e-6)
    np.testing.assert_allclose(table[ACCL].to_numpy(), felt.acceleration, atol=1e-6)


def test_the_tables_of_epic_are_what_was_measured_by_two_clocks(tmp_path: Path, script: Script) -> None:
    for kind, rate_hz, name in (("accl", 200.0, "acceleration"), ("gyro", 198.7, "rotation")):
        table = epic(tmp_path, script, kind)
        assert table.columns == ["Milliseconds", *(f"{kind.title()}{axis}" for axis in "XYZ")]
        assert (tmp_path / "P07" / "meta_data" / f"P07_101-{kind}.csv").is_file()
        felt = measure(script, rate_hz)
        np.testing.assert_allclose(table["Milliseconds"].to_numpy(), felt.times_s * 1000, atol=1e-6)
        np.testing.assert_allclose(table.drop("Milliseconds").to_numpy(), getattr(felt, name), atol=1e-6)


def test_the_same_script_gives_the_same_bytes(tmp_path: Path, script: Script) -> None:
    for folder in ("one", "two"):
        write_ego4d(tmp_path / folder, script)
        write_epic(tmp_path / folder, script)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.csv"))
    assert len(files) == 3
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_gap_leaves_readings_out_and_no_others(tmp_path: Path, script: Script) -> None:
    whole, gap = ego4d(tmp_path, script), ego4d(tmp_path, script, Defects(gap_s=(5.0, 7.5)))
    times = whole["canonical_timestamp_ms"]
    assert gap.equals(whole.filter((times < 5000) | (times >= 7500)))
    assert len(whole) - len(gap) == pytest.approx(2.5 * 201, abs=1)
    for kind in ("accl", "gyro"):
        left_ms = epic(tmp_path, script, kind, Defects(gap_s=(5.0, 7.5)))["Milliseconds"].to_numpy()
        assert np.diff(left_ms).max() == pytest.approx(2500, abs=12)


def test_times_are_null_only_where_canonical_ones_are_asked_to_be(tmp_path: Path, script: Script) -> None:
    whole, null = ego4d(tmp_path, script), ego4d(tmp_path, script, Defects(null_canonical=True))
    assert null.drop("canonical_timestamp_ms").equals(whole.drop("canonical_timestamp_ms"))
    known = null["canonical_timestamp_ms"]
    assert known.null_count() == 402
    assert known.head(402).null_count() == 402
    assert known.tail(-402).equals(whole["canonical_timestamp_ms"].tail(-402))
    line = ego4d_path(tmp_path, script).read_text().splitlines()[1]
    assert line.split(",")[:3] == ["0", "0.0000000", ""]
    with pytest.raises(ValueError, match="null_canonical"):
        write_epic(tmp_path, script, Defects(null_canonical=True))


def test_missing_accelerations_are_empty_cells_or_a_missing_file(tmp_path: Path, script: Script) -> None:
    whole, none = ego4d(tmp_path, script), ego4d(tmp_path, script, Defects(no_acceleration=True))
    assert none.columns == COLUMNS
    assert none[ACCL].null_count().row(0) == (len(whole),) * 3
    assert none.drop(ACCL).equals(whole.drop(ACCL))
    assert ego4d_path(tmp_path, script).read_text().splitlines()[1].endswith(",,,")
    gyro = epic(tmp_path, script, "gyro")
    assert epic(tmp_path, script, "gyro", Defects(no_acceleration=True)).equals(gyro)
    assert not epic_path(tmp_path, script, "accl").exists()


def test_out_of_order_rows_are_all_there_and_sorting_repairs_them(tmp_path: Path, script: Script) -> None:
    whole, mixed = ego4d(tmp_path, script), ego4d(tmp_path, script, Defects(non_monotonic=True))
    assert not mixed.equals(whole)
    assert (mixed["canonical_timestamp_ms"].diff().drop_nulls() < 0).sum() == 1
    assert mixed.sort("canonical_timestamp_ms").equals(whole)
    mixed = epic(tmp_path, script, "accl", Defects(non_monotonic=True))
    assert mixed.sort("Milliseconds").equals(epic(tmp_path, script, "accl"))


def test_a_late_clock_says_that_all_happened_later(tmp_path: Path, script: Script) -> None:
    whole, late = ego4d(tmp_path, script), ego4d(tmp_path, script, Defects(desync_s=0.4))
    for name in COLUMNS[1:3]:
        np.testing.assert_allclose((late[name] - whole[name]).to_numpy(), 400, atol=1e-5)
    assert late[GYRO + ACCL].equals(whole[GYRO + ACCL])
    late = epic(tmp_path, script, "gyro", Defects(desync_s=0.4))
    assert late["Milliseconds"][0] == 400
