"""Relations of metrics, protocol and intervals: they hold for any logits, and so for those that nobody has checked.

All hold exactly but two: means over classes and videos are sums whose order a permutation changes (1e-9 of a percent),
and intervals under a permutation of clips, since videos are then drawn in another order, are compared by their middle.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.evaluation import bootstrap_interval, evaluate_scores, harmonic_mean
from egoshift.evaluation.answers import Question, answers_of
from egoshift.evaluation.calibration import expected_calibration_error, fit_temperature
from egoshift.evaluation.predict import predict_answers
from egoshift.evaluation.result import MetricRow
from egoshift.evaluation.sharing import batches_of
from egoshift.processes import Processes
from egoshift.records import Label, Scores
from tests.unit.evaluation.toy import toy, toy_clips, toy_text

CLASSES, CLIPS = 8, 30
SHARED, NOVEL = [0, 1, 2, 5], [3, 4, 6]

seeds = given(seed=st.integers(0, 10_000))
few = settings(max_examples=6)


def scores_of(seed: int, *, num_videos: int = 6) -> Scores:
    """Random logits without ties, of classes that the clips have but the last."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(CLIPS, CLASSES, generator=generator)
    targets = torch.randint(CLASSES - 1, (CLIPS,), generator=generator)
    logits[torch.arange(CLIPS), targets] += 1.0
    groups = tuple(f"v{index % num_videos}" for index in range(CLIPS))
    return Scores("noun", logits, targets, groups, tuple(f"c{index}" for index in range(CLASSES)))


def rows_of(scores: Scores, shared: list[int] = SHARED, novel: list[int] = NOVEL) -> dict[tuple[str, str], MetricRow]:
    return {(row.subset, row.metric): row for row in evaluate_scores(scores, shared, novel, num_resamples=100)}


def values(rows: dict[tuple[str, str], MetricRow]) -> dict[tuple[str, str], float]:
    return {key: row.value for key, row in rows.items()}


@few
@seeds
def test_permuting_the_clips_changes_no_value_and_no_count(seed: int) -> None:
    scores, order = scores_of(seed), torch.randperm(CLIPS, generator=torch.Generator().manual_seed(seed))
    groups = tuple(scores.groups[index] for index in order.tolist())
    ours = rows_of(scores)
    theirs = rows_of(Scores("noun", scores.logits[order], scores.targets[order], groups, scores.names))
    assert values(theirs) == pytest.approx(values(ours), rel=0, abs=1e-9)
    assert {key: row.n for key, row in theirs.items()} == {key: row.n for key, row in ours.items()}


@few
@seeds
def test_a_positive_factor_and_an_offset_of_each_clips_logits_change_nothing(seed: int) -> None:
    scores = scores_of(seed)
    offsets = torch.randint(-8, 8, (CLIPS, 1), generator=torch.Generator().manual_seed(seed)).double()
    for factor in (2.0**-20, 4.0, 1e6):
        moved = Scores("noun", scores.logits.double() * factor + offsets, *vars_of(scores))
        assert rows_of(moved) == rows_of(scores)


def vars_of(scores: Scores) -> tuple[torch.Tensor, tuple[str, ...], tuple[str, ...]]:
    return scores.targets, scores.groups, scores.names


@few
@seeds
def test_a_class_never_asked_for_leaves_restricted_scores_and_lowers_no_generalised_one_below_itself(seed: int) -> None:
    """One more column, of a class that is neither shared nor novel and that no clip has."""
    scores = scores_of(seed)
    extra = torch.randn(CLIPS, 1, generator=torch.Generator().manual_seed(seed + 1)) + 1.0
    more = Scores("noun", torch.cat([scores.logits, extra], 1), scores.targets, scores.groups, (*scores.names, "new"))
    ours, theirs = rows_of(scores), rows_of(more)
    assert ours.keys() == theirs.keys()
    for (subset, metric), row in ours.items():
        if subset in ("shared", "novel"):
            assert theirs[subset, metric] == row, "to the bit, intervals too"
        elif metric != "f1":  # a clip that was wrong may go to a class that has no F1, which raises that of the others
            assert theirs[subset, metric].value <= row.value


@settings(max_examples=2)
@seeds
def test_clips_twice_over_keep_every_value_and_videos_twice_over_narrow_the_interval(seed: int) -> None:
    scores = scores_of(seed, num_videos=10)
    twice = [torch.cat([values, values]) for values in (scores.logits, scores.targets)]
    alike = Scores("noun", twice[0], twice[1], scores.groups * 2, scores.names)
    for key, row in rows_of(scores).items():
        again = rows_of(alike)[key]
        assert (again.value, again.low, again.high) == pytest.approx((row.value, row.low, row.high), rel=0, abs=1e-9)
        assert again.n == 2 * row.n
    groups = scores.groups + tuple(f"{video} again" for video in scores.groups)
    ours, theirs = (rows_of(Scores("noun", twice[0], twice[1], own, scores.names)) for own in (alike.groups, groups))
    assert values(theirs) == pytest.approx(values(ours), rel=0, abs=1e-9)
    assert width(theirs["all", "top1"]) < width(ours["all", "top1"])


