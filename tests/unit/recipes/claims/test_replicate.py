import json
import subprocess
import sys

import pytest

from egoshift.errors import ConfigError
from egoshift.recipes.claims import pictures, pool, replicate
from egoshift.recipes.claims.check import steps_of
from egoshift.recipes.claims.listed import find_claims
from egoshift.recipes.claims.plan import Job
from egoshift.recipes.claims.replicate import Replicate, world_code
from egoshift.recipes.run import write_run

JOB = Job("zero_shot", "noun", "kitchen", "home")


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


def _ignore(share: float, note: str) -> None:
    assert 0 <= share <= 1


def test_a_replicate_reaches_another_process_whole(mine):
    assert Replicate.from_text(mine.text()) == mine


def test_a_world_is_written_once_with_the_seed_and_only_what_is_needed(mine, writings):
    mine.write_world(_ignore)
    mine.write_world(_ignore)
    assert writings == [{"seed": 3, "scale": 0.05, "sets": ("kitchen", "home"), "sensors": False}]


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


def test_a_world_of_other_code_is_written_anew(mine, writings):
    mine.write_world(_ignore)
    mark = mine.world / "written.json"
    assert json.loads(mark.read_text())["code"] == world_code()
    mark.write_text(json.dumps({"seed": 3, "scale": 0.05, "code": "older"}))
    (mine.world / "features").mkdir()
    mine.write_world(_ignore)
    assert len(writings) == 2
    assert not (mine.world / "features").exists()


def test_a_model_of_other_settings_is_replaced_and_one_of_the_same_is_kept(mine, monkeypatch):
    seen = []

    def train(run, folder):
        seen.append((folder / "old").exists())
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "old").touch()
        write_run(run, folder / "run.yaml")

    monkeypatch.setattr(replicate, "train", train)
    monkeypatch.setattr(replicate, "evaluate", lambda folder, results: dict.fromkeys(JOB.result_files(results)))
    mine.train(JOB)
    mine.train(JOB)
    Replicate(mine.folder, 3, 0.05, ("fit.epochs=2",)).train(JOB)
    assert seen == [False, True, False]


def test_a_job_without_results_is_not_done(mine):
    assert not mine.is_done(JOB)


def test_a_job_is_done_once_its_results_are_there_and_by_this_code(mine, monkeypatch):
    monkeypatch.setattr(replicate, "train", lambda run, folder: folder.mkdir(parents=True, exist_ok=True))
    monkeypatch.setattr(replicate, "evaluate", lambda folder, results: dict.fromkeys(JOB.result_files(results)))
    monkeypatch.setattr(Replicate, "_is_current", lambda self, run, file: True)
    mine.train(JOB)
    assert mine.is_done(JOB)
    monkeypatch.setattr(replicate, "training_code", lambda: "other code")
    assert not mine.is_done(JOB)


def test_the_score_on_web_pictures_is_kept_and_measured_again_for_other_pictures(tmp_path, monkeypatch):
    measured = []

    def measure(seed: int) -> float:
        measured.append(seed)
        return 71.5

    monkeypatch.setattr(pictures, "_measure", measure)
    file = tmp_path / "pictures.json"
    assert pictures.third_person_score(file, 0, code="a") == 71.5
    assert pictures.third_person_score(file, 0, code="a") == 71.5
    assert len(measured) == 1
    pictures.third_person_score(file, 1, code="a")
    assert len(set(measured)) == 2
    pictures.third_person_score(file, 1, code="b")
    assert len(measured) == 3


def test_new_pictures_are_drawn_for_each_seed_and_scored():
    small = [pictures._measure(seed, 40) for seed in (1, 1, 2)]
    assert small[0] == small[1]
    assert all(0 <= score <= 100 for score in small)


def test_only_what_the_claims_need_is_done(mine):
    def titles(*numbers):
        return [step.title for step in steps_of(mine, find_claims(numbers))]

    extracting = ["extracting kitchen with egoworld", "extracting home with egoworld"]
    assert titles(1) == ["drawing web pictures", "writing videos", *extracting, "training"]
    assert titles(2) == ["writing videos", *extracting, "training"]
    assert titles(7)[1:5] == [
        *extracting,
        "extracting kitchen with egoworld-dino",
        "extracting home with egoworld-dino",
    ]
    assert titles(3, 12) == []


def test_what_a_training_process_cannot_use_is_told(mine):
    with pytest.raises(ConfigError, match=r"kitchen\.yaml: no such data card"):
        pool.train_all(mine, [JOB], lambda job: None)


def test_a_training_process_that_ends_is_told(mine, monkeypatch):
    def ends(_: Replicate) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", "input()"], stdin=pipe, stdout=pipe, text=True)

    monkeypatch.setattr(pool, "_worker", ends)
    with pytest.raises(RuntimeError, match="the process that trained zero_shot-noun-kitchen ended"):
        pool.train_all(mine, [JOB, JOB, JOB], lambda job: None)
