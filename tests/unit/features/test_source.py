"""Stored rows are of use as long as they would be made of the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from egoshift.features import VideoEntry
from egoshift.features.source import Source
from egoshift.records import SensorFile, SensorLayout
from tests.fixtures.videos import write_frames


def entry_of(source: Source, duration_s: float = 1.0) -> VideoEntry:
    return VideoEntry(
        rows=1,
        duration_s=source.frames_s or duration_s,
        num_bytes=source.num_bytes,
        fingerprint=source.fingerprint,
        times_hash="t",
        read_as=source.read_as,
    )


@pytest.fixture
def file(tmp_path: Path) -> SensorFile:
    path = tmp_path / "a.vrs"
    path.write_bytes(b"recording")
    return SensorFile(path, "aria", "imu-left")


def test_every_way_to_read_a_file_is_another_source(file: SensorFile) -> None:
    ways = [file, replace(file, part="imu-right"), replace(file, begin_s=0.5), replace(file, layout="ego4d", part="")]
    sources = [Source.of_sensor(way) for way in ways]
    assert len(set(sources)) == len({source.read_as for source in sources}) == 4
    assert len({source.fingerprint for source in sources}) == 1, "it is one file, which overlaps are told by"
    for one in sources:
        for other in sources:
            change = "" if one is other else "is not read as what was stored as"
            assert one.change_since(entry_of(other)) == change


def test_frames_of_a_sensor_are_read_at_their_rate_and_those_of_a_file_at_its_own(tmp_path: Path) -> None:
    folder = SensorFile(write_frames(tmp_path / "frames", range(1, 3)), "av")
    slow, fast = (Source.of_sensor(folder, rate_hz) for rate_hz in (12.0, 24.0))
    assert fast.change_since(entry_of(slow)) == "is not read as what was stored as"
    (tmp_path / "a.mp4").write_bytes(b"video")
    video = SensorFile(tmp_path / "a.mp4", "av")
    assert Source.of_sensor(video, 12.0) == Source.of_sensor(video, 24.0)


def test_an_entry_that_does_not_say_how_a_file_was_read_stays(file: SensorFile) -> None:
    older = entry_of(Source.of_sensor(file)).model_copy(update={"read_as": ""})
    assert Source.of_sensor(file).change_since(older) == ""
    file.path.write_bytes(b"another")
    assert Source.of_sensor(file).change_since(older) == "is not the file that was stored as"


@pytest.mark.parametrize("layout", ["epic", "gopro"])
def test_tables_in_one_folder_are_known_by_their_content_and_not_by_their_neighbours(
    layout: SensorLayout, tmp_path: Path
) -> None:
    for kind in ("accl", "gyro"):
        (tmp_path / f"P01_101-{kind}.csv").write_text("Milliseconds,x,y,z\n0.0,1.0,2.0,3.0\n")
    file = SensorFile(tmp_path, layout, "P01_101" if layout == "epic" else "")
    stored = entry_of(Source.of_sensor(file))
    if layout == "epic":
        (tmp_path / "P01_102-gyro.csv").write_text("another recording's")
    assert Source.of_sensor(file).change_since(stored) == ""
    (tmp_path / "P01_101-gyro.csv").write_text("Milliseconds,x,y,z\n0.0,9.0,2.0,3.0\n")
    assert Source.of_sensor(file).change_since(stored) == "is not the file that was stored as"


def test_other_hand_detections_count_where_both_are_known(tmp_path: Path) -> None:
    published, corrected, unknown = (Source(1, "f", hands=hands) for hands in ("a", "b", ""))
    of = entry_of(published).model_copy(update={"hands": "a"})
    assert corrected.change_since(of) == "has other hand detections than what was stored as"
    assert published.change_since(of) == unknown.change_since(of) == ""
    assert corrected.change_since(of.model_copy(update={"hands": ""})) == ""
