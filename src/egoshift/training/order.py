"""What each step sees, as a function of the seed alone: any step can be computed without those before it."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from egoshift.errors import ConfigError
from egoshift.features.shards import SHARDS_TOGETHER
from egoshift.training.objectives import PrototypeTerm


def seed_of(*path: int) -> int:
    """A seed for one place of a training run, such as (seed, epoch, step, rank); unlike for any other place."""
    # SeedSequence takes (3,) and (3, 0) for the same; the length tells them apart.
    sequence = np.random.SeedSequence((len(path), *path))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def epoch_order(
    indices: Int[Tensor, " clip"], seed: int, epoch: int, shards: Int[Tensor, " n"] | None = None
) -> Int[Tensor, " clip"]:
    """The clips in the order in which one epoch visits them.

    Args:
        indices: The clips to train on.
        seed: Of the training.
        epoch: Which epoch.
        shards: The shard of each clip of the source. Random shards then take turns, ``SHARDS_TOGETHER`` at a time, and
            the clips of these are shuffled. Without, all clips are.
    """
    generator = torch.Generator().manual_seed(seed_of(seed, epoch))
    order = indices[torch.randperm(len(indices), generator=generator)]
    if shards is None:
        return order
    turns = torch.randperm(int(shards.max()) + 1, generator=generator) // SHARDS_TOGETHER
    return order[torch.argsort(turns[shards[order]], stable=True)]


def episode_order(
    targets: Int[Tensor, " n"], indices: Int[Tensor, " clip"], term: PrototypeTerm, seed: int, epoch: int
) -> Int[Tensor, " clips_of_episodes"]:
    """The clips of one epoch's episodes, one episode after the other, as many as fit into the number of clips.

    In an episode its classes stand one after the other, each with different clips of its own.

    Args:
        targets: The class of each clip of the source; -1 where it has none.
        indices: The clips to train on.
        term: How many ways, shots and queries.
        seed: Of the training.
        epoch: Which epoch.

    Raises:
        ConfigError: There are fewer classes with enough clips than ways.
    """
    generator = torch.Generator().manual_seed(seed_of(seed, epoch, 2))
    each = term.shots + term.queries
    numbers = sorted(set(targets[indices].tolist()) - {-1})
    by_class = {number: indices[targets[indices] == number] for number in numbers}
    usable = [clips for clips in by_class.values() if len(clips) >= each]
    if len(usable) < term.ways:
        raise ConfigError(
            f"{len(usable)} of {len(by_class)} classes have {each} clips or more ({term.shots} shots and "
            f"{term.queries} queries), but {term.ways} ways are asked for; ask for fewer ways, shots or queries"
        )
    rows = []
    for _ in range(max(1, len(indices) // term.clips)):
        for number in torch.randperm(len(usable), generator=generator)[: term.ways].tolist():
            clips = usable[number]
            rows.append(clips[torch.randperm(len(clips), generator=generator)[:each]])
    return torch.cat(rows)


def share_of(num_clips: int, rank: int, world_size: int) -> slice:
    """One process's share of a batch; processes left without one get the first clip, to be weighted by nothing."""
    return slice(rank, None, world_size) if rank < num_clips else slice(1)
