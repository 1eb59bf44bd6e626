"""ClassyGlass: windows of recordings, nobody in two splits, and each recording's own sensors; made and real."""

import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from egoshift.datasets import DataCard, load_dataset, sensor_coverage
from egoshift.datasets.classyglass import split_users
from egoshift.errors import DataError
from egoshift.records import CLIP_SCHEMA, Dataset, SensorFile

SENSORS = {"acc": "Accelerometer", "gyr": "Gyroscope", "mag": "Magnetometer", "pre": "Pressure"}
NAMES = ("standing", "sit_wear/remove  Glasses")

Entry = dict[str, object]


def entry(user: int, experiment: int = 0, seconds: float = 9.5, **changes: object) -> Entry:
    label = experiment % len(NAMES)
    told = {"set": "1A", "user": user, "exp": experiment, "label": label, "name": NAMES[label], "seconds": seconds}
    return {**told, "sensors": list(SENSORS.values()), **changes}


def write_archive(path: Path, entries: Sequence[Entry], *, without: Mapping[int, Sequence[str]] | None = None) -> Path:
    """Every sensor of every entry but those named by entry and by the end of their array's name."""
    arrays = {
        f"{index}_{ending}": np.zeros((5, 1 if ending == "pre" else 3), np.int16)
        for index in range(len(entries))
        for ending in SENSORS
        if ending not in (without or {}).get(index, ())
    }
    np.savez(path, meta=np.array(json.dumps(entries)), **arrays)  # type: ignore[arg-type]
    return path


FOUR = (entry(1), entry(2, 1), entry(3), entry(4, 1))


def load(path: Path, *, need_videos: bool = True, **fields: object) -> Dataset:
    card = DataCard.model_validate({"name": "glasses", "format": "classyglass", "annotations": path, **fields})
    return load_dataset(card, need_videos=need_videos)


def users(dataset: Dataset) -> dict[str, set[int]]:
    """The users of each split, from the names of the recordings."""
    found: dict[str, set[int]] = {}
    for video, split in dataset.clips.select("video_id", "split").iter_rows():
        found.setdefault(split, set()).add(int(re.findall(r"-u(\d+)-", video)[0]))
    return found


def test_recordings_become_windows_and_names_become_classes(tmp_path: Path) -> None:
    dataset = load(write_archive(tmp_path / "a.npz", FOUR), test_users=[2], val_users=[4])
    assert dataset.clips.schema == CLIP_SCHEMA
    assert dataset.clips.drop("file").rows() == [
        ("1A-u01-e00:0", "1A-u01-e00", 0.0, 4.0, "train", None, None, 0, None),
        ("1A-u01-e00:1", "1A-u01-e00", 4.0, 8.0, "train", None, None, 0, None),
        ("1A-u02-e01:0", "1A-u02-e01", 0.0, 4.0, "test", None, None, 1, None),
        ("1A-u02-e01:1", "1A-u02-e01", 4.0, 8.0, "test", None, None, 1, None),
        ("1A-u03-e00:0", "1A-u03-e00", 0.0, 4.0, "train", None, None, 0, None),
        ("1A-u03-e00:1", "1A-u03-e00", 4.0, 8.0, "train", None, None, 0, None),
        ("1A-u04-e01:0", "1A-u04-e01", 0.0, 4.0, "val", None, None, 1, None),
        ("1A-u04-e01:1", "1A-u04-e01", 4.0, 8.0, "val", None, None, 1, None),
    ]
    assert dataset.vocabularies["action"].names == ("standing", "sit wear/remove glasses")
    assert (dataset.faults, dataset.num_annotated, dataset.videos, dataset.novel_classes) == ((), 8, {}, {})


