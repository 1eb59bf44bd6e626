"""Clips against the durations of their videos."""

from pathlib import Path

import polars as pl

from egoshift.datasets import media_faults
from egoshift.records import CLIP_SCHEMA, Dataset


def clips(*rows: tuple[str, float, float, int | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (f"{video}-{index}", video, start, stop, "val", 0, 0, 0, "val.csv", row)
            for index, (video, start, stop, row) in enumerate(rows)
        ],
        schema=CLIP_SCHEMA,
        orient="row",
    )


def test_clips_that_stop_after_their_video_are_named_with_their_row() -> None:
    dataset = Dataset("d", clips(("a", 0, 9.99, 2), ("a", 8, 11.5, 3), ("b", 0, 99, 4), ("a", 20, 30, None)), {}, {})
    faults = media_faults(dataset, {"a": 10.0})
    assert [(fault.kind, fault.path, fault.row) for fault in faults] == [
        ("past-the-end", Path("val.csv"), 3),
        ("past-the-end", Path("val.csv"), None),
    ]
    assert faults[0].message == "clip a-1 stops at 11.5 s but video a ends at 10.0 s"


def test_a_rounded_duration_is_no_fault() -> None:
    dataset = Dataset("d", clips(("a", 0, 10.03, 2)), {}, {})
    assert media_faults(dataset, {"a": 10.0}) == ()
    assert len(media_faults(dataset, {"a": 10.0}, tolerance_s=0.01)) == 1


def test_no_durations_judge_no_clip() -> None:
    assert media_faults(Dataset("d", clips(("a", 0, 1, 2)), {}, {}), {}) == ()
