"""Few-shot accuracy of embeddings: every support subset of the modalities against every query subset, in one pass.

Each episode's classes are the means of their support embeddings, a query goes to the nearest (``losses.prototypes``).
As in the paper, *regular* is full support and full query, *missing modality* full support and a smaller query,
*cross-modal zero-shot* support and query without a modality in common. The paper's clips and splits are not public, so
that no number from here can be compared with its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor
from torch.nn import functional

from egoshift.errors import ConfigError
from egoshift.evaluation.episodes import Episodes
from egoshift.losses.prototypes import DISTANCES
from egoshift.losses.subsets import Modalities, subset_name

BYTES_AT_ONCE = 1 << 22
"""Query embeddings that are gathered at a time; more no longer fit in a processor's cache, and run half as fast."""

Z = 1.959963984540054
"""Standard deviations of a normal distribution between its mean and the end of its central 95%."""

SubsetPair = tuple[Modalities, Modalities]
"""The modalities of the support, and those of the queries."""


@dataclass(frozen=True)
class FewShotRow:
    """Accuracy over the episodes, in percent, for one pair of subsets.

    Attributes:
        support: The modalities of the support.
        query: The modalities of the queries.
        accuracy: The mean over episodes.
        low: The lower end of its 95% interval, ``accuracy - 1.96 sd / sqrt(episodes)``; None for a single episode. It
            says how far the mean would move if episodes were drawn again from the same samples, and nothing of other
            videos or another training.
        high: The upper end, likewise.
        num_episodes: How many.
    """

    support: Modalities
    query: Modalities
    accuracy: float
    low: float | None
    high: float | None
    num_episodes: int


def few_shot_rows(
    embeddings: Mapping[Modalities, Float[Tensor, "samples dim"]],
    episodes: Episodes,
    *,
    pairs: Sequence[SubsetPair] | None = None,
    distance: str = "squared-euclidean",
    normalise: bool = False,
) -> tuple[FewShotRow, ...]:
    """Mean accuracy and 95% interval over episodes, for each pair of support and query subset.

    Args:
        embeddings: Per subset of the modalities, one vector a sample; not finite (NaN) where a sample lacks it.
        episodes: See ``draw_episodes``.
        pairs: Which pairs; none takes all, by support and then by query.
        distance: One of ``losses.prototypes.DISTANCES``.
        normalise: Whether embeddings are brought to unit length before all else.

    Raises:
        ConfigError: See ``episode_accuracies``.
    """
    by_pair = episode_accuracies(embeddings, episodes, pairs=pairs, distance=distance, normalise=normalise)
    rows = []
    for (support, query), values in by_pair.items():
        accuracy, low, high = mean_interval(values)
        rows.append(FewShotRow(support, query, accuracy, low, high, len(values)))
    return tuple(rows)


def mean_interval(values: Float64[Tensor, " episodes"]) -> tuple[float, float | None, float | None]:
    """The mean and the ends of its 95% interval by the normal distribution, within 0 and 100; None for one value."""
    mean = values.mean().item()
    if len(values) < 2:
        return mean, None, None
    half = Z * values.std().item() / len(values) ** 0.5
    return mean, max(0.0, mean - half), min(100.0, mean + half)


