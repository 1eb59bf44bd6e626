"""The vectorised evaluation against the slow one, clip by clip and resample by resample."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.evaluation import evaluate_scores, outcomes_of
from egoshift.evaluation.bootstrap import Tally, draw_videos, measure
from egoshift.evaluation.protocol import METRICS
from egoshift.records import Scores
from tests.parity import slow_evaluation as slow


def random_scores(seed: int, num_clips: int, num_classes: int, num_videos: int) -> Scores:
    """Logits in halves, so that there are many ties, and targets that are often right."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(num_classes, (num_clips,), generator=generator)
    logits = (torch.randn(num_clips, num_classes, generator=generator) * 2).round() / 2
    logits[torch.arange(num_clips), targets] += torch.randint(0, 3, (num_clips,), generator=generator).float() / 2
    videos = torch.randint(num_videos, (num_clips,), generator=generator).tolist()
    names = tuple(f"class {index}" for index in range(num_classes))
    return Scores("noun", logits, targets, tuple(f"video {video}" for video in videos), names)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    num_clips=st.integers(1, 30),
    num_classes=st.integers(1, 12),
    num_videos=st.integers(1, 5),
    cut=st.floats(0, 1),
)
def test_every_row_equals_the_slow_evaluation(
    seed: int, num_clips: int, num_classes: int, num_videos: int, cut: float
) -> None:
    scores = random_scores(seed, num_clips, num_classes, num_videos)
    border = int(cut * num_classes)
    shared, novel = list(range(border)), list(range(border, num_classes))
    rows = evaluate_scores(scores, shared, novel, num_resamples=3)
    expected = slow.evaluate(scores.logits.tolist(), scores.targets.tolist(), shared, novel)
    got = {(row.subset, row.metric): row.value for row in rows}
    assert got.keys() == expected.keys()
    assert got == pytest.approx(expected, abs=1e-9)


def test_every_resample_equals_the_slow_evaluation() -> None:
    scores = random_scores(3, num_clips=40, num_classes=8, num_videos=6)
    shared = list(range(5))
    outcomes = {part.space: part for part in outcomes_of(scores, shared, list(range(5, 8)))}
    draws = draw_videos(6, 20, torch.Generator().manual_seed(0))
    logits, targets = scores.logits.tolist(), scores.targets.tolist()
    subsets = {
        "all": (outcomes["all"], None),
        "shared": (outcomes["shared"], None),
        "shared-generalised": (outcomes["all"], frozenset(shared)),
    }
    for subset, (part, among) in subsets.items():
        measured = {metric: measure(metric, Tally.of(part, among), draws).tolist() for metric in METRICS}
        for number in range(20):
            counts = [int(count) for count in draws[:, number]]
            clips = slow.resample(scores.groups, part.videos, counts)
            rows, kept = [logits[clip] for clip in clips], [targets[clip] for clip in clips]
            if subset != "all":
                rows, kept = slow.keep(rows, kept, shared, restricted=subset == "shared")
            expected = slow.all_metrics(rows, kept)
            assert {metric: values[number] for metric, values in measured.items()} == pytest.approx(expected)


def test_the_interval_of_a_harmonic_mean_equals_the_slow_one_over_joint_draws() -> None:
    scores = random_scores(5, num_clips=60, num_classes=8, num_videos=7)
    shared, novel = list(range(4)), list(range(4, 8))
    rows = evaluate_scores(scores, shared, novel, num_resamples=50, seed=9)
    row = next(row for row in rows if (row.metric, row.subset) == ("hm", "novel"))
    videos = tuple(dict.fromkeys(scores.groups))
    draws = draw_videos(len(videos), 50, torch.Generator().manual_seed(9))
    logits, targets = scores.logits.tolist(), scores.targets.tolist()
    means = []
    for counts in draws.T.int().tolist():
        clips = slow.resample(scores.groups, videos, counts)
        numbers = slow.evaluate([logits[clip] for clip in clips], [targets[clip] for clip in clips], shared, novel)
        means.append(numbers["novel", "hm"])
    assert row.low == pytest.approx(slow.percentile(means, 0.025))
    assert row.high == pytest.approx(slow.percentile(means, 0.975))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_renaming_the_classes_changes_nothing_without_ties(seed: int) -> None:
    scores = random_scores(seed, num_clips=25, num_classes=9, num_videos=4)
    generator = torch.Generator().manual_seed(seed)
    logits = scores.logits + torch.rand(scores.logits.shape, generator=generator) / 10
    order = torch.randperm(9, generator=generator)
    moved = Scores("noun", logits[:, order], order.argsort()[scores.targets], scores.groups, scores.names)
    plain = Scores("noun", logits, scores.targets, scores.groups, scores.names)
    shared, novel = [0, 1, 2, 3], [4, 5, 6, 7, 8]
    places = order.argsort().tolist()
    ours = evaluate_scores(plain, shared, novel, num_resamples=20)
    theirs = evaluate_scores(moved, [places[i] for i in shared], [places[i] for i in novel], num_resamples=20)
    for row, other in zip(ours, theirs, strict=True):
        assert row.model_dump() == pytest.approx(other.model_dump(), nan_ok=True)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_restricting_the_classes_never_lowers_an_accuracy(seed: int) -> None:
    scores = random_scores(seed, num_clips=30, num_classes=9, num_videos=4)
    values: dict[tuple[str, str], float] = {
        (row.subset, row.metric): row.value
        for row in evaluate_scores(scores, [0, 1, 2, 3], [4, 5, 6, 7, 8], num_resamples=2)
    }
    for subset in ("shared", "novel"):
        for metric in ("top1", "top5", "macro"):
            if (subset, metric) in values:
                assert values[subset, metric] >= values[f"{subset}-generalised", metric]
