import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import polars as pl
import pytest

from egoshift.datasets import DataCard, load_dataset, media_faults, shared_and_novel
from egoshift.errors import ConfigError
from egoshift.media import open_hand_locator, probe, read_frames
from egoshift.records import Dataset
from egoshift.world import write, write_world
from egoshift.world.casts import SETS, write_cast
from egoshift.world.vocabulary import BENCH, HOME, KITCHEN, Classes

CLASSES: Mapping[str, Classes] = {"kitchen": KITCHEN, "home": HOME, "bench": BENCH}
VIDEOS = {"kitchen": {"train": 3, "val": 2}, "home": {"train": 3, "val": 2}, "bench": {"test": 2}}


@pytest.fixture(scope="module", params=["kitchen", "home", "bench"])
def dataset(request: pytest.FixtureRequest, world: Path) -> Dataset:
    return load_dataset(DataCard.read(world / f"{request.param}.yaml"))


def test_every_data_set_is_read_without_a_fault(dataset: Dataset) -> None:
    assert dataset.faults == ()
    assert len(dataset.clips) >= 4
    videos = dataset.clips.group_by("split").agg(pl.col("video_id").n_unique())
    assert dict(videos.iter_rows()) == VIDEOS[dataset.name]


def test_class_names_after_clean_up_are_the_worlds_own(dataset: Dataset) -> None:
    classes = CLASSES[dataset.name]
    assert dataset.vocabularies["noun"].names == classes.nouns
    assert dataset.vocabularies["verb"].names == classes.verbs


def test_no_segment_runs_past_its_video(dataset: Dataset) -> None:
    durations = {video: probe(path).duration_s for video, path in dataset.videos.items()}
    assert len(durations) == sum(VIDEOS[dataset.name].values())
    assert media_faults(dataset, durations) == ()


def test_segments_say_what_the_script_has_done(dataset: Dataset) -> None:
    scripts = {script.video_id: script for script in write_cast(dataset.name, 5, 0.05)}
    # A bench clip has a tenth more on each side, in whole frames of 24 Hz; timestamps elsewhere have two decimals.
    slack_s = 0.011 if dataset.name != "bench" else 1 / 48 + 0.1 * 5.5
    clips = dataset.clips.sort("video_id", "start_s")
    assert len(clips) == sum(len(script.actions) for script in scripts.values())
    classes = CLASSES[dataset.name]
    for video, script in scripts.items():
        rows = clips.filter(pl.col("video_id") == video).select("start_s", "stop_s", "verb", "noun").rows()
        for (start_s, stop_s, verb, noun), action in zip(rows, script.actions, strict=True):
            assert abs(start_s - action.noted_start_s) <= slack_s
            assert abs(stop_s - action.noted_stop_s) <= slack_s
            assert (classes.verbs[verb], classes.nouns[noun]) == (action.verb, action.noun)


def test_hand_boxes_are_read_and_found_in_most_action_frames(world: Path, dataset: Dataset) -> None:
    card = DataCard.read(world / f"{dataset.name}.yaml")
    assert card.hands is not None
    assert card.hands_format is not None
    locator = open_hand_locator(card.hands_format, card.hands, hand_threshold=0.8, object_threshold=0.01)
    found = []
    for video, path in dataset.videos.items():
        clips = dataset.clips.filter(pl.col("video_id") == video)
        times = np.sort(((clips["start_s"] + clips["stop_s"]) / 2).to_numpy())
        info = probe(path)
        frames = [frame for _, frame in read_frames(path, times)]
        found += locator.locate(video, times, frames, info).origin.tolist()
    assert np.mean(np.array(found) > 0) > 0.7


@pytest.mark.parametrize(("train", "test"), [("kitchen", "home"), ("home", "kitchen")])
def test_vocabularies_overlap_and_each_has_classes_of_its_own(world: Path, train: str, test: str) -> None:
    source, target = (load_dataset(DataCard.read(world / f"{name}.yaml")).vocabularies for name in (train, test))
    shared, novel = (len(part) for part in shared_and_novel(source["noun"], target["noun"]))
    assert shared >= 12
    assert novel >= 8
    shared, novel = (len(part) for part in shared_and_novel(source["verb"], target["verb"]))
    assert shared >= 6
    assert novel >= 3


