"""Ego4D's FHO annotations as downloaded, and as they go wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from egoshift.datasets import DataCard, load_dataset
from egoshift.errors import DataError
from egoshift.records import CLIP_SCHEMA, Dataset, SensorFile
from tests.unit.datasets.several_sensors import write_video
from tests.unit.datasets.writing import LTA_TAXONOMY, lta_entry, touch, write_json, write_lta, write_metadata


def card(tmp_path: Path, **fields: object) -> DataCard:
    places = {"annotations": tmp_path / "v2/annotations", "videos": tmp_path / "v2/videos"}
    return DataCard.model_validate({"name": "ego4d", "format": "ego4d-fho", **places, **fields})


def times(dataset: Dataset) -> list[tuple[object, ...]]:
    return dataset.clips.select("clip_id", "video_id", "start_s", "stop_s").rows()


def test_segments_become_clips_with_official_classes(tmp_path: Path) -> None:
    train = [lta_entry(index=3), lta_entry(index=4, noun="nut_(tool)", noun_label=3)]
    val = [lta_entry("clip-b", verb="put_(place,_leave,_drop)", verb_label=0)]
    write_lta(tmp_path / "v2/annotations", train, val)
    touch(tmp_path / "v2/videos", "video-a.mp4", "video-b.mp4")
    dataset = load_dataset(card(tmp_path))
    assert dataset.clips.schema == CLIP_SCHEMA
    assert dataset.clips.drop("file").rows() == [
        ("clip-a_3", "video-a", 104.0, 112.0, "train", 1, 1, 1, None),
        ("clip-a_4", "video-a", 104.0, 112.0, "train", 1, 3, 2, None),
        ("clip-b_0", "video-b", 104.0, 112.0, "val", 0, 1, 0, None),
    ]
    assert dataset.vocabularies["noun"].names == ("cup", "faucet", "nut", "nut tool")
    assert dataset.vocabularies["noun"].synonyms == (("mug", "tumbler"), ("tap",), (), ())
    assert dataset.vocabularies["action"].names == ("put faucet", "take faucet", "take nut tool")
    assert (dataset.faults, dataset.num_annotated) == ((), 3)


def test_times_count_from_the_clip_where_clips_were_downloaded(tmp_path: Path) -> None:
    write_lta(tmp_path / "v2/annotations", [lta_entry("clip-a"), lta_entry("clip-b")])
    touch(tmp_path / "v2/videos", "clip-a.mp4", "video-b.mp4", "clip-b.mp4")
    assert times(load_dataset(card(tmp_path))) == [
        ("clip-a_0", "clip-a", 4.0, 12.0),
        ("clip-b_0", "video-b", 104.0, 112.0),
    ]
    assert times(load_dataset(card(tmp_path, unit="clip"))) == [
        ("clip-a_0", "clip-a", 4.0, 12.0),
        ("clip-b_0", "clip-b", 4.0, 12.0),
    ]
    full = load_dataset(card(tmp_path, unit="full"))
    assert times(full) == [("clip-b_0", "video-b", 104.0, 112.0)]
    assert [fault.kind for fault in full.faults] == ["missing-video"]


def test_the_middle_four_seconds_are_those_of_the_released_code(tmp_path: Path) -> None:
    write_lta(tmp_path / "v2/annotations", [lta_entry()])
    touch(tmp_path / "v2/videos", "clip-a.mp4")
    assert times(load_dataset(card(tmp_path, window_s=4.0))) == [("clip-a_0", "clip-a", 6.0, 10.0)]


def test_every_bad_entry_is_left_out_and_named(tmp_path: Path) -> None:
    train = [
        lta_entry(),
        lta_entry(index=1, action_clip_end_sec=1.0),
        lta_entry(index=2, verb_label="take"),
        lta_entry(index=3, verb="cut_(trim,_slice,_chop)"),
        lta_entry(index=4, noun_label=9),
        lta_entry(),
        lta_entry("clip-b"),
        lta_entry(index=7, clip_parent_start_sec=None),
    ]
    write_lta(tmp_path / "v2/annotations", train)
    touch(tmp_path / "v2/videos", "video-a.mp4")
    dataset = load_dataset(card(tmp_path))
    assert dataset.clips["clip_id"].to_list() == ["clip-a_0"]
    assert [(fault.kind, fault.message, fault.row) for fault in dataset.faults] == [
        ("bad-value", "entry 2: verb_label is 'take', expected a whole number", None),
        (
            "unknown-class",
            "entry 3: verb is cut_(trim,_slice,_chop), but class 1 of the taxonomy is take_(pick,_grab,_get)",
            None,
        ),
        ("bad-value", "entry 7: clip_parent_start_sec is empty", None),
        ("swapped-times", "entry 1: stops at 101.0 s but starts at 104.0 s", None),
        ("unknown-class", "entry 4: noun class 9 is unknown, expected 0 to 3", None),
        ("duplicate-clip", "entry 5: clip clip-a_0 is already defined above", None),
        ("missing-video", f"video 'video-b' (1 clips) is not in {tmp_path / 'v2/videos'}", None),
    ]
    assert all(fault.path.name == "fho_lta_train.json" for fault in dataset.faults)


def test_frames_are_read_at_the_rate_of_the_metadata(tmp_path: Path) -> None:
    write_lta(tmp_path / "v2/annotations", [lta_entry()])
    touch(tmp_path / "v2/videos", "clip-a/0000001.jpg")
    assert load_dataset(card(tmp_path)).faults[0].kind == "unknown-rate"
    write_metadata(tmp_path / "ego4d.json", {"video-a": "train"}, fps=29.97)
    assert load_dataset(card(tmp_path)).frame_rates_hz == {"clip-a": 29.97}


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("fho_lta_train.json", {"videos": []}, "no list 'clips'"),
        ("fho_lta_train.json", [1], "no list 'clips'"),
        ("fho_lta_train.json", {"clips": [{"video_uid": "a"}]}, "'clip_uid' is missing"),
        ("fho_lta_taxonomy.json", {"verbs": ["a"]}, "no list 'nouns'"),
        ("fho_lta_taxonomy.json", {"verbs": ["a"], "nouns": [1]}, "'verbs' and 'nouns' must be lists of names"),
        ("fho_lta_taxonomy.json", {"verbs": ["a"], "nouns": ["x_(b,_c)", "x"]}, "noun classes 0 and 1 are both 'x'"),
        ("../../ego4d.json", {"videos": [7]}, "where a list of objects was expected"),
    ],
)
def test_files_of_another_layout_are_refused(tmp_path: Path, name: str, contents: object, message: str) -> None:
    write_lta(tmp_path / "v2/annotations", [lta_entry()])
    touch(tmp_path / "v2/videos", "clip-a.mp4")
    write_json(tmp_path / "v2/annotations" / name, contents)
    with pytest.raises(DataError, match=message):
        load_dataset(card(tmp_path))


def test_missing_and_broken_files_are_told_together(tmp_path: Path) -> None:
    touch(tmp_path / "v2/annotations", "fho_lta_train.json")
    with pytest.raises(DataError) as caught:
        load_dataset(card(tmp_path))
    assert [(fault.path.name, fault.kind) for fault in caught.value.faults] == [
        ("fho_lta_taxonomy.json", "missing-file"),
        ("fho_lta_train.json", "bad-json"),
        ("videos", "missing-folder"),
    ]
    with pytest.raises(DataError, match=r"none of fho_lta_train\.json, fho_lta_val\.json, fho_main\.json is here"):
        load_dataset(card(tmp_path, annotations=tmp_path))


def action(start_s: float, verb: str | None, noun: str | None, **changes: object) -> dict[str, object]:
    frame = {
        "frame_type": "pnr_frame",
        "boxes": [
            {"object_type": "left_hand", "structured_noun": None},
            {"object_type": "object_of_change", "structured_noun": noun},
        ],
    }
    other = {"frame_type": "pre_frame", "boxes": [{"object_type": "object_of_change", "structured_noun": "wrong"}]}
    common = {"is_rejected": False, "is_valid_action": True, "start_sec": start_s, "end_sec": start_s + 8}
    return {"uid": "u", "structured_verb": verb, "frames": [other, frame], **common, **changes}


def write_main(folder: Path, videos: dict[str, list[dict[str, Any]]], splits: dict[str, str | None]) -> None:
    entries = [
        {
            "video_uid": video,
            "annotated_intervals": [
                {
                    "clip_uid": video.replace("video", "clip"),
                    "clip_parent_start_sec": 100.0,
                    "narrated_actions": actions,
                }
            ],
        }
        for video, actions in videos.items()
    ]
    write_json(folder / "fho_main.json", {"version": "2.0", "videos": entries})
    write_json(folder / "fho_main_taxonomy.json", LTA_TAXONOMY)
    write_metadata(folder.parent / "ego4d.json", splits)


def test_the_main_file_is_read_where_it_is_alone(tmp_path: Path) -> None:
    take, cup = LTA_TAXONOMY["verbs"][1], LTA_TAXONOMY["nouns"][0]
    actions = [
        action(110.0, take, cup),
        action(120.0, take, cup, is_rejected=True),
        action(130.0, take, cup, is_valid_action=False),
        action(140.0, None, None, frames=None),
        action(150.0, "juggle", cup),
    ]
    write_main(
        tmp_path / "v2/annotations",
        {"video-a": actions, "video-b": [action(110.0, take, cup)], "video-c": [action(110.0, take, cup)]},
        {"video-a": "train", "video-b": "val", "video-c": "multi"},
    )
    touch(tmp_path / "v2/videos", "video-a.mp4", "clip-b.mp4")
    dataset = load_dataset(card(tmp_path))
    assert dataset.clips.select("clip_id", "video_id", "start_s", "stop_s", "split", "verb", "noun").rows() == [
        ("clip-a_0", "video-a", 110.0, 118.0, "train", 1, 0),
        ("clip-a_3", "video-a", 140.0, 148.0, "train", None, None),
        ("clip-b_0", "clip-b", 10.0, 18.0, "val", 1, 0),
    ]
    assert [(fault.kind, fault.message) for fault in dataset.faults] == [
        ("unknown-split", "entry 4: video video-c has the split multi, expected train, val or test"),
        ("unknown-class", "entry 2: verb juggle is not in the taxonomy"),
    ]
    assert dataset.num_annotated == 5


def test_the_main_file_needs_the_metadata_and_its_layout(tmp_path: Path) -> None:
    folder = tmp_path / "v2/annotations"
    write_main(folder, {"video-a": []}, {})
    (folder.parent / "ego4d.json").unlink()
    write_json(folder / "fho_main.json", {"videos": [{"video_uid": "a"}]})
    with pytest.raises(DataError) as caught:
        load_dataset(card(tmp_path), need_videos=False)
    assert [(fault.path.name, fault.kind) for fault in caught.value.faults] == [
        ("ego4d.json", "missing-file"),
        ("fho_main.json", "wrong-type"),
    ]


def test_the_sensors_are_pictures_sound_and_the_table_of_the_full_video(tmp_path: Path) -> None:
    write_lta(tmp_path / "v2/annotations", [lta_entry("clip-a"), lta_entry("clip-b"), lta_entry("clip-c")])
    for name, sound in (("clip-a", True), ("video-b", False)):
        write_video(tmp_path / f"v2/videos/{name}.mp4", sound=sound)
    touch(tmp_path / "v2/imu", "video-a.csv", "video-c.csv", "video-unused.csv")
    dataset = load_dataset(card(tmp_path))
    clip, full = (SensorFile(tmp_path / f"v2/videos/{name}.mp4", "av") for name in ("clip-a", "video-b"))
    tables = {name: tmp_path / f"v2/imu/video-{name}.csv" for name in "ac"}
    assert dataset.sensors == {
        # The table counts from the start of the full video, in which the clip begins at 100 s.
        "clip-a": {"video": clip, "audio": clip, "imu": SensorFile(tables["a"], "ego4d", begin_s=100.0)},
        "video-b": {"video": full},
        "video-c": {"imu": SensorFile(tables["c"], "ego4d")},
    }
    assert dataset.faults == ()
    assert dataset.clips["video_id"].to_list() == ["clip-a", "video-b", "video-c"]
    assert load_dataset(card(tmp_path), need_videos=False).sensors == {}


def test_what_ego4d_json_says_of_sound_is_believed_and_no_video_opened(tmp_path: Path) -> None:
    write_lta(tmp_path / "v2/annotations", [lta_entry("clip-a"), lta_entry("clip-b"), lta_entry("clip-c")])
    touch(tmp_path / "v2/videos", "video-a.mp4", "clip-b.mp4", "video-c.mp4")
    write_metadata(tmp_path / "v2/ego4d.json", dict.fromkeys(("video-a", "video-b", "video-c"), "train"))
    contents = json.loads((tmp_path / "v2/ego4d.json").read_text())
    for video, start_s in zip(contents["videos"], (0.02, -0.01, None), strict=True):
        video["video_metadata"]["audio_start_sec"] = start_s
    write_json(tmp_path / "v2/ego4d.json", contents)
    dataset = load_dataset(card(tmp_path))
    assert {video: list(files) for video, files in dataset.sensors.items()} == {
        "video-a": ["video", "audio"],
        "clip-b": ["video", "audio"],
        "video-c": ["video"],
    }
