import doctest
import math

import pytest
import torch

from egoshift.evaluation import (
    harmonic_mean,
    macro_accuracy,
    macro_f1,
    per_class_accuracy,
    target_ranks,
    top_k_accuracy,
)
from egoshift.evaluation import metrics as module
from tests.parity import slow_evaluation as slow


def test_among_equal_logits_the_lowest_index_comes_first() -> None:
    logits = torch.zeros(3, 3)
    assert target_ranks(logits, torch.tensor([0, 1, 2])).tolist() == [0, 1, 2]
    assert logits.argmax(1).tolist() == [0, 0, 0]


def test_classes_that_may_not_be_chosen_come_last() -> None:
    logits = torch.tensor([[-torch.inf, -5.0, -torch.inf]])
    assert target_ranks(logits, torch.tensor([1])).tolist() == [0]


def test_ranks_are_the_same_in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(20, 7, generator=generator), torch.randint(7, (20,), generator=generator)
    whole = target_ranks(logits, targets)
    monkeypatch.setattr(module, "CELLS_AT_ONCE", 15)
    assert torch.equal(target_ranks(logits, targets), whole)


def test_nan_has_no_rank() -> None:
    with pytest.raises(ValueError, match="logits hold NaN"):
        target_ranks(torch.tensor([[0.0, math.nan]]), torch.tensor([0]))


@pytest.mark.parametrize("seed", range(4))
def test_every_metric_equals_its_slow_twin(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(-3, 4, (60, 7), generator=generator).float()  # many are equal
    targets = torch.randint(6, (60,), generator=generator)
    rows, wanted, predicted = logits.tolist(), targets.tolist(), logits.argmax(1)
    places = [slow.order_of(row).index(target) for row, target in zip(rows, wanted, strict=True)]
    assert target_ranks(logits, targets).tolist() == places
    assert top_k_accuracy(logits, targets) == pytest.approx(slow.top_k(rows, wanted, 1))
    assert top_k_accuracy(logits, targets, k=3) == pytest.approx(slow.top_k(rows, wanted, 3))
    assert macro_accuracy(predicted, targets) == pytest.approx(slow.macro(predicted.tolist(), wanted))
    assert macro_f1(predicted, targets) == pytest.approx(slow.macro_f1(predicted.tolist(), wanted))
    for one, share in enumerate(per_class_accuracy(predicted, targets, 7).tolist()):
        answers = predicted[targets == one].tolist()
        assert share == pytest.approx(100 * answers.count(one) / len(answers) if answers else math.nan, nan_ok=True)


def test_examples_of_the_documentation_hold() -> None:
    assert doctest.testmod(module, extraglobs={"torch": torch}) == (0, 6)


def test_with_k_classes_or_fewer_every_clip_is_a_top_k_hit() -> None:
    assert top_k_accuracy(torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([0]), k=5) == 100.0


def test_the_share_per_class_is_nan_for_a_class_without_clips() -> None:
    shares = per_class_accuracy(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 0, 1, 1]), 4)
    torch.testing.assert_close(shares, torch.tensor([50.0, 50.0, math.nan, math.nan]).double(), equal_nan=True)


def test_macro_accuracy_weighs_rare_classes_like_frequent_ones() -> None:
    predicted, targets = torch.tensor([0] * 9 + [0]), torch.tensor([0] * 9 + [1])
    assert macro_accuracy(predicted, targets) == 50.0


def test_a_class_that_is_only_predicted_has_no_f1_of_its_own() -> None:
    assert macro_f1(torch.tensor([0, 3]), torch.tensor([0, 0])) == pytest.approx(100 * 2 / 3)


def test_a_class_of_one_clip_counts_and_one_may_never_be_answered() -> None:
    predicted, targets = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 3])
    assert macro_f1(predicted, targets) == pytest.approx(slow.macro_f1(predicted.tolist(), targets.tolist()))
    assert macro_accuracy(predicted, targets) == pytest.approx(slow.macro(predicted.tolist(), targets.tolist()))


def test_the_harmonic_mean_is_that_of_the_papers_table() -> None:
    # X-MIC, Table 1, nouns of X-MIC trained on Ego4D: 33.54 and 15.35 give 21.06.
    assert round(harmonic_mean(33.54, 15.35), 2) == 21.06
    assert harmonic_mean(0.0, 50.0) == 0.0 == harmonic_mean(0.0, 0.0)


@pytest.mark.parametrize("metric", [macro_accuracy, macro_f1, lambda of, at: top_k_accuracy(torch.zeros(0, 3), at)])
def test_a_metric_of_no_clips_is_refused(metric: object) -> None:
    assert callable(metric)
    nothing = torch.zeros(0, dtype=torch.int64)
    with pytest.raises(ValueError, match="no clips; a metric of nothing has no value"):
        metric(nothing, nothing)
