"""Episodes of few-shot recognition: N classes, K support and Q query samples of each, drawn by a seed.

``episode_lists`` keeps them as JSON, ``few_shot`` measures embeddings on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from egoshift.errors import ConfigError


@dataclass(frozen=True)
class Episodes:
    """Episodes of N ways, K shots and Q queries a class; samples are rows of whatever they were drawn from.

    Attributes:
        classes: The class indices of each episode; way w of an episode is its w-th class. Drawn ones are ascending.
        support: Per episode and way, the support samples.
        query: Per episode and way, the query samples; none is also in the support.
    """

    classes: Int[Tensor, "episodes ways"]
    support: Int[Tensor, "episodes ways shots"]
    query: Int[Tensor, "episodes ways queries"]

    def __len__(self) -> int:
        return len(self.classes)


def draw_episodes(
    labels: Int[Tensor, " samples"],
    *,
    num_episodes: int,
    ways: int = 5,
    shots: int = 5,
    queries: int = 15,
    classes: Sequence[int] | None = None,
    names: Sequence[str] = (),
    seed: int | torch.Generator = 0,
) -> Episodes:
    """Episodes drawn from labelled samples.

    Each has ``ways`` different classes, and of each ``shots + queries`` different samples; every choice is equally
    likely, and whether a sample is support or query likewise. The paper reports 5 ways and 5 shots; its queries, its
    number of episodes and how it drew them are not known.

    Args:
        labels: Per sample, its class; -1 keeps a sample out.
        num_episodes: How many to draw.
        ways: Classes of an episode.
        shots: Support samples of each.
        queries: Query samples of each (Snell et al. test with 15).
        classes: The classes to draw from; none takes all that occur.
        names: Class names, for messages.
        seed: Of the draw, or a generator.

    Raises:
        ConfigError: If there are more ways than classes, or a class has fewer than ``shots + queries`` samples; names
            every such class and how many samples it has.
    """
    _check_sizes(num_episodes, ways, shots, queries)
    labels = labels.cpu()
    known = (
        torch.unique(labels[labels >= 0]) if classes is None else torch.tensor(sorted(set(classes)), dtype=torch.int64)
    )
    counts = (labels == known.unsqueeze(1)).sum(1)
    _check_classes(known, counts, ways, shots + queries, names)
    generator = torch.Generator().manual_seed(seed) if isinstance(seed, int) else seed
    # Sorted by class, a class's samples are one run: place p of it is row first + p.
    order = torch.cat([(labels == one).nonzero()[:, 0] for one in known])
    first = counts.cumsum(0) - counts
    chosen = torch.rand(num_episodes, len(known), generator=generator).argsort(1)[:, :ways].sort(1).values
    places = _distinct(counts[chosen].flatten(), shots + queries, generator).view(num_episodes, ways, -1)
    samples = order[first[chosen].unsqueeze(2) + places]
    return Episodes(known[chosen], samples[..., :shots].contiguous(), samples[..., shots:].contiguous())


def _check_sizes(num_episodes: int, ways: int, shots: int, queries: int) -> None:
    if min(num_episodes, shots, queries) < 1 or ways < 2:
        raise ConfigError(
            f"{num_episodes} episodes of {ways} ways, {shots} shots and {queries} queries; give at least one of each, "
            "and two ways"
        )


def _check_classes(
    known: Int[Tensor, " classes"], counts: Int[Tensor, " classes"], ways: int, needed: int, names: Sequence[str]
) -> None:
    if len(known) < ways:
        raise ConfigError(f"{ways} ways, but there are {len(known)} classes; give fewer ways or more classes")
    small = [
        f"{names[one] if one < len(names) else one} ({count})"
        for one, count in zip(known.tolist(), counts.tolist(), strict=True)
        if count < needed
    ]
    if small:
        raise ConfigError(
            f"{len(small)} of {len(known)} classes have fewer than the {needed} samples that shots and queries take "
            f"together: {', '.join(small)}; give fewer shots or queries, or leave them out with classes=[...]"
        )


def _distinct(sizes: Int[Tensor, " rows"], num: int, generator: torch.Generator) -> Int[Tensor, "rows num"]:
    """``num`` different numbers below each row's size, every ordered choice equally likely.

    Floyd's algorithm for the set, all rows at once, whose cost does not grow with the sizes; then a shuffle, because
    the order in which it finds them is not uniform.
    """
    found = torch.empty(len(sizes), num, dtype=torch.int64)
    uniform = torch.rand(len(sizes), num, generator=generator, dtype=torch.float64)
    for step in range(num):
        last = sizes - num + step
        drawn = (uniform[:, step] * (last + 1)).long()
        taken = (found[:, :step] == drawn.unsqueeze(1)).any(1)
        found[:, step] = torch.where(taken, last, drawn)
    return found.gather(1, torch.rand(len(sizes), num, generator=generator).argsort(1))
