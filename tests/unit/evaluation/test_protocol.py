import pytest
import torch

from egoshift.errors import ResultError
from egoshift.evaluation import (
    MetricRow,
    Outcomes,
    Result,
    count_subsets,
    evaluate_scores,
    harmonic_mean,
    harmonic_row,
    outcomes_of,
    rows_of,
)
from egoshift.records import Scores
from tests.parity.test_evaluation import random_scores

SCORES = Scores(
    label="noun",
    #                      shared     novel
    logits=torch.tensor(
        [
            [3.0, 0.0, 9.0, 0.0],  # class 0: right among the shared, wrong among all
            [0.0, 2.0, 0.0, 0.0],  # class 1: right
            [0.0, 0.0, 1.0, 5.0],  # class 2: wrong among the novel
            [9.0, 0.0, 0.0, 5.0],  # class 3: right among the novel, wrong among all
        ]
    ),
    targets=torch.tensor([0, 1, 2, 3]),
    groups=("b", "a", "b", "a"),
    names=("cup", "lid", "pan", "tap"),
)


def value(rows: list[MetricRow], metric: str, subset: str) -> float:
    return next(row.value for row in rows if (row.metric, row.subset) == (metric, subset))


def result(outcomes: tuple[Outcomes, ...], **fields: object) -> Result:
    return Result.model_validate(
        {"method": "xmic", "train": "ego4d", "test": "ego4d", "rows": rows_of(outcomes), "outcomes": outcomes} | fields
    )


def test_restricted_and_generalised_subsets_keep_the_same_clips_and_differ_in_the_classes_to_choose_among() -> None:
    rows = evaluate_scores(SCORES, [0, 1], [2, 3])
    assert value(rows, "top1", "all") == 25.0
    assert value(rows, "top1", "shared") == 100.0
    assert value(rows, "top1", "shared-generalised") == 50.0
    assert value(rows, "top1", "novel") == 50.0
    assert value(rows, "top1", "novel-generalised") == 0.0
    assert value(rows, "hm", "novel") == pytest.approx(harmonic_mean(100.0, 50.0))
    assert value(rows, "hm", "novel-generalised") == 0.0
    assert {row.n for row in rows if row.subset.startswith(("shared", "novel")) and row.metric != "hm"} == {2}


def test_a_subset_without_clips_has_no_rows_and_is_counted() -> None:
    outcomes = outcomes_of(SCORES, [0, 1, 2, 3], [])
    rows = rows_of(outcomes)
    assert {row.subset for row in rows} == {"all", "shared", "shared-generalised"}
    assert not [row for row in rows if row.metric == "hm"]
    assert count_subsets(outcomes)["novel"] == 0 == count_subsets(outcomes)["novel-generalised"]


def test_no_clips_at_all_give_no_rows() -> None:
    nothing = Scores("verb", torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), (), SCORES.names)
    outcomes = outcomes_of(nothing, [0], [1, 2, 3])
    assert rows_of(outcomes) == []
    assert count_subsets(outcomes)["all"] == 0


def test_without_a_split_there_are_only_rows_over_all_clips() -> None:
    assert {row.subset for row in evaluate_scores(SCORES)} == {"all"}


def test_outcomes_are_ordered_by_video_and_list_the_same_videos_in_every_space() -> None:
    everything, shared, novel = outcomes_of(SCORES, [0, 1], [2, 3])
    assert everything.videos == shared.videos == novel.videos == ("b", "a")
    assert (everything.clips, shared.clips, novel.clips) == ((2, 2), (1, 1), (1, 1))
    assert everything.targets == (0, 2, 1, 3)
    assert everything.predicted == (2, 3, 1, 0)
    assert everything.ranks == (1, 1, 0, 1)
    assert novel.predicted == (3, 3)


def test_a_row_of_one_video_has_no_interval() -> None:
    one = Scores("noun", SCORES.logits, SCORES.targets, ("a",) * 4, SCORES.names)
    assert all(row.low is None and row.high is None for row in evaluate_scores(one))
    in_one = Scores("noun", SCORES.logits, SCORES.targets, ("a", "b", "a", "a"), SCORES.names)
    rows = evaluate_scores(in_one, [0, 1], [2, 3])
    assert {row.subset for row in rows if row.low is None} == {"novel", "novel-generalised"}


