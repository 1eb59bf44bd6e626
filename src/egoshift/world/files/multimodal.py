"""The multimodal data set's own files, for protocols in which classes are new or sensors are missing.

MMG-Ego4D's clips are not public; these tables say what its protocols need. ``classes.csv`` (``id,name,group``) lists
the activities, each of the group ``base`` or ``novel``. ``clips.csv`` (``clip_id,video,start_s,stop_s,class,group,
split``) lists the clips: ``class`` is an activity's id; base ones are in the splits ``train``, ``val`` and ``test``,
novel ones in ``test`` only. Videos of the split ``unlabelled`` are cut into windows of equal length, whose class and
group are empty.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from egoshift.files import write_atomically
from egoshift.world.script import Script
from egoshift.world.vocabulary import Activity

WINDOW_S = 4.0
"""The length of unlabelled clips."""

CLIP_SCHEMA = pl.Schema(
    {
        "clip_id": pl.String,
        "video": pl.String,
        "start_s": pl.Float64,
        "stop_s": pl.Float64,
        "class": pl.Int64,
        "group": pl.String,
        "split": pl.String,
    }
)


def video_path(root: Path, script: Script) -> Path:
    """Where a video lies: ``videos/W01.mp4``."""
    return root / "videos" / f"{script.video_id}.mp4"


def write_annotations(folder: Path, scripts: Sequence[Script], activities: Sequence[Activity]) -> None:
    """Write ``classes.csv`` and ``clips.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = [(number, activity.name, _group(activity)) for number, activity in enumerate(activities)]
    schema = {"id": pl.Int64, "name": pl.String, "group": pl.String}
    write_atomically(folder / "classes.csv", pl.DataFrame(classes, schema=schema, orient="row").write_csv().encode())
    clips = [clip for script in scripts for clip in _clips(script, activities)]
    write_atomically(folder / "clips.csv", pl.DataFrame(clips, schema=CLIP_SCHEMA, orient="row").write_csv().encode())


def _clips(script: Script, activities: Sequence[Activity]) -> Iterator[tuple[object, ...]]:
    if script.split == "unlabelled":
        for number in range(int(script.num_frames / script.style.rate_hz // WINDOW_S)):
            start_s = number * WINDOW_S
            name = f"{script.video_id}_{number}"
            yield name, script.video_id, start_s, start_s + WINDOW_S, None, None, script.split
        return
    numbers = {activity.name: number for number, activity in enumerate(activities)}
    for number, action in enumerate(script.actions):
        assert action.activity is not None, "videos of this data set are made of activities"
        label, name = numbers[action.activity], f"{script.video_id}_{number}"
        times = action.noted_start_s, action.noted_stop_s
        yield name, script.video_id, *times, label, _group(activities[label]), script.split


def _group(activity: Activity) -> str:
    return "novel" if activity.novel else "base"