@pytest.mark.parametrize(("seconds", "clip_s", "windows"), [(9.6, 3.2, 3), (9.59, 3.2, 2), (3.3, 1.1, 3), (4, 4, 1)])
def test_as_many_windows_as_fit(tmp_path: Path, seconds: float, clip_s: float, windows: int) -> None:
    archive = write_archive(tmp_path / "a.npz", [entry(user, user % 2, seconds) for user in range(4)])
    dataset = load(archive, clip_s=clip_s)
    assert dataset.clips.group_by("video_id").len()["len"].to_list() == [windows] * 4
    assert bool(((dataset.clips["stop_s"] - dataset.clips["start_s"] - clip_s).abs() < 1e-9).all())


def test_a_sensor_that_did_not_record_is_absent_and_one_that_is_only_listed_is_told(tmp_path: Path) -> None:
    entries = [*FOUR[:3], entry(4, 1, sensors=["Accelerometer", "Gyroscope"])]
    path = write_archive(tmp_path / "a.npz", entries, without={1: ["acc"], 3: ["mag", "pre"]})
    dataset = load(path)
    names = ["accelerometer", "gyroscope", "magnetometer", "barometer"]
    assert {video: list(files) for video, files in dataset.sensors.items()} == {
        "1A-u01-e00": names,
        "1A-u02-e01": names[1:],
        "1A-u03-e00": names,
        "1A-u04-e01": names[:2],
    }
    assert dataset.sensors["1A-u03-e00"]["gyroscope"] == SensorFile(path, "classyglass", "2")
    assert [str(fault) for fault in dataset.faults] == [
        f"{path}: entry 1: lists Accelerometer but has no array 1_acc; "
        "the sensor counts as absent; download the archive again"
    ]
    assert [(one.sensor, one.recordings, one.clips) for one in sensor_coverage(dataset)] == [
        ("accelerometer", 3, 6),
        ("gyroscope", 4, 8),
        ("magnetometer", 3, 6),
        ("barometer", 3, 6),
    ]


def test_a_sensor_absent_everywhere_and_a_recording_without_any_are_told(tmp_path: Path) -> None:
    gone = {0: ["pre"], 1: ["pre"], 2: ["pre", "acc", "gyr", "mag"], 3: ["pre"]}
    entries = [{**one, "sensors": None} for one in FOUR]
    dataset = load(write_archive(tmp_path / "a.npz", entries, without=gone))
    assert [fault.kind for fault in dataset.faults] == ["missing-video", "absent-sensor"]
    assert dataset.faults[1].message == "no recording has barometer (there is no array such as 0_pre)"
    assert "1A-u03-e00" not in set(dataset.clips["video_id"])
    assert len(load(tmp_path / "a.npz", need_videos=False).clips) == 8


def test_bad_entries_are_named_and_the_others_go_on(tmp_path: Path) -> None:
    entries = [
        *FOUR,
        entry(5, 1, name="running"),
        entry(6, 1, seconds=3.9),
        entry(1),
        {**entry(7, 1), "seconds": "long"},
        {key: value for key, value in entry(8, 1).items() if key != "user"},
    ]
    dataset = load(write_archive(tmp_path / "a.npz", entries))
    assert dataset.clips["video_id"].n_unique() == 4
    assert [(fault.kind, fault.message) for fault in dataset.faults] == [
        ("bad-value", "entry 8: user is empty, expected a whole number"),
        ("bad-value", "entry 7: seconds is 'long', expected a number, not negative"),
        ("conflicting-labels", f"entry 4: label 1 is called running but also {NAMES[1]}"),
        ("duplicate-recording", "entry 6: recording 1A-u01-e00 is already listed above"),
        ("too-short", "entry 5: recording 1A-u06-e01 lasts 3.9 s, less than a window of 4.0 s"),
    ]


