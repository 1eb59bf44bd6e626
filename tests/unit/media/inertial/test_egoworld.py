"""The readers on what EgoWorld writes: what was simulated comes back, defects are counted, clocks agree."""

from pathlib import Path

import numpy as np
import pytest

from egoshift.datasets.inertial_files import ego4d_imu, epic_imu
from egoshift.media.inertial import (
    desync_finding,
    estimate_desync,
    examine_all,
    onto_grid,
    read_ego4d_imu,
    read_epic_imu,
)
from egoshift.media.inertial.grid import HEAD_LAYOUT
from egoshift.world.files.sensors import Defects, ego4d_path, epic_path, write_ego4d, write_epic
from egoshift.world.head import Head
from egoshift.world.imu import ACCELERATION_NOISE, ROTATION_BIAS, ROTATION_NOISE, feel, measure
from egoshift.world.script import Script, write_script
from egoshift.world.style import HOME_STYLE


@pytest.fixture(scope="module")
def script() -> Script:
    written = write_script("P07_101", "P07", "train", HOME_STYLE, 20.0, (3, 1, 1))
    assert written.duration_s == pytest.approx(20.0, abs=0.1)
    return written


def test_what_was_written_for_ego4d_is_read_to_its_last_digit(tmp_path: Path, script: Script) -> None:
    write_ego4d(tmp_path, script)
    assert ego4d_imu(tmp_path, script.video_id).path == ego4d_path(tmp_path, script)
    found = read_ego4d_imu(ego4d_imu(tmp_path, script.video_id).path)
    felt = measure(script, 201.0)
    assert found.faults == ()
    for name, expected in (("gyroscope", felt.rotation), ("accelerometer", felt.acceleration)):
        np.testing.assert_allclose(found.sensors[name].times_s, felt.times_s, atol=1e-9)
        np.testing.assert_allclose(found.sensors[name].values, expected, atol=6e-8)
    reports = examine_all(found.sensors, tuple(HEAD_LAYOUT), script.duration_s, nominal_hz=200)
    assert [report.findings for report in reports.values()] == [(), ()]


def test_the_rotation_on_the_grid_is_what_was_simulated_to_the_stated_noise(tmp_path: Path, script: Script) -> None:
    write_ego4d(tmp_path, script)
    found = read_ego4d_imu(ego4d_imu(tmp_path, script.video_id).path)
    gridded = onto_grid(found.sensors, script.duration_s)
    truth = feel(Head(script), 200.0)
    num = min(len(truth.times_s), len(gridded.values))
    off = gridded.values[:num, 3:].double().numpy() - truth.rotation[:num]
    there = gridded.present[:num, 1].numpy()
    assert there.mean() > 0.999
    bias = off[there].mean(axis=0)
    assert np.abs(bias).max() < 4 * ROTATION_BIAS
    # Interpolation averages neighbours' noise: it comes out a little smaller, never larger.
    spread = off[there].std(axis=0)
    assert (spread > 0.6 * ROTATION_NOISE).all()
    assert (spread < 1.05 * ROTATION_NOISE).all()
    pushed = gridded.values[:num, :3].double().numpy()[there] - truth.acceleration[:num][there]
    assert (pushed.std(axis=0) < 1.1 * ACCELERATION_NOISE).all()


def test_the_two_clocks_of_epic_come_together(tmp_path: Path, script: Script) -> None:
    write_epic(tmp_path, script)
    accl, gyro = epic_imu(tmp_path, script.video_id).files
    assert (accl, gyro) == (epic_path(tmp_path, script, "accl"), epic_path(tmp_path, script, "gyro"))
    found = read_epic_imu(epic_imu(tmp_path, script.video_id))
    assert found.faults == ()
    reports = examine_all(found.sensors, tuple(HEAD_LAYOUT), script.duration_s)
    assert [round(report.rate_hz or 0, 1) for report in reports.values()] == [200.0, 198.7]
    write_ego4d(tmp_path, script)
    epic = onto_grid(found.sensors, script.duration_s)
    ego4d = onto_grid(read_ego4d_imu(ego4d_path(tmp_path, script)).sensors, script.duration_s)
    both = epic.present.all(dim=1) & ego4d.present.all(dim=1)
    assert both.float().mean() > 0.99
    apart = (epic.values - ego4d.values)[both].double().numpy()
    # The same bias, and each its own noise.
    assert (apart[:, 3:].std(axis=0) < 1.5 * ROTATION_NOISE).all()
    assert (apart[:, :3].std(axis=0) < 1.5 * ACCELERATION_NOISE).all()


