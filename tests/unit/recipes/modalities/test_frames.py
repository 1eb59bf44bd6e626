from pathlib import Path

import polars as pl
import pytest

from egoshift.errors import MediaError, ResultError
from egoshift.recipes.modalities import dataset_frames
from egoshift.records import CLIP_SCHEMA, Dataset, SensorFile
from tests.fixtures.videos import read_index, write_frames, write_video


def dataset(folder: Path) -> Dataset:
    """Clips from 1 to 2.5 s: of a file, of a folder of frames, of a sensor's file, of an Aria recording, of none."""
    videos = ("file", "folder", "sensor", "aria", "none", "broken")
    rows = [
        {"clip_id": f"of-{name}", "video_id": name, "start_s": 1.0, "stop_s": 2.5, "split": "test", "file": "a.csv"}
        for name in videos
    ]
    for name in ("file", "sensor"):
        write_video(folder / f"{name}.mp4", 90, 30)
    (folder / "frames").mkdir()
    write_frames(folder / "frames", range(1, 31))
    (folder / "broken.mp4").write_bytes(b"not a video")
    return Dataset(
        name="kitchen",
        clips=pl.DataFrame(rows, schema=CLIP_SCHEMA),
        vocabularies={},
        videos={
            "file": folder / "file.mp4", "folder": folder / "frames", "broken": folder / "broken.mp4"
        },
        frame_rates_hz={"folder": 10.0},
        sensors={
            "sensor": {"video": SensorFile(folder / "sensor.mp4", "av")},
            "aria": {"video": SensorFile(folder / "aria.vrs", "aria")},
            "none": {"imu": SensorFile(folder / "imu.csv", "ego4d")},
        },
    )  # fmt: skip


def test_frames_are_those_in_the_middles_of_equal_parts_of_a_clip(tmp_path):
    frames = dataset_frames(dataset(tmp_path))
    # The times are 1.25, 1.75 and 2.25 s; both count frames from 0, at 30 and at 10 a second.
    assert [read_index(frame) for frame in frames("of-file")] == [37, 52, 67]
    assert [read_index(frame) for frame in frames("of-sensor")] == [37, 52, 67]
    assert [read_index(frame) for frame in frames("of-folder")] == [12, 17, 22]


def test_frames_are_brought_to_the_height(tmp_path):
    given = dataset(tmp_path)
    (frame,) = dataset_frames(given, num_frames=1, height=20)("of-file")
    assert frame.shape[0] == 20
    assert frame.dtype == "uint8"
    whole = dataset_frames(given, num_frames=1, height=1000)("of-file")[0]
    assert frame.shape[1] == pytest.approx(whole.shape[1] * 20 / whole.shape[0], abs=0.5)


def test_recordings_without_a_video_to_show_give_none(tmp_path):
    frames = dataset_frames(dataset(tmp_path))
    assert (list(frames("of-aria")), list(frames("of-none"))) == ([], [])


def test_unknown_clips_and_unreadable_videos_are_said(tmp_path):
    frames = dataset_frames(dataset(tmp_path))
    with pytest.raises(ResultError, match="clip other is not in kitchen; give the data card that the result is of"):
        frames("other")
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        frames("of-broken")
