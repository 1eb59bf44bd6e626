"""Scores in, what a result file says about them out: rows, classes, confusions, counts."""

from collections import Counter
from collections.abc import Mapping, Sequence

import torch

from egoshift.evaluation.protocol import count_subsets, outcomes_of, rows_of
from egoshift.evaluation.result import ClassRow, ConfusedPair, Confusion, Counts, Outcomes, Result
from egoshift.records import Label, Scores

MOST_PAIRS = 50
"""Mistakes that a result lists; the most frequent ones."""

LARGEST_MATRIX = 100
"""Classes up to which a result holds the whole confusion matrix."""


def summarise(
    scores: Mapping[Label, Scores],
    *,
    method: str,
    train: str,
    test: str,
    subsets: Mapping[Label, tuple[Sequence[int], Sequence[int]]] | None = None,
    unlabelled: Mapping[Label, int] | None = None,
    dropped: Mapping[str, int] | None = None,
    faults: Mapping[str, int] | None = None,
    **fields: object,
) -> Result:
    """The result of one evaluation.

    Args:
        scores: Per kind of label.
        method: A name of ``METHODS``.
        train: The data set trained on.
        test: The data set evaluated on.
        subsets: Per kind of label, the test classes shared with the training vocabulary and those novel to it.
        unlabelled: Per kind of label, clips left out because they do not have it.
        dropped: Clips left out before, by kind of fault.
        faults: Faults of the annotation files, by kind.
        fields: Further fields of ``Result``.
    """
    outcomes = {label: outcomes_of(part, *(subsets or {}).get(label, ())) for label, part in scores.items()}
    counts = Counts(
        evaluated={label: len(part.targets) for label, part in scores.items()},
        unlabelled=dict(unlabelled or {}),
        subsets={label: count_subsets(parts) for label, parts in outcomes.items()},
        videos={label: len(set(part.groups)) for label, part in scores.items()},
        dropped=dict(dropped or {}),
        faults=dict(faults or {}),
    )
    known = {
        "method": method,
        "train": train,
        "test": test,
        "rows": tuple(row for parts in outcomes.values() for row in rows_of(parts)),
        "counts": counts,
        "per_class": tuple(row for label, part in scores.items() for row in _classes(part, outcomes[label][0])),
        "confusion": tuple(_confusion(part, outcomes[label][0]) for label, part in scores.items()),
        "outcomes": tuple(part for parts in outcomes.values() for part in parts),
    }
    return Result.model_validate(known | fields)


def _classes(scores: Scores, among_all: Outcomes) -> list[ClassRow]:
    num_classes = len(scores.names)
    targets, predicted = torch.tensor(among_all.targets).long(), torch.tensor(among_all.predicted).long()
    total = torch.bincount(targets, minlength=num_classes).tolist()
    answered = torch.bincount(predicted, minlength=num_classes).tolist()
    correct = torch.bincount(targets[targets == predicted], minlength=num_classes).tolist()
    return [
        ClassRow(
            label=scores.label,
            index=index,
            name=name,
            n=total[index],
            correct=correct[index],
            predicted=answered[index],
        )
        for index, name in enumerate(scores.names)
    ]


def _confusion(scores: Scores, among_all: Outcomes) -> Confusion:
    pairs = Counter(zip(among_all.targets, among_all.predicted, strict=True))
    mistakes = sorted((-n, pair) for pair, n in pairs.items() if pair[0] != pair[1])[:MOST_PAIRS]
    num_classes = len(scores.names)
    matrix = None
    if num_classes <= LARGEST_MATRIX:
        matrix = tuple(tuple(pairs[row, column] for column in range(num_classes)) for row in range(num_classes))
    return Confusion(
        label=scores.label,
        pairs=tuple(ConfusedPair(target=target, predicted=predicted, n=-n) for n, (target, predicted) in mistakes),
        matrix=matrix,
    )