@torch.no_grad()
def episode_accuracies(
    embeddings: Mapping[Modalities, Float[Tensor, "samples dim"]],
    episodes: Episodes,
    *,
    pairs: Sequence[SubsetPair] | None = None,
    distance: str = "squared-euclidean",
    normalise: bool = False,
) -> dict[SubsetPair, Float64[Tensor, " episodes"]]:
    """The accuracy of each episode in percent, for each pair of subsets; of equally near classes the first is taken.

    Each subset's embeddings are gathered once per chunk of episodes, whatever the number of pairs.

    Args:
        embeddings: Per subset of the modalities, one vector a sample; not finite (NaN) where a sample lacks it.
        episodes: See ``draw_episodes``.
        pairs: Which pairs; none takes all, by support and then by query.
        distance: One of ``losses.prototypes.DISTANCES``.
        normalise: Whether embeddings are brought to unit length before all else.

    Raises:
        ConfigError: If a pair is of a subset without embeddings, an episode uses a sample that has none or is not
            there, or the distance is none of ``DISTANCES``.
    """
    pairs = [(s, q) for s in embeddings for q in embeddings] if pairs is None else list(pairs)
    _check(embeddings, episodes, pairs, distance)
    supports, queries = (list(dict.fromkeys(pair[side] for pair in pairs)) for side in (0, 1))
    prepared = {subset: _centred(embeddings[subset].float(), normalise) for subset in (*supports, *queries)}
    num_episodes, num_ways, num_queries = episodes.query.shape
    step = max(1, BYTES_AT_ONCE // (4 * num_ways * num_queries * next(iter(embeddings.values())).shape[1]))
    accuracies = {pair: torch.empty(num_episodes, dtype=torch.float64) for pair in pairs}
    for start in range(0, num_episodes, step):
        part = slice(start, start + step)
        classes = {subset: _classes(*prepared[subset], episodes.support[part], distance) for subset in supports}
        for query in queries:
            vectors, centre = prepared[query]
            asked = [pair for pair in pairs if pair[1] == query]
            towards = torch.cat([classes[support].towards for support, _ in asked], 1)
            constants = torch.cat([classes[support].constants_about(centre) for support, _ in asked], 1)
            gathered = vectors.index_select(0, episodes.query[part].flatten()).view(len(towards), -1, vectors.shape[1])
            scores = torch.baddbmm(constants.unsqueeze(1), gathered, towards.mT)
            nearest = scores.view(len(gathered), num_ways, num_queries, len(asked), num_ways).argmax(-1)
            right = nearest == torch.arange(num_ways).view(-1, 1, 1)
            for number, pair in enumerate(asked):
                accuracies[pair][part] = 100.0 * right[..., number].double().mean((1, 2))
    return accuracies


def _check(
    embeddings: Mapping[Modalities, Tensor], episodes: Episodes, pairs: Sequence[SubsetPair], distance: str
) -> None:
    if distance not in DISTANCES:
        raise ConfigError(f"distance is {distance!r}; give one of {', '.join(map(repr, DISTANCES))}")
    if not pairs or not len(episodes):
        raise ConfigError(f"{len(pairs)} pairs of subsets and {len(episodes)} episodes; give at least one of each")
    for subset in dict.fromkeys(subset for pair in pairs for subset in pair):
        if subset not in embeddings:
            known = ", ".join(map(subset_name, embeddings))
            raise ConfigError(f"there are no embeddings from {subset_name(subset)}, but from {known}; embed it too")
    num_samples = 1 + max(int(episodes.support.max()), int(episodes.query.max()))
    for side, rows in enumerate((episodes.support, episodes.query)):
        used = torch.zeros(num_samples, dtype=torch.bool)
        used[rows.flatten()] = True
        for subset in dict.fromkeys(pair[side] for pair in pairs):
            _check_samples(subset, embeddings[subset], used)


def _check_samples(subset: Modalities, vectors: Float[Tensor, "samples dim"], used: Bool[Tensor, " used"]) -> None:
    if len(used) > len(vectors):
        raise ConfigError(
            f"an episode has sample {len(used) - 1}, but there are {len(vectors)} embeddings from "
            f"{subset_name(subset)}; give those of the samples that the episodes were drawn from"
        )
    lacking = int((used & ~vectors[: len(used)].isfinite().all(1)).sum())
    if lacking:
        raise ConfigError(
            f"{lacking} of {int(used.sum())} samples of the episodes have no embedding from {subset_name(subset)} (NaN "
            "or infinity); draw episodes of samples that have it, the others labelled -1"
        )


class _Classes(NamedTuple):
    """The classes of some episodes: a query q is nearest to the one with the highest ``<q - origin, t> + constant``."""

    towards: Float[Tensor, "episodes ways dim"]
    constants: Float[Tensor, "episodes ways"]
    origin: Float[Tensor, " dim"]

    def constants_about(self, centre: Float[Tensor, " dim"]) -> Float[Tensor, "episodes ways"]:
        """The constants for queries that are given as differences to another centre."""
        return self.constants + self.towards @ (centre - self.origin)


def _centred(
    vectors: Float[Tensor, "samples dim"], normalise: bool
) -> tuple[Float[Tensor, "samples dim"], Float[Tensor, " dim"]]:
    """The embeddings about their mean, and the mean.

    Nearness is found from products of vectors, which for embeddings far from zero would lose the digits that tell
    classes apart.
    """
    if normalise:
        vectors = functional.normalize(vectors, dim=-1)
    centre = vectors[vectors.isfinite().all(1)].double().mean(0).float()
    return vectors - centre, centre


def _classes(
    vectors: Float[Tensor, "samples dim"],
    centre: Float[Tensor, " dim"],
    support: Int[Tensor, "episodes ways shots"],
    distance: str,
) -> _Classes:
    """The classes by their support.

    Minus half the squared distance to a class mean c is ``<q - centre, c - centre> - |c - centre|^2 / 2`` and a part
    that is the same for all classes. A cosine is ``<q, unit(c)>`` over the length of q, which is the same for all
    classes as well, and so is what all their directions have in common.
    """
    means = functional.embedding_bag(support.flatten(0, 1), vectors, mode="mean").view(*support.shape[:2], -1)
    if distance == "squared-euclidean":
        return _Classes(means, -means.square().sum(-1) / 2, centre)
    directions = functional.normalize(means.double() + centre, dim=-1)
    towards = (directions - directions.mean(1, keepdim=True)).float()
    return _Classes(towards, towards.new_zeros(towards.shape[:2]), torch.zeros_like(centre))
