"""Stores of sensors' encoders, novel classes that training does not see, and subsets of a trained fusion."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from egoshift.classifier import ClassText
from egoshift.datasets import DataCard, load_dataset
from egoshift.errors import CheckpointError, ConfigError, WeightsError
from egoshift.evaluation import Answers, ModalityResult, predict
from egoshift.evaluation.result import Overlap
from egoshift.features import AbstractFeatureSource, SeenBy, TensorFeatures
from egoshift.fusion import Fusion, Unimodal
from egoshift.recipes import (
    Run,
    evaluate,
    evaluate_both,
    evaluate_modalities,
    fill_store,
    recipe,
    store_folder,
    subsets,
    train,
)
from egoshift.recipes.execute import seen
from egoshift.recipes.scoring import Case, OnEvaluation, answer, open_models
from egoshift.recipes.sensor_encoders import load_signal_tower
from egoshift.recipes.stores import Opened, base_classes
from egoshift.records import CLIP_SCHEMA, Dataset, Label, Vocabulary
from egoshift.training import load_checkpoint, save_checkpoint
from tests.fixtures import ast_checkpoints
from tests.fixtures.multimodal import BASE, CLASSES, NOVEL, write_multimodal

SMALL = {"num_samples": 200, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
TEXT = {"action": ClassText(torch.zeros(2, 0), ("a", "b"))}


def write_encoder(folder: Path, seed: int = 0, sensor: str = "imu") -> Path:
    torch.manual_seed(seed)
    options = SMALL if sensor == "imu" else {"num_frames": 64, "hidden_size": 16, "num_hidden_layers": 1}
    model = Unimodal(sensor=sensor, preset="tiny", options=options, classes={"action": ("a", "b")})
    save_checkpoint(folder, model, TEXT)  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three sensors with the features of two of them. Not to be changed."""
    place = tmp_path_factory.mktemp("sensors")
    card = DataCard.read(write_multimodal(place))
    for sensor in ("audio", "imu"):
        write_encoder(place / "runs" / sensor / "models" / "action", sensor=sensor)
        fill_store(card, name_of(place, sensor))
    return place


def name_of(place: Path, sensor: str) -> str:
    return f"{sensor}:{place / 'runs' / sensor / 'models' / 'action'}"


def fusion_run(place: Path, **fields: Any) -> Run:
    given = {
        "name": "two",
        "train": place / "small.yaml",
        "labels": ["action"],
        "method": {"name": "fusion", "options": {"width": 16, "num_layers": 1, "num_heads": 2}},
        "streams": {sensor: {"encoder": name_of(place, sensor)} for sensor in ("audio", "imu")},
        "fit": {"epochs": 2, "batch_size": 8, "num_frames": 2, "selection": "last", "precision": "32-true"},
    }
    return Run.model_validate(given | fields)


def test_encoders_of_the_same_name_have_folders_by_their_weights(place: Path, tmp_path: Path) -> None:
    card = DataCard.read(place / "small.yaml")
    folders = []
    for seed, parent in ((0, "one"), (1, "two"), (0, "three")):
        folder = write_encoder(tmp_path / parent / "mine" / "models" / "action", seed)
        folders.append(store_folder(card, f"imu:{folder}").name)
    assert all(name.startswith("imu--mine-action--") for name in folders)
    assert folders[0] != folders[1]
    assert folders[0] == folders[2]
    other = write_encoder(tmp_path / "other" / "models" / "action")
    assert store_folder(card, f"imu:{other}").name == folders[0].replace("mine", "other")


def test_a_signal_tower_is_the_trained_encoder(place: Path) -> None:
    tower = load_signal_tower(name_of(place, "imu"))
    model = load_checkpoint(place / "runs" / "imu" / "models" / "action").classifier
    assert isinstance(model, Unimodal)
    assert (tower.card.family, tower.card.dim, tower.card.signal) == ("inertial", 16, model.spec)
    window = torch.randn(2, 200, 6)
    assert torch.equal(tower.encode(window), model.encoder(window).detach())


def test_pretrained_weights_are_a_tower_too(tmp_path: Path) -> None:
    folder = ast_checkpoints.write_folder(tmp_path / "tiny-ast", ast_checkpoints.drawn())
    tower = load_signal_tower(f"audio:{folder}")
    assert (tower.card.id, tower.card.family, tower.card.signal.num_rows) == ("tiny-ast", "ast", 128)
    assert tower.encode(torch.randn(1, 128, 128)).shape == (1, 128)


def test_what_holds_no_encoder_of_the_sensor_is_named(place: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds an encoder of imu, asked for an encoder of audio; name another"):
        load_signal_tower(name_of(place, "imu").replace("imu:", "audio:"))
    with pytest.raises(CheckpointError, match="nowhere: holds no trained model, and there are no published weights"):
        load_signal_tower(f"imu:{tmp_path / 'nowhere'}")
    with pytest.raises(WeightsError, match="nowhere"):
        load_signal_tower(f"audio:{tmp_path / 'nowhere'}")
    save_checkpoint(tmp_path / "fused", Fusion(modalities={"imu": 4}, width=8, num_heads=2), TEXT)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="holds Fusion, asked for an encoder of imu"):
        load_signal_tower(f"imu:{tmp_path / 'fused'}")


