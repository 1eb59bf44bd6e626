"""Training and tests that share moments, or videos, are refused or told of."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from egoshift.datasets import DataCard
from egoshift.errors import ConfigError
from egoshift.evaluation.result import Overlap
from egoshift.features.manifest import Manifest, VideoEntry
from egoshift.recipes import Run, evaluate, fill_store, train
from egoshift.recipes.execute import held_out_clips
from egoshift.recipes.overlap import files_of, recordings_of
from egoshift.recipes.stores import Opened
from egoshift.training import load_checkpoint, save_checkpoint
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.videos import write_video

TRAIN = ("v,0.0,1.0,cup,train", "v,0.5,1.5,cut,train", "u,0.0,1.0,cup,train")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("weights") / "clip")


def write_card(place: Path, rows: Sequence[str], *, name: str = "mine", copies: Sequence[tuple[str, str]] = ()) -> Path:
    """A data set of videos u, v and w; ``copies`` are the same file under another name."""
    (place / name).mkdir(parents=True)
    for video in "uvw":
        write_video(place / name / f"{video}.mp4", 20, 10)
    for old, new in copies:
        shutil.copy(place / name / f"{old}.mp4", place / name / f"{new}.mp4")
    return card_of(place, rows, videos=name, name=name)


def card_of(place: Path, rows: Sequence[str], *, videos: str, name: str) -> Path:
    (place / f"{name}.csv").write_text("\n".join(("video,start,stop,noun,split", *rows)) + "\n")
    fields = {"name": name, "format": "folder", "annotations": f"{name}.csv", "videos": videos}
    (place / f"{name}.yaml").write_text(yaml.safe_dump(fields))
    return place / f"{name}.yaml"


def run_of(card: Path, clip: Path, **fields: Any) -> Run:
    fill_store(DataCard.read(card), str(clip))
    values = {
        "name": "r",
        "train": card,
        "labels": ["noun"],
        "method": {"name": "zero_shot", "options": {"streams": ["full"]}},
        "streams": {"full": {"encoder": str(clip)}},
        "text_encoder": str(clip),
        "fit": {"epochs": 1, "batch_size": 2, "num_frames": 2, "selection": "last"},
    }
    return Run.model_validate(values | fields)


def overlap_in(out: Path, cards: Sequence[Path] | None = None) -> Overlap | None:
    (result,) = evaluate(out, cards, overlap="tell", device="cpu").values()
    return result.provenance.overlap


def test_splits_that_share_no_video_share_nothing(clip: Path, tmp_path: Path) -> None:
    run = run_of(write_card(tmp_path, [*TRAIN, "w,0.0,1.0,cup,test"]), clip)
    train(run, tmp_path / "run")
    (result,) = evaluate(tmp_path / "run", device="cpu").values()
    assert result.provenance.overlap == Overlap()
    assert result.provenance.overlap.note == ""


@pytest.mark.parametrize("split", ["val", "test"])
def test_training_is_refused_where_a_split_shows_the_same_moments(split: str, clip: Path, tmp_path: Path) -> None:
    card = write_card(tmp_path, [*TRAIN, f"v,1.2,2.0,cup,{split}", f"w,0.0,1.0,cup,{split}"])
    line = (
        r"^\S+mine.yaml: 1 of 2 tested clips show moments that training on mine saw, such as v:1.2-2.0 and v:0.5-1.5 "
        r"\(1.2 to 1.5 s of v\); leave them out of one side, or allow it: train --set overlap=tell, evaluate --overlap "
        "tell$"
    )
    with pytest.raises(ConfigError, match=line):
        train(run_of(card, clip), tmp_path / "run")
    train(run_of(card, clip, overlap="tell"), tmp_path / "run")
    assert overlap_in(tmp_path / "run") == Overlap(videos=1, clips=1, moments=1)


def test_a_file_under_another_name_is_the_same_video(clip: Path, tmp_path: Path) -> None:
    card = write_card(tmp_path, [*TRAIN, "copy,0.0,1.0,cup,test"], copies=[("v", "copy")])
    with pytest.raises(ConfigError, match=r"copy:0.0-1.0 and v:0.5-1.5 .* of copy, the same file as v\)"):
        train(run_of(card, clip), tmp_path / "run")


def test_other_moments_of_a_training_video_are_told_of(clip: Path, tmp_path: Path) -> None:
    card = write_card(tmp_path, [*TRAIN, "v,1.5,2.0,cup,test", "w,0.0,1.0,cup,test"])
    train(run_of(card, clip), tmp_path / "run")
    (result,) = evaluate(tmp_path / "run", device="cpu").values()
    assert result.provenance.overlap == Overlap(videos=1, clips=1)
    assert result.provenance.overlap.note == (
        "training saw 1 of the tested videos (tested clips in them: 1; none at a moment that it saw)"
    )


def test_another_card_of_the_clips_trained_on_is_refused(clip: Path, tmp_path: Path) -> None:
    """All clips of a data set that was not trained on are tested on, and this one only looks like another."""
    run = run_of(write_card(tmp_path, TRAIN), clip)
    train(run, tmp_path / "run")
    other = card_of(tmp_path, TRAIN, videos="mine", name="other")
    fill_store(DataCard.read(other), str(clip))
    with pytest.raises(ConfigError, match=r"other.yaml: 3 of 3 tested clips show moments that training on mine saw"):
        evaluate(tmp_path / "run", [other], device="cpu")
    with pytest.raises(ConfigError, match="3 of 3 tested clips"):
        train(run.model_copy(update={"test": (other,), "name": "again"}), tmp_path / "again")
    assert overlap_in(tmp_path / "run", [other]) == Overlap(videos=2, clips=3, moments=3)


def test_another_data_set_with_a_video_of_the_first_is_refused(clip: Path, tmp_path: Path) -> None:
    run = run_of(write_card(tmp_path, TRAIN), clip)
    train(run, tmp_path / "run")
    moved = write_card(tmp_path, ["far,1.5,2.0,cup,test", "w,0.0,1.0,cup,test"], name="moved")
    shutil.copy(tmp_path / "mine/v.mp4", tmp_path / "moved/far.mp4")
    fill_store(DataCard.read(moved), str(clip))
    with pytest.raises(ConfigError, match=r"1 of 2 tested clips are of videos .* mine, another data set, .* as far;"):
        evaluate(tmp_path / "run", [moved], device="cpu")
    assert overlap_in(tmp_path / "run", [moved]) == Overlap(videos=1, clips=1)


def test_the_same_name_of_another_file_elsewhere_is_another_video(clip: Path, tmp_path: Path) -> None:
    train(run_of(write_card(tmp_path, TRAIN), clip), tmp_path / "run")
    other = write_card(tmp_path, TRAIN, name="other")
    fill_store(DataCard.read(other), str(clip))
    (result,) = evaluate(tmp_path / "run", [other], device="cpu").values()
    assert result.provenance.overlap == Overlap()


def test_two_data_sets_of_one_name_are_refused_before_anything_is_evaluated(clip: Path, tmp_path: Path) -> None:
    """Two people's folders called alike: the results would have had one file, and one table."""
    cards = [write_card(tmp_path / person, [*TRAIN, "w,0.0,1.0,cup,test"], name="videos") for person in ("ann", "ben")]
    run = run_of(cards[0], clip)
    with pytest.raises(
        ConfigError, match=r"ben/videos.yaml: this data set is called 'videos', as that of \S+ann/videos"
    ):
        train(run.model_copy(update={"test": (cards[1],)}), tmp_path / "run")
    train(run, tmp_path / "run")
    run_of(cards[1], clip)
    with pytest.raises(ConfigError, match=r"another 'name: …', and with 'features: \S+features/videos' where"):
        evaluate(tmp_path / "run", cards, device="cpu")
    assert not list((tmp_path / "run").rglob("results/*"))


