import pytest
import torch

from egoshift.evaluation import Answers, ConfusedPair, Provenance, Question, answers_of, build_result, evaluate_scores
from egoshift.evaluation.assemble import confusion_of
from egoshift.evaluation.protocol import outcomes_of
from egoshift.evaluation.result import EpochRow
from egoshift.records import Label, Scores
from tests.parity.test_evaluation import random_scores
from tests.unit.evaluation.test_protocol import SCORES


def test_a_result_holds_rows_counts_classes_and_mistakes() -> None:
    verb = random_scores(0, 30, 6, 4)
    result = build_result(
        {
            "noun": answers_of(SCORES, Question([0, 1], [2, 3])),
            "verb": answers_of(Scores("verb", verb.logits, verb.targets, verb.groups, verb.names)),
        },
        method="xmic",
        train="ego4d",
        test="epic",
        unlabelled={"noun": 26},
        dropped={"not-covered": 3},
        faults={"swapped-times": 1},
    )
    assert list(result.rows[:22]) == evaluate_scores(SCORES, [0, 1], [2, 3])
    assert {row.label for row in result.rows[22:]} == {"verb"}
    assert result.counts.evaluated == {"noun": 4, "verb": 30}
    assert result.counts.subsets["noun"]["novel-generalised"] == 2
    assert result.counts.subsets["verb"] == {"all": 30}
    assert result.counts.videos == {"noun": 2, "verb": 4}
    counts = result.counts
    assert (counts.unlabelled, counts.dropped, counts.faults) == (
        {"noun": 26},
        {"not-covered": 3},
        {"swapped-times": 1},
    )
    tap = result.per_class[3]
    assert (tap.name, tap.n, tap.correct, tap.predicted) == ("tap", 1, 0, 1)
    assert sum(row.n for row in result.per_class if row.label == "verb") == 30
    right = torch.bincount(verb.targets[verb.logits.argmax(1) == verb.targets], minlength=6)
    assert [row.correct for row in result.per_class if row.label == "verb"] == right.tolist()
    assert right.any()
    assert [part.space for part in result.outcomes] == ["all", "shared", "novel", "all"]
    assert [part.label for part in result.confusion] == ["noun", "verb"]
    expected = [confusion_of(outcomes_of(scores)[0], n).matrix for scores, n in ((SCORES, 4), (verb, 6))]
    assert [part.matrix for part in result.confusion] == expected


def test_what_is_said_of_a_model_is_kept_and_else_nothing_is() -> None:
    answers: dict[Label, Answers] = {"noun": answers_of(random_scores(0, 30, 6, 4))}
    plain = build_result(answers, method="xmic", train="ego4d", test="epic", num_resamples=40)
    assert (plain.variant, plain.selection, plain.seed, plain.history) == ("", "none", 0, ())
    assert (plain.counts.unlabelled, plain.counts.dropped, plain.counts.faults) == ({}, {}, {})
    history, made = (EpochRow(epoch=1, lr=0.1, loss=0.5),), Provenance(command="egoshift evaluate")
    told = build_result(
        answers,
        method="xmic",
        train="ego4d",
        test="epic",
        variant="n1",
        selection="best",
        seed=3,
        history=history,
        provenance=made,
        num_resamples=40,
    )
    assert (told.method, told.train, told.test, told.variant) == ("xmic", "ego4d", "epic", "n1")
    assert (told.selection, told.seed, told.history, told.provenance) == ("best", 3, history, made)
    assert told.rows == plain.rows


def test_intervals_are_of_as_many_resamples_as_are_asked_for() -> None:
    scores = random_scores(0, 30, 6, 4)
    few, many = (
        build_result({"noun": answers_of(scores)}, method="m", train="a", test="b", num_resamples=number).rows
        for number in (3, 1000)
    )
    assert list(few) == evaluate_scores(scores, num_resamples=3) != list(many)


def test_confusion_counts_every_clip_and_lists_frequent_mistakes_first() -> None:
    logits = torch.eye(3)[torch.tensor([0, 1, 1, 2, 2, 2])]
    scores = Scores("noun", logits, torch.tensor([0, 0, 0, 1, 2, 1]), ("a",) * 6, ("x", "y", "z"))
    confusion = confusion_of(outcomes_of(scores)[0], 3)
    assert confusion.matrix == ((1, 2, 0), (0, 0, 2), (0, 0, 1))
    assert confusion.pairs == (ConfusedPair(target=0, predicted=1, n=2), ConfusedPair(target=1, predicted=2, n=2))


@pytest.mark.parametrize("num_classes", [100, 101])
def test_above_a_hundred_classes_only_pairs_are_kept(num_classes: int) -> None:
    confusion = confusion_of(outcomes_of(random_scores(0, 300, num_classes, 4))[0], num_classes)
    assert (confusion.matrix is None) == (num_classes > 100)
    assert len(confusion.pairs) == 50
