import pytest
import torch

from egoshift.errors import ConfigError
from egoshift.training import PrototypeTerm
from egoshift.training.order import episode_order, epoch_order, seed_of, share_of


def test_every_place_has_a_seed_of_its_own() -> None:
    seeds = {
        seed_of(*path) for path in [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 1), (0, 1, 0), (2**32 - 1, 5, 7, 1)]
    }
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seed_of(3, 4) == seed_of(3, 4)


def test_an_epoch_visits_every_clip_once_in_an_order_of_its_own() -> None:
    clips = torch.tensor([3, 5, 7, 11, 13, 17])
    orders = {tuple(epoch_order(clips, seed, epoch).tolist()) for seed in (0, 1) for epoch in range(4)}
    assert len(orders) == 8
    assert {tuple(sorted(order)) for order in orders} == {(3, 5, 7, 11, 13, 17)}
    assert torch.equal(epoch_order(clips, 0, 2), epoch_order(clips, 0, 2))


def test_in_shards_an_epoch_visits_every_clip_once_and_those_of_a_few_shards_before_any_other() -> None:
    generator = torch.Generator().manual_seed(0)
    shards = torch.randint(21, (300,), generator=generator)
    clips = torch.randperm(300, generator=generator)[:250]
    orders = [epoch_order(clips, seed, epoch, shards) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order.tolist()) for order in orders}) == 4
    assert torch.equal(orders[1], epoch_order(clips, 0, 1, shards))
    for order in orders:
        assert sorted(order.tolist()) == sorted(clips.tolist())
        runs = [shards[order].tolist().index(number) for number in range(21)]
        visited = [shards[order[begin:]].unique().numel() for begin in sorted(runs)]
        assert visited[:9] == [21] * 8 + [13]  # the ninth shard begins when the first eight are done
        first = order[: sorted(runs)[8]]
        assert not torch.equal(first, first[torch.argsort(shards[first], stable=True)])  # mixed, not one after another


def test_without_shards_the_order_is_that_of_all_clips_shuffled() -> None:
    clips = torch.tensor([3, 5, 7, 11, 13, 17])
    generator = torch.Generator().manual_seed(seed_of(4, 2))
    assert torch.equal(epoch_order(clips, 4, 2), clips[torch.randperm(6, generator=generator)])


def test_processes_share_a_batch_without_overlap() -> None:
    batch = torch.arange(10, 17)
    shares = [batch[share_of(7, rank, 3)] for rank in range(3)]
    assert sorted(torch.cat(shares).tolist()) == batch.tolist()


def test_a_process_left_without_a_clip_gets_the_first() -> None:
    assert [torch.tensor([9])[share_of(1, rank, 2)].tolist() for rank in range(2)] == [[9], [9]]


TERM = PrototypeTerm(ways=3, shots=2, queries=1)


def test_an_episode_has_distinct_classes_and_distinct_clips_of_them_in_order() -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(-1, 5, (60,), generator=generator)
    indices = torch.randperm(60, generator=generator)[:50]
    order = episode_order(targets, indices, TERM, 3, 1)
    assert len(order) == 50 // 9 * 9
    for episode in order.view(-1, 3, 3):
        classes = targets[episode]
        assert (classes == classes[:, :1]).all()
        assert len(set(classes[:, 0].tolist())) == 3
        assert (classes >= 0).all()
        assert len(set(episode.flatten().tolist())) == 9
        assert set(episode.flatten().tolist()) <= set(indices.tolist())
    assert torch.equal(order, episode_order(targets, indices, TERM, 3, 1))
    others = [episode_order(targets, indices, TERM, seed, epoch) for seed, epoch in ((4, 1), (3, 2))]
    assert not any(torch.equal(order, other) for other in others)


def test_classes_with_too_few_clips_are_in_no_episode_and_every_other_is_at_some_time() -> None:
    targets = torch.tensor([0] * 2 + [1] * 3 + [2] * 4 + [3] * 5 + [4] * 6 + [-1] * 9)
    seen = {
        kind
        for epoch in range(20)
        for kind in targets[episode_order(targets, torch.arange(29), TERM, 0, epoch)].tolist()
    }
    assert seen == {1, 2, 3, 4}


def test_an_epoch_has_one_episode_at_least() -> None:
    targets = torch.arange(3).repeat_interleave(3)
    assert len(episode_order(targets, torch.arange(9), TERM, 0, 0)) == 9
    big = PrototypeTerm(ways=2, shots=2, queries=1)
    assert len(episode_order(targets, torch.tensor([0, 1, 2, 3, 4, 5]), big, 0, 0)) == 6


def test_too_few_classes_are_refused_in_one_line() -> None:
    targets = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, -1])
    with pytest.raises(
        ConfigError, match=r"^2 of 3 classes have 3 clips or more \(2 shots and 1 queries\), but 3 ways are asked for"
    ):
        episode_order(targets, torch.arange(9), TERM, 0, 0)