def test_what_a_model_began_with_counts_as_training(clip: Path, tmp_path: Path) -> None:
    first = run_of(write_card(tmp_path, TRAIN), clip, method={"name": "linear_probe"})
    train(first, tmp_path / "first", device="cpu")
    card = write_card(tmp_path, ["u,0.0,1.0,cup,train", "w,0.5,1.5,cut,train"], name="second")
    start = tmp_path / "first/models/noun"
    second = run_of(card, clip, method={"name": "linear_probe"}, start=[start])
    train(second, tmp_path / "run", device="cpu")
    third = card_of(tmp_path, ["v,0.0,1.0,cup,test"], videos="mine", name="third")
    fill_store(DataCard.read(third), str(clip))
    with pytest.raises(ConfigError, match="show moments that training on mine saw"):
        evaluate(tmp_path / "run", [third], device="cpu")
    model = load_checkpoint(start)
    save_checkpoint(start, model.classifier, model.text, text_encoder=str(clip), fit=model.config.fit)
    assert overlap_in(tmp_path / "run", [third]) == Overlap(unknown=(str(start),))


def test_a_folder_of_videos_is_the_same_however_a_card_spells_it(clip: Path, tmp_path: Path) -> None:
    """The model began with is known by its data card alone: its features are gone."""
    write_card(tmp_path, TRAIN, name="videos")
    (tmp_path / "link").symlink_to(tmp_path / "videos")
    first = run_of(
        card_of(tmp_path / "videos", TRAIN, videos="../link", name="a"), clip, method={"name": "linear_probe"}
    )
    train(first, tmp_path / "first", device="cpu")
    shutil.rmtree(tmp_path / "videos/features")
    (tmp_path / "other").mkdir()
    card = write_card(tmp_path, ["u,0.0,1.0,cup,train", "w,0.5,1.5,cut,train"], name="second")
    start = tmp_path / "first/models/noun"
    second = run_of(card, clip, method={"name": "linear_probe"}, start=[start])
    train(second, tmp_path / "run", device="cpu")
    third = card_of(tmp_path / "other", ["v,0.0,1.0,cup,test"], videos="../videos", name="third")
    fill_store(DataCard.read(third), str(clip))
    with pytest.raises(ConfigError, match="show moments that training on a saw"):
        evaluate(tmp_path / "run", [third], device="cpu")


