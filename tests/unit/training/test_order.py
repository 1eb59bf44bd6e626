import torch

from egoshift.training.order import epoch_order, seed_of, shard_of


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


def test_shards_share_a_batch_without_overlap() -> None:
    batch = torch.arange(10, 17)
    shards = [shard_of(batch, rank, 3) for rank in range(3)]
    assert sorted(torch.cat(shards).tolist()) == batch.tolist()


def test_a_process_left_without_a_clip_gets_the_first() -> None:
    assert [shard_of(torch.tensor([9]), rank, 2).tolist() for rank in range(2)] == [[9], [9]]
