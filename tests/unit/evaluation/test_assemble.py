import torch

from egoshift.evaluation import ConfusedPair, Question, answers_of, build_result, evaluate_scores
from egoshift.evaluation.assemble import confusion_of
from egoshift.evaluation.protocol import outcomes_of
from egoshift.records import Scores
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
    assert (result.counts.unlabelled, result.counts.dropped) == ({"noun": 26}, {"not-covered": 3})
    tap = result.per_class[3]
    assert (tap.name, tap.n, tap.correct, tap.predicted) == ("tap", 1, 0, 1)
    assert sum(row.n for row in result.per_class if row.label == "verb") == 30
    assert [part.space for part in result.outcomes] == ["all", "shared", "novel", "all"]


def test_confusion_counts_every_clip_and_lists_frequent_mistakes_first() -> None:
    logits = torch.eye(3)[torch.tensor([0, 1, 1, 2, 2, 2])]
    scores = Scores("noun", logits, torch.tensor([0, 0, 0, 1, 2, 1]), ("a",) * 6, ("x", "y", "z"))
    confusion = confusion_of(outcomes_of(scores)[0], 3)
    assert confusion.matrix == ((1, 2, 0), (0, 0, 2), (0, 0, 1))
    assert confusion.pairs == (ConfusedPair(target=0, predicted=1, n=2), ConfusedPair(target=1, predicted=2, n=2))


def test_above_a_hundred_classes_only_pairs_are_kept() -> None:
    confusion = confusion_of(outcomes_of(random_scores(0, 300, 101, 4))[0], 101)
    assert confusion.matrix is None
    assert len(confusion.pairs) == 50
