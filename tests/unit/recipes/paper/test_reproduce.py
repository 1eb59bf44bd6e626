from pathlib import Path

import pytest

from egoshift.errors import ConfigError, ResultError
from egoshift.recipes.paper import reproduce
from egoshift.recipes.paper.render import PAPER_FORMATS
from egoshift.recipes.paper.reproduce import (
    MARKS,
    check_settings,
    filled_tables,
    page_text,
    page_with,
    reproduce_in_worlds,
)
from egoshift.recipes.paper.tables import GENERATED, find_tables
from egoshift.recipes.worlds import Job, Replicate, Step
from tests.unit.recipes.results import made_up

FULL = Job("xmic_full", "noun", "home")


@pytest.fixture
def worlds(monkeypatch):
    """Worlds whose results are made up; what is trained for the choice on the target is noted."""
    oracle: list[Job] = []

    def results(self, job):
        selection = "none" if job.variant == "zero_shot" else "oracle" if self.oracle else "best"
        tests = (job.source, *job.targets)
        place = {"variant": job.variant, "label": job.label, "seed": self.seed, "selection": selection}
        place["num_resamples"] = 10
        return {test: made_up(job.source, test, **place) for test in tests}

    def steps(replicate, jobs, failures):
        def lose(report):
            failures.add(replicate, FULL, "no such weights")

        if replicate.seed == 2:
            yield Step("lose one", 1, lose)

    def train(replicate, jobs, failures, report):
        assert replicate.oracle
        oracle.extend(jobs)

    monkeypatch.setattr(Replicate, "results", results)
    monkeypatch.setattr(reproduce, "steps_of", steps)
    monkeypatch.setattr(reproduce, "train_jobs", train)
    return oracle


def _reproduce(*numbers, seeds=(1, 2), **changes):
    tables = find_tables(numbers)
    return reproduce_in_worlds(tables, Path("out"), seeds=seeds, progress=lambda *_: None, **changes)


def _cells(reproduction):
    return [cell for table in reproduction.tables for cell in table.cells.values()]


def test_what_a_world_lacks_is_named_and_not_taken_from_earlier_results(worlds):
    reproduction = _reproduce(4)
    seeds = {(cell.variant, cell.label): cell.seeds for cell in _cells(reproduction)}
    assert seeds.pop(("xmic_full", "noun")) == 1
    assert set(seeds.values()) == {2}
    assert reproduction.not_run == {"no such weights": ("xmic_full",)}
    assert reproduction.remarks == ("not run: xmic_full: no such weights",)


def test_oracle_runs_are_only_those_in_which_an_epoch_was_chosen_and_their_twin_was_run(worlds):
    reproduction = _reproduce(4, 5, seeds=(2,), oracle=True)
    trained = {job.variant for job in worlds}
    assert "zero_shot" not in trained
    assert {"xmic", "xmic_hand", "xmic_large"} <= trained
    assert FULL not in worlds
    assert Job("xmic_full", "verb", "home") in worlds
    chosen = {cell.variant for cell in _cells(reproduction) if cell.selection == "oracle" and cell.value is not None}
    assert chosen == trained
    assert not any(
        cell.variant == "zero_shot" and cell.selection == "oracle" and cell.value for cell in _cells(reproduction)
    )


def test_without_oracle_nothing_is_chosen_on_the_target(worlds):
    assert {cell.selection for cell in _cells(_reproduce(4))} == {"source"}
    assert worlds == []


def test_a_table_of_another_data_set_than_the_choice_was_on_says_so():
    results = [
        made_up("home", test, selection=how) for test in ("home", "kitchen", "bench") for how in ("best", "oracle")
    ]
    (third, fourth) = filled_tables(results, find_tables([3, 4]), GENERATED, {}, oracle=True).tables
    assert third.table.note.endswith("Here “oracle” epochs were chosen on kitchen, not on bench.")
    assert "Here “oracle”" not in fourth.table.note
    (plain,) = filled_tables(results, find_tables([3]), GENERATED, {}, oracle=False).tables
    assert plain.table.note == find_tables([3])[0].note


def test_where_nothing_could_be_run_each_reason_is_named(worlds, monkeypatch):
    def lose(replicate, jobs, failures):
        def do(report):
            for job in jobs:
                failures.add(replicate, job, f"no features of {job.source}")

        yield Step("lose all", 1, do)

    monkeypatch.setattr(reproduce, "steps_of", lose)
    with pytest.raises(ResultError) as caught:
        _reproduce(4)
    assert str(caught.value).splitlines() == [
        "not run: xmic_full, xmic_hand, xmic: no features of home",
        "nothing could be run, so there are no tables",
    ]


def test_settings_are_for_all_runs_and_leave_the_choice_of_the_epoch_alone():
    check_settings(["fit.epochs=2"])
    with pytest.raises(ConfigError, match="use --selection oracle"):
        check_settings(["fit.epochs=2", "fit.selection=oracle"])
    with pytest.raises(ConfigError, match="only fields of fit can be set"):
        check_settings(["method.options.alpha=2"])


def test_the_page_holds_the_tables_and_what_is_missing_in_them(worlds, tmp_path):
    reproduction = _reproduce(4)
    text = page_text(reproduction, scale=0.5, seeds=(1, 2))
    assert text.startswith("Worlds of scale 0.5; seeds 1, 2.\n\n**X-MIC")
    assert PAPER_FORMATS["md"](reproduction.tables).strip() in text
    assert text.endswith("\n\nnot run: xmic_full: no such weights")
    page = tmp_path / "papers.md"
    page.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    assert page_with(tmp_path, text) == f"before\n{MARKS[0]}\n{text}\n{MARKS[1]}\nafter\n"
    page.unlink()
    with pytest.raises(ConfigError, match=r"papers\.md: cannot be read"):
        page_with(tmp_path, text)


def test_the_page_of_the_documentation_has_the_place():
    page_with(Path(__file__).parents[4] / "docs", "")
