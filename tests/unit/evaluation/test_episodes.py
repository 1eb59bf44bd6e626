"""Drawing episodes: what each holds, that every choice is equally likely, and what is refused."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from egoshift.errors import ConfigError
from egoshift.evaluation import Episodes, draw_episodes


def labels(sizes: list[int], seed: int = 0) -> Tensor:
    """Samples of classes 0, 1, ... in that number, and three without a label, shuffled."""
    flat = torch.cat([torch.full((size,), one) for one, size in enumerate(sizes)] + [torch.full((3,), -1)])
    return flat[torch.randperm(len(flat), generator=torch.Generator().manual_seed(seed))]


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.integers(5, 9), min_size=3, max_size=6),
    shots=st.integers(1, 3),
    queries=st.integers(1, 2),
)
def test_every_episode_holds_different_samples_of_different_classes(
    seed: int, sizes: list[int], shots: int, queries: int
) -> None:
    known = labels(sizes, seed)
    episodes = draw_episodes(known, num_episodes=20, ways=3, shots=shots, queries=queries, seed=seed)
    assert len(episodes) == 20
    assert (episodes.support.shape, episodes.query.shape) == ((20, 3, shots), (20, 3, queries))
    for classes, support, query in zip(episodes.classes, episodes.support, episodes.query, strict=True):
        assert classes.tolist() == sorted(set(classes.tolist()))
        samples = torch.cat([support, query], 1)
        assert len(samples.unique()) == samples.numel()
        assert torch.equal(known[samples], classes.unsqueeze(1).expand_as(samples))


def equal(first: Episodes, second: Episodes) -> bool:
    return all(torch.equal(getattr(first, part), getattr(second, part)) for part in ("classes", "support", "query"))


def test_a_seed_draws_the_same_episodes_and_another_seed_others() -> None:
    known = labels([20] * 6)
    first, again, other = (draw_episodes(known, num_episodes=5, queries=3, seed=seed) for seed in (1, 1, 2))
    assert equal(first, again)
    assert not equal(first, other)
    generator = torch.Generator().manual_seed(1)
    assert equal(draw_episodes(known, num_episodes=5, queries=3, seed=generator), first)
    assert not equal(draw_episodes(known, num_episodes=5, queries=3, seed=generator), first)


def test_five_ways_and_shots_and_fifteen_queries_of_seed_zero_are_drawn_unless_others_are_asked_for() -> None:
    labels = torch.arange(200) % 8
    plain = draw_episodes(labels, num_episodes=3)
    asked = draw_episodes(labels, num_episodes=3, ways=5, shots=5, queries=15, seed=0)
    for part in ("classes", "support", "query"):
        assert torch.equal(getattr(plain, part), getattr(asked, part))
    assert (plain.support.shape, plain.query.shape) == ((3, 5, 5), (3, 5, 15))


def test_drawing_leaves_the_global_random_numbers_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    draw_episodes(labels([20] * 6), num_episodes=5, queries=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_class_and_every_place_of_a_sample_is_equally_likely() -> None:
    sizes, num = [7, 9, 8, 12], 6000
    known = labels(sizes)
    episodes = draw_episodes(known, num_episodes=num, ways=2, shots=2, queries=3)
    classes = Counter(episodes.classes.flatten().tolist())
    assert all(abs(classes[one] - num / 2) < 200 for one in range(4))  # standard deviation 39
    for part, places in ((episodes.support, 2), (episodes.query, 3)):
        for place in range(places):
            times = torch.bincount(part[..., place].flatten(), minlength=len(known))
            for one, size in enumerate(sizes):
                expected = classes[one] / size
                # Binomial: standard deviations of 15 to 20 about 250 to 430.
                assert bool(((times[known == one] - expected).abs() < 100).all())
    assert int((torch.cat([episodes.support, episodes.query], 2) >= len(known)).sum()) == 0


def test_pairs_of_samples_are_drawn_independently_of_their_order() -> None:
    episodes = draw_episodes(torch.tensor([0] * 4 + [1] * 4), num_episodes=12_000, ways=2, shots=1, queries=3)
    orders = Counter(
        (*way[0].tolist(), *way[1].tolist()) for way in zip(episodes.support[:, 0], episodes.query[:, 0], strict=True)
    )
    # All 24 orders of the four samples of class 0, 500 times each with a standard deviation of 22.
    assert len(orders) == 24
    assert all(abs(count - 500) < 120 for count in orders.values())


def test_only_the_given_classes_are_drawn_from() -> None:
    episodes = draw_episodes(labels([8] * 6), num_episodes=40, ways=2, shots=2, queries=2, classes=[5, 3, 1])
    assert set(episodes.classes.flatten().tolist()) == {1, 3, 5}


def test_a_class_of_exactly_enough_samples_is_used_up() -> None:
    episodes = draw_episodes(labels([5, 5]), num_episodes=3, ways=2, shots=2, queries=3)
    assert torch.cat([episodes.support, episodes.query], 2).sort().values.unique(dim=0).shape[0] == 1


def test_classes_with_too_few_samples_are_all_named_with_their_counts() -> None:
    with pytest.raises(ConfigError, match=r"2 of 4 classes have fewer than the 6 samples .*: 1 \(5\), 3 \(2\); give"):
        draw_episodes(labels([6, 5, 9, 2]), num_episodes=1, ways=2, shots=3, queries=3)
    names = ("cut", "wash", "pour", "peel")
    with pytest.raises(ConfigError, match=r": wash \(5\), peel \(2\); give fewer shots or queries, or leave them out"):
        draw_episodes(labels([6, 5, 9, 2]), num_episodes=1, ways=2, shots=3, queries=3, names=names)
    kept = draw_episodes(labels([6, 5, 9, 2]), num_episodes=1, ways=2, shots=3, queries=3, classes=[0, 2])
    assert kept.classes.tolist() == [[0, 2]]


def test_a_class_that_no_sample_has_is_refused_where_it_was_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"1 of 3 classes have fewer than the 2 samples .*: 7 \(0\)"):
        draw_episodes(labels([6, 6]), num_episodes=1, ways=2, shots=1, queries=1, classes=[0, 1, 7])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"ways": 4}, r"4 ways, but there are 3 classes; give fewer ways or more classes"),
        ({"ways": 1}, r"1 ways.* and two ways"),
        ({"shots": 0}, r"0 shots and 1 queries; give at least one of each"),
        ({"queries": 0}, r"0 queries; give at least one of each"),
        ({"num_episodes": 0}, r"0 episodes of 2 ways"),
    ],
)
def test_sizes_that_cannot_be_are_refused(options: dict[str, int], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        draw_episodes(
            labels([6, 6, 6]),
            num_episodes=options.get("num_episodes", 1),
            ways=options.get("ways", 2),
            shots=options.get("shots", 1),
            queries=options.get("queries", 1),
        )
