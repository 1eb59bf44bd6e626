"""Few-shot accuracies against a loop over episodes and queries, from distances written out, in double precision."""

import math
import statistics
from collections.abc import Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from egoshift.evaluation import Episodes, draw_episodes, episode_accuracies, few_shot_rows
from egoshift.evaluation.few_shot import SubsetPair
from egoshift.losses import Modalities, class_prototypes, modality_subsets, prototype_scores

SUBSETS = modality_subsets(("video", "audio", "imu"))


def data(
    seed: int, num_classes: int = 6, size: int = 12, offset: float = 0.0
) -> tuple[Tensor, dict[Modalities, Tensor]]:
    """Classes that overlap, seen from seven subsets, each about a place of its own."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(num_classes).repeat(size)
    centres = torch.randn(num_classes, 10, generator=generator)
    embeddings = {}
    for subset in SUBSETS:
        noise = torch.randn(len(labels), 10, generator=generator) * 3 / len(subset)
        embeddings[subset] = centres[labels] + noise + offset * torch.randn(10, generator=generator)
    return labels, embeddings


def unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def near(query: list[float], mean: list[float], distance: str) -> float:
    if distance == "cosine":
        return sum(a * b for a, b in zip(unit(query), unit(mean), strict=True))
    return -sum((a - b) ** 2 for a, b in zip(query, mean, strict=True))


def slow_accuracies(
    embeddings: Mapping[Modalities, Tensor], episodes: Episodes, pair: SubsetPair, distance: str, normalise: bool
) -> list[float]:
    support, query = (embeddings[subset].double().tolist() for subset in pair)
    if normalise:
        support, query = [unit(row) for row in support], [unit(row) for row in query]
    accuracies = []
    for shown, asked in zip(episodes.support.tolist(), episodes.query.tolist(), strict=True):
        means = [
            [sum(column) / len(way) for column in zip(*(support[row] for row in way), strict=True)] for way in shown
        ]
        right = total = 0
        for way, rows in enumerate(asked):
            for row in rows:
                scores = [near(query[row], mean, distance) for mean in means]
                right += scores.index(max(scores)) == way
                total += 1
        accuracies.append(100 * right / total)
    return accuracies


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    ways=st.integers(2, 5),
    shots=st.integers(1, 5),
    queries=st.integers(1, 7),
    distance=st.sampled_from(["squared-euclidean", "cosine"]),
    normalise=st.booleans(),
)
def test_every_episode_of_every_pair_equals_the_loops(
    seed: int, ways: int, shots: int, queries: int, distance: str, normalise: bool
) -> None:
    labels, embeddings = data(seed)
    episodes = draw_episodes(labels, num_episodes=4, ways=ways, shots=shots, queries=queries, seed=seed)
    found = episode_accuracies(embeddings, episodes, distance=distance, normalise=normalise)
    assert len(found) == 49
    for pair, accuracies in found.items():
        assert accuracies.tolist() == pytest.approx(slow_accuracies(embeddings, episodes, pair, distance, normalise))


@pytest.mark.parametrize("distance", ["squared-euclidean", "cosine"])
def test_embeddings_far_from_zero_and_from_each_other_equal_the_loops(distance: str) -> None:
    labels, embeddings = data(3, offset=2000.0)
    episodes = draw_episodes(labels, num_episodes=30, queries=7)
    found = episode_accuracies(embeddings, episodes, distance=distance)
    for pair in list(found)[::5]:
        expected = slow_accuracies(embeddings, episodes, pair, distance, False)
        # A float32 near 2000 is known to 1e-4: a query that lies between two classes may go to either.
        assert sum(a != pytest.approx(b) for a, b in zip(found[pair].tolist(), expected, strict=True)) <= 1


def test_rows_are_the_mean_and_its_interval_over_episodes() -> None:
    labels, embeddings = data(1)
    episodes = draw_episodes(labels, num_episodes=50, queries=7)
    rows = few_shot_rows(embeddings, episodes)
    assert [(row.support, row.query) for row in rows] == [(s, q) for s in SUBSETS for q in SUBSETS]
    for row in rows[::7]:
        values = slow_accuracies(embeddings, episodes, (row.support, row.query), "squared-euclidean", False)
        half = 1.96 * statistics.stdev(values) / math.sqrt(50)
        assert row.accuracy == pytest.approx(statistics.mean(values))
        assert (row.low, row.high) == pytest.approx((row.accuracy - half, row.accuracy + half), rel=1e-4)
        assert row.num_episodes == 50


def test_one_episode_at_a_time_by_the_scores_that_training_uses() -> None:
    labels, embeddings = data(2)
    episodes = draw_episodes(labels, num_episodes=20, ways=4, shots=3, queries=6)
    ways = torch.arange(4)
    for pair, found in episode_accuracies(embeddings, episodes).items():
        for number in range(20):
            support, query = episodes.support[number].flatten(), episodes.query[number].flatten()
            prototypes = class_prototypes(embeddings[pair[0]][support], ways.repeat_interleave(3), 4)
            nearest = prototype_scores(embeddings[pair[1]][query], prototypes).argmax(1)
            expected = 100 * (nearest == ways.repeat_interleave(6)).double().mean().item()
            assert found[number].item() == pytest.approx(expected)
