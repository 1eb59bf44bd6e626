"""A run becomes a method, and a trained model sees only features like those that it was trained on."""

import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from egoshift.classifier import ClassText
from egoshift.datasets import DataCard
from egoshift.errors import CheckpointError, ConfigError, ResultError, StoreError
from egoshift.prediction import Predictor
from egoshift.prediction.package import load_package
from egoshift.recipes import Run, evaluate, fill_store, train
from egoshift.recipes.models import build
from egoshift.recipes.run_files import read_run, write_run
from egoshift.recipes.stores import Opened
from egoshift.recipes.tables import read_results
from egoshift.records import Label
from egoshift.training import read_config
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.videos import write_video

TEXT: dict[Label, ClassText] = {"noun": ClassText(torch.randn(2, 24), ("cup", "cut"))}


def run_of(card: Path, clip: Path, method: str, options: dict[str, object] | None = None, **fields: Any) -> Run:
    values = {
        "name": "r",
        "train": card,
        "labels": ["noun"],
        "method": {"name": method, "options": {"streams": ["full"]} | (options or {})},
        "streams": {"full": {"encoder": str(clip)}},
        "text_encoder": str(clip),
        "fit": {"epochs": 1, "batch_size": 2, "num_frames": 2, "selection": "last"},
    }
    return Run.model_validate(values | fields)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "videos").mkdir()
    for name in ("v", "w"):
        write_video(tmp_path / "videos" / f"{name}.mp4", 20, 10)
    rows = ("v,0.0,1.0,cup,train", "v,0.5,1.5,cut,train", "w,0.0,1.0,cup,val")
    (tmp_path / "clips.csv").write_text("\n".join(("video,start,stop,noun,split", *rows)) + "\n")
    path = tmp_path / "card.yaml"
    path.write_text(
        yaml.safe_dump({"name": "mine", "format": "folder", "annotations": "clips.csv", "videos": "videos"})
    )
    return path


def test_what_follows_from_features_text_and_the_run_is_filled_in(card: Path, clip: Path) -> None:
    fit = {"seed": 7, "num_frames": 3}
    tip = build(run_of(card, clip, "tip_adapter", fit=fit), {"full": 24}, TEXT)
    assert {name: tip.settings[name] for name in ("seed", "text_dim", "classes")} == {
        "seed": 7,
        "text_dim": 24,
        "classes": {"noun": ["cup", "cut"]},
    }
    a5 = build(run_of(card, clip, "efficient_prompt", fit=fit), {"full": 24}, TEXT)
    assert (a5.settings["num_frames"], a5.settings["text_encoder"]) == (3, str(clip))
    assert build(run_of(card, clip, "tip_adapter", {"seed": 1}), {"full": 24}, TEXT).settings["seed"] == 1


def test_templates_are_refused_where_they_would_do_nothing(card: Path, clip: Path) -> None:
    templates = ["a photo of a {}"]
    build(run_of(card, clip, "zero_shot", templates=templates), {"full": 24}, TEXT)
    with pytest.raises(
        ConfigError, match=r"run r: coop reads the bare class names, so templates \['a photo of a \{\}'\]"
    ):
        build(run_of(card, clip, "coop", templates=templates), {"full": 24}, TEXT)