def test_a_copy_elsewhere_of_what_a_model_began_with_is_the_same_video(clip: Path, tmp_path: Path) -> None:
    first = run_of(write_card(tmp_path, TRAIN), clip, method={"name": "linear_probe"})
    train(first, tmp_path / "first", device="cpu")
    card = write_card(tmp_path, ["u,0.0,1.0,cup,train", "w,0.5,1.5,cut,train"], name="second")
    second = run_of(card, clip, method={"name": "linear_probe"}, start=[tmp_path / "first/models/noun"])
    train(second, tmp_path / "run", device="cpu")
    third = write_card(tmp_path, ["copy,0.0,1.0,cup,test"], name="third")
    shutil.copy(tmp_path / "mine/v.mp4", tmp_path / "third/copy.mp4")
    fill_store(DataCard.read(third), str(clip))
    with pytest.raises(ConfigError, match="show moments that training on mine saw"):
        evaluate(tmp_path / "run", [third], device="cpu")


def test_a_file_under_two_names_is_held_out_whole(clip: Path, tmp_path: Path) -> None:
    rows = [*TRAIN, "copy,0.0,1.0,cup,train"]
    card = write_card(tmp_path, rows, copies=[("v", "copy")])
    opened = Opened.of(run_of(card, clip), card)
    groups = recordings_of(opened, opened.clips("train")["video_id"].to_list())
    assert groups == ["copy", "copy", "u", "copy"]
    for seed in range(5):
        mask = held_out_clips(groups, 0.5, seed)
        assert bool(mask[0]) == bool(mask[1]) == bool(mask[3]) != bool(mask[2])


def test_an_archive_of_recordings_says_nothing_of_any_of_them() -> None:
    def entry(file: str) -> VideoEntry:
        return VideoEntry(rows=1, duration_s=1.0, num_bytes=1, fingerprint=file, times_hash="")

    videos = {"a": entry("x"), "b": entry("x"), "c": entry("y")}
    of_pictures = Manifest.model_construct(views=("full",), videos=videos)
    of_a_sensor = Manifest.model_construct(views=("window",), videos=videos)
    assert files_of(of_pictures) == {"a": ("x", 1), "b": ("x", 1), "c": ("y", 1)}
    assert files_of(of_a_sensor) == {"c": ("y", 1)}
