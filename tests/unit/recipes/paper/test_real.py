import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from egoshift.errors import CheckpointError, ConfigError, ResultError, StoreError
from egoshift.evaluation import Provenance
from egoshift.recipes.paper import given, real
from egoshift.recipes.paper.needs import Need
from egoshift.recipes.paper.real import RealRuns
from egoshift.recipes.paper.tables import REAL, Role, find_tables
from egoshift.recipes.run_files import read_run, write_run
from tests.unit.recipes.results import made_up


@pytest.fixture
def cards(tmp_path):
    """A data card for each part."""
    for role, name in REAL.items():
        (tmp_path / f"{role}.yaml").write_text(f"name: {name}\nformat: folder\nvideos: .\n")
    return {role: tmp_path / f"{role}.yaml" for role in REAL}


NAMES = {str(role): name for role, name in REAL.items()}


class Model:
    """What a trained model's ``config.json`` says."""

    def __init__(self, run, features, labels):
        oracle = run.fit.selection == "oracle" and run.method.name != "zero_shot"
        chosen_on = {"chosen_on": _data_of(run.test[0], features, labels)} if oracle else {}
        run_fields = {"run": run.model_dump(mode="json")}
        self.digests = {"model.safetensors": f"by {sorted(labels.values())}"}
        self.provenance = run_fields | _data_of(run.train, features, labels) | chosen_on
        self.fit = self
        self.selection = "none" if run.method.name == "zero_shot" else run.fit.selection


def _data_of(card, features, labels):
    return {"stores": dict(features), "data": labels[card.stem]}


@pytest.fixture
def labels():
    """The digest of every data set's labelled clips."""
    return {str(role): f"labels of {role}" for role in REAL}


@pytest.fixture
def features(monkeypatch, labels):
    """What the features of every data set were made from; of EPIC there are none by DINO."""
    weights: dict[str, object] = {"clip": "first weights"}

    class Opened:
        @classmethod
        def of(cls, run, path):
            if path.stem == "epic" and "dino" in str(run.streams):
                raise StoreError("no features of epic by dino; extract them first")
            return path

    monkeypatch.setattr(given, "Opened", Opened)
    monkeypatch.setattr(given, "data_of", lambda run, card: _data_of(card, weights, labels))
    return weights


@pytest.fixture
def work(monkeypatch, features, labels):
    """Trainings and evaluations, which leave what the real ones leave."""
    done: list[tuple[str, str, str]] = []
    models: dict[Path, Model] = {}

    def train(run, folder, *, device, resume, progress):
        done.append(("train", run.name, run.fit.selection))
        folder.mkdir(parents=True, exist_ok=True)
        write_run(run, folder / "run.yaml")
        models[folder / "models" / run.labels[0]] = Model(run, features, labels)

    def evaluate(folder, asked, *, results, device):
        run = read_run(folder / "run.yaml")
        (card,) = asked
        done.append(("evaluate", run.name, card.stem))
        names, label = [NAMES[path.stem] for path in (run.train, card)], run.labels[0]
        how = models[folder / "models" / label].fit.selection
        place: dict[str, Any] = {"variant": run.name, "label": label, "seed": run.fit.seed, "selection": how}
        provenance = Provenance.model_validate(
            _data_of(card, features, labels) | {"model": models[folder / "models" / label].digests}
        )
        result = made_up(*names, **place, provenance=provenance, num_resamples=10)
        file = results / f"{run.name}-{label}--{names[0]}-to-{names[1]}.json"
        result.write(file)
        return {file: result}

    def read_config(folder):
        if folder not in models:
            raise CheckpointError("nothing there")
        return models[folder]

    for name, value in (("train", train), ("evaluate", evaluate), ("read_config", read_config)):
        monkeypatch.setattr(real, name, value)
    return done


def _cells(reproduction):
    return [cell for table in reproduction.tables for cell in table.cells.values() if cell.value is not None]


def _do(runs):
    return runs.reproduce(progress=lambda *_: None)


