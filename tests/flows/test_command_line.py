"""The command line from videos to tables, as a user goes through it."""

import errno
import json
import signal
from pathlib import Path

import polars as pl
import pytest

from egoshift.evaluation import Result
from egoshift.features import Store
from tests.flows.conftest import Command

LABELS, METRICS = {"noun", "verb", "action"}, {"top1", "top5", "macro", "f1", "hm"}
SETS = ("kitchen", "home")
SUBSETS = {"all", "shared", "novel", "shared-generalised", "novel-generalised"}


def test_from_videos_to_the_cross_data_set_table(egoshift: Command, own_world: Path, tower: Path, tmp_path: Path):
    kitchen, home = own_world / "kitchen.yaml", own_world / "home.yaml"
    runs = tmp_path / "runs"

    checked = egoshift("data", "check", kitchen, home)
    assert (checked.code, checked.out.count("nothing will be dropped")) == (0, 2)

    first = egoshift("extract", kitchen, home, "--encoder", tower, "--json")
    assert first.code == 0
    reports = json.loads(first.out)
    assert all(report["clips_usable"] == report["clips"] > 0 for report in reports)
    again = json.loads(egoshift("extract", kitchen, home, "--encoder", tower, "--json").out)
    assert [report["frames_encoded"] for report in again] == [0, 0]
    assert set(Store.open(Path(reports[0]["store"])).views) == {"full", "hand"}

    for recipe in ("zero_shot", "xmic"):
        options = ("--on", kitchen, "--test", home, "--encoder", tower, "--set", "fit.epochs=2")
        trained = egoshift("train", recipe, *options, "--out", runs / recipe)
        assert trained.code == 0, trained.err
        assert egoshift("evaluate", runs / recipe).code == 0
    results = sorted(runs.rglob("results/*.json"))
    assert len(results) == 2 * 2 * 2  # methods, labels, data sets
    result = Result.read(runs / "xmic" / "results" / "xmic-noun--kitchen-to-home.json")
    assert result.provenance.run["fit"]["epochs"] == 2  # type: ignore[index,call-overload]
    assert result.counts.dropped == {}
    assert result.selection == "best"

    rows = json.loads(egoshift("tables", runs, "--format", "json").out)
    assert {row["label"] for row in rows} == {"noun", "verb"} < LABELS
    assert {row["metric"] for row in rows} == METRICS
    assert {row["subset"] for row in rows} == SUBSETS
    assert {row["method"] for row in rows} == {"zero_shot", "xmic"}
    assert all(row["reported"] is None and 0 <= row["value"] <= 100 for row in rows)
    for form, start in (("md", "**Trained on kitchen"), ("csv", "method,train,"), ("latex", "\\begin{table}")):
        assert egoshift("tables", runs, "--format", form).out.startswith(start)
    _the_papers_tables_are_filled(egoshift, runs)
    page = tmp_path / "report.html"
    assert egoshift("tables", runs, "--format", "html", "-o", page).code == 0
    assert "<title>egoshift report</title>" in page.read_text()


def _the_papers_tables_are_filled(egoshift: Command, runs: Path) -> None:
    printed = egoshift("tables", runs, "--paper", "xmic", "--table", "1,2", "--table", "4")
    assert printed.code == 0
    assert [line.split(":")[0] for line in printed.out.splitlines() if line.startswith("**")] == [
        f"**X-MIC, Table {number}" for number in (1, 1, 2, 2, 4)
    ]
    assert printed.lines[0].startswith("not run (the run of this name fills its row): coop, cocoop")
    cells = json.loads(egoshift("tables", runs, "--paper", "xmic", "--format", "json").out)
    assert {cell["table"] for cell in cells} == set(range(1, 8))
    filled = {(cell["table"], cell["variant"]) for cell in cells if cell["value"] is not None}
    # Trained on kitchen alone, which the other tables do not.
    assert filled == {(table, variant) for table in (1, 2) for variant in ("xmic", "zero_shot")}


