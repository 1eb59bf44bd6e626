from dataclasses import replace
from pathlib import Path

import pytest

from egoshift.datasets import DataCard
from egoshift.errors import DataError, Fault, MediaError
from egoshift.features import FramePlan, check
from egoshift.features.extract import make_settings
from egoshift.records import SensorFile
from tests.fixtures.videos import write_video

from .examples import BlockEncoder, LeftHalf, example_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("videos")
    for name in ("v1", "v2"):
        write_video(folder / f"{name}.mp4", 20, 10)
    (folder / "zero.mp4").write_bytes(b"")
    return folder


CLIPS = [("v1", 0.0, 1.0), ("v1", 1.5, 2.5), ("zero", 0.0, 1.0), ("gone", 0.0, 1.0), ("gone", 1, 2), ("v2", 1.0, 2.0)]


@pytest.fixture
def dataset(folder):
    return example_dataset({name: folder / f"{name}.mp4" for name in ("v1", "v2", "zero")}, CLIPS)


def test_all_faults_come_together_with_their_counts(dataset, folder):
    from_annotations = Fault("unknown-class", Path("annotations.csv"), "verb 'fly'", "add it", 99)
    report = check(replace(dataset, faults=(from_annotations,), num_annotated=7))
    assert report.clips["clip_id"].to_list() == ["v1_0", "v2_5"]
    assert (report.clips_total, report.clips_usable) == (7, 2)
    assert (report.videos_total, sorted(report.videos), sorted(report.unusable)) == (4, ["v1", "v2"], ["gone", "zero"])
    assert sum(report.counts.values()) == len(report.faults) == 4
    assert report.counts["past-the-end"] == report.counts["missing-video"] == report.counts["unknown-class"] == 1
    assert report.hours == pytest.approx(4 / 3600)
    past = next(fault for fault in report.faults if fault.kind == "past-the-end")
    assert past.row == 3
    missing = next(fault for fault in report.faults if fault.kind == "missing-video")
    assert "no video 'gone' for 2 clips" in str(missing)
    assert any(fault.path == folder / "zero.mp4" for fault in report.faults)


def test_a_sound_data_set_has_no_faults(dataset, folder):
    report = check(example_dataset({"v1": folder / "v1.mp4"}, CLIPS[:1]))
    assert report.faults == ()
    assert report.counts == {}
    assert report.clips_usable == report.clips_total == 1


def test_recordings_of_other_sensors_need_no_video_and_each_sensor_is_counted(dataset, folder):
    imu = {"imu": SensorFile(folder / "imu.csv", "ego4d")}
    report = check(replace(dataset, sensors={"gone": imu, "v1": imu}))
    assert report.clips["clip_id"].to_list() == ["v1_0", "v2_5"]
    assert (report.clips_usable, report.clips_without_video, sorted(report.unusable)) == (4, 2, ["zero"])
    assert [str(one) for one in report.sensors] == ["imu: 2 of 4 recordings, 4 of 6 clips"]
    assert "missing-video" not in report.counts


def test_missing_hand_detections_are_faults_of_their_videos(dataset):
    report = check(dataset, locator=LeftHalf(missing=["v2"]))
    assert report.clips["clip_id"].to_list() == ["v1_0"]
    assert report.unusable["v2"].kind == "missing-detections"


def test_hand_detections_that_cannot_be_read_are_faults_of_their_videos(dataset):
    class Damaged(LeftHalf):
        def locate(self, video_id, times_s, frames, info):
            if video_id == "v1":
                raise MediaError(Fault("not-detections", Path("v1.pkl"), "is damaged", "download it again"))
            return super().locate(video_id, times_s, frames, info)

    report = check(dataset, locator=Damaged())
    assert report.clips["video_id"].to_list() == ["v2"]
    assert report.unusable["v1"].path == Path("v1.pkl")
    assert check(dataset, locator=Damaged(), read_detections=False).clips_usable == 2


def test_detections_that_cannot_be_read_as_a_whole_are_one_fault(dataset):
    class Unreadable(LeftHalf):
        def faults(self, video_ids):
            return (Fault("bad-table", Path("boxes.csv"), "has no column score", "add it"),)

    report = check(dataset, locator=Unreadable())
    assert report.clips_usable == 0
    assert report.counts["bad-table"] == 1
    with pytest.raises(DataError, match="has no column score"):
        make_settings(BlockEncoder(), FramePlan(), ("full", "hand"), Unreadable())


def test_a_data_card_is_read_first(folder):
    (folder / "segments.csv").write_text("video,start,stop,verb,noun\nv1.mp4,0,1,take,cup\nv2.mp4,0,9,take,cup\n")
    report = check(DataCard.read(folder))
    assert report.clips_usable == 1
    assert report.counts["past-the-end"] == 1


def test_a_data_card_that_cannot_be_used_is_a_report_of_faults(folder, tmp_path):
    (folder / "segments.csv").write_text("video,start,verb\nv1.mp4,0,take\n")
    report = check(DataCard.read(folder))
    assert (report.clips_usable, report.clips_total) == (0, 0)
    assert len(report.faults) >= 1


def test_hands_of_a_data_card_that_cannot_be_read_are_a_fault(folder):
    (folder / "segments.csv").write_text("video,start,stop,verb,noun\nv1.mp4,0,1,take,cup\n")
    card = DataCard.read(folder).model_copy(update={"hands": folder / "none.parquet", "hands_format": "boxes"})
    (folder / "segments.csv").write_text("video,start,stop,verb,noun\nv1.mp4,0,1,take,cup\nv2.mp4,0,9,take,cup\n")
    report = check(card)
    assert (report.clips_usable, report.clips_total) == (0, 2)
    assert sum("none.parquet" in str(fault) for fault in report.faults) == 1
    assert report.counts["past-the-end"] == 1


def test_progress_counts_the_headers(dataset):
    seen: list[tuple[int, int]] = []
    check(dataset, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    seen.clear()
    check(dataset, locator=LeftHalf(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 6)]  # the one that does not open has no detections to be read
