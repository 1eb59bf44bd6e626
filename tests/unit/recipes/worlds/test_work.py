from functools import partial

import pytest

from egoshift.errors import WeightsError
from egoshift.recipes.worlds import work
from egoshift.recipes.worlds.jobs import Job
from egoshift.recipes.worlds.replicate import OnShare, Replicate
from egoshift.recipes.worlds.work import Failures, Step, do_all, steps_of

PLAIN, DINO, BACK = Job("xmic", "noun", "home"), Job("xmic_dino", "noun", "home"), Job("xmic", "noun", "kitchen")


@pytest.fixture
def mine(tmp_path):
    return Replicate(tmp_path / "seed-3", 3, 0.05)


@pytest.fixture
def trained(monkeypatch):
    """What is asked to be trained; DINO's weights are not there, and nothing is written."""
    asked = []

    def extract(self, card, encoder, report):
        if encoder == "egoworld-dino":
            raise WeightsError("no such weights")

    def train_all(replicate, jobs, told, failed=None):
        asked.extend(jobs)
        for job in jobs:
            told(job)

    monkeypatch.setattr(Replicate, "write_world", lambda self, report: None)
    monkeypatch.setattr(Replicate, "extract", extract)
    monkeypatch.setattr(work, "train_all", train_all)
    return asked


def _do(replicate, jobs, failures=None):
    shown = []
    steps = ((replicate, step) for step in steps_of(replicate, jobs, failures))
    do_all(steps, lambda done, total, title: shown.append((done, total, title)))
    return shown


def test_the_work_goes_up_to_its_end_and_says_what_is_done(mine, trained):
    shown = _do(mine, [PLAIN, BACK])
    shares = [done / total for done, total, _ in shown]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert shown[0][2].startswith("seed 3: writing videos")
    assert shown[-1][2] == "seed 3: training 2 of 2, last xmic-noun-kitchen"


def test_every_data_set_of_the_jobs_is_extracted_with_every_encoder_before_training(mine):
    titles = [step.title for step in steps_of(mine, [BACK, DINO])]
    assert titles == [
        "writing videos",
        *(f"extracting {name} with egoworld" for name in ("kitchen", "home", "bench")),
        *(f"extracting {name} with egoworld-dino" for name in ("home", "kitchen", "bench")),
        "training",
    ]
    assert list(steps_of(mine, [])) == []


def test_what_is_there_is_not_trained_again(mine, trained, monkeypatch):
    monkeypatch.setattr(Replicate, "is_done", lambda self, job: job == PLAIN)
    shown = _do(mine, [PLAIN, BACK])
    assert trained == [BACK]
    assert "1 of 2 were there" in " ".join(title for _, _, title in shown)


def test_the_first_failure_is_raised_where_nobody_takes_it(mine, trained):
    with pytest.raises(WeightsError, match="no such weights"):
        _do(mine, [PLAIN, DINO])
    assert trained == []


def test_a_failure_that_is_taken_costs_its_own_jobs_only(mine, trained):
    failures = Failures()
    shown = _do(mine, [PLAIN, DINO, BACK], failures)
    assert trained == [PLAIN, BACK]
    assert failures.by_reason() == {"no such weights": [DINO]}
    assert failures.among(mine, [PLAIN, DINO]) == (DINO,)
    assert failures.among(Replicate(mine.folder, 4, 0.05), [PLAIN, DINO]) == (), "another world may have them"
    assert shown[-1][2].endswith("3 of 3, last xmic-noun-kitchen")


def test_of_several_reasons_the_first_counts(mine):
    failures = Failures()
    for reason in ("first", "second"):
        failures.add(mine, PLAIN, reason)
    failures.add(mine, BACK, "second")
    assert failures.by_reason() == {"first": [PLAIN], "second": [BACK]}


def test_no_step_is_done_before_the_ones_before_it(mine):
    done: list[str] = []

    def note(name: str, report: OnShare) -> None:
        done.append(name)

    steps = [Step(name, 1, partial(note, name)) for name in ("a", "b", "c")]
    do_all(((mine, step) for step in steps), lambda *_: None)
    assert done == ["a", "b", "c"]
