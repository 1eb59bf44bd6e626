"""A small data set of several sensors in the tables and files that ``mmg`` reads."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from egoshift.datasets import DataCard, load_dataset
from egoshift.records import Dataset
from tests.unit.datasets.writing import touch, write_rows

CLIP_HEADER = ("clip_id", "video", "start_s", "stop_s", "class", "group", "split")
CLASS_ROWS = ((0, "Wash_dishes", "base"), (1, "mop the floor", "base"), (2, "use phone", "novel"))
CLIPS = (
    ("a0", "a", 0, 2.5, 1, "base", "train"),
    ("a1", "a", "00:00:03", 5, 0, "", "val"),
    ("b0", "b", 0, 1, 2, "novel", "test"),
    ("c0", "c", 0, 4, "", "", "unlabelled"),
)


def write_video(path: Path, *, sound: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height = 32, 32
        track = container.add_stream("aac", rate=48_000) if sound else None
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode())
        if track is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate = 48_000
            container.mux(track.encode(silence))
            container.mux(track.encode())


def write_files(folder: Path, clips: Sequence[Sequence[object]] = CLIPS, *, classes: bool = True) -> None:
    write_rows(folder / "clips.csv", CLIP_HEADER, clips)
    if classes:
        write_rows(folder / "classes.csv", ("id", "name", "group"), CLASS_ROWS)


def write_media(folder: Path) -> None:
    """Recording a has all sensors, b has no sound, c has an IMU alone."""
    write_video(folder / "videos" / "a.mp4", sound=True)
    write_video(folder / "videos" / "b.mp4", sound=False)
    touch(folder / "imu", "a.csv", "b.csv", "c.csv", "unused.csv")


def card_of(folder: Path) -> DataCard:
    return DataCard(name="mmg", format="mmg", annotations=folder, videos=folder / "videos")


def load(folder: Path, *, need_videos: bool = False) -> Dataset:
    return load_dataset(card_of(folder), need_videos=need_videos)


def said(dataset: Dataset) -> list[tuple[str, int | None]]:
    return [(fault.kind, fault.row) for fault in dataset.faults]
