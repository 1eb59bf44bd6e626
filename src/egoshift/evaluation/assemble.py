"""From answers to the result that is written."""

from collections import Counter
from collections.abc import Mapping, Sequence

import torch

from egoshift.evaluation.answers import Answers
from egoshift.evaluation.bootstrap import NUM_RESAMPLES
from egoshift.evaluation.calibration import calibration
from egoshift.evaluation.protocol import count_subsets, ordered, rows_of
from egoshift.evaluation.result import (
    ClassRow,
    ConfusedPair,
    Confusion,
    Counts,
    EpochRow,
    Outcomes,
    Provenance,
    Result,
    Selection,
)
from egoshift.records import Label

LARGEST_MATRIX = 100
"""Classes up to which a confusion matrix is stored whole."""

NUM_PAIRS = 50
"""Mistakes listed per kind of label."""


def build_result(
    answers: Mapping[Label, Answers],
    *,
    method: str,
    train: str,
    test: str,
    variant: str = "",
    selection: Selection = "none",
    seed: int = 0,
    unlabelled: Mapping[Label, int] | None = None,
    dropped: Mapping[str, int] | None = None,
    faults: Mapping[str, int] | None = None,
    history: Sequence[EpochRow] = (),
    provenance: Provenance | None = None,
    num_resamples: int = NUM_RESAMPLES,
) -> Result:
    """Evaluates answers and puts all that a reader of the result needs beside the numbers.

    Args:
        answers: Per kind of label, as ``predict_answers`` gives them, or ``answers_of`` of scores. Their questions
            decide which rows there are (shared and novel classes), and whether calibration is told of (a temperature).
        method: The name of a method or a fusion.
        train: The data set trained on.
        test: The data set of the answers.
        variant: What tells results of one method apart.
        selection: How the weights were chosen.
        seed: Of the training; the intervals' draws are the same for every result of a data set.
        unlabelled: Per kind of label, clips left out because it is not annotated.
        dropped: Clips left out before evaluation, by kind of fault.
        faults: Faults of the annotation files, by kind.
        history: The epochs of training.
        provenance: What made the result.
        num_resamples: Resamples behind each interval.
    """
    outcomes = {label: ordered(part) for label, part in answers.items()}
    everything = {label: parts[0] for label, parts in outcomes.items()}
    return Result(
        method=method,
        variant=variant,
        train=train,
        test=test,
        selection=selection,
        seed=seed,
        rows=tuple(row for parts in outcomes.values() for row in rows_of(parts, num_resamples=num_resamples)),
        counts=Counts(
            evaluated={label: len(part.targets) for label, part in everything.items()},
            unlabelled=dict(unlabelled or {}),
            subsets={label: count_subsets(parts) for label, parts in outcomes.items()},
            videos={label: len(part.videos) for label, part in everything.items()},
            dropped=dict(dropped or {}),
            faults=dict(faults or {}),
        ),
        per_class=tuple(row for label, part in everything.items() for row in class_rows(part, answers[label].names)),
        confusion=tuple(confusion_of(part, len(answers[label].names)) for label, part in everything.items()),
        outcomes=tuple(part for parts in outcomes.values() for part in parts),
        history=tuple(history),
        calibration={
            label: calibration(part)
            for label, part in answers.items()
            if part.temperature is not None and len(part.targets)
        },
        provenance=provenance or Provenance(),
    )


def class_rows(outcomes: Outcomes, names: Sequence[str]) -> tuple[ClassRow, ...]:
    """How each class fared, in the order of the vocabulary; classes without clips too."""
    clips, answers = Counter(outcomes.targets), Counter(outcomes.predicted)
    right = Counter(target for target, rank in zip(outcomes.targets, outcomes.ranks, strict=True) if rank == 0)
    return tuple(
        ClassRow(
            label=outcomes.label, index=index, name=name, n=clips[index], correct=right[index], predicted=answers[index]
        )
        for index, name in enumerate(names)
    )


def confusion_of(outcomes: Outcomes, num_classes: int) -> Confusion:
    """Which classes were taken for which; among equally frequent mistakes those of lower class indices come first."""
    cells = Counter(zip(outcomes.targets, outcomes.predicted, strict=True))
    mistakes = sorted(((-count, *cell) for cell, count in cells.items() if cell[0] != cell[1]))
    matrix = None
    if num_classes <= LARGEST_MATRIX:
        counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        for (target, predicted), count in cells.items():
            counts[target, predicted] = count
        matrix = tuple(tuple(row) for row in counts.tolist())
    return Confusion(
        label=outcomes.label,
        pairs=tuple(
            ConfusedPair(target=target, predicted=predicted, n=-count)
            for count, target, predicted in mistakes[:NUM_PAIRS]
        ),
        matrix=matrix,
    )