def test_views_and_arithmetic_of_frames_are_refused_for_sensors(place: Path) -> None:
    card = DataCard.read(place / "small.yaml")
    with pytest.raises(ConfigError, match=r"views are of frames, imu:\S+ encodes windows of imu; leave --views out"):
        fill_store(card, name_of(place, "imu"), views=("full",))
    with pytest.raises(ConfigError, match="run in float32, not in float16"):
        fill_store(card, name_of(place, "imu"), precision="float16")
    assert fill_store(card, name_of(place, "imu"), precision="float32").frames_encoded == 0


def test_training_sees_no_novel_class_but_keeps_the_clips() -> None:
    actions = [0, 1, 2, 3, None, 2]
    rows = [
        {name: None for name in CLIP_SCHEMA} | {"clip_id": str(number), "action": action, "verb": 1}
        for number, action in enumerate(actions)
    ]
    names = Vocabulary("action", ("cut", "peel", "wash", "fold"), (("chop",), (), ("rinse",), ()))
    whole = Dataset(
        "x",
        pl.DataFrame(rows, CLIP_SCHEMA),
        {"action": names, "verb": Vocabulary("verb", ("a", "b"))},
        {},
        novel_classes={"action": (1, 3)},
    )
    base = base_classes(whole)
    assert base.vocabularies["action"].names == ("cut", "wash")
    assert base.vocabularies["action"].synonyms == (("chop",), ("rinse",))
    assert base.clips["clip_id"].to_list() == whole.clips["clip_id"].to_list()
    # Slowly: a clip keeps the name of its class where that is a base class, and has none otherwise.
    for before, after in zip(whole.clips["action"], base.clips["action"], strict=True):
        name = None if before is None else names.names[before]
        expected = None if name in (None, "peel", "fold") else name
        assert (None if after is None else base.vocabularies["action"].names[after]) == expected
    assert base.clips["verb"].to_list() == [1] * 6
    assert base.novel_classes == {}
    assert base_classes(base).clips.equals(base.clips)


def test_a_data_set_is_opened_without_its_novel_classes_and_with_them(place: Path) -> None:
    run = fusion_run(place)
    opened = Opened.of(run, run.train)
    assert set(opened.dataset.vocabularies["action"].names) == set(BASE)
    assert set(opened.everything.vocabularies["action"].names) == set(CLASSES)
    known = opened.evaluation_clips(trained_on=True)
    every = opened.everything_to_evaluate(trained_on=True)
    assert (len(known), len(every)) == (16, 28)
    assert every["action"].null_count() == 12
    source = opened.features(run, every, ["action"])
    assert set(source.present) == {"audio", "imu"}
    assert (~source.present["imu"]).sum() == 4


def sensed() -> TensorFeatures:
    present = {"audio": torch.tensor([True, False, True]), "imu": torch.tensor([False, False, True])}
    streams = {name: torch.randn(3, 2) for name in ("video", "audio", "imu")}
    return TensorFeatures(streams, {"action": [0, 1, 2]}, ["x", "y", "z"], present)


@pytest.mark.parametrize(
    ("names", "kept"), [(["imu"], ["z"]), (["audio", "imu"], ["x", "z"]), (["video"], ["x", "y", "z"])]
)
def test_labelled_training_sees_the_clips_that_have_a_stream_it_sees(names: list[str], kept: list[str]) -> None:
    run = recipe("mmg_zero_shot")(Path("x.yaml")).model_copy(update={"seen_by": tuple(names)})
    found = seen(run, sensed())
    assert isinstance(found, SeenBy)
    assert list(found.groups) == kept
    assert set(found.dims) == set(names)


def test_what_nobody_has_cannot_be_trained_by_and_none_is_all() -> None:
    run = recipe("mmg_zero_shot")(Path("x.yaml")).model_copy(update={"seen_by": ("imu",)})
    source = sensed()
    with pytest.raises(ConfigError, match="no clip has any of the streams imu of seen_by"):
        seen(run, source.subset(torch.tensor([0, 1])))
    assert seen(run.model_copy(update={"seen_by": ()}), source) is source


def test_every_subsets_number_is_that_of_the_clips_seen_by_it_alone(place: Path, tmp_path: Path) -> None:
    run = fusion_run(place)
    train(run, tmp_path / "run", device="cpu")
    ((path, result),) = evaluate_modalities(tmp_path / "run", device="cpu").items()
    assert ModalityResult.read(path) == result
    assert path.name == "two-action--small-to-small--modalities.json"
    _, opened, checkpoints = open_models(tmp_path / "run", "cpu")
    checkpoint = checkpoints["action",]
    source = opened.features(run, opened.evaluation_clips(trained_on=True), ["action"])
    rows = {row.query: row for row in result.rows}
    assert set(rows) == {("audio",), ("imu",), ("audio", "imu")}
    for query, row in rows.items():
        there = torch.stack([source.present[name] for name in query]).any(0)
        own = SeenBy(source.subset(there.nonzero()[:, 0]), query)
        scores = predict(checkpoint.classifier, own, checkpoint.text, num_frames=2)["action"]
        correct = (scores.logits.argmax(1) == scores.targets).double()
        assert row.n == len(correct)
        assert row.value == pytest.approx(100 * float(correct.mean()))
        assert (row.clips, row.task) == ("all", "many-shot")


