import pytest
import torch

from egoshift.evaluation import bootstrap as module
from egoshift.evaluation import bootstrap_interval, outcomes_of
from egoshift.evaluation.bootstrap import Tally, draw_videos, interval, measure
from egoshift.evaluation.protocol import METRICS
from tests.parity.test_evaluation import random_scores


def test_each_resample_draws_as_many_videos_as_there_are() -> None:
    draws = draw_videos(7, 50, torch.Generator().manual_seed(0))
    assert torch.equal(draws.sum(0), torch.full((50,), 7.0))
    assert draws.mean() == 1.0
    assert draws.std(0).min() > 0.5


def test_the_interval_is_the_central_95_percent_without_empty_resamples() -> None:
    values = torch.cat((torch.arange(101).double(), torch.full((9,), torch.nan, dtype=torch.float64)))
    assert interval(values) == pytest.approx((2.5, 97.5))
    assert interval(values[101:]) is None


def test_the_same_seed_gives_the_same_interval() -> None:
    hits, groups = torch.tensor([1, 0, 1, 1, 0, 0]), tuple("aabbcc")
    assert bootstrap_interval(hits, groups, seed=4) == bootstrap_interval(hits, groups, seed=4)
    assert bootstrap_interval(hits, groups, seed=4, num_resamples=20) != bootstrap_interval(
        hits, groups, seed=5, num_resamples=20
    )


def test_one_video_has_no_interval() -> None:
    assert bootstrap_interval(torch.tensor([1, 0]), ("a", "a")) is None


def test_two_videos_have_one_and_by_default_it_is_that_of_seed_0_and_of_all_resamples() -> None:
    # Of four equally likely resamples one draws only the missed clip, one only the recognised one.
    assert bootstrap_interval(torch.tensor([1, 0]), ("a", "b")) == (0.0, 100.0)
    hits, groups = torch.tensor([1, 0, 1, 1, 0, 0, 1]), tuple("aabbcdd")
    known = bootstrap_interval(hits, groups, seed=0, num_resamples=module.NUM_RESAMPLES)
    assert bootstrap_interval(hits, groups) == known
    assert module.NUM_RESAMPLES == 1000


def test_videos_that_are_alike_have_a_narrow_interval_and_clips_that_cluster_a_wide_one() -> None:
    alike = torch.tensor([1, 0] * 20)
    videos = tuple(f"video {clip // 2}" for clip in range(40))
    assert bootstrap_interval(alike, videos) == (50.0, 50.0)
    clustered = torch.tensor([1, 1, 0, 0] * 10)
    low, high = bootstrap_interval(clustered, videos) or (0.0, 0.0)
    # Twenty independent coin throws: half of 95% is 1.96 * sqrt(0.25 / 20), about 22 points.
    assert (high - low) / 2 == pytest.approx(22, abs=3)


@pytest.mark.parametrize("weights", [1, 12, 100])
def test_measuring_in_small_parts_changes_nothing(weights: int, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = outcomes_of(random_scores(1, num_clips=30, num_classes=6, num_videos=4))[0]
    draws = draw_videos(4, 25, torch.Generator().manual_seed(0))
    whole = {metric: measure(metric, Tally.of(outcomes), draws) for metric in METRICS}
    monkeypatch.setattr(module, "WEIGHTS_AT_ONCE", weights)
    for metric, values in whole.items():
        torch.testing.assert_close(measure(metric, Tally.of(outcomes), draws), values)


def test_a_resample_without_clips_is_nan() -> None:
    outcomes = outcomes_of(random_scores(1, num_clips=30, num_classes=6, num_videos=4))[0]
    for metric in METRICS:
        assert measure(metric, Tally.of(outcomes), torch.zeros(4, 1)).isnan().all()
