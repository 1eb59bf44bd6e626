import csv
import io
import json
from dataclasses import asdict
from itertools import product

import pytest

from egoshift.errors import ResultError
from egoshift.evaluation import Result
from egoshift.evaluation.result import Overlap, Provenance
from egoshift.recipes.report import html
from egoshift.recipes.reported import EGO4D, EGTEA, EPIC
from egoshift.recipes.tables import (
    TEXT_FORMATS,
    TableRow,
    blocks,
    cell_text,
    left_out_notes,
    overlap_notes,
    read_results,
    table_rows,
)
from tests.unit.recipes.results import made_up


@pytest.fixture
def both_ways() -> list[Result]:
    return [made_up(train, test) for train, test in product((EGO4D, EPIC), repeat=2)]


def test_rows_hold_every_number_of_every_result_and_the_harmonic_means(both_ways):
    rows = table_rows(both_ways)
    joined = [row for row in rows if (row.metric, row.subset) == ("hm", "all")]
    assert len(joined) == 2
    assert len(rows) == 2 + sum(len(result.rows) for result in both_ways)
    values = {(row.train, row.test): row.value for row in rows if (row.metric, row.subset) == ("top1", "all")}
    for row in joined:
        within, across = values[row.train, row.train], values[row.train, row.test]
        assert row.value == pytest.approx(2 * within * across / (within + across))
        assert row.low is not None
        assert row.high is not None
        assert row.low <= row.value <= row.high


def test_the_keys_for_machines_are_those_that_are_promised(both_ways):
    rows = json.loads(json.dumps([asdict(row) for row in table_rows(both_ways)]))
    keys = {"method", "train", "test", "label", "metric", "subset", "value", "low", "high", "n", "reported"}
    assert all(set(row) == keys for row in rows)


def test_reported_numbers_stand_beside_results_on_the_papers_data_sets_only(both_ways):
    rows = table_rows(both_ways)
    found = {(r.train, r.test, r.metric, r.subset): r.reported for r in rows if r.reported is not None}
    assert found[EGO4D, EPIC, "top1", "all"] == 15.35
    assert found[EPIC, EGO4D, "hm", "all"] == 17.57
    assert found[EGO4D, EPIC, "top1", "novel"] == 21.51
    assert found[EGO4D, EPIC, "hm", "novel"] == 20.75
    assert len(found) == 2 * 6
    assert all(row.reported is None for row in table_rows([made_up("kitchen", "home")]))


def test_a_result_on_egtea_stands_beside_table_3():
    rows = table_rows([made_up(EGO4D, EGO4D), made_up(EGO4D, EGTEA)])
    found = {(row.test, row.metric, row.subset): row.reported for row in rows if row.reported is not None}
    assert found == {(EGO4D, "top1", "all"): 33.54, (EGTEA, "top1", "all"): 29.21, (EGTEA, "hm", "all"): 31.21}


def test_text_formats_show_value_interval_and_reported_number(both_ways):
    rows = table_rows(both_ways)
    markdown = TEXT_FORMATS["md"](rows)
    assert "(reported 15.35)" in markdown
    lines = [line for line in markdown.splitlines() if line.startswith("| noun | xmic |")]
    assert len(lines) == 4  # within and across, shared and novel, trained on either
    latex = TEXT_FORMATS["latex"](rows)
    assert latex.count("\\begin{tabular}") == latex.count("\\end{tabular}") == 4
    read = list(csv.DictReader(io.StringIO(TEXT_FORMATS["csv"](rows))))
    assert [float(row["value"]) for row in read] == [row.value for row in rows]


def test_cells_that_were_not_run_are_empty_never_zero():
    rows = table_rows([made_up("kitchen", "home")])
    (first, *_) = blocks(rows)
    cells = dict(zip(first.columns, first.lines[0][2], strict=True))
    assert cells["kitchen"] is None
    assert cells["hm"] is None
    assert isinstance(cells["home"], TableRow)
    assert cell_text(None) == ""


def test_seeds_and_oracle_selection_are_told_apart():
    results = [made_up("kitchen", "home", seed=seed) for seed in (0, 1)]
    assert {row.method for row in table_rows(results)} == {"xmic (seed 0)", "xmic (seed 1)"}
    oracle = made_up("kitchen", "home", selection="oracle")
    assert {row.method for row in table_rows([oracle])} == {"xmic (oracle)"}


def test_two_results_for_one_place_are_refused():
    with pytest.raises(ResultError, match=r"two results are called xmic \(noun\), trained on kitchen"):
        table_rows([made_up("kitchen", "home"), made_up("kitchen", "home")])


def test_nouns_and_verbs_of_separate_models_share_a_table():
    results = [made_up("kitchen", "home", label=label) for label in ("verb", "noun")]
    first = blocks(table_rows(results))[0]
    assert [(label, method) for label, method, _ in first.lines] == [("verb", "xmic"), ("noun", "xmic")]


def test_a_folder_stands_for_the_results_under_it(tmp_path, both_ways):
    for number, result in enumerate(both_ways):
        result.write(tmp_path / "run" / "results" / f"{number}.json")
    (tmp_path / "run" / "other.json").write_text("{}")
    assert read_results([tmp_path]) == both_ways
    assert read_results([tmp_path / "run" / "results"]) == both_ways
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultError, match="holds no results"):
        read_results([tmp_path / "empty"])


def test_the_report_is_one_page_with_every_table_plot_and_name_escaped(both_ways):
    page = html(both_ways)
    assert page.count("<table>") == len(blocks(table_rows(both_ways))) + 1
    assert page.count("data:image/png;base64,") == 1 + 4 + 4  # overview, classes, confusions
    assert "http" not in page.replace("http-equiv", "")
    assert "<script>" not in page
    assert "Nothing was trained" in page


def test_what_training_saw_of_the_tested_videos_is_told_once_a_run_and_data_set():
    def of(test: str, overlap: Overlap) -> Result:
        return made_up("kitchen", test, provenance=Provenance(overlap=overlap))

    shared = [of("kitchen", Overlap(videos=2, clips=9)), of("home", Overlap(videos=1, clips=3, moments=2))]
    results = [*shared, of("bench", Overlap()), made_up("a", "b")]
    assert overlap_notes([*results, *results]) == [
        "xmic, trained on kitchen and tested on home: training saw 1 of the tested videos (tested clips in them: 3; at "
        "moments that it saw: 2)",
        "xmic, trained on kitchen and tested on kitchen: training saw 2 of the tested videos (tested clips in them: 9; "
        "none at a moment that it saw)",
    ]


def test_clips_that_could_not_be_tested_are_told_once_a_run_and_data_set():
    lost = made_up("kitchen", "home", dropped={"video-not-stored": 2, "past-the-end": 1})
    assert left_out_notes([lost, lost, made_up("kitchen", "kitchen")]) == [
        "xmic, tested on home: 3 clips are left out (1 past-the-end, 2 video-not-stored)"
    ]
