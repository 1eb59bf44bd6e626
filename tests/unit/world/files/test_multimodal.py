from pathlib import Path

import polars as pl

from egoshift.world.casts import write_cast
from egoshift.world.files.multimodal import CLIP_SCHEMA, write_annotations
from egoshift.world.vocabulary import ACTIVITIES


def test_clips_name_the_activity_that_is_shown(tmp_path: Path) -> None:
    scripts = write_cast("multimodal", 0, 0.1)
    write_annotations(tmp_path, scripts, ACTIVITIES)
    clips = pl.read_csv(tmp_path / "clips.csv", schema=CLIP_SCHEMA)
    classes = pl.read_csv(tmp_path / "classes.csv")
    names = dict(classes.select("id", "name").iter_rows())
    assert classes["name"].to_list() == [activity.name for activity in ACTIVITIES]
    labelled = clips.filter(pl.col("split") != "unlabelled")
    said = [
        (video, start, stop, names[label])
        for video, start, stop, label in labelled.select("video", "start_s", "stop_s", "class").iter_rows()
    ]
    shown = [
        (script.video_id, action.noted_start_s, action.noted_stop_s, action.activity)
        for script in scripts
        if script.split != "unlabelled"
        for action in script.actions
    ]
    assert said == shown
    groups = labelled.join(classes, left_on="class", right_on="id", suffix="_of_class")
    assert len(groups) == len(labelled)
    assert groups["group"].to_list() == groups["group_of_class"].to_list()


def test_unlabelled_videos_are_cut_into_windows_without_a_class(tmp_path: Path) -> None:
    scripts = [script for script in write_cast("multimodal", 0, 0.1) if script.split == "unlabelled"]
    write_annotations(tmp_path, scripts, ACTIVITIES)
    clips = pl.read_csv(tmp_path / "clips.csv", schema=CLIP_SCHEMA)
    assert [script.duration_s for script in scripts] == [12.0, 12.0]
    assert clips["start_s"].to_list() == [0.0, 4.0, 8.0] * 2
    assert clips["stop_s"].to_list() == [4.0, 8.0, 12.0] * 2
    assert clips["class"].null_count() == clips["group"].null_count() == len(clips)
    assert clips["clip_id"].n_unique() == 6
