"""EPIC-KITCHENS-100 as downloaded, and as it goes wrong."""

from pathlib import Path

import pytest

from egoshift.datasets import DataCard, load_dataset
from egoshift.errors import DataError
from egoshift.records import CLIP_SCHEMA, Dataset, SensorFile
from tests.unit.datasets.several_sensors import write_video
from tests.unit.datasets.writing import epic_row, touch, write_epic, write_rows


def card(tmp_path: Path, **fields: object) -> DataCard:
    values = {"name": "kitchens", "format": "epic-kitchens", "annotations": tmp_path / "anno", "videos": tmp_path / "v"}
    return DataCard.model_validate({**values, **fields})


def kinds(dataset: Dataset) -> list[tuple[str, int | None]]:
    return [(fault.kind, fault.row) for fault in dataset.faults]


def test_segments_become_clips_with_classes_and_actions(tmp_path: Path) -> None:
    train = [
        epic_row("P01_01_0", "00:00:01.50", "00:01:03.25", verb=0, noun=2, narration='take "the, cup"'),
        epic_row("P01_01_1", verb=1, noun=1),
    ]
    write_epic(tmp_path / "anno", train, [epic_row("P01_101_0", verb=0, noun=1), epic_row("P01_101_1", noun=2)])
    touch(tmp_path / "v", "P01_01.MP4", "P01/videos/P01_101.mp4")
    dataset = load_dataset(card(tmp_path))
    assert dataset.clips.schema == CLIP_SCHEMA
    assert dataset.clips.drop("file").rows() == [
        ("P01_01_0", "P01_01", 1.5, 63.25, "train", 0, 2, 1, 2),
        ("P01_01_1", "P01_01", 1.0, 2.5, "train", 1, 1, 2, 3),
        ("P01_101_0", "P01_101", 1.0, 2.5, "val", 0, 1, 0, 2),
        ("P01_101_1", "P01_101", 1.0, 2.5, "val", 0, 2, 1, 3),
    ]
    assert [Path(file).name for file in dataset.clips["file"].unique().sort()] == [
        "EPIC_100_train.csv",
        "EPIC_100_validation.csv",
    ]
    assert dataset.vocabularies["verb"].names == ("take", "put", "turn on")
    assert dataset.vocabularies["noun"].names == ("tap", "chopping board", "cup")
    assert dataset.vocabularies["noun"].synonyms == (("water tap", "faucet"), (), ("mug",))
    assert dataset.vocabularies["action"].names == ("take chopping board", "take cup", "put chopping board")
    assert dataset.videos == {"P01_01": tmp_path / "v/P01_01.MP4", "P01_101": tmp_path / "v/P01/videos/P01_101.mp4"}
    assert (dataset.name, dataset.faults, dataset.num_annotated) == ("kitchens", (), 4)


def test_every_bad_row_is_left_out_and_named(tmp_path: Path) -> None:
    train = [
        epic_row("P01_01_0"),
        epic_row("P01_01_1", "00:00:05.00", "00:00:05.00"),
        epic_row("P01_01_2", verb=3),
        epic_row("P01_01_3", "soon"),
        epic_row("P01_01_0"),
        epic_row("P01_02_0"),
        epic_row("P01_02_1"),
        epic_row("P01_01_4", "00:00:05.00", "00:00:04.00", noun=-1),
    ]
    write_epic(tmp_path / "anno", train)
    touch(tmp_path / "v", "P01_01.MP4")
    dataset = load_dataset(card(tmp_path))
    assert dataset.clips["clip_id"].to_list() == ["P01_01_0"]
    assert kinds(dataset) == [
        ("bad-time", 5),
        ("swapped-times", 3),
        ("swapped-times", 9),
        ("unknown-class", 4),
        ("unknown-class", 9),
        ("duplicate-clip", 6),
        ("missing-video", 7),
    ]
    path = tmp_path / "anno/EPIC_100_train.csv"
    assert str(dataset.faults[1]) == (
        f"{path}, row 3: stops at 5.0 s but starts at 5.0 s; exchange or correct the two times"
    )
    assert dataset.faults[3].message == "verb class 3 is unknown, expected 0 to 2"
    assert dataset.faults[6].message == f"video 'P01_02' (2 clips) is not in {tmp_path / 'v'}"
    assert dataset.num_annotated == 8


def test_clips_stay_without_their_videos_where_none_are_needed(tmp_path: Path) -> None:
    write_epic(tmp_path / "anno", [epic_row("P01_01_0"), epic_row("P01_02_0")])
    dataset = load_dataset(card(tmp_path), need_videos=False)
    assert dataset.clips["video_id"].to_list() == ["P01_01", "P01_02"]
    assert (dataset.videos, dataset.faults) == ({}, ())


def test_actions_do_not_depend_on_which_videos_are_there(tmp_path: Path) -> None:
    write_epic(tmp_path / "anno", [epic_row("P01_01_0", noun=2)], [epic_row("P01_02_0", noun=0)])
    touch(tmp_path / "v", "P01_01.MP4")
    dataset = load_dataset(card(tmp_path))
    assert dataset.vocabularies["action"].names == ("take tap", "take cup")
    assert dataset.clips["action"].to_list() == [1]


