"""What each step sees, as a function of the seed alone: any step can be computed without those before it."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor


def seed_of(*path: int) -> int:
    """A seed for one place of a training run, such as (seed, epoch, step, rank); unlike for any other place."""
    # SeedSequence takes (3,) and (3, 0) for the same; the length tells them apart.
    sequence = np.random.SeedSequence((len(path), *path))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def epoch_order(indices: Int[Tensor, " clip"], seed: int, epoch: int) -> Int[Tensor, " clip"]:
    """The clips in the order in which one epoch visits them."""
    generator = torch.Generator().manual_seed(seed_of(seed, epoch))
    return indices[torch.randperm(len(indices), generator=generator)]


def shard_of(batch: Int[Tensor, " batch"], rank: int, world_size: int) -> Int[Tensor, " shard"]:
    """One process's share of a batch; processes left without one get the first clip, to be weighted by nothing."""
    shard = batch[rank::world_size]
    return shard if len(shard) else batch[:1]
