"""Clips recognised, counted by person: from each subset, and as ever more clips lack a sensor."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from benchmarks.glasses.folds import user_of
from benchmarks.glasses.models import SENSORS, Hits
from egoshift.evaluation import ANY_MODALITY
from egoshift.evaluation.modality_rows import RATES, keep_modalities

People = dict[str, float]
"""By person, the share of the person's clips that was recognised, in percent."""


def by_person(hits: Int[Tensor, " clips"], recordings: Sequence[str]) -> People:
    """The accuracy of each person's clips, of those that count.

    >>> by_person(torch.tensor([1, 0, -1, 1]), ["1A-u03-e07", "1A-u03-e07", "1A-u03-e08", "1B-u14-e00"])
    {'3': 50.0, '14': 100.0}
    """
    counts: dict[str, list[int]] = {}
    for hit, recording in zip(hits.tolist(), recordings, strict=True):
        if hit >= 0:
            counts.setdefault(str(user_of(recording)), []).append(hit)
    return {user: round(100 * sum(found) / len(found), 3) for user, found in counts.items()}


def sweep(hits: Hits, recordings: Sequence[str], seed: int) -> dict[str, dict[float, People]]:
    """By missing sensor (or any of them) and rate, the accuracy of each person; see ``missing_rate_rows``.

    Args:
        hits: From every subset of all sensors.
        recordings: Of each clip.
        seed: Of the draws, which are the same for all models.
    """
    drawn = torch.rand(
        len(recordings), len(SENSORS), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    codes = {sum(1 << SENSORS.index(sensor) for sensor in subset): subset for subset in hits}
    table = torch.stack([hits[codes[code]] if code else torch.full((len(recordings),), -1) for code in range(16)])
    present = torch.stack([hits[(sensor,)] >= 0 for sensor in SENSORS], 1)
    found: dict[str, dict[float, People]] = {}
    for name in (*SENSORS, ANY_MODALITY):
        which = None if name == ANY_MODALITY else SENSORS.index(name)
        for rate in RATES:
            kept = keep_modalities(drawn, present, rate, which)
            code = (kept.long() << torch.arange(len(SENSORS))).sum(1)
            swept = table.gather(0, code[None])[0]
            found.setdefault(name, {})[rate] = by_person(swept, recordings)
    return found