def test_the_faults_of_all_files_are_told_together(tmp_path: Path) -> None:
    write_epic(tmp_path / "anno", [epic_row("P01_01_0")], [epic_row("P01_02_0", verb="take")])
    write_rows(tmp_path / "anno/EPIC_100_noun_classes.csv", ("id", "name"), [(0, "tap")])
    write_rows(tmp_path / "anno/EPIC_100_verb_classes.csv", ("id", "key"), [(1, "tap"), (2, "cup")])
    with pytest.raises(DataError) as caught:
        load_dataset(card(tmp_path))
    assert [(fault.path.name, fault.message) for fault in caught.value.faults] == [
        ("EPIC_100_validation.csv", "column 'verb_class' holds 'take' and the like in every row"),
        ("EPIC_100_verb_classes.csv", "ids are not 0, 1, 2 and so on"),
        ("EPIC_100_noun_classes.csv", "'key' is missing"),
        ("v", "no such folder of videos"),
    ]


def test_no_segment_file_is_refused(tmp_path: Path) -> None:
    write_epic(tmp_path / "anno")
    (tmp_path / "anno/EPIC_100_train.csv").unlink()
    (tmp_path / "anno/EPIC_100_validation.csv").unlink()
    with pytest.raises(DataError, match=r"neither EPIC_100_train\.csv nor EPIC_100_validation\.csv is here"):
        load_dataset(card(tmp_path))


def test_videos_that_are_all_elsewhere_are_one_fault(tmp_path: Path) -> None:
    write_epic(tmp_path / "anno", [epic_row("P01_01_0"), epic_row("P01_02_0")])
    (tmp_path / "v").mkdir()
    with pytest.raises(DataError, match="none of the 2 videos of the annotations is here, such as 'P01_01'; correct"):
        load_dataset(card(tmp_path))


def test_later_class_files_count_only_alone(tmp_path: Path) -> None:
    write_epic(tmp_path / "anno", [epic_row("P01_01_0")])
    touch(tmp_path / "v", "P01_01.MP4")
    nouns = tmp_path / "anno/EPIC_100_noun_classes.csv"
    later = tmp_path / "anno/EPIC_100_noun_classes_v2.csv"
    write_rows(
        later, ("id", "key", "instances", "category"), [(0, "tap", "['tap']", "x"), (1, "foot", "['foot']", "x")]
    )
    assert len(load_dataset(card(tmp_path)).vocabularies["noun"]) == 3
    nouns.unlink()
    assert load_dataset(card(tmp_path)).vocabularies["noun"].names == ("tap", "foot")


def test_instances_that_are_no_list_are_refused(tmp_path: Path) -> None:
    write_epic(tmp_path / "anno", [epic_row("P01_01_0")])
    write_rows(tmp_path / "anno/EPIC_100_noun_classes.csv", ("id", "key", "instances"), [(0, "tap", "os.remove")])
    write_rows(tmp_path / "anno/EPIC_100_verb_classes.csv", ("id", "key", "instances"), [(0, "take", "[1]")])
    with pytest.raises(DataError, match=r"row 2: instances is 'os.remove', expected a list") as caught:
        load_dataset(card(tmp_path), need_videos=False)
    assert len(caught.value.faults) == 2


def frames(tmp_path: Path, *videos: str) -> None:
    touch(tmp_path / "v", *(f"{video}/frame_{number:010d}.jpg" for video in videos for number in (1, 2)))


def test_frames_are_numbered_at_60_and_50_whatever_the_file_says(tmp_path: Path) -> None:
    rows = [
        epic_row("P01_01_0", "00:20:00.00", "00:20:02.00", start_frame=72000),
        epic_row("P01_101_0", "00:20:00.00", "00:20:02.00", start_frame=60000),
        epic_row("P02_09_0", "00:20:00.00", "00:20:02.00", start_frame=71999),
    ]
    write_epic(tmp_path / "anno", rows, rates={"P01_01": 59.94, "P02_09": 29.97})
    frames(tmp_path, "P01_01", "P01_101", "P02_09")
    dataset = load_dataset(card(tmp_path))
    assert dataset.frame_rates_hz == {"P01_01": 60.0, "P01_101": 50.0, "P02_09": 60.0}
    assert dataset.faults == ()


def test_frames_follow_the_file_where_the_rows_say_so(tmp_path: Path) -> None:
    rows = [epic_row("P01_01_0", "00:00:20.00", "00:00:22.00", start_frame=500), epic_row("kitchen_0", start_frame=25)]
    write_epic(tmp_path / "anno", rows, rates={"P01_01": 25.0, "kitchen": 25.0})
    frames(tmp_path, "P01_01", "kitchen")
    assert load_dataset(card(tmp_path)).frame_rates_hz == {"P01_01": 25.0, "kitchen": 25.0}


