"""A small part of ClassyGlass from its archive to numbers: six people, three activities, a few epochs."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from benchmarks.glasses import work
from benchmarks.glasses.folds import Plan, open_folds, user_of
from benchmarks.glasses.models import ANY_SUBSET, KINDS, SENSORS, recognised
from benchmarks.glasses.work import MAJORITY, run_all

from egoshift.datasets import DataCard, load_dataset
from egoshift.errors import ConfigError
from egoshift.features import SignalFeatures
from egoshift.fusion import Unimodal
from egoshift.losses.subsets import subset_name
from egoshift.recipes import evaluate_modalities
from egoshift.training import load_checkpoint, read_config

PEOPLE, ACTIVITIES = (7, 9, 10, 16, 18, 20), {0: 0, 8: 1, 9: 2}
"""ClassyGlass's reading, walking and running, which are easy to tell apart."""

RUN = {ANY_SUBSET: KINDS[ANY_SUBSET]}


@pytest.fixture(scope="module")
def archive(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some recordings of the real archive, as an archive of their own."""
    path = tmp_path_factory.mktemp("glasses") / "some.npz"
    entries: list[dict[str, object]] = []
    arrays: dict[str, np.ndarray] = {}
    with np.load(assets / "imu" / "classyglass_1ab.npz") as whole:
        for index, entry in enumerate(json.loads(str(whole["meta"]))):
            if entry["user"] not in PEOPLE or entry["label"] not in ACTIVITIES:
                continue
            for name in ("acc", "gyr", "mag", "pre"):
                if f"{index}_{name}" in whole:
                    arrays[f"{len(entries)}_{name}"] = whole[f"{index}_{name}"]
            entries.append({**entry, "label": ACTIVITIES[entry["label"]]})
    np.savez(path, meta=np.array(json.dumps(entries)), **arrays)  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="module")
def plan(archive: Path) -> Plan:
    return Plan(str(archive), folds=3, encoder_epochs=3, fusion_epochs=4)


@pytest.fixture(scope="module")
def out(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "KINDS", RUN)
        told: list[str] = []
        (folder / "told.json").write_text(json.dumps([run_all(plan, folder, told.append), told]))
        yield folder


def test_people_never_seen_are_recognised_above_chance_and_a_second_call_trains_nothing(
    plan: Plan, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, told = json.loads((out / "told.json").read_text())
    assert len([line for line in told if "fold 3/3" in line and "centred" in line]) == len(SENSORS)
    rows = {(row["model"], row["subset"]): row for row in result["rows"]}
    assert len(rows) == 15 + 1 + 1
    for subset in (SENSORS, ("accelerometer",), ("gyroscope",)):
        row = rows[ANY_SUBSET, subset_name(subset)]
        assert set(row["people"]) == set(map(str, PEOPLE))
        assert row["value"] > 1.5 * 100 / 3, subset
    assert rows[MAJORITY, subset_name(SENSORS)]["value"] < 50
    monkeypatch.setattr(work, "train_encoder", None)
    monkeypatch.setattr(work, "train_fusion", None)
    again = run_all(plan, out, told.append)
    assert json.loads(json.dumps(again)) == result
    with pytest.raises(ConfigError, match=r"asked for .*; give another --out"):
        run_all(Plan(plan.archive, folds=3), out, told.append)


def test_nobody_is_on_two_sides_and_statistics_are_those_of_training_people(plan: Plan, out: Path) -> None:
    for fold in open_folds(plan, out):
        assert sorted(user for users in fold.people.values() for user in users) == sorted(PEOPLE)
        clips = load_dataset(DataCard.read(fold.test)).clips
        for split, users in fold.people.items():
            found = {user_of(name) for name in clips.filter(pl.col("split") == split)["video_id"]}
            assert found == set(users)
        validation = load_dataset(DataCard.read(fold.validation)).clips
        assert set(validation.filter(pl.col("split") == "test")["video_id"]) == set(
            clips.filter(pl.col("split") == "val")["video_id"]
        )
        assert validation.filter(pl.col("split") == "train").equals(clips.filter(pl.col("split") == "train"))


def test_encoders_know_the_statistics_of_training_people_alone(plan: Plan, out: Path) -> None:
    fold = open_folds(plan, out)[0]
    dataset = load_dataset(DataCard.read(fold.test))
    model = load_checkpoint(fold.folder / "encoders" / "accelerometer-level" / "models" / "action").classifier
    assert isinstance(model, Unimodal)
    means = {}
    for name, splits in (("own", ("train",)), ("everybody", ("train", "val", "test"))):
        source = SignalFeatures(dataset, dataset.clips.filter(pl.col("split").is_in(splits)), model.spec)
        windows = source.batch(torch.arange(len(source)), num_frames=1).streams["accelerometer"]
        means[name] = windows.double().nanmean((0, 1))
    torch.testing.assert_close(model.encoder.mean.double(), means["own"], rtol=1e-5, atol=1e-5)
    assert (model.encoder.mean - means["everybody"]).abs().max() > 0.01


def test_fusions_read_encoders_of_their_own_fold_and_score_what_evaluation_says(plan: Plan, out: Path) -> None:
    for fold in open_folds(plan, out)[:2]:
        (folder,) = (fold.folder / "fusions").iterdir()
        stores = read_config(folder / "models" / "action").provenance["stores"]
        assert isinstance(stores, dict)
        assert len(stores) == len(SENSORS)
        assert all(f":{fold.folder}/encoders/" in encoder for encoder in stores)
        hits, clips = recognised(folder, fold.test)
        (result,) = evaluate_modalities(folder, [fold.test], device="cpu").values()
        expected = {row.query: (row.value, row.n) for row in result.rows}
        assert len(expected) == 15
        for subset, found in hits.items():
            assert len(found) == len(clips)
            known = found[found >= 0]
            assert expected[subset] == pytest.approx((100 * known.double().mean().item(), len(known)))