def test_the_interval_holds_the_value_for_many_videos() -> None:
    rows = evaluate_scores(random_scores(0, 400, 6, 50), [0, 1, 2], [3, 4, 5])
    assert len(rows) == 5 * 4 + 2
    for row in rows:
        assert row.low is not None
        assert row.high is not None
        assert 0 <= row.low < row.value < row.high <= 100 or row.metric == "top5"


def test_a_class_that_is_shared_and_novel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"classes \[1\] are given as shared and as novel"):
        evaluate_scores(SCORES, [0, 1], [1, 2])


def test_a_class_beyond_the_logits_is_refused() -> None:
    with pytest.raises(ValueError, match=r"noun classes \[4\] are not among the 4 scored"):
        evaluate_scores(SCORES, [0, 4], [1])


def test_the_harmonic_row_joins_two_results_with_independent_draws() -> None:
    ours, theirs = outcomes_of(random_scores(0, 200, 6, 30)), outcomes_of(random_scores(1, 100, 6, 30))
    within, cross = result(ours), result(theirs, test="epic")
    row = harmonic_row(within, cross, "noun")
    assert row is not None
    assert (row.metric, row.subset, row.n) == ("hm", "all", 300)
    assert row.value == pytest.approx(harmonic_mean(within.rows[0].value, cross.rows[0].value))
    assert row.low is not None
    assert row.high is not None
    assert row.low < row.value < row.high
    # Of two equal sides, independent draws vary less in the mean than one side alone; joint draws would not.
    same = harmonic_row(within, result(ours, test="epic"), "noun")
    assert same is not None
    assert same.low is not None
    assert within.rows[0].low is not None
    assert same.low > within.rows[0].low + 0.5


def test_the_harmonic_row_has_an_interval_where_both_results_have_one() -> None:
    several = result(outcomes_of(random_scores(0, 60, 6, 6)))
    one = result(outcomes_of(random_scores(1, 60, 6, 1)), test="epic")
    for row in (harmonic_row(several, one, "noun"), harmonic_row(one, several, "noun")):
        assert row is not None
        assert (row.low, row.high) == (None, None)


def test_the_harmonic_row_of_two_results_without_a_hit_is_nothing_for_sure() -> None:
    scores = random_scores(0, 60, 6, 6)
    missed = Scores(
        "noun", -torch.nn.functional.one_hot(scores.targets, 6).float(), scores.targets, scores.groups, scores.names
    )
    row = harmonic_row(result(outcomes_of(missed)), result(outcomes_of(missed), test="epic"), "noun")
    assert row is not None
    assert (row.value, row.low, row.high) == (0.0, 0.0, 0.0)


def test_the_harmonic_row_is_absent_where_a_result_has_no_such_label() -> None:
    within = result(outcomes_of(random_scores(0, 20, 6, 3)))
    assert harmonic_row(within, result((), test="epic"), "noun") is None
    assert harmonic_row(within, within, "verb") is None


@pytest.mark.parametrize(
    ("field", "other"), [("method", "zero_shot"), ("seed", 7), ("variant", "x"), ("train", "epic")]
)
def test_the_harmonic_row_of_two_models_is_refused(field: str, other: object) -> None:
    outcomes = outcomes_of(random_scores(0, 20, 6, 3))
    with pytest.raises(ResultError, match=f"joins two results of one trained model, but their {field} differs"):
        harmonic_row(result(outcomes), result(outcomes, test="epic", **{field: other}), "noun")


def test_single_metrics_are_those_of_all() -> None:
    outcomes = outcomes_of(SCORES, [0, 1], [2, 3])
    everything = rows_of(outcomes)
    for asked in (("top1",), ("macro", "hm")):
        assert rows_of(outcomes, metrics=asked) == [row for row in everything if row.metric in asked]
