"""Prototypes: what is left out, what gets a gradient, what is refused."""

import doctest

import pytest
import torch

from egoshift.errors import ConfigError
from egoshift.losses import class_prototypes, prototype_scores, prototypes, prototypical_loss

CLASSES = torch.tensor([0, 1, 2, 0, 1, 2])


def vectors(seed: int = 0, size: int = 6) -> torch.Tensor:
    return torch.randn(size, 4, generator=torch.Generator().manual_seed(seed))


def test_samples_that_are_left_out_have_no_influence_whatever_they_hold() -> None:
    support, queries = vectors(0), vectors(1)
    kept = torch.tensor([0, 1, 2, -1, 1, -1])
    spoilt = [support.clone(), queries.clone()]
    for part in spoilt:
        part[kept == -1] = torch.nan
    leaves = [part.requires_grad_() for part in spoilt]
    loss = prototypical_loss(leaves[0], kept, leaves[1], kept, num_classes=3)
    known = kept != -1
    expected = prototypical_loss(support[known], kept[known], queries[known], kept[known], num_classes=3)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    for leaf in leaves:
        assert leaf.grad is not None
        assert bool(leaf.grad.isfinite().all())
        assert torch.equal(leaf.grad[~known], torch.zeros(2, 4))
        assert bool((leaf.grad[known] != 0).any())


def test_without_queries_the_loss_is_zero_with_a_gradient_of_zero() -> None:
    support, queries = vectors(0).requires_grad_(), vectors(1).requires_grad_()
    loss = prototypical_loss(support, CLASSES, queries, torch.full((6,), -1), num_classes=3)
    assert loss.item() == 0.0
    for gradient in torch.autograd.grad(loss, [support, queries]):
        assert torch.equal(gradient, torch.zeros(6, 4))


@pytest.mark.parametrize("distance", ["squared-euclidean", "cosine"])
def test_moving_everything_and_turning_it_keeps_what_the_distance_keeps(distance: str) -> None:
    turn, _ = torch.linalg.qr(vectors(3, 4))
    support, queries = vectors(0), vectors(1)
    expected = prototype_scores(queries, class_prototypes(support, CLASSES, 3), distance=distance)
    turned = prototype_scores(queries @ turn, class_prototypes(support @ turn, CLASSES, 3), distance=distance)
    torch.testing.assert_close(turned, expected, rtol=1e-4, atol=1e-4)
    moved = prototype_scores(queries + 1, class_prototypes(support + 1, CLASSES, 3), distance=distance)
    assert torch.allclose(moved, expected, atol=1e-4) == (distance == "squared-euclidean")
    longer = prototype_scores(2 * queries, class_prototypes(2 * support, CLASSES, 3), distance=distance)
    assert torch.allclose(longer, expected, atol=1e-4) == (distance == "cosine")


def test_a_trained_scale_gets_a_gradient() -> None:
    scale = torch.tensor(2.0, requires_grad=True)
    prototypical_loss(vectors(0), CLASSES, vectors(1), CLASSES, num_classes=3, scale=scale).backward()
    assert scale.grad is not None
    assert scale.grad != 0


def test_unit_length_makes_long_embeddings_count_no_more_than_short_ones() -> None:
    support = vectors(0)
    lengths = torch.tensor([9.0, 1.0, 1.0, 1.0, 1.0, 1.0]).unsqueeze(1)
    torch.testing.assert_close(
        class_prototypes(support * lengths, CLASSES, 3, normalise=True),
        class_prototypes(support, CLASSES, 3, normalise=True),
    )


def test_training_across_two_modalities_makes_each_recognised_from_the_other() -> None:
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(3).repeat(20)
    centres = {name: torch.randn(3, 4, generator=generator) for name in ("seen", "heard")}
    clips = {name: of[classes] + 0.1 * torch.randn(60, 4, generator=generator) for name, of in centres.items()}
    torch.manual_seed(0)
    layers = {name: torch.nn.Linear(4, 4) for name in clips}
    optimiser = torch.optim.Adam([weight for layer in layers.values() for weight in layer.parameters()], lr=0.05)

    def accuracy() -> float:
        known = class_prototypes(layers["heard"](clips["heard"]), classes, 3)
        return (prototype_scores(layers["seen"](clips["seen"]), known).argmax(1) == classes).float().mean().item()

    before = accuracy()
    for _ in range(60):
        embedded = {name: layer(clips[name]) for name, layer in layers.items()}
        loss = prototypical_loss(embedded["heard"], classes, embedded["seen"], classes, num_classes=3)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert before < 0.8
    assert accuracy() == 1.0


def test_under_autocast_it_stays_in_single_precision() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        inside = prototypical_loss(vectors(0), CLASSES, vectors(1), CLASSES, num_classes=3, distance="cosine")
    outside = prototypical_loss(vectors(0), CLASSES, vectors(1), CLASSES, num_classes=3, distance="cosine")
    assert torch.equal(inside, outside)


def test_a_class_without_support_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"class 1 has no support sample \(2 of 4 classes have none\)"):
        class_prototypes(vectors(size=2), torch.tensor([0, 2]), 4)


def test_an_unknown_distance_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"distance is 'euclidean'; give one of 'squared-euclidean', 'cosine'"):
        prototype_scores(vectors(0), vectors(1), distance="euclidean")


def test_the_examples_give_what_they_say() -> None:
    assert doctest.testmod(prototypes) == (0, 4)