def test_a_run_file_gives_what_the_recipe_gives(egoshift: Command, own_world: Path, tower: Path, tmp_path: Path):
    kitchen = own_world / "kitchen.yaml"
    egoshift("extract", kitchen, "--encoder", tower)
    options = ("--on", kitchen, "--encoder", tower, "--set", "fit.epochs=2", "--set", "labels=[noun]")
    assert egoshift("train", "xmic", *options, "--out", tmp_path / "one").code == 0
    assert egoshift("train", tmp_path / "one" / "run.yaml", "--out", tmp_path / "two").code == 0
    losses = []
    for name in ("one", "two"):
        egoshift("evaluate", tmp_path / name)
        (path,) = (tmp_path / name / "results").glob("*.json")
        losses.append([row.loss for row in Result.read(path).history])
    assert losses[0] == losses[1]
    other = egoshift("train", "xmic", *options, "--set", "fit.epochs=3", "--out", tmp_path / "one")
    assert other.code == 1
    assert "holds a run that differs in fit" in other.err


def test_the_table_of_clips_is_written_as_parquet_and_csv(egoshift: Command, world: Path, tmp_path: Path):
    printed = json.loads(egoshift("data", "clips", world / "home.yaml", "--json").out)
    for name, read in (("clips.parquet", pl.read_parquet), ("clips.csv", pl.read_csv)):
        assert egoshift("data", "clips", world / "home.yaml", "-o", tmp_path / name).code == 0
        table = read(tmp_path / name)
        assert len(table) == sum(split["clips"] for split in printed["splits"])
        assert {"clip_id", "start_s", "noun_name", "verb_name"} <= set(table.columns)
    assert egoshift("data", "clips", world / "home.yaml", "-o", tmp_path / "clips.xlsx").code == 1


@pytest.mark.parametrize(
    "verb",
    [
        *(
            "demo",
            "predict",
            "adapt",
            "app",
            "export",
            "claims",
            "world make",
            "extract",
            "train",
            "evaluate",
            "tables",
            "report",
            "recipes",
            "reproduce",
            "plan",
            "encoders",
        ),
        *("data check", "data clips"),
    ],
)
def test_every_verb_has_help_with_examples(egoshift: Command, verb: str):
    answer = egoshift(*verb.split(), "--help")
    assert answer.code == 0
    assert f"egoshift {verb}" in answer.out.split("Examples:")[1]


@pytest.mark.parametrize(
    "arguments", [["trian"], ["extract"], ["extract", "x.yaml"], ["tables", "x", "--format", "pdf"], ["data"]]
)
def test_wrong_usage_exits_with_two(egoshift: Command, arguments: list[str]):
    assert egoshift(*arguments).code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "check", "nowhere.yaml"], "nowhere.yaml: no such data card or folder"),
        (["extract", "nowhere.yaml", "--encoder", "x"], "nowhere.yaml: no such data card or folder"),
        (["train", "xmik", "--on", "x.yaml"], "no recipe or run file 'xmik'"),
        (["train", "xmic"], "recipe xmic needs --on"),
        (["train", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["train", "run.yaml", "--on", "x.yaml"], "a run file names its own data"),
        (["evaluate", "nowhere"], "nowhere: holds no run.yaml"),
        (["tables", "nowhere.json"], "nowhere.json: cannot be read"),
        (["tables", "x", "--paper", "xmic", "--table", "9"], "the paper has no table 9; it has 1 to 7"),
        (["tables", "x", "--paper", "xmic", "--table", "two"], "--table two: expected numbers of tables such as 1,2"),
        (
            ["tables", "x", "--paper", "xmic", "--format", "html"],
            "a paper's tables are written as md, latex, csv, json",
        ),
        (["tables", "x", "--table", "2"], "--table is of a paper's tables; add --paper xmic"),
        (["recipes", "xmik"], "no recipe or run file 'xmik'"),
        (["plan", "--rates", "nowhere.json"], "nowhere.json: cannot be read"),
        (["plan", "--rates", "x.json", "--device", "cuda"], "x.json: rates are read, not measured"),
        (["plan", "--device", "tpu"], "device 'tpu' cannot be used here"),
    ],
)
def test_what_is_not_there_is_named_in_one_line(egoshift: Command, arguments: list[str], message: str):
    answer = egoshift(*arguments)
    assert answer.code == 1
    assert len(answer.lines) == 1
    assert message in answer.lines[0]


