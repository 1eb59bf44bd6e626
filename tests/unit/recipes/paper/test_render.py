import csv
import io
import json
from dataclasses import asdict

from egoshift.evaluation import Result
from egoshift.recipes.grid import Grid
from egoshift.recipes.paper import PAPER_FORMATS, fill, find_tables, grids
from egoshift.recipes.paper.render import cells
from egoshift.recipes.reported import EGO4D, EPIC
from tests.unit.recipes.results import made_up


def _grids(results: list[Result], number: int, *, oracle: bool = False) -> list[Grid]:
    (filled,) = fill(results, find_tables([number]), oracle=oracle)
    return grids(filled)


def _line(grid: Grid, row: str, label: str = "noun") -> dict[str, str]:
    (line,) = [line for line in grid.lines if line[:2] == (label, row)]
    return dict(zip(grid.headings, line, strict=True))


def test_each_training_data_set_has_a_grid_with_rows_in_the_papers_order():
    first, second = _grids([made_up(EGO4D, EPIC)], 1)
    assert "Table 1" in first.caption
    assert f"trained on {EGO4D}" in first.caption
    assert f"trained on {EPIC}" in second.caption
    assert first.headings == ("label", "row", EGO4D, EPIC, "hm")
    assert [line[1] for line in first.lines[:9]] == [
        *("ZS CLIP", "CoOp", "Co-CoOp", "CLIP-Adapter", "CLIP-Adapter*"),
        *("A5", "Vita-CLIP", "X-MIC", "X-MIC+DINO"),
    ]
    assert [line[0] for line in first.lines] == ["noun"] * 13 + ["verb"] * 13
    assert (first.note, second.note[:8]) == ("", "Brackets")


def test_the_reported_number_stands_beside_ours_and_alone_where_nothing_was_run():
    first = _grids([made_up(EGO4D, EPIC)], 1)[0]
    ours = _line(first, "X-MIC")
    assert ours[EPIC].endswith("] (reported 15.35)")
    assert float(ours[EPIC].split()[0]) > 0
    assert ours["hm"] == "(reported 21.06)"
    assert _line(first, "CoOp")[EPIC] == "(reported 10.87)"
    assert _line(first, "CLIP-LoRA")[EPIC] == ""


def test_in_a_generated_world_the_papers_numbers_have_columns_of_their_own():
    (grid,) = _grids([made_up("home", "kitchen")], 4)
    assert grid.headings[2:] == ("home", "kitchen", "hm", f"paper, {EGO4D}", f"paper, {EPIC}", "paper, hm")
    line = _line(grid, "F+H")
    assert "reported" not in line["kitchen"]
    assert (line["home"], line["hm"], line[f"paper, {EPIC}"]) == ("", "", "15.35")
    assert "generated world" in grid.note
    split = _grids([made_up("home", "kitchen")], 2)[0]
    assert split.headings[-4:] == ("hm, all classes", "paper, shared", "paper, novel", "paper, hm")


def test_zero_shot_and_adapted_runs_of_a_prompt_share_a_line():
    results = [made_up("home", "home", variant=name) for name in ("zero_shot-image", "xmic-image")]
    (grid,) = _grids(results, 7)
    line = _line(grid, "Image of a <class>")
    assert line["ZS, home"]
    assert line["X-MIC, home"]
    assert (line["ZS, kitchen"], line["X-MIC, hm"], line[f"paper, ZS, {EGO4D}"]) == ("", "", "10.52")


def test_results_chosen_on_the_target_have_a_labelled_column_beside_ours():
    results = [made_up("home", "kitchen"), made_up("home", "kitchen", selection="oracle", seed=3)]
    (grid,) = _grids(results, 4, oracle=True)
    assert grid.headings[2:8] == ("home", "home, oracle", "kitchen", "kitchen, oracle", "hm", "hm, oracle")
    line = _line(grid, "F+H")
    assert line["kitchen"] != line["kitchen, oracle"] != ""
    assert "“oracle”: the epoch was chosen on the test clips" in grid.note
    assert "oracle" not in _grids(results, 4)[0].note


def test_the_note_says_what_the_brackets_are_and_cells_of_fewer_seeds_say_so():
    results = [made_up("home", "kitchen", seed=seed) for seed in (1, 2, 3)]
    results.append(made_up("home", "kitchen", variant="xmic_full", seed=1))
    (grid,) = _grids(results, 4)
    assert grid.note.startswith("Means over 3 seeds")
    assert _line(grid, "F")["kitchen"].endswith("(1 of 3 seeds)")
    assert "seeds" not in _line(grid, "F+H")["kitchen"]


def test_every_format_holds_all_cells_and_empty_ones_are_empty():
    filled = fill([made_up("home", "kitchen")], find_tables([6, 7]))
    expected = [asdict(cell) for cell in cells(filled)]
    assert json.loads(PAPER_FORMATS["json"](filled)) == expected
    rows = list(csv.DictReader(io.StringIO(PAPER_FORMATS["csv"](filled))))
    assert len(rows) == len(expected) == 6 * 3 + 6 * 10
    assert [row["value"] for row in rows] == ["" if cell["value"] is None else str(cell["value"]) for cell in expected]
    markdown, latex = PAPER_FORMATS["md"](filled), PAPER_FORMATS["latex"](filled)
    assert markdown.count("| noun | n1,n2 |  |  |  | 15.81 | 12.30 | 13.83 |") == 1
    assert "| Video of a \\<class> |" in markdown
    assert latex.count("\\begin{tabular}") == 2
    assert "Video of a \\textless{}class\\textgreater{} &" in latex
