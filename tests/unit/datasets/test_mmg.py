"""Clips of several sensors: EgoWorld's own tables, and what can be wrong with such."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from egoshift.datasets import DataCard, load_dataset, sensor_coverage
from egoshift.errors import DataError
from egoshift.records import CLIP_SCHEMA, SensorFile
from egoshift.world.casts import write_cast
from egoshift.world.files.multimodal import video_path, write_annotations
from egoshift.world.files.sensors import ego4d_path, write_ego4d
from egoshift.world.vocabulary import ACTIVITIES
from tests.unit.datasets.several_sensors import (
    CLASS_ROWS,
    CLIPS,
    load,
    said,
    write_files,
    write_media,
    write_video,
)
from tests.unit.datasets.writing import write_rows


def test_the_worlds_own_tables_are_read_without_a_fault(tmp_path: Path) -> None:
    scripts = write_cast("multimodal", 5, 0.05)
    write_annotations(tmp_path, scripts, ACTIVITIES)
    write_ego4d(tmp_path, scripts[0])
    for script in scripts:
        # What is seen, heard and felt in them is not looked at here.
        write_video(video_path(tmp_path, script), sound=True)
        ego4d_path(tmp_path, script).touch()
    dataset = load(tmp_path, need_videos=True)
    assert dataset.faults == ()
    assert dataset.clips.schema == CLIP_SCHEMA
    written = pl.read_csv(tmp_path / "clips.csv")
    assert len(dataset.clips) == dataset.num_annotated == len(written) > 15
    assert dataset.clips["action"].to_list() == written["class"].to_list()
    assert dataset.clips["split"].to_list() == written["split"].to_list()
    assert dataset.clips.select("start_s", "stop_s").rows() == written.select("start_s", "stop_s").rows()
    assert dataset.vocabularies["action"].names == tuple(activity.name for activity in ACTIVITIES)
    novel = tuple(index for index, activity in enumerate(ACTIVITIES) if activity.novel)
    assert dataset.novel_classes == {"action": novel}
    assert len(novel) == 8
    assert set(dataset.sensors) == set(dataset.videos) == set(written["video"])
    for video, files in dataset.sensors.items():
        path = tmp_path / "videos" / f"{video}.mp4"
        imu = tmp_path / "imu" / f"{video}.csv"
        assert files == {
            "video": SensorFile(path, "av"),
            "audio": SensorFile(path, "av"),
            "imu": SensorFile(imu, "ego4d"),
        }
        assert dataset.videos[video] == path
        assert imu.exists()


def test_a_recording_has_the_sensors_that_are_there_and_no_others(tmp_path: Path) -> None:
    write_files(tmp_path)
    write_media(tmp_path)
    dataset = load(tmp_path, need_videos=True)
    assert dataset.faults == ()
    assert {video: sorted(files) for video, files in dataset.sensors.items()} == {
        "a": ["audio", "imu", "video"],
        "b": ["imu", "video"],
        "c": ["imu"],
    }
    assert set(dataset.videos) == {"a", "b"}
    assert dataset.clips.drop("file").rows() == [
        ("a0", "a", 0.0, 2.5, "train", None, None, 1, 2),
        ("a1", "a", 3.0, 5.0, "val", None, None, 0, 3),
        ("b0", "b", 0.0, 1.0, "test", None, None, 2, 4),
        ("c0", "c", 0.0, 4.0, "unlabelled", None, None, None, 5),
    ]
    assert dataset.vocabularies["action"].names == ("wash dishes", "mop the floor", "use phone")
    assert [str(one) for one in sensor_coverage(dataset)] == [
        "video: 2 of 3 recordings, 3 of 4 clips",
        "audio: 1 of 3 recordings, 2 of 4 clips",
        "imu: 3 of 3 recordings, 4 of 4 clips",
    ]


def test_one_table_is_enough_where_classes_are_named_in_it(tmp_path: Path) -> None:
    clips = [
        ("1", "a", 0, 1, "Use_phone", "novel", "test"),
        ("2", "a", 1, 2, "mop the floor", "base", "train"),
        ("3", "a", 2, 3, "use phone", "", "test"),
        ("4", "a", 3, 4, "", "", "unlabelled"),
        ("5", "a", 4, 5, "mop the floor", "novel", "test"),
    ]
    write_files(tmp_path, clips, classes=False)
    dataset = load(tmp_path)
    assert dataset.vocabularies["action"].names == ("mop the floor", "use phone")
    assert dataset.novel_classes == {"action": (1,)}
    assert dataset.clips["action"].to_list() == [1, 0, 1, None]
    assert said(dataset) == [("wrong-group", 6)]
    alone = DataCard(name="mmg", format="mmg", annotations=tmp_path / "clips.csv", videos=tmp_path)
    assert load_dataset(alone, need_videos=False).clips.rows() == dataset.clips.rows()


def test_every_bad_row_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    clips = [
        *CLIPS,
        ("d0", "a", 5, 4, 0, "base", "train"),
        ("d1", "a", 5, 6, 3, "base", "train"),
        ("d2", "a", 5, 6, "phone", "base", "train"),
        ("d3", "a", 5, 6, "", "", "test"),
        ("d4", "a", 5, 6, 1, "base", "unlabelled"),
        ("d5", "a", 5, 6, 1, "novel", "test"),
        ("d6", "a", 5, 6, 2, "novel", "train"),
        ("d7", "a", 5, 6, 1, "base", "dev"),
        ("d8", "a", 5, 6, 1, "unseen", "test"),
        ("a0", "a", 5, 6, 1, "base", "test"),
        ("d9", "a", "soon", 6, 1, "base", "test"),
        ("e0", "a", 6, 7, 2, "novel"),
        ("e1", "lost", 6, 7, 1, "base", "test"),
        ("e2", "a", 6, 7, 0, "base", "train"),
    ]
    write_files(tmp_path, clips)
    write_media(tmp_path)
    dataset = load(tmp_path, need_videos=True)
    assert dataset.clips["clip_id"].to_list() == ["a0", "a1", "b0", "c0", "e2"]
    assert dataset.num_annotated == len(clips)
    assert sorted(said(dataset), key=lambda fault: fault[1] or 0) == [
        ("swapped-times", 6),
        ("unknown-class", 7),
        ("bad-value", 8),
        ("no-class", 9),
        ("class-of-unlabelled", 10),
        ("wrong-group", 11),
        ("novel-in-training", 12),
        ("unknown-split", 13),
        ("unknown-group", 14),
        ("duplicate-clip", 15),
        ("bad-time", 16),
        ("wrong-fields", 17),
        ("missing-video", 18),
    ]
    texts = {fault.kind: str(fault) for fault in dataset.faults}
    where = f"{tmp_path / 'clips.csv'}, row"
    assert texts["unknown-class"].startswith(f"{where} 7: action class 3 is unknown, expected 0 to 2; ")
    assert texts["wrong-group"].startswith(f"{where} 11: clip d5 is novel, but its class mop the floor is base; ")
    assert texts["novel-in-training"].startswith(
        f"{where} 12: clip d6 of the novel class use phone is in the split train"
    )
    assert texts["missing-video"].startswith(f"{where} 18: video 'lost' (1 clips) is not in ")
    assert all("\n" not in text for text in texts.values())


@pytest.mark.parametrize(("separator", "name"), [(";", "';'"), ("\t", "tabs"), ("|", "'|'")])
def test_another_separator_is_told_in_one_line(tmp_path: Path, separator: str, name: str) -> None:
    write_files(tmp_path)
    path = tmp_path / "clips.csv"
    path.write_text(path.read_text().replace(",", separator))
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{path}, row 1: columns are separated by {name}; separate them by commas"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (((0, "wash", "base"), (2, "mop", "base")), "classes.csv: ids are not 0, 1, 2 and so on"),
        (((0, "wash", "base"), (1, "Wash", "base")), "classes.csv: action classes 0 and 1 are both 'wash'"),
        (((0, "wash", "old"),), "classes.csv, row 2: group old is unknown; use base or novel"),
        ((), "classes.csv: lists no class"),
    ],
)
def test_a_class_list_that_cannot_be_meant_is_refused(
    tmp_path: Path, rows: Sequence[Sequence[object]], message: str
) -> None:
    write_files(tmp_path)
    write_rows(tmp_path / "classes.csv", ("id", "name", "group"), rows)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_all_that_is_wrong_with_any_file_is_told_together(tmp_path: Path) -> None:
    write_rows(tmp_path / "clips.csv", ("clip_id", "video", "start_s", "stop_s"), [("1", "a", 0, 1)])
    write_rows(tmp_path / "classes.csv", ("id", "label", "group"), CLASS_ROWS)
    with pytest.raises(DataError) as caught:
        load(tmp_path, need_videos=True)
    found = [(fault.kind, fault.path.name, fault.message) for fault in caught.value.faults]
    assert found == [
        ("missing-column", "classes.csv", "'name' is missing"),
        ("missing-column", "clips.csv", "'split' is missing"),
        ("missing-column", "clips.csv", "'class' is missing"),
        ("missing-folder", "videos", "no such folder of videos"),
    ]