def test_what_must_come_first_is_named(egoshift: Command, own_world: Path, tower: Path, tmp_path: Path):
    kitchen = own_world / "kitchen.yaml"
    answer = egoshift("train", "xmic", "--on", kitchen, "--encoder", tower, "--out", tmp_path / "run")
    assert answer.code == 1
    assert f"egoshift extract {kitchen} --encoder {tower}" in answer.err
    egoshift("extract", kitchen, "--encoder", tower, "--views", "full")
    answer = egoshift("train", "xmic", "--on", kitchen, "--encoder", tower, "--out", tmp_path / "run")
    assert answer.code == 1
    assert "holds full views, the run reads 'hand'" in answer.err


def test_the_demo_does_the_whole_job_and_leaves_results_and_a_report(egoshift: Command, tmp_path: Path):
    answer = egoshift("demo", "--scale", "0.1", "--out", tmp_path / "demo", "--json")
    assert answer.code == 0, answer.err
    rows = json.loads(answer.out)
    keys = ("method", "train", "test", "label", "metric", "subset", "value", "low", "high", "n", "reported")
    assert all(tuple(row) == keys for row in rows)
    assert {row["method"] for row in rows} == {"zero_shot", "zero_shot_hand", "xmic"}
    assert {(row["train"], row["test"]) for row in rows} == {(a, b) for a in SETS for b in SETS}
    assert (
        len(list((tmp_path / "demo" / "results").glob("*.json"))) == 3 * 2 * 2 * 2
    )  # methods, labels, both sets twice
    again = json.loads(egoshift("tables", tmp_path / "demo", "--format", "json").out)
    assert sorted(map(str, again)) == sorted(map(str, rows))
    assert (tmp_path / "demo" / "report.html").stat().st_size > 100_000


def test_an_interruption_says_what_is_kept(egoshift: Command, monkeypatch: pytest.MonkeyPatch):
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("egoshift.cli.recipes.recipes", interrupted)
    answer = egoshift("recipes")
    assert answer.code == 130
    assert answer.lines == ["interrupted; what was finished is kept, and the same command uses it again where it can"]


def test_a_disk_that_is_full_is_one_line(egoshift: Command, monkeypatch: pytest.MonkeyPatch):
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "runs/a/run.yaml")

    monkeypatch.setattr("egoshift.cli.recipes.recipes", full)
    answer = egoshift("recipes")
    assert answer.code == 1
    assert answer.lines == [
        "runs/a/run.yaml: No space left on device; mend that first: what was finished is kept, and the same command "
        "uses it again where it can"
    ]


@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN], ids=["terminal", "background"])
def test_sigterm_is_treated_as_an_interruption_and_told_by_the_exit_code(
    egoshift: Command, monkeypatch: pytest.MonkeyPatch, ctrl_c: signal.Handlers
):
    before, found = signal.getsignal(signal.SIGTERM), signal.signal(signal.SIGINT, ctrl_c)
    monkeypatch.setattr("egoshift.cli.recipes.recipes", lambda: signal.raise_signal(signal.SIGTERM))
    try:
        answer = egoshift("recipes")
    finally:
        signal.signal(signal.SIGINT, found)
    assert answer.code == 143
    assert answer.lines == ["interrupted; what was finished is kept, and the same command uses it again where it can"]
    assert signal.getsignal(signal.SIGTERM) is before
