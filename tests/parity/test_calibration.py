"""Temperatures and calibration errors against slow, obvious twins."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egoshift.evaluation.calibration import HIGHEST, LOWEST, calibrations, expected_calibration_error, fit_temperature
from egoshift.records import Scores


def slow_error(confidences: list[float], hits: list[bool], num_bins: int) -> float:
    total = 0.0
    for number in range(num_bins):
        low, high = number / num_bins, (number + 1) / num_bins
        inside = [i for i, c in enumerate(confidences) if low < c <= high or (number == 0 and c == 0)]
        if inside:
            accuracy = sum(hits[i] for i in inside) / len(inside)
            confidence = sum(confidences[i] for i in inside) / len(inside)
            total += len(inside) / len(confidences) * abs(accuracy - confidence)
    return 100 * total


def likelihood(logits: torch.Tensor, targets: torch.Tensor, temperature: float) -> float:
    return -torch.nn.functional.cross_entropy(logits.double() / temperature, targets).item()


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=40), st.integers(1, 20))
def test_the_error_is_the_sum_over_bins(clips, num_bins):
    confidences, hits = [c for c, _ in clips], [h for _, h in clips]
    ours = expected_calibration_error(torch.tensor(confidences, dtype=torch.float64), torch.tensor(hits), num_bins)
    # A confidence on an edge may fall to either side of it by rounding; move those out of the way.
    if all(abs(c * num_bins - round(c * num_bins)) > 1e-6 for c in confidences):
        assert ours == pytest.approx(slow_error(confidences, hits, num_bins), abs=1e-6)
    assert 0 <= ours <= 100


@pytest.mark.parametrize("scale", [0.2, 1.0, 7.0])
def test_the_temperature_is_the_likeliest_of_a_fine_grid(scale):
    torch.manual_seed(0)
    targets = torch.randint(6, (300,))
    logits = scale * (torch.randn(300, 6) + 1.5 * torch.nn.functional.one_hot(targets, 6))
    found = fit_temperature(logits, targets)
    grid = [math.exp(exponent / 200) for exponent in range(-600, 800)]
    best = max(grid, key=lambda temperature: likelihood(logits, targets, temperature))
    assert found == pytest.approx(best, rel=0.006)
    assert likelihood(logits, targets, found) >= likelihood(logits, targets, best) - 1e-9


def test_scaled_logits_have_the_scaled_temperature():
    torch.manual_seed(1)
    targets = torch.randint(4, (200,))
    logits = torch.randn(200, 4) + torch.nn.functional.one_hot(targets, 4)
    assert fit_temperature(5 * logits, targets) == pytest.approx(5 * fit_temperature(logits, targets), rel=1e-6)


def test_the_ends_are_where_no_temperature_is_best():
    right = torch.eye(3)
    assert LOWEST <= fit_temperature(right, torch.arange(3)) < 0.05  # where a softmax of doubles is exactly one
    assert fit_temperature(right, torch.tensor([1, 2, 0])) == pytest.approx(HIGHEST, rel=1e-6)
    assert fit_temperature(torch.zeros(3, 1), torch.zeros(3, dtype=torch.long)) == 1.0


def test_it_changes_no_answer_and_lowers_the_error_of_an_overconfident_model():
    torch.manual_seed(2)
    targets = torch.randint(5, (2000,))
    logits = 8 * (torch.randn(2000, 5) + torch.nn.functional.one_hot(targets, 5))
    report = calibrations({"noun": Scores("noun", logits, targets, ("v",) * 2000, tuple("abcde"))})["noun"]
    assert report.temperature > 2
    assert report.ece_after < 0.4 * report.ece_before
    assert (logits / report.temperature).argmax(1).equal(logits.argmax(1))


@pytest.mark.parametrize("logits", [torch.zeros(0, 3), torch.tensor([[0.0, float("nan")]])])
def test_what_has_no_temperature_is_refused(logits):
    with pytest.raises(ValueError, match="finite logits"):
        fit_temperature(logits, torch.zeros(len(logits), dtype=torch.long))
