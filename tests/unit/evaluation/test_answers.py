"""Answers, taken batch by batch, against whole logits; and what is held in memory meanwhile."""

import gc
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.evaluation import (
    Question,
    answers_of,
    build_result,
    passes,
    predict,
    predict_answers,
)
from egoshift.evaluation.result import Space
from egoshift.features import TensorFeatures
from egoshift.records import Label, Scores
from tests.parity.slow_evaluation import order_of
from tests.parity.test_evaluation import random_scores
from tests.unit.evaluation.toy import Toy, toy, toy_clips, toy_text

QUESTION = Question([0, 3], [1, 2, 4], temperature=2.5)


class Ties(Toy):
    """The toy with logits in halves, of which many are equal."""

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        return {label: (2 * values).round() / 2 for label, values in super().forward(batch, text).items()}


def ties() -> Ties:
    model = Ties()
    model.load_state_dict(toy().state_dict())
    return model


@pytest.mark.parametrize("batch_size", [1, 7, 256])
def test_answers_equal_what_is_read_off_whole_logits_clip_by_clip(batch_size: int) -> None:
    text = toy_text("noun", "verb")
    scores = predict(ties(), toy_clips(), text, num_frames=6)
    found = predict_answers(ties(), toy_clips(), text, {"verb": QUESTION}, num_frames=6, batch_size=batch_size)
    for label, answers in found.items():
        assert torch.equal(answers.targets, scores[label].targets)
        assert (answers.groups, answers.names) == (scores[label].groups, scores[label].names)
        spaces: dict[Space, list[int]] = {"all": [0, 1, 2, 3, 4]}
        spaces |= {"shared": [0, 3], "novel": [1, 2, 4]} if label == "verb" else {}
        assert answers.predicted.keys() == answers.ranks.keys() == spaces.keys()
        for space, classes in spaces.items():
            for clip, target in enumerate(answers.targets.tolist()):
                row = scores[label].logits[clip].tolist()
                order = [index for index in order_of(row) if index in classes]
                expected = (order[0], order.index(target)) if target in classes else (-1, -1)
                assert (answers.predicted[space][clip].item(), answers.ranks[space][clip].item()) == expected
    assert found["noun"].confidences is None
    assert found["verb"].confidences is not None
    for column, divisor in enumerate((1.0, 2.5)):
        confidence = (scores["verb"].logits / divisor).softmax(1).amax(1)
        torch.testing.assert_close(found["verb"].confidences[:, column], confidence)
    assert (scores["verb"].logits == scores["verb"].logits.amax(1, keepdim=True)).sum() > len(scores["verb"].targets)


def test_results_of_batches_and_of_whole_logits_are_the_same_to_the_bit() -> None:
    text = toy_text("noun", "verb")
    questions: dict[Label, Question] = {"noun": QUESTION, "verb": Question()}
    scores = predict(toy(), toy_clips(), text, num_frames=6)
    read = {label: answers_of(part, questions[label]) for label, part in scores.items()}
    answered = predict_answers(toy(), toy_clips(), text, questions, num_frames=6)
    whole, streamed = (build_result(answers, method="toy", train="a", test="b") for answers in (read, answered))
    assert streamed == whole
    assert whole.calibration["noun"].temperature == 2.5


def test_whole_logits_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = random_scores(2, 50, 12, 6)
    expected = answers_of(scores, QUESTION)
    monkeypatch.setattr("egoshift.evaluation.answers.CELLS_AT_ONCE", 30)
    found = answers_of(scores, QUESTION)
    assert all(torch.equal(found.ranks[space], ranks) for space, ranks in expected.ranks.items())
    assert all(torch.equal(found.predicted[space], predicted) for space, predicted in expected.predicted.items())


def test_classes_that_may_not_be_chosen_are_not_chosen_where_all_others_are_ruled_out() -> None:
    logits = torch.tensor([[5.0, -torch.inf, -torch.inf]])
    answers = answers_of(Scores("noun", logits, torch.tensor([2]), ("a",), ("x", "y", "z")), Question(novel=[1, 2]))
    assert answers.predicted["novel"].tolist() == [1]
    assert answers.ranks["novel"].tolist() == [1]


def test_a_class_beyond_those_scored_is_refused() -> None:
    with pytest.raises(ValueError, match=r"noun classes \[5\] are not among the 5 scored"):
        predict_answers(toy(), toy_clips(), toy_text(), {"noun": Question([5], [])})


class Counting(AbstractClassifier):
    """Gives logits of many classes, and counts how many of all those it gave are still alive."""

    settings: Mapping[str, object] = {}
    required_streams = ("full",)

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        gc.collect()
        video = batch.streams["full"].mean(1)
        logits = {label: video @ words.vectors.T for label, words in text.items()}
        classes = {len(words.vectors) for words in text.values()}
        tensors = [each for each in gc.get_objects() if type(each) is Tensor and each.shape[-1:].numel() in classes]
        self.largest = max([self.largest, *(each.numel() for each in tensors)])
        self.alive = sum(each.numel() for each in tensors)
        return logits


@pytest.mark.parametrize(("ask", "bounded"), [(predict_answers, True), (predict, False)])
def test_no_more_logits_are_alive_than_those_of_two_batches(
    ask: Callable[..., object], bounded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, classes, most = 60, 1009, 8 * 1009
    monkeypatch.setattr(passes, "CELLS_AT_ONCE", most)
    source = TensorFeatures({"full": torch.randn(clips, 1, 4)}, {"noun": [clip % classes for clip in range(clips)]})
    model, batches = Counting(), list[tuple[int, int]]()
    ask(
        model,
        source,
        {"noun": ClassText(torch.randn(classes, 4), tuple(map(str, range(classes))))},
        progress=lambda *at: batches.append(at),
    )
    assert [done for done, _ in batches] == [*range(8, 57, 8), 60]  # not the 256 clips asked for
    assert (model.largest <= most) == bounded
    assert (model.alive <= 2 * most) == bounded