def test_each_run_is_trained_once_and_tested_on_what_the_tables_show(cards, work, tmp_path):
    reproduction = _do(RealRuns(find_tables([4]), cards, tmp_path / "out"))
    names = ("xmic_full", "xmic_hand", "xmic")
    assert [entry for entry in work if entry[0] == "train"].count(("train", "xmic", "best")) == 2, "nouns and verbs"
    assert {entry[1:] for entry in work if entry[0] == "evaluate"} == {
        (name, role) for name in names for role in ("ego4d", "epic")
    }
    assert len(work) == 3 * 2 * (1 + 2)
    assert len(_cells(reproduction)) == 3 * 2 * 3
    assert {cell.train for cell in _cells(reproduction)} == {"ego4d-fho"}
    assert all(cell.reported is not None for cell in _cells(reproduction))
    assert reproduction.remarks == ()


def test_nothing_is_done_twice_and_a_data_set_given_later_asks_for_its_evaluation_only(cards, work, tmp_path):
    out, without = tmp_path / "out", {role: card for role, card in cards.items() if role != "epic"}
    runs = RealRuns(find_tables([4]), without, out)
    assert runs.remarks == (
        "not run: xmic_full, xmic_hand, xmic: no data card of epic-kitchens-100 was given; add --epic",
    )
    first = _do(runs)
    assert {cell.test for cell in _cells(first)} == {"ego4d-fho"}
    assert len(work) == 3 * 2 * 2
    work.clear()
    _do(RealRuns(find_tables([4]), cards, out))
    assert sorted(set(work)) == [("evaluate", name, "epic") for name in ("xmic", "xmic_full", "xmic_hand")]
    work.clear()
    again = _do(RealRuns(find_tables([4]), cards, out))
    assert work == []
    assert len(_cells(again)) == 3 * 2 * 3


def test_other_settings_are_refused_before_any_work(cards, work, tmp_path):
    _do(RealRuns(find_tables([6]), cards, tmp_path / "out"))
    work.clear()
    with pytest.raises(ConfigError, match="holds a run that differs in fit; give another --out or remove it"):
        RealRuns(find_tables([6]), cards, tmp_path / "out", assignments=["fit.epochs=3"])
    assert work == []


def test_models_of_other_features_are_trained_and_evaluated_anew(cards, work, features, tmp_path):
    out = tmp_path / "out"
    _do(RealRuns(find_tables([6]), cards, out))
    first = list(work)
    work.clear()
    features["clip"] = "other weights"
    _do(RealRuns(find_tables([6]), cards, out))
    assert work == first
    work.clear()
    _do(RealRuns(find_tables([6]), cards, out))
    assert work == []


def test_a_source_of_other_labels_is_trained_on_and_a_target_of_other_labels_tested_on_anew(
    cards, work, labels, tmp_path
):
    out = tmp_path / "out"
    _do(RealRuns(find_tables([6]), cards, out))
    first = list(work)
    work.clear()
    labels["epic"] = "other labels"
    _do(RealRuns(find_tables([6]), cards, out))
    assert work == [entry for entry in first if entry[0] == "evaluate" and entry[2] == "epic"]
    work.clear()
    labels["ego4d"] = "other labels"
    _do(RealRuns(find_tables([6]), cards, out))
    assert work == first
    work.clear()
    _do(RealRuns(find_tables([6]), cards, out))
    assert work == []


def test_a_damaged_result_is_made_again(cards, work, tmp_path):
    out = tmp_path / "out"
    _do(RealRuns(find_tables([6]), cards, out, oracle=True))
    work.clear()
    file = sorted(out.rglob("results/*.json"))[0]
    whole = file.read_text()
    file.write_text(whole.replace('"n": ', '"n": 1', 1))
    _do(RealRuns(find_tables([6]), cards, out, oracle=True))
    assert len(work) == 1
    assert file.read_text() == whole


def test_what_an_earlier_version_made_and_says_less_of_is_not_made_again(cards, work, tmp_path):
    out = tmp_path / "out"
    _do(RealRuns(find_tables([6]), cards, out, oracle=True))
    work.clear()
    for file in out.rglob("config.json"):
        config = json.loads(file.read_text())
        config["provenance"] = {k: v for k, v in config["provenance"].items() if k not in ("data", "chosen_on")}
        file.write_text(json.dumps(config | {"checksum": ""}))
    for file in out.rglob("results/*.json"):
        result = json.loads(file.read_text())
        result["provenance"] |= {"data": "", "model": {}}
        file.write_text(json.dumps(result | {"checksum": ""}))
    _do(RealRuns(find_tables([6]), cards, out, oracle=True))
    assert work == []


