"""Few-shot rows of a model of several modalities: all support against all query subsets on the same episodes.

Episodes are of clips that have every modality, so that no pair of subsets is measured on easier clips than another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional

from egoshift.errors import ConfigError
from egoshift.evaluation.episode_lists import read_episodes
from egoshift.evaluation.episodes import Episodes, draw_episodes
from egoshift.evaluation.few_shot import SubsetPair, few_shot_rows
from egoshift.evaluation.modalities import ModalityScores
from egoshift.evaluation.modality_result import Example, LeftOut, Reason, SubsetRow
from egoshift.losses.prototypes import class_prototypes, prototype_scores
from egoshift.records import Label


@dataclass(frozen=True)
class FewShotSettings:
    """Which episodes, and how a query is recognised in them.

    The paper reports 5 ways and 5 shots and says no more of them.

    Attributes:
        label: The kind of label.
        classes: Indices of the classes, such as the novel ones; none takes all that occur.
        ways: Classes of an episode.
        shots: Support clips of each.
        queries: Query clips of each.
        num_episodes: How many.
        seed: Of the draw.
        path: A list of episodes (``write_episodes``) to be read in place of the draw; sizes and seed are then its own.
        distance: One of ``losses.prototypes.DISTANCES``.
        normalise: Whether embeddings are brought to unit length before all else.
        num_examples: Of how many episodes, the first ones, a query is kept to look at.
    """

    label: Label = "action"
    classes: Sequence[int] | None = None
    ways: int = 5
    shots: int = 5
    queries: int = 15
    num_episodes: int = 1000
    seed: int = 0
    path: Path | None = None
    distance: str = "squared-euclidean"
    normalise: bool = False
    num_examples: int = 3


def few_shot_labels(scores: ModalityScores, settings: FewShotSettings) -> tuple[Int[Tensor, " n"], tuple[LeftOut, ...]]:
    """The classes of the clips that episodes are drawn from, -1 for the others, and why those are left out.

    Raises:
        ConfigError: If the clips have no label of the kind.
    """
    if settings.label not in scores.targets:
        known = ", ".join(scores.targets) or "none"
        raise ConfigError(f"the clips have no {settings.label} labels (they have: {known}); give label=one of these")
    targets = scores.targets[settings.label]
    asked = targets >= 0
    if settings.classes is not None:
        asked = torch.isin(targets, torch.tensor(sorted(set(settings.classes)), dtype=targets.dtype)) & asked
    whole = torch.stack([scores.present[name] for name in scores.modalities]).all(0)
    reasons: dict[Reason, Tensor] = {
        "unlabelled": targets < 0,
        "other-class": (targets >= 0) & ~asked,
        "lacks-a-modality": asked & ~whole,
    }
    left_out = tuple(
        LeftOut(task="few-shot", label=settings.label, query=scores.modalities, reason=reason, n=int(clips.sum()))
        for reason, clips in reasons.items()
        if clips.any()
    )
    return targets.masked_fill(~(asked & whole), -1), left_out


def make_episodes(scores: ModalityScores, settings: FewShotSettings, ids: Sequence[str]) -> Episodes:
    """The episodes: drawn by their seed, or read.

    Args:
        scores: Of the clips.
        settings: Which.
        ids: What a list calls the clips.

    Raises:
        ConfigError: See ``draw_episodes``; or a list is of classes that were not asked for.
        DataError: See ``read_episodes``.
    """
    labels, _ = few_shot_labels(scores, settings)
    names = scores.names[settings.label]
    if settings.path is None:
        return draw_episodes(
            labels,
            num_episodes=settings.num_episodes,
            ways=settings.ways,
            shots=settings.shots,
            queries=settings.queries,
            classes=settings.classes,
            names=names,
            seed=settings.seed,
        )
    episodes = read_episodes(settings.path, ids=ids, names=names, labels=scores.targets[settings.label])
    if settings.classes is not None:
        others = sorted(set(episodes.classes.flatten().tolist()) - set(settings.classes))
        if others:
            raise ConfigError(
                f"{settings.path}: has episodes of {names[others[0]]!r}, which is not among the "
                f"{len(settings.classes)} classes asked for; draw the episodes again, or ask for their classes"
            )
    return episodes


def few_shot_subset_rows(
    scores: ModalityScores, episodes: Episodes, settings: FewShotSettings
) -> tuple[SubsetRow, ...]:
    """The mean accuracy over episodes and its 95% interval, for each pair of subsets that were scored.

    Raises:
        ConfigError: If an episode has a clip that lacks a modality, or the distance is none of ``DISTANCES``.
    """
    found = few_shot_rows(scores.embeddings, episodes, distance=settings.distance, normalise=settings.normalise)
    return tuple(
        SubsetRow(
            task="few-shot",
            label=settings.label,
            support=row.support,
            query=row.query,
            value=row.accuracy,
            low=row.low,
            high=row.high,
            n=row.num_episodes,
        )
        for row in found
    )


def example_pairs(scores: ModalityScores) -> tuple[SubsetPair, ...]:
    """Pairs of subsets to look at: all and all, all and each modality, and each modality and each other one."""
    everything, single = scores.modalities, [(name,) for name in scores.modalities]
    pairs = [(everything, everything), *((everything, one) for one in single)]
    pairs += [(one, other) for one in single for other in single if one != other]
    known = set(scores.subsets)
    return tuple(dict.fromkeys(pair for pair in pairs if known.issuperset(pair)))


def few_shot_examples(
    scores: ModalityScores,
    episodes: Episodes,
    settings: FewShotSettings,
    ids: Sequence[str],
    pairs: Sequence[SubsetPair] | None = None,
) -> tuple[Example, ...]:
    """One query of each of the first episodes, recognised from several pairs of subsets, right or wrong as it falls.

    The query of episode e is the first one of its class number ``e mod ways``.

    Args:
        scores: Of the clips.
        episodes: See ``make_episodes``.
        settings: How a query is recognised, and of how many episodes.
        ids: What to call each clip.
        pairs: Which pairs; none takes ``example_pairs``.
    """
    pairs = example_pairs(scores) if pairs is None else pairs
    names = scores.names[settings.label]
    examples = []
    for number in range(min(settings.num_examples, len(episodes))):
        way = number % episodes.classes.shape[1]
        query, support = int(episodes.query[number, way, 0]), episodes.support[number]
        for pair in pairs:
            examples.append(
                Example(
                    support_modalities=pair[0],
                    query_modalities=pair[1],
                    query=ids[query],
                    support=tuple(tuple(ids[clip] for clip in clips) for clips in support.tolist()),
                    classes=tuple(names[one] for one in episodes.classes[number].tolist()),
                    target=way,
                    predicted=_nearest(scores, pair, support, query, settings),
                )
            )
    return tuple(examples)


def _nearest(
    scores: ModalityScores, pair: SubsetPair, support: Int[Tensor, "ways shots"], query: int, settings: FewShotSettings
) -> int:
    """The number of the nearest class of an episode."""
    ways, shots = support.shape
    shown, asked = scores.embeddings[pair[0]][support.flatten()], scores.embeddings[pair[1]][[query]]
    classes = torch.arange(ways).repeat_interleave(shots)
    prototypes = class_prototypes(shown, classes, ways, normalise=settings.normalise)
    if settings.normalise:
        asked = functional.normalize(asked, dim=-1)
    return int(prototype_scores(asked, prototypes, distance=settings.distance).argmax())
