from dataclasses import replace
from pathlib import Path

import pytest

from egoshift.datasets import DataCard
from egoshift.errors import Fault
from egoshift.features import check
from tests.fixtures.videos import write_video

from .examples import LeftHalf, example_dataset


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


def test_missing_hand_detections_are_faults_of_their_videos(dataset):
    report = check(dataset, locator=LeftHalf(missing=["v2"]))
    assert report.clips["clip_id"].to_list() == ["v1_0"]
    assert report.unusable["v2"].kind == "missing-detections"


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
    report = check(card)
    assert report.clips_usable == 0
    assert any("none.parquet" in str(fault) for fault in report.faults)


def test_progress_counts_the_headers(dataset):
    seen: list[tuple[int, int]] = []
    check(dataset, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
