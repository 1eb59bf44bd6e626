"""Each bad sensor gives one clear line that names the file, and the row where it has rows; the other clips go on."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from egoshift.world import write_world
from tests.fixtures.sounds import melody_heard, write_sound
from tests.flows.bad_sensors import (
    CARD,
    CASES,
    CLIPS,
    IMU,
    SENSORS,
    readings,
    write_table,
)
from tests.flows.conftest import Command


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set of several sensors without a fault. Not to be changed."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "mmg.yaml").write_text(CARD)
    (folder / "clips.csv").write_text(CLIPS)
    (folder / "sensors.csv").write_text("\n".join(SENSORS) + "\n")
    for video in "ab":
        write_sound(folder / f"{video}.mp4", melody_heard(2, 48_000), codec="aac", pictures_s=2.0)
    for video in "abc":
        write_table(folder / "imu" / f"{video}.csv", readings())
    return folder


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copytree(good, tmp_path / "data"))


def damaged_video(folder: Path) -> None:
    video = folder / "b.mp4"
    video.write_bytes(video.read_bytes()[:600])


def not_a_recording(folder: Path) -> None:
    (folder / "b.vrs").write_bytes(b"not VRS at all, but long enough to be looked at" * 10)
    text = (folder / "sensors.csv").read_text()
    (folder / "sensors.csv").write_text(text.replace("b,imu,imu/b.csv,", "b,imu,b.vrs,imu-left"))


def lines_about(answer_lines: Sequence[str]) -> list[str]:
    return [line for line in answer_lines if "; " in line]


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_with_a_sensor_is_said_in_one_line_and_the_other_clips_go_on(
    egoshift: Command, folder: Path, name: str
) -> None:
    case = CASES[name]
    case.spoil(folder)
    checked = egoshift("data", "check", folder / "mmg.yaml")
    report = json.loads(egoshift("data", "check", folder / "mmg.yaml", "--json").out)[0]
    assert (report["counts"], report["warning_counts"]) == (case.counts, case.warnings)
    assert checked.code == (1 if case.counts else 0)
    said = lines_about(checked.lines)
    assert len(said) == sum(case.counts.values()) + sum(case.warnings.values()), checked.err
    for text in case.lines:
        assert any(text.format(folder) in line for line in said), (text, checked.err)
    assert all(line.startswith("  warning: ") for line in said[: sum(case.warnings.values())])
    assert (report["clips_usable"], report["clips"]) == case.usable
    usable = {one["sensor"]: one["recordings"] for one in report["readings"]}
    assert usable.get("imu accelerometer", 0) == case.imu
    assert f"{case.usable[0]} of {case.usable[1]} clips usable" in checked.out
    for counts in (case.counts, case.warnings):
        assert all(f"{count} {kind}" in checked.err for kind, count in counts.items())


def test_good_sensors_are_reported_without_a_word_of_complaint(egoshift: Command, folder: Path) -> None:
    checked = egoshift("data", "check", folder / "mmg.yaml")
    assert (checked.code, lines_about(checked.lines)) == (0, [])
    assert "no faults: nothing will be dropped" in checked.out
    (report,) = json.loads(egoshift("data", "check", folder / "mmg.yaml", "--json").out)
    assert (report["clips"], report["clips_usable"], report["clips_without_video"]) == (4, 4, 1)
    by_name = {one["sensor"]: one for one in report["readings"]}
    assert list(by_name) == ["video", "audio", "imu accelerometer", "imu gyroscope"]
    assert [one["recordings"] for one in by_name.values()] == [2, 2, 3, 3]
    assert [one["clips"] for one in by_name.values()] == [3, 3, 4, 4]
    # Recording c, whose clip lasts 2 of the 5 s of all clips, has an IMU alone.
    assert by_name["video"]["coverage"] == pytest.approx(0.6, abs=0.001)
    assert by_name["imu gyroscope"]["coverage"] == pytest.approx(1.0, abs=0.002)
    assert by_name["audio"]["channels"] == [1]
    rates = [by_name["imu gyroscope"][key] for key in ("rate_hz", "lowest_hz", "highest_hz")]
    assert rates == pytest.approx([200.0, 200.0, 200.0])


def test_a_damaged_video_costs_no_clip_that_has_another_sensor(egoshift: Command, folder: Path) -> None:
    damaged_video(folder)
    checked = egoshift("data", "check", folder / "mmg.yaml")
    assert checked.code == 1
    (report,) = json.loads(egoshift("data", "check", folder / "mmg.yaml", "--json").out)
    assert (report["clips"], report["clips_usable"], report["clips_without_video"]) == (4, 4, 2)
    assert (report["videos"], report["videos_usable"]) == (3, 1)
    assert len([line for line in lines_about(checked.lines) if "b.mp4" in line and "moov" in line]) == 1
    (folder / IMU).unlink()
    (report,) = json.loads(egoshift("data", "check", folder / "mmg.yaml", "--json").out)
    assert (report["clips_usable"], report["clips_without_video"]) == (3, 1)


def test_what_is_no_recording_of_project_aria_is_named(egoshift: Command, folder: Path) -> None:
    not_a_recording(folder)
    checked = egoshift("data", "check", folder / "mmg.yaml")
    assert checked.code == 1
    (line,) = lines_about(checked.lines)
    assert f"{folder}/b.vrs: " in line
    assert "4 of 4 clips usable" in checked.out


@pytest.mark.parametrize("kept", [0.3, 0.98])
def test_an_aria_recording_that_was_cut_short_is_named_once(
    egoshift: Command, folder: Path, assets: Path, kept: float
) -> None:
    pytest.importorskip("pyvrs", reason='the vrs package is not installed; pip install "egoshift[aria]"')
    content = (assets / "aria" / "vrs" / "recording.vrs").read_bytes()
    (folder / "d.vrs").write_bytes(content)
    (folder / "e.vrs").write_bytes(content[: int(kept * len(content))])
    with (folder / "sensors.csv").open("a") as file:
        file.writelines(f"{name},{sensor},{name}.vrs,\n" for name in "de" for sensor in ("video", "audio", "imu"))
    with (folder / "clips.csv").open("a") as file:
        file.write("d0,d,0,0.2,mop,base,train\ne0,e,0,0.2,mop,base,train\n")
    checked = egoshift("data", "check", folder / "mmg.yaml")
    assert checked.code == 1
    (line,) = [line for line in lines_about(checked.lines) if not line.startswith("  warning: ")]
    assert f"{folder}/e.vrs: " in line
    assert "cut short" in line
    assert "5 of 6 clips usable" in checked.out
    (report,) = json.loads(egoshift("data", "check", folder / "mmg.yaml", "--json").out)
    by_name = {one["sensor"]: one for one in report["readings"]}
    assert [by_name[name]["recordings"] for name in ("video", "audio", "imu gyroscope")] == [3, 3, 4]
    assert by_name["audio"]["channels"] == [1, 7]


def test_a_gyroscope_that_is_late_is_told_where_that_is_asked_for(
    egoshift: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("faulty")
    (card,) = write_world(out, scale=0.1, sets=("multimodal",), defects=True)
    defects = json.loads((out / "multimodal/defects.json").read_text())
    late = [video for video, one in defects.items() if one["defect"] == "desync"]
    (plain,) = json.loads(egoshift("data", "check", card, "--json").out)
    assert "desync" not in plain["warning_counts"]
    checked = egoshift("data", "check", card, "--desync")
    said = [line for line in checked.lines if "later than the video shows them" in line]
    assert len(said) == 1
    assert f"imu/{late[0]}.csv: gyroscope: says that things happen 0.7" in said[0]
    gyroscope = next(line for line in checked.out.splitlines() if "imu gyroscope" in line)
    assert " s in " in gyroscope
