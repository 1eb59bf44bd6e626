"""What a result says of confidences."""

import pytest
import torch

from egoshift.evaluation import Question, answers_of, build_result
from egoshift.evaluation.calibration import expected_calibration_error
from egoshift.evaluation.result import Result
from egoshift.records import Scores


@pytest.fixture
def scores() -> Scores:
    torch.manual_seed(0)
    targets = torch.randint(4, (60,))
    logits = 6 * (torch.randn(60, 4) + torch.nn.functional.one_hot(targets, 4))
    return Scores("noun", logits, targets, tuple(f"v{k % 6}" for k in range(60)), tuple("abcd"))


def test_a_fitted_temperature_gives_the_error_of_these_clips_before_and_after(scores, tmp_path):
    result = build_result({"noun": answers_of(scores, Question(temperature=5.0))}, method="m", train="a", test="b")
    found = result.calibration["noun"]
    assert (found.temperature, found.clips) == (5.0, 60)
    confidences = (scores.logits / 5.0).softmax(1).amax(1)
    hits = scores.logits.argmax(1) == scores.targets
    assert found.ece_after == pytest.approx(expected_calibration_error(confidences, hits, num_bins=15))
    assert found.ece_after < found.ece_before
    result.write(tmp_path / "r.json")
    assert Result.read(tmp_path / "r.json") == result


def test_without_a_temperature_nothing_is_said(scores):
    assert not build_result({"noun": answers_of(scores)}, method="m", train="a", test="b").calibration