@pytest.mark.parametrize(("names", "once"), [(("audio", "imu"), True), (("imu",), False)])
def test_one_pass_gives_what_two_give_and_scores_clips_once_unless_some_are_left_out(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], once: bool
) -> None:
    run = fusion_run(place, streams={name: {"encoder": name_of(place, name)} for name in names})
    train(run, tmp_path / "run", device="cpu")
    expected = evaluate(tmp_path / "run", device="cpu"), evaluate_modalities(tmp_path / "run", device="cpu")
    again = []

    def counted(case: Case, progress: OnEvaluation | None) -> tuple[dict[Label, Answers], AbstractFeatureSource]:
        again.append(case)
        return answer(case, progress)

    monkeypatch.setattr(subsets, "answer", counted)
    found = evaluate_both(tmp_path / "run", device="cpu")
    assert len(again) == (0 if once else 1)
    ((path, plain),), ((place_of_subsets, of_subsets),) = (results.items() for results in found)
    assert plain.model_dump(exclude={"provenance"}) == expected[0][path].model_dump(exclude={"provenance"})
    other = expected[1][place_of_subsets]
    assert of_subsets.model_dump(exclude={"provenance"}) == other.model_dump(exclude={"provenance"})
    assert bool(plain.counts.dropped) == (not once)


def test_few_shot_clips_are_those_that_training_may_not_name(place: Path, tmp_path: Path) -> None:
    few = {"ways": 3, "shots": 1, "queries": 1, "num_episodes": 4}
    run = fusion_run(place, few_shot=few)
    train(run, tmp_path / "run", device="cpu")
    (result,) = evaluate_modalities(tmp_path / "run", device="cpu").values()
    assert {(row.task, row.clips) for row in result.rows} == {("many-shot", "all"), ("few-shot", "all")}
    assert {name for example in result.examples for name in example.classes} <= set(NOVEL)
    dataset = load_dataset(DataCard.read(place / "small.yaml"))
    classes = dict(dataset.clips.select("clip_id", "action").iter_rows())
    names = dataset.vocabularies["action"].names
    for example in result.examples:
        assert names[classes[example.query]] == example.classes[example.target]
        for shown, name in zip(example.support, example.classes, strict=True):
            assert {names[classes[clip]] for clip in shown} == {name}
    few = {"ways": 4, "shots": 1, "queries": 1}
    changed = json.loads(run.model_copy(update={"few_shot": None}).model_dump_json()) | {
        "few_shot": few,
        "name": "four",
    }
    train(Run.model_validate(changed), tmp_path / "four", device="cpu")
    with pytest.raises(ConfigError, match="4"):
        evaluate_modalities(tmp_path / "four", device="cpu")


def test_few_shot_also_works_on_another_data_set_that_has_training_clips_alone(place: Path, tmp_path: Path) -> None:
    """All clips of a data set not trained on may be shown."""
    other = tmp_path / "other"
    shutil.copytree(place / "small", other)
    table = (
        (other / "clips.csv").read_text().replace(",test", ",train").replace(",val", ",train").replace("novel", "base")
    )
    (other / "clips.csv").write_text(table)
    card = tmp_path / "other.yaml"
    card.write_text((place / "small.yaml").read_text().replace("small", "other"))
    for sensor in ("audio", "imu"):
        fill_store(DataCard.read(card), name_of(place, sensor))
    run = fusion_run(place, few_shot={"ways": 3, "shots": 1, "queries": 1, "num_episodes": 3})
    train(run, tmp_path / "run", device="cpu")
    with pytest.raises(ConfigError, match="24 of 56 tested clips show moments that training on small saw"):
        evaluate_modalities(tmp_path / "run", [card], device="cpu")
    (result,) = evaluate_modalities(tmp_path / "run", [card], device="cpu", overlap="tell").values()
    assert result.test == "other"
    assert result.provenance.overlap is not None
    encoders = tuple(sorted(name_of(place, sensor).partition(":")[2] for sensor in ("audio", "imu")))
    assert result.provenance.overlap == Overlap(videos=3, clips=24, moments=24, unknown=encoders)
    assert any(row.task == "few-shot" for row in result.rows)


def test_methods_without_subsets_have_no_such_result(place: Path, tmp_path: Path) -> None:
    streams = {"imu": {"encoder": "signal:imu"}}
    method = {"name": "unimodal", "options": {"sensor": "imu", "preset": "tiny", "options": SMALL}}
    train(fusion_run(place, streams=streams, method=method), tmp_path / "run", device="cpu")
    assert evaluate_modalities(tmp_path / "run", device="cpu") == {}
