"""Metrics of single-label classification, in percent, on plain tensors.

Among equal logits the class with the lowest index comes first, in every metric.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

CELLS_AT_ONCE = 2**22
"""Logits of one clip and one class that are looked at together: 16 MiB, beside a few times as much for a moment."""


def target_ranks(logits: Float[Tensor, "clip class"], targets: Int[Tensor, " clip"]) -> Int[Tensor, " clip"]:
    """How many classes come before the right one: 0 where the prediction is right.

    Args:
        logits: Scores; minus infinity for classes that may not be chosen.
        targets: Class indices.

    Raises:
        ValueError: If a logit is NaN, which no rank can be given to.

    >>> target_ranks(torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]]), torch.tensor([2, 1])).tolist()
    [1, 1]
    """
    ranks = torch.empty_like(targets)
    step = max(1, CELLS_AT_ONCE // max(1, logits.shape[1]))
    for start in range(0, len(targets), step):
        ranks[start : start + step] = _ranks(logits[start : start + step], targets[start : start + step, None])
    return ranks


def _ranks(logits: Float[Tensor, "clip class"], targets: Int[Tensor, "clip 1"]) -> Int[Tensor, " clip"]:
    if logits.amax().isnan():  # which NaN anywhere makes it
        raise ValueError("logits hold NaN; a rank needs numbers")
    own = logits.gather(1, targets)
    ranks = (logits > own).sum(1, dtype=torch.int32)
    equal = (logits >= own).sum(1, dtype=torch.int32) - ranks
    # Equal logits are rare, so which of them come first is looked at only where there are some.
    tied = (equal > 1).nonzero()[:, 0]
    if len(tied):
        classes = torch.arange(logits.shape[1], device=logits.device)
        before = (logits[tied] == own[tied]) & (classes < targets[tied])
        ranks[tied] += before.sum(1, dtype=torch.int32)
    return ranks.long()


def top_k_accuracy(logits: Float[Tensor, "clip class"], targets: Int[Tensor, " clip"], k: int = 1) -> float:
    """The share of clips whose right class is among the k with the highest logits.

    With k classes or fewer it is 100 by definition.

    >>> top_k_accuracy(torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]]), torch.tensor([2, 0]))
    50.0
    """
    _some(targets)
    return 100.0 * (target_ranks(logits, targets) < k).double().mean().item()


def per_class_accuracy(
    predicted: Int[Tensor, " clip"], targets: Int[Tensor, " clip"], num_classes: int
) -> Float[Tensor, " class"]:
    """The share of each class's clips that were recognised; NaN for classes without clips.

    >>> per_class_accuracy(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 3).tolist()
    [50.0, 100.0, nan]
    """
    correct = torch.bincount(targets, weights=(predicted == targets).double(), minlength=num_classes)
    return 100.0 * correct / torch.bincount(targets, minlength=num_classes)


def macro_accuracy(predicted: Int[Tensor, " clip"], targets: Int[Tensor, " clip"]) -> float:
    """The mean of the per-class accuracies over the classes that occur in the targets.

    >>> macro_accuracy(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]))
    75.0
    """
    _some(targets)
    return per_class_accuracy(predicted, targets, 0).nanmean().item()


def macro_f1(predicted: Int[Tensor, " clip"], targets: Int[Tensor, " clip"]) -> float:
    """The mean of the per-class F1 over the classes that occur in the targets.

    A class that is only ever predicted lowers the F1 of the classes it was mistaken for and has none of its own, as in
    Dassl, whose evaluation X-MIC's code uses.

    >>> round(macro_f1(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1])), 2)
    66.67
    """
    _some(targets)
    num_classes = int(torch.cat((predicted, targets)).max()) + 1
    total = torch.bincount(targets, minlength=num_classes)
    answered = torch.bincount(predicted, minlength=num_classes)
    correct = torch.bincount(targets[predicted == targets], minlength=num_classes)
    f1 = 2.0 * correct.double() / (total + answered).double()
    return 100.0 * f1[total > 0].mean().item()


def harmonic_mean(first: float, second: float) -> float:
    """The harmonic mean of two percentages; 0 where one is 0.

    >>> harmonic_mean(20.0, 30.0)
    24.0
    """
    return 2.0 * first * second / (first + second) if first and second else 0.0


def _some(targets: Tensor) -> None:
    if not len(targets):
        raise ValueError("no clips; a metric of nothing has no value, leave its row out")
