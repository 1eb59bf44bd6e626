"""The transcription is checked against itself: the printed harmonic means follow from the printed parts."""

import pytest

from egoshift.recipes.reported import EGO4D, EPIC, REPORTED, reported_value


def _harmonic(a: float, b: float) -> float:
    return 0.0 if a + b == 0 else 2 * a * b / (a + b)


def test_every_cell_of_both_tables_is_there_once():
    keys = [(c.table, c.method, c.train, c.test, c.label, c.metric, c.subset) for c in REPORTED]
    assert len(keys) == len(set(keys)) == 2 * 9 * 12


@pytest.mark.parametrize("label", ["noun", "verb"])
@pytest.mark.parametrize(("train", "other"), [(EGO4D, EPIC), (EPIC, EGO4D)])
def test_printed_harmonic_means_follow_from_printed_parts(train: str, other: str, label: str):
    checked = 0
    for method in sorted({cell.method for cell in REPORTED}):
        parts = {
            (c.table, c.metric, c.subset, c.test): c.value
            for c in REPORTED
            if (c.method, c.train, c.label) == (method, train, label)
        }
        across = _harmonic(parts[1, "top1", "all", train], parts[1, "top1", "all", other])
        assert across == pytest.approx(parts[1, "hm", "all", other], abs=0.02), (method, "Table 1")
        subsets = _harmonic(parts[2, "top1", "shared", other], parts[2, "top1", "novel", other])
        assert subsets == pytest.approx(parts[2, "hm", "novel", other], abs=0.02), (method, "Table 2")
        checked += 2
    assert checked == 18


def test_a_cell_that_the_paper_does_not_print_is_none():
    assert reported_value("xmic", EGO4D, EPIC, "noun", "top1", "all") == 15.35
    assert reported_value("xmic", "kitchen", "home", "noun", "top1", "all") is None
