"""``egoshift reproduce`` in small worlds and on data cards: what it prints is what the results say, nothing runs twice.

No test asserts that one row is better than another.
"""

import json
from pathlib import Path
from statistics import fmean

import pytest
import yaml

from egoshift.evaluation import Result, harmonic_mean
from egoshift.recipes.paper import PAPER_FORMATS, Cell, find_tables, refilled, tables
from egoshift.recipes.paper.reproduce import MARKS
from egoshift.recipes.seeds import mean_interval
from tests.flows.conftest import Command

SMALL = ("--scale", 0.05, "--set", "fit.epochs=1")
NAMES = {"home": "ego4d-fho", "kitchen": "epic-kitchens-100"}


def _top1(results: Path, variant: str, label: str, train: str, test: str) -> float:
    result = Result.read(results / f"{variant}-{label}--{train}-to-{test}.json")
    (value,) = [row.value for row in result.rows if (row.metric, row.subset) == ("top1", "all")]
    return value


def _value(results: Path, cell: dict[str, str]) -> float:
    """What one world's results say of a cell of Tables 4 and 6."""
    place = (cell["variant"], cell["label"], cell["train"])
    across = _top1(results, *place, cell["test"])
    return across if cell["metric"] == "top1" else harmonic_mean(_top1(results, *place, cell["train"]), across)


def _made(out: Path) -> dict[Path, bytes]:
    """Everything that was trained or evaluated."""
    found = (file for folder in ("models", "results") for file in out.glob(f"**/{folder}/**/*") if file.is_file())
    return {file: file.read_bytes() for file in found}


@pytest.mark.timeout(900)
def test_tables_of_worlds_say_what_the_results_say_and_share_their_runs_with_claims(
    egoshift: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tables, "PAPER_TABLES", find_tables([4, 6]))
    out, page = tmp_path / "claims", tmp_path / "papers.md"
    page.write_text(f"before\n{MARKS[0]}\n{MARKS[1]}\nafter\n")
    first = egoshift("reproduce", "--world", "--out", out, *SMALL, "--seeds", 2, "--json", "--write", tmp_path)
    assert first.code == 0, first.err
    cells = json.loads(first.out)
    assert len(cells) == 3 * 2 * 3 + 6 * 3  # rows, labels, columns
    for cell in cells:
        values = [_value(out / f"seed-{seed}" / "results", cell) for seed in (1, 2)]
        assert (cell["seeds"], cell["selection"]) == (2, "source")
        assert cell["value"] == pytest.approx(fmean(values))
        assert (cell["low"], cell["high"]) == pytest.approx(mean_interval(values))
        assert cell["reported"] > 0
    assert "Worlds of scale 0.05; seeds 1, 2." in page.read_text()
    assert page.read_text().count("**X-MIC, Table") == 2
    kept = json.loads((tmp_path / "papers.json").read_text())
    assert kept == cells
    again_filled = refilled([Cell(**cell) for cell in kept], find_tables([4, 6]))
    shown = page.read_text().replace(" Changed for every run: fit.epochs=1.", "")  # which the cells do not say
    assert PAPER_FORMATS["md"](again_filled).rstrip() in shown

    before = _made(out)
    assert not (out / "seed-1" / "oracle").exists()
    again = egoshift("reproduce", "--world", "--out", out, *SMALL, "--seeds", 2, "--table", 6)
    assert again.code == 0, again.err
    assert _made(out) == before, "nothing was done twice"
    assert again.out in page.read_text()

    claimed = egoshift("claims", "--out", out, *SMALL, "--seeds", 1, "--only", 5, "--json")
    assert claimed.code == 0, claimed.err
    after = _made(out)
    assert {file: after[file] for file in before} == before, "claims use what tables needed"
    assert {file.name.split("--")[1].split("-")[0] for file in after.keys() - before.keys() if "--" in file.name} == {
        "kitchen"
    }

    _what_was_chosen_on_the_target_stands_beside(egoshift, out, after)


def _what_was_chosen_on_the_target_stands_beside(egoshift: Command, out: Path, before: dict[Path, bytes]) -> None:
    chosen = ("--selection", "oracle", "--table", "6", "--seeds", "1")
    printed = egoshift("reproduce", "--world", "--out", out, *SMALL, *chosen, "--json")
    assert printed.code == 0, printed.err
    cells = json.loads(printed.out)
    assert len(cells) == 2 * 6 * 3
    for cell in cells:
        folder = out / "seed-1" / ("oracle" if cell["selection"] == "oracle" else "")
        assert cell["value"] == pytest.approx(_value(folder / "results", cell))
    results = [Result.read(file) for file in (out / "seed-1" / "oracle" / "results").glob("*.json")]
    assert len(results) == 6 * 3  # rows; home, kitchen and bench
    assert {result.selection for result in results} == {"oracle"}
    after = _made(out)
    assert {file: after[file] for file in before} == before, "ours are as they were"
    assert "home, oracle" in egoshift("tables", out, "--paper", "xmic", "--table", 6, "--selection", "oracle").out