def test_what_chose_its_epoch_on_labels_that_changed_since_is_trained_anew(cards, work, labels, tmp_path):
    out = tmp_path / "out"
    _do(RealRuns(find_tables([6]), cards, out, oracle=True))
    oracle = [entry for entry in work if entry[2] == "oracle"]
    assert oracle
    work.clear()
    labels["epic"] = "other labels"
    _do(RealRuns(find_tables([6]), cards, out, oracle=True))
    assert [entry for entry in work if entry[0] == "train"] == oracle


def test_a_model_trained_by_hand_in_its_place_is_tested_anew(cards, work, tmp_path, monkeypatch):
    out = tmp_path / "out"
    _do(RealRuns(find_tables([6]), cards, out))
    work.clear()
    folder = out / "seed-1" / "models" / "xmic-noun-ego4d" / "models" / "noun"
    monkeypatch.setattr(vars(real)["read_config"](folder), "digests", {"model.safetensors": "another"})
    _do(RealRuns(find_tables([6]), cards, out))
    assert work == [("evaluate", "xmic", "ego4d"), ("evaluate", "xmic", "epic")]


def test_results_of_an_earlier_model_do_not_outlive_its_training(cards, work, features, tmp_path, monkeypatch):
    out = tmp_path / "out"
    _do(RealRuns(find_tables([6]), cards, out))
    features["clip"] = "other weights"

    def interrupted(run, folder, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr(real, "train", interrupted)
    results = out / "seed-1" / "results"
    assert len(list(results.glob("xmic-noun--*"))) == 2
    with pytest.raises(KeyboardInterrupt):
        _do(RealRuns(find_tables([6]), cards, out))
    assert list(results.glob("xmic-noun--*")) == []


def test_what_has_no_features_or_no_card_is_left_empty_and_named_once(cards, work, tmp_path):
    given_cards = {role: card for role, card in cards.items() if role != "egtea"}
    first, third = find_tables([1, 3])
    rows = tuple(row for row in first.rows if row.variants[0] in ("xmic", "xmic_dino", "zero_shot"))
    tables = [replace(table, rows=rows) for table in (first, third)]
    runs = RealRuns(tables, given_cards, tmp_path / "out")
    assert set(runs.remarks) == {
        "not run: zero_shot, xmic, xmic_dino: no data card of egtea was given; add --egtea",
        "not run: xmic_dino: no features of epic by dino; extract them first",
    }
    reproduction = _do(runs)
    assert reproduction.remarks == runs.remarks
    filled = {(cell.variant, cell.train, cell.test) for cell in _cells(reproduction)}
    assert ("xmic_dino", "ego4d-fho", "ego4d-fho") in filled
    assert not any(variant == "xmic_dino" and "epic-kitchens-100" in (train, test) for variant, train, test in filled)
    assert ("xmic", "epic-kitchens-100", "ego4d-fho") in filled
    assert not any(test == "egtea" for _, _, test in filled)


def test_a_training_that_fails_loses_no_other(cards, work, tmp_path, monkeypatch):
    train = vars(real)["train"]

    def sometimes(run, folder, **arguments):
        if run.name == "xmic-none":
            raise ConfigError("the loss is no longer a number")
        if run.name == "xmic-n2+n3":
            raise torch.OutOfMemoryError("CUDA out of memory")
        train(run, folder, **arguments)

    monkeypatch.setattr(real, "train", sometimes)
    runs = RealRuns(find_tables([6]), cards, tmp_path / "out")
    assert runs.remarks == ()
    reproduction = _do(runs)
    assert len({cell.variant for cell in _cells(reproduction)}) == 6 - 2
    assert reproduction.not_run["the loss is no longer a number"] == ("xmic-none",)
    (memory,) = [names for reason, names in reproduction.not_run.items() if "out of memory" in reason]
    assert memory == ("xmic-n2+n3",)


def test_where_nothing_could_be_run_only_new_reasons_are_named(cards, work, tmp_path, monkeypatch):
    def fails(run, folder, **arguments):
        raise ConfigError("the loss is no longer a number")

    monkeypatch.setattr(real, "train", fails)
    only: dict[Role, Path] = {"ego4d": cards["ego4d"]}
    runs = RealRuns(find_tables([6]), only, tmp_path / "out")
    assert len(runs.remarks) == 1
    with pytest.raises(ResultError) as caught:
        _do(runs)
    lines = str(caught.value).splitlines()
    assert lines[-1] == "nothing could be run, so there are no tables"
    assert len(lines) == 2
    assert "the loss is no longer a number" in lines[0]


def test_oracle_runs_lie_apart_and_choose_on_the_other_data_set(cards, work, tmp_path):
    out = tmp_path / "out"
    runs = RealRuns(find_tables([5]), cards, out, oracle=True)
    reproduction = _do(runs)
    oracle = [training for training in runs.trainings if training.run.fit.selection == "oracle"]
    assert all(training.folder.is_relative_to(out / "seed-1" / "oracle") for training in oracle)
    assert all(training.run.test == (cards["epic"].resolve(),) for training in oracle)
    others = [training for training in runs.trainings if training.run.fit.selection == "best"]
    assert len(others) == len(oracle)
    assert not any(training.folder.is_relative_to(out / "seed-1" / "oracle") for training in others)
    assert ("train", "zero_shot", "oracle") not in work
    assert ("train", "xmic", "oracle") in work
    chosen = {cell.variant for cell in _cells(reproduction) if cell.selection == "oracle"}
    assert chosen == {"xmic", "xmic_large", "xmic_lavila"}


def test_seeds_and_encoders_reach_the_runs(cards, work, tmp_path):
    encoders = {"openai/clip-vit-base-patch16": "./clip"}
    runs = RealRuns(find_tables([6]), cards, tmp_path / "out", seeds=(3, 4), encoders=encoders)
    assert [training.run.fit.seed for training in runs.trainings] == [3] * 6 + [4] * 6
    assert {training.run.text_encoder for training in runs.trainings} == {"./clip"}
    assert {training.folder.parts[-3] for training in runs.trainings} == {"seed-3", "seed-4"}
    assert runs.trainings[0].need == Need("xmic", "noun", "ego4d")


def test_what_was_changed_for_all_runs_stands_under_every_table(cards, work, tmp_path):
    encoders = {"openai/clip-vit-base-patch16": "./clip"}
    runs = RealRuns(find_tables([4, 6]), cards, tmp_path / "out", assignments=["fit.epochs=2"], encoders=encoders)
    changed = "Changed for every run: fit.epochs=2; ./clip in place of openai/clip-vit-base-patch16."
    assert all(table.table.note.endswith(changed) for table in _do(runs).tables)


def test_an_encoder_that_no_run_has_is_refused(cards, work, tmp_path):
    encoders = {"openai/clip-vit-base-patch61": "./clip"}
    with pytest.raises(
        ConfigError, match=r"patch61=./clip: no run of these tables has .* openai/clip-vit-base-patch16"
    ):
        RealRuns(find_tables([6]), cards, tmp_path / "out", encoders=encoders)


def test_a_data_set_of_another_name_is_refused(cards, tmp_path):
    cards["epic"].write_text("name: kitchen\nformat: folder\nvideos: .\n")
    with pytest.raises(
        ConfigError, match=r"the data set is called 'kitchen', and the tables know it as 'epic-kitchens"
    ):
        RealRuns(find_tables([6]), cards, tmp_path / "out")


def test_every_wrong_card_is_named_with_what_to_write_and_swapped_ones_are_recognised(cards, tmp_path):
    cards["epic"].write_text("name: kitchen\nformat: folder\nvideos: .\nfeatures: made/kitchen\n")
    cards["ego4d"].write_text("name: epic-kitchens-100\nformat: epic-kitchens\nannotations: .\nvideos: .\n")
    with pytest.raises(ConfigError) as error:
        RealRuns(find_tables([6]), cards, tmp_path / "out")
    lines = sorted(str(error.value).splitlines())
    assert len(lines) == 2
    assert "format epic-kitchens, which is that of --epic; give the card of ego4d-fho" in lines[0]
    assert lines[1].endswith("and features: made/kitchen if they are there already")
