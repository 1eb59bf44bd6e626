"""The classification loss against sums written out."""

import doctest
import math

import pytest
import torch

from egoshift.errors import ConfigError
from egoshift.losses import classification, label_cross_entropy
from egoshift.records import Label

VERBS = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [3.0, 1.0, 1.0]])
NOUNS = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 1.0]])


def slow_loss(logits: torch.Tensor, targets: list[int]) -> float:
    losses = [
        math.log(sum(math.exp(float(score)) for score in row)) - float(row[target])
        for row, target in zip(logits, targets, strict=True)
        if target != -1
    ]
    return sum(losses) / len(losses)


@pytest.mark.parametrize(("verbs", "nouns"), [([1, -1, 0], [0, 1, -1]), ([1, 1, -1], [-1, 0, 0])])
def test_loss_is_the_sum_over_labels_of_the_mean_over_annotated_clips(verbs: list[int], nouns: list[int]) -> None:
    loss = label_cross_entropy(
        {"verb": VERBS, "noun": NOUNS}, {"verb": torch.tensor(verbs), "noun": torch.tensor(nouns)}
    )
    assert float(loss) == pytest.approx(slow_loss(VERBS, verbs) + slow_loss(NOUNS, nouns), rel=1e-6)


def test_a_batch_without_any_annotation_gives_zero_and_a_gradient_of_zero() -> None:
    logits = VERBS.clone().requires_grad_()
    loss = label_cross_entropy({"verb": logits}, {"verb": torch.full((3,), -1)})
    assert loss.item() == 0.0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.equal(gradient, torch.zeros_like(VERBS))


def test_a_label_that_nothing_is_annotated_with_does_not_change_the_others() -> None:
    targets: dict[Label, torch.Tensor] = {"verb": torch.tensor([0, 1, 2]), "noun": torch.full((3,), -1)}
    alone = label_cross_entropy({"verb": VERBS}, targets)
    assert torch.equal(label_cross_entropy({"verb": VERBS, "noun": NOUNS}, targets), alone)


def test_logits_without_targets_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"classes are of noun labels, the clips' labels are verb"):
        label_cross_entropy({"noun": NOUNS}, {"verb": torch.zeros(3, dtype=torch.int64)})


def test_no_logits_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"classes are of no labels, the clips' labels are none"):
        label_cross_entropy({}, {})


def test_the_example_gives_what_it_says() -> None:
    assert doctest.testmod(classification) == (0, 2)
