"""Prototypes, scores and the prototypical loss against plain Python, one query and one class at a time."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from egoshift.losses import class_prototypes, prototype_scores, prototypical_loss


def unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def slow_prototypes(vectors: list[list[float]], classes: list[int], num_classes: int) -> list[list[float]]:
    prototypes = []
    for one in range(num_classes):
        members = [vector for vector, label in zip(vectors, classes, strict=True) if label == one]
        prototypes.append([sum(column) / len(members) for column in zip(*members, strict=True)])
    return prototypes


def slow_score(query: list[float], prototype: list[float], distance: str, scale: float) -> float:
    if distance == "cosine":
        return scale * sum(a * b for a, b in zip(unit(query), unit(prototype), strict=True))
    return -scale * sum((a - b) ** 2 for a, b in zip(query, prototype, strict=True))


def slow_loss(
    support: Tensor, classes: Tensor, queries: Tensor, targets: Tensor, num_classes: int, **how: object
) -> float:
    rows = [support.double().tolist(), queries.double().tolist()]
    if how["normalise"]:
        rows = [[unit(row) for row in part] for part in rows]
    prototypes = slow_prototypes(rows[0], classes.tolist(), num_classes)
    losses = []
    for query, target in zip(rows[1], targets.tolist(), strict=True):
        if target != -1:
            scores = [slow_score(query, one, str(how["distance"]), float(str(how["scale"]))) for one in prototypes]
            losses.append(math.log(sum(math.exp(score - scores[target]) for score in scores)))
    return sum(losses) / len(losses) if losses else 0.0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    ways=st.integers(2, 5),
    shots=st.integers(1, 4),
    num_queries=st.integers(0, 8),
    distance=st.sampled_from(["squared-euclidean", "cosine"]),
    scale=st.sampled_from([None, 0.3, 5.0]),
    normalise=st.booleans(),
)
def test_loss_equals_the_loops(
    seed: int, ways: int, shots: int, num_queries: int, distance: str, scale: float | None, normalise: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    classes = torch.cat([torch.arange(ways).repeat(shots), torch.tensor([-1])])
    classes = classes[torch.randperm(len(classes), generator=generator)]
    support = torch.randn(len(classes), 6, generator=generator)
    queries = torch.randn(num_queries, 6, generator=generator)
    targets = torch.randint(-1, ways, (num_queries,), generator=generator)
    found = prototypical_loss(
        support, classes, queries, targets, num_classes=ways, distance=distance, scale=scale, normalise=normalise
    )
    used = scale if scale is not None else {"squared-euclidean": 1.0, "cosine": 10.0}[distance]
    expected = slow_loss(support, classes, queries, targets, ways, distance=distance, scale=used, normalise=normalise)
    assert found.item() == pytest.approx(expected, rel=2e-5, abs=1e-5)


@pytest.mark.parametrize("distance", ["squared-euclidean", "cosine"])
def test_scores_far_from_zero_equal_the_loops(distance: str) -> None:
    generator = torch.Generator().manual_seed(0)
    support, queries = (1000 + torch.randn(12, 5, generator=generator) for _ in range(2))
    classes = torch.arange(12) % 3
    prototypes = class_prototypes(support, classes, 3)
    scores = prototype_scores(queries, prototypes, distance=distance, scale=1.0)
    means = slow_prototypes(support.double().tolist(), classes.tolist(), 3)
    expected = [[slow_score(query, mean, distance, 1.0) for mean in means] for query in queries.double().tolist()]
    # A float32 near 1000 is known to 6e-5, which is all that the differences of about 1 suffer from.
    torch.testing.assert_close(scores.double(), torch.tensor(expected, dtype=torch.float64), rtol=1e-3, atol=1e-3)