@pytest.mark.parametrize("content", [None, b"", b"acc,gyr\n1,2\n", b"PK\x03\x04" + b"\0" * 50, "no meta", "cut"])
def test_what_is_no_archive_is_refused_in_one_line(tmp_path: Path, content: bytes | str | None) -> None:
    path = tmp_path / "a.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "cut":
        whole = write_archive(path, FOUR).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif content == "no meta":
        np.savez(path, other=np.zeros(3))
    with pytest.raises(DataError) as caught:
        load(path)
    message = "no such file" if content is None else "is no .npz archive with an array 'meta' of text"
    assert str(caught.value).startswith(f"{path}: {message}; ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ("[", r"its array 'meta' is not JSON \(Expecting value\)"),
        ("[]", "its array 'meta' lists no recording"),
        ("{}", "its array 'meta' lists no recording"),
        ("[1]", "holds a list where a list of objects was expected"),
        (json.dumps([entry(1, label=0), entry(2, label=3)]), r"labels are \[0, 3\], expected 0, 1, 2 and so on"),
        (json.dumps([entry(1, 0, 1), entry(2, 1, 1)]), "no user is left to train on: 2 in all"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(tmp_path: Path, meta: str, message: str) -> None:
    np.savez(tmp_path / "a.npz", meta=np.array(meta))
    with pytest.raises(DataError, match=message):
        load(tmp_path / "a.npz")


def test_a_pickle_in_the_archive_is_not_run(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.savez(content, meta=np.array([{"user": 1}], dtype=object))
    (tmp_path / "a.npz").write_bytes(content.getvalue())
    with pytest.raises(DataError, match=r"is no \.npz archive"):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize("seed", range(20))
def test_nobody_is_in_two_splits_whatever_the_seed(seed: int) -> None:
    parts = {"1A": range(1, 13), "1B": range(13, 28)}
    splits = split_users(parts, seed)
    assert sorted(splits) == list(range(1, 28))
    for part, left_out in (("1A", 2), ("1B", 3)):
        found = [splits[user] for user in parts[part]]
        assert (found.count("test"), found.count("val")) == (left_out, left_out)
    assert splits == split_users({"1B": list(parts["1B"])[::-1], "1A": parts["1A"]}, seed)
    assert splits != split_users(parts, seed + 1)


def test_named_users_are_left_out_and_the_others_are_drawn(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.npz", [entry(user, user % 2) for user in range(10)])
    named = users(load(path, test_users=[3, 8], split_seed=4))
    assert named["test"] == {3, 8}
    assert len(named["val"]) == 2
    assert named["train"] == set(range(10)) - named["test"] - named["val"]
    with pytest.raises(DataError, match=r"user 11, 12 is not here; users are 0, 1, .*; correct test_users"):
        load(path, test_users=[3, 12], val_users=[11])


def test_the_real_recordings_are_read_and_split_by_users(assets: Path) -> None:
    dataset = load(assets / "imu" / "classyglass_1ab.npz")
    assert dataset.faults == ()
    assert len(dataset.vocabularies["action"]) == 15
    found = users(dataset)
    assert {split: len(people) for split, people in found.items()} == {"train": 17, "val": 5, "test": 5}
    assert set.union(*found.values()) == set(range(1, 13)) | set(range(13, 28))
    lengths = dataset.clips["stop_s"] - dataset.clips["start_s"]
    assert 12.0 < lengths.sum() / 3600 < 12.3
    for split in found:
        labels = dataset.clips.filter(pl.col("split") == split)["action"]
        assert labels.n_unique() == 15
    with np.load(assets / "imu" / "classyglass_1ab.npz") as archive:
        meta, arrays = json.loads(str(archive["meta"])), set(archive.files)
    assert len(dataset.sensors) == len(meta) == 342
    for files in dataset.sensors.values():
        index = next(iter(files.values())).part
        listed = {name[:3].lower() for name in meta[int(index)]["sensors"]}
        assert {name[:3] for name in files} == {"bar" if name == "pre" else name for name in listed}
        assert {f"{index}_{name}" for name in listed} <= arrays
    assert {one.sensor: one.recordings for one in sensor_coverage(dataset)} == {
        "accelerometer": 340,
        "gyroscope": 341,
        "magnetometer": 341,
        "barometer": 341,
    }