def test_a_row_whose_frame_and_time_disagree_is_left_out_where_frames_are_read(tmp_path: Path) -> None:
    rows = [
        epic_row("P01_01_0", "00:00:10.00", "00:00:12.00", start_frame=600),
        epic_row("P01_01_1", "00:00:20.00", "00:00:22.00", start_frame=1260),
        epic_row("P01_01_2", "00:00:30.00", "00:00:32.00", start_frame=1800),
    ]
    write_epic(tmp_path / "anno", rows)
    frames(tmp_path, "P01_01")
    dataset = load_dataset(card(tmp_path))
    assert kinds(dataset) == [("frame-time-mismatch", 3)]
    assert dataset.faults[0].message == "frame 1260 is at 21.0 s but the timestamp is 20.0 s"
    assert len(dataset.clips) == 2
    own = load_dataset(card(tmp_path, frame_rate_hz=30))
    assert (own.frame_rates_hz, own.faults) == ({"P01_01": 30.0}, ())
    touch(tmp_path / "v", "P01_01.MP4")
    assert load_dataset(card(tmp_path)).faults == ()


def test_frames_without_a_rate_are_left_out(tmp_path: Path) -> None:
    write_epic(tmp_path / "anno", [epic_row("kitchen_0"), epic_row("P01_01_0")])
    frames(tmp_path, "kitchen", "P01_01")
    dataset = load_dataset(card(tmp_path))
    assert [str(fault) for fault in dataset.faults] == [
        f"{tmp_path / 'v/kitchen'}: the frames of video 'kitchen' (1 clips) have no known rate; "
        "set frame_rate_hz in the data card"
    ]
    assert dataset.clips["video_id"].to_list() == ["P01_01"]


def test_only_the_middle_of_long_segments_is_used_where_the_card_asks(tmp_path: Path) -> None:
    rows = [epic_row("P01_01_0", "00:00:10.00", "00:00:18.00", start_frame=600), epic_row("P01_01_1")]
    write_epic(tmp_path / "anno", rows)
    touch(tmp_path / "v", "P01_01.MP4")
    clips = load_dataset(card(tmp_path, window_s=4)).clips
    assert clips.select("start_s", "stop_s").rows() == [(12.0, 16.0), (1.0, 2.5)]


def test_the_sensors_are_pictures_sound_and_whichever_of_the_two_tables_is_there(tmp_path: Path) -> None:
    videos = ("P01_101", "P01_102", "P02_103", "P02_104")
    write_epic(tmp_path / "anno", [epic_row(f"{video}_0") for video in videos])
    for video, sound in (("P01_101", True), ("P01_102", False)):
        write_video(tmp_path / f"v/P01/videos/{video}.MP4", sound=sound)
    touch(tmp_path / "v/P02/rgb_frames/P02_104", "frame_0000000001.jpg")
    touch(tmp_path / "v", "P01/meta_data/P01_101-accl.csv", "P01/meta_data/P01_101-gyro.csv")
    touch(tmp_path / "v", "P02/meta_data/P02_103-gyro.csv", "P02/meta_data/P02_999-gyro.csv")
    dataset = load_dataset(card(tmp_path))
    one, two = (SensorFile(tmp_path / f"v/P01/videos/{video}.MP4", "av") for video in videos[:2])
    assert dataset.sensors == {
        "P01_101": {"video": one, "audio": one, "imu": SensorFile(tmp_path / "v/P01/meta_data", "epic", "P01_101")},
        "P01_102": {"video": two},
        "P02_103": {"imu": SensorFile(tmp_path / "v/P02/meta_data", "epic", "P02_103")},
        "P02_104": {"video": SensorFile(tmp_path / "v/P02/rgb_frames/P02_104", "av")},
    }
    assert (dataset.faults, len(dataset.clips)) == ((), 4)
    assert load_dataset(card(tmp_path), need_videos=False).sensors == {}


def test_without_any_inertial_table_that_sensor_is_silently_not_there(tmp_path: Path) -> None:
    write_epic(tmp_path / "anno", [epic_row("P01_101_0")])
    write_video(tmp_path / "v/P01_101.MP4", sound=True)
    dataset = load_dataset(card(tmp_path))
    assert list(dataset.sensors["P01_101"]) == ["video", "audio"]
    assert dataset.faults == ()


def test_frames_without_a_rate_cost_the_pictures_and_not_the_other_sensors(tmp_path: Path) -> None:
    write_epic(tmp_path / "anno", [epic_row("kitchen_1_0"), epic_row("kitchen_2_0")])
    touch(tmp_path / "v", "kitchen_1/frame_0000000001.jpg", "kitchen_2/frame_0000000001.jpg")
    touch(tmp_path / "v/kitchen/meta_data", "kitchen_2-accl.csv")
    dataset = load_dataset(card(tmp_path))
    assert [fault.kind for fault in dataset.faults] == ["unknown-rate", "unknown-rate"]
    assert dataset.clips["video_id"].to_list() == ["kitchen_2"]
    assert (dataset.videos, list(dataset.sensors["kitchen_2"])) == ({}, ["imu"])
