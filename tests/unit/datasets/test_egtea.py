"""EGTEA Gaze+ as downloaded, and as it goes wrong."""

from pathlib import Path

import polars as pl
import pytest

from egoshift.datasets import DataCard, load_dataset
from egoshift.datasets.egtea import FRAME_RATE_HZ
from egoshift.errors import DataError
from tests.unit.datasets.writing import touch, write_egtea

A = "OP01-R01-PastaSalad-66680-68130-F001597-F001639"
B = "OP01-R01-PastaSalad-1004110-1021110-F024057-F024548"
C = "OP02-R03-BaconAndEggs-102320-105110-F002449-F002529"


def card(tmp_path: Path, **fields: object) -> DataCard:
    values = {"name": "egtea", "format": "egtea", "annotations": tmp_path / "anno", "videos": tmp_path / "v"}
    return DataCard.model_validate({**values, **fields})


def test_published_clip_names_are_the_segment_and_a_tenth_on_each_side() -> None:
    for name in (A, B, C):
        *_, start_ms, stop_ms, first, last = name.split("-")
        start_s, stop_s = int(start_ms) / 1000, int(stop_ms) / 1000
        margin_s = 0.1 * (stop_s - start_s)
        assert int(first[1:]) / FRAME_RATE_HZ == pytest.approx(start_s - margin_s, abs=1 / FRAME_RATE_HZ)
        assert int(last[1:]) / FRAME_RATE_HZ == pytest.approx(stop_s + margin_s, abs=1 / FRAME_RATE_HZ)


def test_cut_clips_are_used_whole_with_classes_from_zero(tmp_path: Path) -> None:
    write_egtea(tmp_path / "anno", {"train_split1": [f"{A} 1 1 1", f"{B} 3 4 3 1"], "test_split1": [f"{C} 2 2"]})
    touch(tmp_path / "v", f"OP01-R01-PastaSalad/{A}.mp4", f"OP01-R01-PastaSalad/{B}.mp4", f"{C}.mp4")
    dataset = load_dataset(card(tmp_path))
    in_frames = dataset.clips.with_columns((pl.col("start_s", "stop_s") * 24).round(6))
    assert in_frames.drop("file").rows() == [
        (C, C, 0.0, 80, "test", 1, None, 1, 1),
        (A, A, 0.0, 42, "train", 0, 0, 0, 1),
        (B, B, 0.0, 491, "train", 3, 2, 2, 2),
    ]
    assert dataset.vocabularies["verb"].names == ("inspect read", "open", "turn on", "divide pull apart")
    assert dataset.vocabularies["noun"].names == ("recipe", "fridge", "eating utensil")
    assert dataset.vocabularies["action"].names[2] == "divide pull apart eating utensil recipe"
    assert (dataset.faults, dataset.num_annotated) == ((), 3)


def test_a_session_video_serves_its_clips(tmp_path: Path) -> None:
    write_egtea(tmp_path / "anno", {"test_split1": [f"{A} 1 1 1", f"{B} 1 1 1"]})
    touch(tmp_path / "v", "OP01-R01-PastaSalad.mp4", f"{B}.mp4")
    clips = load_dataset(card(tmp_path)).clips
    rows = clips.select("video_id", (pl.col("start_s", "stop_s") * 24).round(6)).rows()
    assert rows == [("OP01-R01-PastaSalad", 1597, 1639), (B, 0, 491)]
    full = load_dataset(card(tmp_path, unit="full")).clips
    assert full["video_id"].to_list() == ["OP01-R01-PastaSalad"] * 2
    assert [fault.kind for fault in load_dataset(card(tmp_path, unit="clip")).faults] == ["missing-video"]


def test_the_test_files_are_merged_and_their_clips_leave_the_train_files(tmp_path: Path) -> None:
    splits = {
        "train_split1": [f"{A} 1 1 1", f"{B} 1 1 1"],
        "test_split1": [f"{C} 2 2"],
        "train_split2": [f"{A} 1 1 1", f"{C} 2 2"],
        "test_split2": [f"{B} 1 1 1", f"{C} 2 2"],
    }
    write_egtea(tmp_path / "anno", splits)
    dataset = load_dataset(card(tmp_path), need_videos=False)
    assert dataset.clips.select("clip_id", "split").rows() == [(C, "test"), (B, "test"), (A, "train")]
    assert (dataset.faults, dataset.num_annotated) == ((), 3)


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    lines = [f"{A} 1 1 1", "clip-1 1 1", f"{B} one 1", f"{C} 1 9 1", f"{A} 1 1 1", f"{B} 1"]
    write_egtea(tmp_path / "anno", {"test_split1": lines, "train_split1": [f"{A} 1 2 1"]})
    dataset = load_dataset(card(tmp_path), need_videos=False)
    assert dataset.clips["clip_id"].to_list() == [A]
    assert [(fault.kind, fault.row) for fault in dataset.faults] == [
        ("bad-value", 2),
        ("bad-value", 3),
        ("bad-value", 6),
        ("conflicting-labels", 1),
        ("duplicate-clip", 5),
        ("unknown-class", 4),
    ]
    assert dataset.num_annotated == 5


def test_class_lists_out_of_order_and_absent_files_are_refused_together(tmp_path: Path) -> None:
    write_egtea(tmp_path / "anno", {})
    (tmp_path / "anno/noun_idx.txt").write_text("recipe 1\nfridge 3\n", encoding="utf-8")
    (tmp_path / "anno/action_idx.txt").unlink()
    with pytest.raises(DataError) as caught:
        load_dataset(card(tmp_path), need_videos=False)
    assert [(fault.path.name, fault.message) for fault in caught.value.faults] == [
        ("noun_idx.txt", "'fridge 3' should end in the class number 2"),
        ("action_idx.txt", "no such file"),
        ("anno", "no test_split*.txt is here"),
    ]