def test_one_process_writes_what_two_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "FEW_FRAMES", 0)
    written: list[dict[str, bytes]] = []
    for cores in (1, 2):
        calls: list[tuple[int, int]] = []
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        out = tmp_path / str(cores)
        write_world(out, seed=7, scale=0.05, sets=SETS[:3], progress=lambda *c, calls=calls: calls.append(c))
        assert calls == [(number, 12) for number in range(1, 13)]
        written.append({str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()})
    # Cards, annotations, hands, and of each video a file, in kitchen with two of motion and in home with one.
    assert len(written[0]) == 3 + 5 + 4 + 6 + 1 + 1 + 5 * 4 + 5 * 2 + 2
    assert written[0] == written[1]


def test_writing_again_replaces_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_world(tmp_path, seed=7, scale=0.01, sets=("bench",), defects=True)
    stray = tmp_path / "bench" / ".boxes" / "0099.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"left behind by a world that was interrupted")
    assert write_world(tmp_path, seed=7, scale=0.01, sets=("bench",)) == first == (tmp_path / "bench.yaml",)
    assert not (tmp_path / "bench" / "defects.json").exists()
    assert not stray.parent.exists()
    assert load_dataset(DataCard.read(first[0])).faults == ()


def test_without_sensors_there_is_neither_sound_nor_motion(tmp_path: Path) -> None:
    write_world(tmp_path, seed=7, scale=0.01, sets=("home",), sensors=False)
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["annotations", "hands.parquet", "videos"]
    for path in (tmp_path / "home/videos").iterdir():
        with av.open(str(path)) as container:
            assert not container.streams.audio
    for video in _metadata(tmp_path):
        assert video["has_imu"] is False
        assert video["video_metadata"]["audio_codec"] is video["video_metadata"]["audio_start_sec"] is None


def test_a_worker_that_fails_ends_the_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(write, "FEW_FRAMES", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    (tmp_path / "kitchen").write_text("a file where a folder should be")
    with pytest.raises(RuntimeError, match="a process that films videos ended with code 1"):
        write_world(tmp_path, scale=0.05, sets=("kitchen",))
    assert "FileExistsError" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"scale": 0.0}, r"^scale is 0.0, expected a positive number; 1.0 is the ordinary size$"),
        ({"scale": float("nan")}, "^scale is nan"),
        ({"scale": float("inf")}, "^scale is inf"),
        ({"seed": -1}, "^seed is -1, expected 0 or more$"),
        ({"sets": ("kitchen", "garden")}, "^sets are kitchen, garden; expected some of kitchen, home, bench, multi"),
        ({"sets": ("home", "home")}, "^sets are home, home; .* each once$"),
        ({"sets": ()}, "^sets are none;"),
        ({"defects": True, "sensors": False}, "^defects are those of the sensors"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(
    tmp_path: Path, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        write_world(tmp_path / "out", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_ego4d_metadata_says_what_each_video_has(world: Path) -> None:
    videos = {video["video_uid"]: video for video in _metadata(world)}
    paths = {path.stem: path for path in (world / "home/videos").iterdir()}
    assert videos.keys() == paths.keys()
    for uid, video in videos.items():
        assert video["has_imu"] is True
        assert (world / "home" / "imu" / f"{uid}.csv").exists()
        metadata = video["video_metadata"]
        assert (metadata["audio_codec"], metadata["audio_start_sec"]) == ("aac", 0.0)
        assert metadata["audio_duration_sec"] == pytest.approx(probe(paths[uid]).duration_s, abs=0.1)
        (component,) = video["video_components"]
        assert component["component_idx"] == 0
        assert component["canonical_video_end_sec"] == pytest.approx(video["duration_sec"])


def _metadata(world: Path) -> list[dict[str, Any]]:
    videos: list[dict[str, Any]] = json.loads((world / "home/annotations/ego4d.json").read_text())["videos"]
    return videos
