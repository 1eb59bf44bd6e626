import json
from dataclasses import replace
from pathlib import Path

import pytest

from egoshift.datasets import DataCard
from egoshift.errors import ConfigError
from egoshift.recipes.run_files import write_run
from egoshift.recipes.worlds import replicate
from egoshift.recipes.worlds.jobs import Job
from egoshift.recipes.worlds.replicate import Replicate, world_code

JOB = Job("xmic", "noun", "home")


@pytest.fixture
def mine(tmp_path):
    return Replicate(tmp_path / "seed-3", 3, 0.05, ("fit.epochs=1",))


@pytest.fixture
def writings(monkeypatch):
    """Every call of ``write_world``, which leaves one file."""
    calls = []

    def write(out, *, progress, **arguments):
        calls.append(arguments)
        out.mkdir(parents=True, exist_ok=True)
        (out / "kitchen.yaml").write_text("written")
        progress(1, 1)

    monkeypatch.setattr(replicate, "write_world", write)
    return calls


@pytest.fixture
def trained(monkeypatch):
    """Every run that is trained, and whether a model was in its folder before."""
    seen = []

    def train(run, folder):
        seen.append((run, (folder / "old").exists()))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "old").touch()
        write_run(run, folder / "run.yaml")

    monkeypatch.setattr(replicate, "train", train)
    monkeypatch.setattr(replicate, "evaluate", lambda folder, results: dict.fromkeys(JOB.result_files(results)))
    return seen


def _ignore(share: float, note: str) -> None:
    assert 0 <= share <= 1


@pytest.mark.parametrize("oracle", [False, True])
def test_a_replicate_reaches_another_process_whole(mine, oracle):
    asked = replace(mine, oracle=oracle)
    assert Replicate.from_text(asked.text()) == asked


def test_a_world_is_written_once_with_the_seed_and_only_what_is_needed(mine, writings):
    mine.write_world(_ignore)
    mine.write_world(_ignore)
    assert writings == [{"seed": 3, "scale": 0.05, "sets": ("kitchen", "home", "bench"), "sensors": False}]


def test_an_interrupted_world_is_written_again(mine, writings):
    mine.write_world(_ignore)
    (mine.world / "written.json").unlink()
    mine.write_world(_ignore)
    assert len(writings) == 2


def test_a_world_of_another_scale_is_refused(mine, writings):
    mine.write_world(_ignore)
    other = Replicate(mine.folder, 3, 0.1)
    with pytest.raises(ConfigError, match=r"holds a world of scale 0\.05 and seed 3, not of scale 0\.1"):
        other.write_world(_ignore)


@pytest.mark.parametrize("older", [{"code": "older"}, {"code": world_code(), "sets": ["kitchen", "home"]}])
def test_a_world_of_other_code_or_with_fewer_data_sets_is_written_anew(mine, writings, older):
    mine.write_world(_ignore)
    mark = mine.world / "written.json"
    assert json.loads(mark.read_text())["code"] == world_code()
    mark.write_text(json.dumps({"seed": 3, "scale": 0.05} | older))
    (mine.world / "features").mkdir()
    mine.write_world(_ignore)
    assert len(writings) == 2
    assert not (mine.world / "features").exists()


def test_of_pictures_only_the_hand_crops_are_stored(mine, writings, monkeypatch):
    asked = []

    def fill(card, encoder, *, views, progress):
        asked.append((encoder, views))
        return type("Report", (), {"faults": ()})

    monkeypatch.setattr(replicate, "fill_store", fill)
    monkeypatch.setattr(DataCard, "read", lambda path: path)
    for encoder in ("egoworld", "pixels:egoworld"):
        mine.extract(Path("home.yaml"), encoder, _ignore)
    assert asked == [("egoworld", None), ("pixels:egoworld", ("hand",))]


def test_a_model_of_other_settings_is_replaced_and_one_of_the_same_is_kept(mine, trained):
    mine.train(JOB)
    mine.train(JOB)
    Replicate(mine.folder, 3, 0.05, ("fit.epochs=2",)).train(JOB)
    assert [there for _, there in trained] == [False, True, False]


def test_oracle_models_and_results_lie_apart_and_choose_on_the_first_data_set_not_trained_on(mine, trained):
    oracle = replace(mine, oracle=True)
    mine.train(JOB)
    oracle.train(JOB)
    (ours, _), (theirs, there) = trained
    assert not there, "the model chosen without the target is another one"
    assert (ours.fit.selection, theirs.fit.selection) == ("best", "oracle")
    assert theirs.test[0] == mine.world / "kitchen.yaml"
    same = ours.model_copy(update={"fit": ours.fit.model_copy(update={"selection": "oracle"})})
    assert theirs == same
    assert oracle.world == mine.world
    assert oracle.results_folder == mine.folder / "oracle" / "results"
    assert mine.results_folder == mine.folder / "results"
    for each, folder in ((mine, mine.folder), (oracle, mine.folder / "oracle")):
        assert (folder / "models" / JOB.name / "code.txt").is_file()
        assert each.results_folder.parent == folder


def test_a_job_without_results_is_not_done(mine):
    assert not mine.is_done(JOB)


def test_a_job_is_done_once_its_results_are_there_and_by_this_code(mine, trained, monkeypatch):
    monkeypatch.setattr(Replicate, "_is_current", lambda self, run, file: True)
    mine.train(JOB)
    assert mine.is_done(JOB)
    assert not replace(mine, oracle=True).is_done(JOB)
    monkeypatch.setattr(replicate, "training_code", lambda: "other code")
    assert not mine.is_done(JOB)