def test_each_documented_defect_is_counted(tmp_path: Path, script: Script) -> None:
    def read(**defects: object) -> tuple[dict[str, int], list[str], list[str]]:
        write_ego4d(tmp_path, script, Defects(**defects))  # type: ignore[arg-type]
        found = read_ego4d_imu(ego4d_path(tmp_path, script))
        reports = examine_all(found.sensors, tuple(HEAD_LAYOUT), script.duration_s)
        kinds = [finding.kind for finding in reports["gyroscope"].findings]
        return dict(found.sensors["gyroscope"].defects), [fault.kind for fault in found.faults], kinds

    num_null = int((measure(script, 201.0).times_s < 0.1 * script.duration_s).sum())
    assert read() == ({}, [], [])
    assert read(null_canonical=True) == ({"no-time": num_null}, ["no-time"], ["low-coverage"])
    assert read(non_monotonic=True) == ({"backwards": 1}, ["backwards"], [])
    assert read(no_acceleration=True) == ({}, ["no-readings"], [])
    assert read(gap_s=(5.0, 7.5)) == ({}, [], ["low-coverage", "gaps"])


def test_defects_take_away_what_they_hit_and_nothing_else(tmp_path: Path, script: Script) -> None:
    write_ego4d(tmp_path, script)
    whole = onto_grid(read_ego4d_imu(ego4d_path(tmp_path, script)).sensors, script.duration_s)
    for defects, hit_s, sensors in (
        (Defects(gap_s=(5.0, 7.5)), (5.0, 7.5), (True, True)),
        (Defects(null_canonical=True), (0.0, 0.1 * script.duration_s), (True, True)),
        (Defects(no_acceleration=True), (0.0, script.duration_s), (True, False)),
        (Defects(non_monotonic=True), (0.0, 0.0), (False, False)),
    ):
        write_ego4d(tmp_path, script, defects)
        found = onto_grid(read_ego4d_imu(ego4d_path(tmp_path, script)).sensors, script.duration_s)
        at_s = np.arange(len(found.values)) / 200
        hit = (at_s > hit_s[0] + 0.01) & (at_s < hit_s[1] - 0.01)
        clear = (at_s < hit_s[0] - 0.01) | (at_s > hit_s[1] + 0.01)
        for sensor, is_hit in enumerate(sensors):
            columns = slice(3 * sensor, 3 * sensor + 3)
            if is_hit:
                assert not found.present[hit, sensor].any()
                assert found.values[hit, columns].isnan().all()
            same = clear if is_hit else np.ones(len(at_s), dtype=bool)
            assert found.present[same, sensor].equal(whole.present[same, sensor])
            np.testing.assert_allclose(found.values[same, columns], whole.values[same, columns], atol=1e-6)


@pytest.mark.parametrize("desync_s", [0.0, 0.4, -0.7])
def test_a_late_clock_is_estimated_from_the_motion_of_the_picture(
    tmp_path: Path, script: Script, desync_s: float
) -> None:
    write_ego4d(tmp_path, script, Defects(desync_s=desync_s))
    gyroscope = read_ego4d_imu(ego4d_path(tmp_path, script)).sensors["gyroscope"]
    frames_s = np.arange(script.num_frames) / script.style.rate_hz
    motion = np.linalg.norm(np.diff(Head(script).eye(frames_s), axis=0), axis=1)
    found = estimate_desync(gyroscope.times_s, gyroscope.values, (frames_s[1:] + frames_s[:-1]) / 2, motion)
    assert found is not None
    assert found.lag_s == pytest.approx(desync_s, abs=0.01)
    assert found.correlation > 0.5  # much of this picture's motion is shoving, which the gyroscope does not feel
    assert (desync_finding(gyroscope, found) is not None) == (desync_s != 0)
