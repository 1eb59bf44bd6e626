"""Subsets of modalities, and pairs of them: one for the support of an episode, one for its queries.

A subset is written as the names of its modalities in the order of the model's, so that each subset has one name:
``("video", "imu")`` of ``("video", "audio", "imu")``, shown as ``video+imu``.
"""

from collections.abc import Sequence
from itertools import combinations

import torch

from egoshift.errors import ConfigError

Modalities = tuple[str, ...]
"""A non-empty subset of a model's modalities."""

PAIRINGS = ("disjoint", "different", "any", "same", "all-support", "all")
"""Which pairs of a support subset S and a query subset Q there are; with three modalities

- ``disjoint`` (12): no modality in both, cross-modal zero-shot;
- ``different`` (42): S is not Q, though they may overlap;
- ``any`` (49): any S and any Q;
- ``same`` (7): S is Q, never across modalities;
- ``all-support`` (7): S is all modalities, Q any, as when some are missing at use;
- ``all`` (1): both are all modalities, the prototypical loss without anything cross-modal.
"""


def modality_subsets(modalities: Sequence[str]) -> tuple[Modalities, ...]:
    """Every non-empty subset, the largest first: seven of three modalities.

    Raises:
        ConfigError: If there are no modalities, or one is given twice.

    Examples:
        >>> [subset_name(subset) for subset in modality_subsets(["video", "audio"])]
        ['video+audio', 'video', 'audio']
    """
    if isinstance(modalities, str) or not modalities or len(set(modalities)) != len(modalities):
        raise ConfigError(f"modalities are {modalities!r}; give a list of one or more different names, as ['video']")
    return tuple(subset for size in range(len(modalities), 0, -1) for subset in combinations(modalities, size))


def subset_name(subset: Sequence[str]) -> str:
    """What tables call a subset, such as ``video+imu``."""
    return "+".join(subset)


def subset_pairs(modalities: Sequence[str], pairing: str = "disjoint") -> tuple[tuple[Modalities, Modalities], ...]:
    """The pairs (S, Q) of support and query subsets that a pairing allows, in a fixed order.

    Args:
        modalities: The model's modalities.
        pairing: One of ``PAIRINGS``.

    Raises:
        ConfigError: If the pairing is none of them, or one modality leaves it no pair.

    Examples:
        >>> subset_pairs(["video", "audio"])
        ((('video',), ('audio',)), (('audio',), ('video',)))
    """
    if pairing not in PAIRINGS:
        raise ConfigError(f"pairing is {pairing!r}; give one of {', '.join(map(repr, PAIRINGS))}")
    subsets = modality_subsets(modalities)
    pairs = tuple((s, q) for s in subsets for q in subsets if _allowed(s, q, subsets[0], pairing))
    if not pairs:
        raise ConfigError(
            f"pairing {pairing!r} needs two modalities, there is {subset_name(modalities)}; give another modality or "
            "the pairing 'same'"
        )
    return pairs


def draw_subset_pair(
    modalities: Sequence[str], pairing: str = "disjoint", generator: torch.Generator | None = None
) -> tuple[Modalities, Modalities]:
    """One of the pairs (S, Q) of a pairing, each with the same probability, ``1 / len(subset_pairs(...))``.

    The paper does not say which pairs its cross-modal prototypical loss is trained on, nor how often.

    Args:
        modalities: The model's modalities.
        pairing: One of ``PAIRINGS``.
        generator: Draws it; none takes torch's global one.

    Raises:
        ConfigError: See ``subset_pairs``.
    """
    pairs = subset_pairs(modalities, pairing)
    return pairs[int(torch.randint(len(pairs), (), generator=generator))]


def _allowed(support: Modalities, query: Modalities, everything: Modalities, pairing: str) -> bool:
    return {
        "disjoint": not set(support) & set(query),
        "different": support != query,
        "any": True,
        "same": support == query,
        "all-support": support == everything,
        "all": support == query == everything,
    }[pairing]