def test_features_by_other_weights_than_those_trained_on_are_refused(card: Path, clip: Path, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other")
    streams = {"full": {"encoder": str(other)}, "hand": {"encoder": str(clip)}}
    run = run_of(card, clip, "zero_shot", streams=streams)
    for encoder in (clip, other):
        fill_store(DataCard.read(card), str(encoder))
    train(run, tmp_path / "run")
    assert len(evaluate(tmp_path / "run")) == 1
    (manifest,) = (DataCard.read(card).features / "other").glob("manifest.json")
    sha256 = yaml.safe_load(manifest.read_text())["encoder"]["sha256"]
    text = manifest.read_text().replace(sha256, "f" * 64)
    manifest.write_text(re.sub('"checksum": ".*"', '"checksum": ""', text))
    with pytest.raises(
        StoreError, match=rf"was encoded by weights ffffffffffff of .*, the model was trained .* {sha256[:12]}"
    ):
        evaluate(tmp_path / "run")


def test_a_model_that_runs_a_tower_is_not_evaluated_over_other_weights(card: Path, clip: Path, tmp_path: Path) -> None:
    fill_store(DataCard.read(card), f"pixels:{clip}")
    streams = {"full": {"encoder": f"pixels:{clip}"}}
    run = run_of(card, clip, "clip_lora", streams=streams)
    train(run, tmp_path / "run", device="cpu")
    assert len(evaluate(tmp_path / "run", device="cpu")) == 1
    write_clip(clip, act="gelu", dim=32)
    with pytest.raises((CheckpointError, StoreError), match="weights"):
        evaluate(tmp_path / "run")


def test_a_run_that_failed_before_it_trained_can_be_corrected_in_its_place(
    card: Path, clip: Path, tmp_path: Path
) -> None:
    fill_store(DataCard.read(card), str(clip))
    wrong = run_of(card, clip, "efficient_prompt", {"prefix": 70, "postfix": 70})
    with pytest.raises(ConfigError, match=r"run r: efficient_prompt refuses .* --set method\.options\.NAME=VALUE"):
        train(wrong, tmp_path / "run")
    train(run_of(card, clip, "linear_probe"), tmp_path / "run", device="cpu")
    with pytest.raises(ConfigError, match="holds a run that differs in method"):
        train(wrong, tmp_path / "run")


def test_models_and_results_say_of_which_labels_they_are(card: Path, clip: Path, tmp_path: Path) -> None:
    fill_store(DataCard.read(card), str(clip))
    run = run_of(card, clip, "linear_probe", test=[card], fit={"epochs": 1, "num_frames": 2, "selection": "oracle"})
    run = run.model_copy(update={"overlap": "tell"})
    expected = Opened.of(run, card).data_digest
    train(run, tmp_path / "run", device="cpu")
    made_by: dict[str, Any] = read_config(tmp_path / "run" / "models" / "noun").provenance
    assert made_by["data"] == made_by["chosen_on"]["data"] == expected
    (result,) = evaluate(tmp_path / "run", [card], device="cpu").values()
    assert result.provenance.data == expected


def test_what_was_measured_of_a_model_does_not_pass_for_that_of_the_next(
    card: Path, clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill_store(DataCard.read(card), str(clip))
    run, out = run_of(card, clip, "linear_probe"), tmp_path / "run"
    train(run, out, device="cpu")
    evaluate(out, device="cpu")
    for _ in range(2):  # the same labels give the same model
        assert len(read_results([out])) == len(load_package(out).results) == 1
        train(run, out, device="cpu")
    table = card.parent / "clips.csv"
    table.write_text(table.read_text().replace("0.0,1.0,cup,train", "0.0,1.0,cut,train"))
    train(run, out, device="cpu")
    with pytest.raises(ResultError, match=rf"was trained again since .* with `egoshift evaluate {out}`, or"):
        read_results([out])
    for folder in (out, out / "models" / "noun"):
        caplog.clear()
        assert load_package(folder).results == ()
        (told,) = caplog.messages
        assert told.startswith(f"left out: {out / 'results'}: the model was trained again since")
    evaluate(out, device="cpu")
    assert len(read_results([out])) == len(load_package(out).results) == 1
    Predictor(load_package(out), device="cpu").save_pretrained(tmp_path / "packed")
    assert len(load_package(tmp_path / "packed").results) == len(read_results([tmp_path / "packed"])) == 1


def test_a_folder_that_is_being_trained_in_is_refused_to_another_training(
    card: Path, clip: Path, tmp_path: Path
) -> None:
    fill_store(DataCard.read(card), str(clip))
    run, out = run_of(card, clip, "linear_probe"), tmp_path / "run"
    other = run.model_copy(update={"fit": run.fit.model_copy(update={"seed": 9})})
    told: list[str] = []

    def meanwhile(*_: object) -> None:
        with pytest.raises(ConfigError) as caught:
            train(other, out, device="cpu")
        told.append(str(caught.value))

    train(run, out, device="cpu", progress=meanwhile)
    assert set(told) == {
        f"{out}: process {os.getpid()} on {socket.gethostname()} is training this run; give another --out, wait until "
        "it is done, or stop it"
    }
    model: Any = read_config(out / "models" / "noun").provenance["run"]
    assert read_run(out / "run.yaml").fit.seed == model["fit"]["seed"] == run.fit.seed
    assert {path.name for path in out.iterdir()} == {"run.yaml", "models"}


def test_a_training_that_failed_or_was_killed_lets_go_of_its_folder(
    card: Path, clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, out = run_of(card, clip, "linear_probe"), tmp_path / "run"
    with pytest.raises(StoreError, match="no features"):
        train(run, out, device="cpu")
    assert not (out / "lock").exists()
    (out / "lock").write_text(f"process 1 on {socket.gethostname()}\n")
    fill_store(DataCard.read(card), str(clip))
    caplog.clear()
    assert "noun" in train(run, out, device="cpu")
    assert f"{out}: process 1 on {socket.gethostname()} was killed while it trained this run; --resume" in caplog.text


def test_of_processes_that_train_together_the_first_holds_the_folder(
    card: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match="no features"):
        train(run_of(card, clip, "linear_probe"), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_model_of_another_run_than_its_folder_describes_is_not_evaluated(
    card: Path, clip: Path, tmp_path: Path
) -> None:
    fill_store(DataCard.read(card), str(clip))
    run, out = run_of(card, clip, "linear_probe"), tmp_path / "run"
    train(run, out, device="cpu")
    only_evaluated = run.fit.model_copy(update={"eval_batch_size": 3})
    write_run(run.model_copy(update={"fit": only_evaluated, "overlap": "tell"}), out / "run.yaml")
    assert len(evaluate(out, device="cpu")) == 1
    write_run(run.model_copy(update={"fit": run.fit.model_copy(update={"seed": 9})}), out / "run.yaml")
    with pytest.raises(CheckpointError, match=rf"{out}/models/noun: is of a run that differs in fit from the run.yaml"):
        evaluate(out, device="cpu")
