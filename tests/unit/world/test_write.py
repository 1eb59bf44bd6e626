import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from egoshift.datasets import DataCard, load_dataset, media_faults, shared_and_novel
from egoshift.media import open_hand_locator, probe, read_frames
from egoshift.records import Dataset
from egoshift.world import write, write_world
from egoshift.world.script import Script
from egoshift.world.vocabulary import HOME, KITCHEN, Classes
from egoshift.world.write import film_one, home_scripts, kitchen_scripts

CLASSES: Mapping[str, Classes] = {"kitchen": KITCHEN, "home": HOME}


@pytest.fixture(scope="module", params=["kitchen", "home"])
def dataset(request: pytest.FixtureRequest, world: Path) -> Dataset:
    return load_dataset(DataCard.read(world / f"{request.param}.yaml"))


def test_both_data_sets_are_read_without_a_fault(dataset: Dataset) -> None:
    assert dataset.faults == ()
    assert len(dataset.clips) >= 8
    videos = dataset.clips.group_by("split").agg(pl.col("video_id").n_unique())
    assert dict(videos.iter_rows()) == {"train": 2, "val": 2}


def test_class_names_after_clean_up_are_the_worlds_own(dataset: Dataset) -> None:
    classes = CLASSES[dataset.name]
    assert dataset.vocabularies["noun"].names == classes.nouns
    assert dataset.vocabularies["verb"].names == classes.verbs


def test_no_segment_runs_past_its_video(dataset: Dataset) -> None:
    durations = {video: probe(path).duration_s for video, path in dataset.videos.items()}
    assert len(durations) == 4
    assert media_faults(dataset, durations) == ()


def test_every_frame_shows_what_the_segments_say_it_is(world: Path, dataset: Dataset) -> None:
    scripts = {script.video_id: script for script in (*kitchen_scripts(5, 0.05), *home_scripts(5, 0.05))}
    said = [
        (video, round(start, 2), round(stop, 2), verb, noun)
        for video, start, stop, verb, noun in dataset.clips.select(
            "video_id", "start_s", "stop_s", "verb", "noun"
        ).iter_rows()
    ]
    classes = CLASSES[dataset.name]
    meant = [
        (video, a.noted_start_s, a.noted_stop_s, classes.verbs.index(a.verb), classes.nouns.index(a.noun))
        for video in dict.fromkeys(dataset.clips["video_id"])
        for a in scripts[video].actions
    ]
    assert said == meant


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


def test_the_vocabularies_overlap_and_each_has_classes_of_its_own(world: Path) -> None:
    kitchen, home = (load_dataset(DataCard.read(world / f"{name}.yaml")).vocabularies for name in ("kitchen", "home"))
    sizes = {}
    for label in ("verb", "noun"):
        for name, train, test in (("kitchen", home, kitchen), ("home", kitchen, home)):
            shared, novel = shared_and_novel(train[label], test[label])
            sizes[name, label] = (len(shared), len(novel))
    assert sizes == {
        ("kitchen", "noun"): (12, 6),
        ("home", "noun"): (12, 6),
        ("kitchen", "verb"): (6, 2),
        ("home", "verb"): (6, 2),
    }


def test_the_same_seed_writes_the_same_files(world: Path, tmp_path: Path) -> None:
    film_one(tmp_path, seed=5, scale=0.05, number=0)
    video, detections = "kitchen/videos/P01/videos/P01_101.MP4", "kitchen/hand-objects/P01/P01_101.pkl"
    for name in (video, detections):
        assert (tmp_path / name).read_bytes() == (world / name).read_bytes()


def test_workers_write_what_one_process_writes(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "FEW_FRAMES", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(write, "home_scripts", lambda seed, scale: home_scripts(seed, scale)[:0])
    monkeypatch.setattr(write, "kitchen_scripts", lambda seed, scale: kitchen_scripts(seed, scale)[:2])
    monkeypatch.setattr("egoshift.world.ego4d.join_boxes", lambda parts, path: None)
    calls: list[tuple[int, int]] = []
    write_world(tmp_path, seed=5, scale=0.05, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]
    name = "kitchen/hand-objects/P02/P02_101.pkl"
    assert (tmp_path / name).read_bytes() == (world / name).read_bytes()


def test_a_worker_that_fails_ends_the_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(write, "FEW_FRAMES", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    (tmp_path / "kitchen").write_text("a file where a folder should be")
    with pytest.raises(RuntimeError, match="a process that films videos ended with code 1"):
        write_world(tmp_path, scale=0.05)
    assert "NotADirectoryError" in capfd.readouterr().err


def test_seeds_and_people_differ() -> None:
    def looks(scripts: tuple[Script, ...]) -> list[str]:
        return [repr(script.actions) for script in scripts]

    first, again, other = (looks(kitchen_scripts(seed, 0.2)) for seed in (0, 0, 1))
    assert first == again
    assert len({*first, *other}) == len(first) + len(other)


def test_the_ordinary_world_is_many_minutes_long_and_has_hundreds_of_segments() -> None:
    scripts = (*kitchen_scripts(0, 1.0), *home_scripts(0, 1.0))
    assert sum(script.duration_s for script in scripts) > 10 * 60
    assert sum(len(script.actions) for script in scripts) > 250
    train, val = ({s.participant_id for s in scripts if s.split == split} for split in ("train", "val"))
    assert not train & val


def test_a_world_of_no_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"scale is 0.0, expected a positive number"):
        write_world(tmp_path, scale=0.0)


def test_ego4d_metadata_has_each_video_once(world: Path) -> None:
    videos = json.loads((world / "home/annotations/ego4d.json").read_text())["videos"]
    assert sorted(video["video_uid"] for video in videos) == sorted(p.stem for p in (world / "home/videos").iterdir())
