"""Which clips are shown."""

from collections.abc import Sequence

import pytest

from egoshift.evaluation import Outcomes
from egoshift.recipes.reports.clips import answers_of, drawn
from tests.unit.recipes.results import made_up


def outcomes(right: Sequence[bool]) -> Outcomes:
    predicted = tuple(0 if yes else 1 for yes in right)
    ranks = tuple(0 if yes else 1 for yes in right)
    return Outcomes(
        label="noun",
        space="all",
        videos=("v",),
        clips=(len(right),),
        targets=(0,) * len(right),
        predicted=predicted,
        ranks=ranks,
    )


@pytest.mark.parametrize(
    ("right", "wrong", "number", "expected"),
    [
        (10, 10, 6, (3, 3)),
        (10, 10, 5, (3, 2)),
        (1, 10, 6, (1, 5)),
        (10, 1, 6, (5, 1)),
        (0, 10, 6, (0, 6)),
        (10, 0, 6, (6, 0)),
        (1, 2, 6, (1, 2)),
        (0, 0, 6, (0, 0)),
    ],
)
def test_half_are_right_and_half_wrong_as_far_as_there_are_any(
    right: int, wrong: int, number: int, expected: tuple[int, int]
) -> None:
    kinds = [True] * right + [False] * wrong
    chosen = drawn(outcomes(kinds), number, 0).tolist()
    assert len(set(chosen)) == len(chosen)
    found = [kinds[index] for index in chosen]
    assert (found.count(True), found.count(False)) == expected
    assert found == sorted(found, reverse=True), "right ones first"


def test_the_draw_follows_the_seed_and_nothing_else() -> None:
    of = outcomes([index % 3 == 0 for index in range(60)])
    assert drawn(of, 6, 0).tolist() == drawn(of, 6, 0).tolist() != drawn(of, 6, 1).tolist()
    counts = dict.fromkeys(range(60), 0)
    for seed in range(400):
        for index in drawn(of, 6, seed).tolist():
            counts[index] += 1
    assert min(counts.values()) > 0, "every clip may be drawn"


def test_answers_are_those_among_all_classes() -> None:
    result = made_up("kitchen", "home")
    found = answers_of(result, "noun")
    assert found is not None
    assert (found.space, len(found.targets)) == ("all", 60)
    assert answers_of(result, "verb") is None
