from statistics import fmean, stdev

import pytest

from egoshift.errors import ResultError
from egoshift.evaluation import Result, harmonic_row
from egoshift.recipes.paper.cells import Cell, cast_of, fill, remarks
from egoshift.recipes.paper.tables import GENERATED, REAL, find_tables
from egoshift.recipes.reported import EGO4D, EGTEA, EPIC
from tests.unit.recipes.results import made_up


def _cells(results: list[Result], *numbers: int, oracle: bool = False) -> list[Cell]:
    return [cell for filled in fill(results, find_tables(numbers), oracle=oracle) for cell in filled.cells.values()]


def _run(cells: list[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.value is not None]


def _top1(result: Result, subset: str) -> float:
    (value,) = [row.value for row in result.rows if (row.metric, row.subset) == ("top1", subset)]
    return value


def test_a_result_fills_its_own_places_and_no_others():
    across = made_up("home", "kitchen")
    (cell,) = _run(_cells([across], 1))
    assert (cell.row, cell.variant, cell.train, cell.test) == ("X-MIC", "xmic", "home", "kitchen")
    assert (cell.label, cell.metric, cell.subset, cell.selection) == ("noun", "top1", "all", "source")
    (row,) = [row for row in across.rows if (row.metric, row.subset) == ("top1", "all")]
    assert (cell.value, cell.low, cell.high, cell.n) == (row.value, row.low, row.high, row.n)
    assert (cell.seeds, cell.reported, cell.reported_on) == (1, 15.35, "ego4d-fho to epic-kitchens-100")


def test_cells_that_were_not_run_hold_nothing():
    cells = _cells([made_up("home", "kitchen")], 1)
    assert len(cells) == 13 * 12
    empty = [cell for cell in cells if cell.value is None]
    assert len(empty) == 13 * 12 - 1
    assert all((cell.low, cell.high, cell.n, cell.seeds) == (None, None, None, 0) for cell in empty)


def test_the_harmonic_mean_is_of_both_results_of_one_model():
    within, across = made_up("home", "home"), made_up("home", "kitchen")
    joined = harmonic_row(within, across, "noun")
    assert joined is not None
    (cell,) = [cell for cell in _run(_cells([across, within], 4)) if cell.metric == "hm"]
    assert (cell.value, cell.low, cell.high, cell.n) == (joined.value, joined.low, joined.high, joined.n)
    other_seed = made_up("home", "kitchen", seed=1)
    assert not [cell for cell in _run(_cells([other_seed, within], 4)) if cell.metric == "hm"]


def test_shared_and_novel_come_restricted_as_printed_and_generalised_as_ours():
    result = made_up(EGO4D, EPIC)
    cells = {(cell.metric, cell.subset): cell for cell in _run(_cells([result], 2))}
    assert len(cells) == 6
    for subset in ("shared", "novel", "shared-generalised", "novel-generalised"):
        assert cells["top1", subset].value == _top1(result, subset)
    printed = {place: cell.reported for place, cell in cells.items() if cell.reported is not None}
    assert printed == {("top1", "shared"): 20.04, ("top1", "novel"): 21.51, ("hm", "novel"): 20.75}


def test_seeds_become_their_mean_with_a_student_t_interval():
    results = [made_up("home", test, seed=seed) for seed in (1, 2, 3) for test in ("home", "kitchen")]
    cells = {(cell.test, cell.metric): cell for cell in _run(_cells(results, 4))}
    values = [_top1(result, "all") for result in results if result.test == "kitchen"]
    cell, reach = cells["kitchen", "top1"], 4.302653 * stdev(values) / 3**0.5
    assert cell.value == pytest.approx(fmean(values))
    assert (cell.low, cell.high) == pytest.approx((fmean(values) - reach, fmean(values) + reach), abs=1e-4)
    assert (cell.seeds, cell.n) == (3, 3 * 60)
    means = [harmonic_row(results[2 * seed], results[2 * seed + 1], "noun") for seed in range(3)]
    assert cells["kitchen", "hm"].value == pytest.approx(fmean(mean.value for mean in means if mean))


def test_results_chosen_on_the_target_are_apart():
    chosen = {"best": made_up("home", "kitchen"), "oracle": made_up("home", "kitchen", seed=5, selection="oracle")}
    results = list(chosen.values())
    (only,) = _run(_cells(results, 1))
    assert only.value == _top1(chosen["best"], "all")
    both = {cell.selection: cell for cell in _run(_cells(results, 1, oracle=True))}
    assert both["source"] == only
    assert both["oracle"].value == _top1(chosen["oracle"], "all") != only.value
    assert both["oracle"].reported is None


def test_asking_for_results_chosen_on_the_target_where_none_is_given_is_refused():
    with pytest.raises(ResultError, match=r"--selection oracle: no result .* fit\.selection=oracle"):
        _cells([made_up("home", "kitchen")], oracle=True)


def test_the_papers_data_sets_win_over_the_generated_ones():
    generated, real = made_up("home", "kitchen"), made_up(EGO4D, EGTEA)
    assert cast_of([generated]) is GENERATED
    assert cast_of([generated, real]) is REAL
    with pytest.raises(ResultError, match="these results are of mine; the tables are of ego4d-fho"):
        cast_of([made_up("mine", "mine")])


def test_two_results_of_one_seed_for_one_place_are_refused():
    results = [made_up("home", "kitchen", seed=seed) for seed in (1, 2, 1)]
    with pytest.raises(ResultError, match=r"two results are called xmic, seed 1 \(noun\), trained on home"):
        _cells(results, 1)


def test_what_the_tables_do_not_show_is_named():
    results = [
        made_up("home", "kitchen"),
        made_up("home", "kitchen", variant="xmic_full", selection="oracle"),
        made_up("home", "kitchen", variant="mine"),
        made_up("home", "garage"),
    ]
    tables = find_tables([4])
    assert remarks(results, fill(results, tables)) == [
        "not run (the run of this name fills its row): xmic_full, xmic_hand",
        "no row here for results of: mine",
        "no column here for: garage",
        "left out, chosen on the target (--selection oracle shows them): xmic_full",
    ]
    whole = [made_up("home", "kitchen", variant=name) for name in ("xmic", "xmic_full", "xmic_hand")]
    assert remarks(whole, fill(whole, tables)) == []