@pytest.mark.timeout(600)
def test_tables_of_data_cards_stand_beside_reported_numbers(
    egoshift: Command, own_world: Path, tower: Path, tmp_path: Path
):
    out, clip = tmp_path / "paper", f"openai/clip-vit-base-patch16={tower}"
    cards = {name: _named(own_world / f"{name}.yaml", as_called) for name, as_called in NAMES.items()}
    given = ("--ego4d", cards["home"], "--epic", cards["kitchen"], "--out", out, "--set", "fit.epochs=1")
    nothing = egoshift("reproduce", *given, "--table", 5, "--encoder", clip)
    assert nothing.code == 1
    assert nothing.lines[-1] == "nothing could be run, so there are no tables"
    extracting = [line for line in nothing.lines if f"egoshift extract {cards['home'].resolve()}" in line]
    assert len(extracting) == 3, "one line for each encoder"

    assert egoshift("extract", *cards.values(), "--encoder", tower).code == 0
    first = egoshift("reproduce", *given, "--table", "4,5", "--encoder", clip, "--json")
    assert first.code == 0, first.err
    assert [line.split(": ")[:2] for line in first.lines if line.startswith("not run")] == [
        ["not run", f"zero_shot_{which}, xmic_{which}"] for which in ("large", "large", "lavila", "lavila")
    ]
    for cell in json.loads(first.out):
        if cell["variant"].endswith(("_large", "_lavila")):
            assert cell["value"] is None
        else:
            assert cell["value"] == pytest.approx(_value(out / "seed-1" / "results", cell))
        assert cell["reported"] is not None
    before = _made(out)
    again = egoshift("reproduce", *given, "--table", "4,5", "--encoder", clip, "--json")
    assert again.out == first.out
    assert _made(out) == before, "nothing was done twice"
    other = egoshift("reproduce", *given, "--table", 5, "--encoder", clip, "--set", "fit.lr=0.1")
    assert other.code == 1
    assert "holds a run that differs in fit; give another --out or remove it" in other.lines[-1]


def _named(card: Path, name: str) -> Path:
    """The card with another name for its data set."""
    values = yaml.safe_load(card.read_text())
    card.write_text(yaml.safe_dump(values | {"name": name}))
    return card


def test_what_cannot_be_used_is_told_before_any_work(egoshift: Command, own_world: Path, tmp_path: Path):
    (tmp_path / "papers.md").write_text("no place for tables")
    home = ("--ego4d", own_world / "home.yaml")
    for arguments, message in (
        ([], "give --world for generated worlds, or data cards with --ego4d, --epic and --egtea"),
        (["--world", *home], "give --world for generated worlds, or data cards"),
        (["--world", "--table", "9"], "the paper has no table 9; it has 1 to 7"),
        (["--world", "--table", "two"], "--table two: expected numbers of tables such as 1,2"),
        (["--world", "--set", "fit.selection=oracle"], "use --selection oracle"),
        (["--world", "--set", "method.options.alpha=2"], "only fields of fit can be set"),
        (["--world", "--encoder", "a=b"], "--encoder is for data cards"),
        (["--world", "--write", tmp_path], "needs one line <!-- tables:begin -->"),
        (["--world", "--write", tmp_path, "--table", "4"], "leave out --table"),
        ([*home, "--scale", "0.5"], "--scale is for generated worlds; add --world"),
        ([*home, "--write", tmp_path], "--write is for generated worlds; add --world"),
        ([*home, "--encoder", "clip"], "--encoder clip: expected NAME=OTHER"),
        (
            home,
            "the data set is called 'home', and the tables know it as 'ego4d-fho'; write name: ego4d-fho in the card",
        ),
        (["--epic", "nowhere.yaml"], "nowhere.yaml: no such data card or folder"),
    ):
        answer = egoshift("reproduce", "--out", tmp_path / "out", *arguments)
        assert answer.code == 1
        assert len(answer.lines) == 1, answer.err
        assert message in answer.lines[0]
    assert not (tmp_path / "out").exists()


def test_help_has_examples(egoshift: Command):
    assert "egoshift reproduce --world" in egoshift("reproduce", "--help").out.split("Examples:")[1]