def width(row: MetricRow) -> float:
    assert row.low is not None
    assert row.high is not None
    return row.high - row.low


def test_an_interval_of_nothing_of_one_video_and_of_videos_alike() -> None:
    assert bootstrap_interval(torch.zeros(0, dtype=torch.int64), ()) is None
    assert bootstrap_interval(torch.tensor([1]), ("v",)) is None
    assert bootstrap_interval(torch.tensor([1, 0] * 4), tuple("aabbccdd")) == (50.0, 50.0)


@few
@seeds
def test_one_resample_is_a_point_and_more_of_them_are_around_the_value(seed: int) -> None:
    scores = scores_of(seed)
    for row in evaluate_scores(scores, num_resamples=1):
        assert row.low == row.high
    for row in rows_of(scores).values():
        assert row.low is None or row.high is None or row.low <= row.high


@given(st.floats(0, 100), st.floats(0, 100), st.floats(1e-3, 1))
def test_the_harmonic_mean_is_symmetric_and_between_least_and_mean(one: float, two: float, by: float) -> None:
    mean = harmonic_mean(one, two)
    assert mean == harmonic_mean(two, one)
    assert min(one, two) - 1e-9 <= mean <= (one + two) / 2 + 1e-9 or 0 in (one, two)
    assert harmonic_mean(by * one, by * two) == pytest.approx(by * mean, rel=1e-9, abs=1e-12)
    assert harmonic_mean(one, one) == pytest.approx(one)


@few
@seeds
def test_logits_of_single_precision_give_the_metrics_of_double_precision(seed: int) -> None:
    """Single precision is rounded once, so only logits within 6e-8 of each other could change places: none are here."""
    scores = scores_of(seed)
    assert rows_of(Scores("noun", scores.logits.double(), *vars_of(scores))) == rows_of(scores)
    doubled, single = (fit_temperature(logits, scores.targets) for logits in (scores.logits.double(), scores.logits))
    assert doubled == pytest.approx(single, rel=1e-5)


@few
@seeds
def test_a_factor_of_all_logits_is_a_factor_of_the_temperature(seed: int) -> None:
    scores = scores_of(seed)
    found = fit_temperature(scores.logits, scores.targets)
    assert fit_temperature(4 * scores.logits, scores.targets) == pytest.approx(4 * found, rel=1e-6)


def test_the_calibration_error_does_not_see_the_order_of_clips() -> None:
    generator = torch.Generator().manual_seed(0)
    confidences, hits = torch.rand(200, generator=generator), torch.rand(200, generator=generator) > 0.4
    order = torch.randperm(200, generator=generator)
    ours, theirs = (expected_calibration_error(confidences[rows], hits[rows]) for rows in (torch.arange(200), order))
    assert theirs == pytest.approx(ours, rel=0, abs=1e-9)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 1000])
def test_answers_are_the_same_however_many_clips_are_asked_about_at_once(batch_size: int) -> None:
    asked: dict[Label, Question] = {"noun": Question([0, 1], [2, 3, 4], 1.5)}
    whole, parts = (
        predict_answers(toy(), toy_clips(), toy_text(), asked, num_frames=3, batch_size=size)["noun"]
        for size in (64, batch_size)
    )
    for space in whole.ranks:
        assert torch.equal(parts.predicted[space], whole.predicted[space])
        assert torch.equal(parts.ranks[space], whole.ranks[space])
    torch.testing.assert_close(parts.confidences, whole.confidences)


@pytest.mark.parametrize("cells", [1, 17, 64])
def test_ranks_in_parts_are_those_of_the_whole(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = scores_of(3)
    scores.logits[:, 4] = scores.logits[:, 2]  # ties too
    whole = answers_of(scores, Question(SHARED, NOVEL))
    monkeypatch.setattr("egoshift.evaluation.metrics.CELLS_AT_ONCE", cells)
    monkeypatch.setattr("egoshift.evaluation.answers.CELLS_AT_ONCE", cells)
    parts = answers_of(scores, Question(SHARED, NOVEL))
    assert all(torch.equal(parts.ranks[space], whole.ranks[space]) for space in whole.ranks)
    assert all(torch.equal(parts.predicted[space], whole.predicted[space]) for space in whole.predicted)


@pytest.mark.parametrize("number", [1, 2, 3, 7])
@pytest.mark.parametrize(("num_clips", "batch_size"), [(1, 4), (30, 4), (32, 32), (33, 8)])
def test_shares_of_processes_are_the_batches_of_one(number: int, num_clips: int, batch_size: int) -> None:
    alone = [rows.tolist() for rows in batches_of(num_clips, batch_size, Processes())]
    shared = [
        rows.tolist() for rank in range(number) for rows in batches_of(num_clips, batch_size, Processes(rank, number))
    ]
    assert sorted(shared) == alone
    assert [row for rows in alone for row in rows] == list(range(num_clips))
