"""Many-shot accuracy from every subset of the modalities, and as ever more samples lack one.

Both are read off what was scored from every subset (``ModalityScores``); nothing is run again. A clip that has nothing
of what it is asked to be recognised by is left out of that number, whose ``n`` says so.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor

from egoshift.errors import ConfigError
from egoshift.evaluation.bootstrap import NUM_RESAMPLES, bootstrap_interval
from egoshift.evaluation.metrics import target_ranks
from egoshift.evaluation.modalities import ModalityScores
from egoshift.evaluation.modality_result import ANY_MODALITY, SubsetRow, SweepRow
from egoshift.evaluation.protocol import outcomes_of, rows_of
from egoshift.losses.subsets import Modalities, modality_subsets, subset_name
from egoshift.records import Label, Scores

RATES = tuple(tenth / 10 for tenth in range(11))
"""The shares of samples without a modality that a sweep measures."""

Splits = Mapping[Label, tuple[Sequence[int], Sequence[int]]]
"""Per kind of label, the indices of the classes shared with the training vocabulary, and of those novel to it."""


def many_shot_rows(
    scores: ModalityScores,
    *,
    support: Sequence[str] | None = None,
    splits: Splits | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> tuple[SubsetRow, ...]:
    """Micro top-1 with its 95% interval over videos, from each subset that was scored.

    Clips without the label, and those that have nothing of the subset, do not count. A subset that nobody has anything
    of has no row.

    Args:
        scores: Of the clips.
        support: The modalities of the labelled training clips; none: all of them.
        splits: Adds the rows of the shared and of the novel classes, among themselves and among all.
        num_resamples: Resamples of the videos behind each interval.
        seed: Of the resamples.

    Raises:
        ConfigError: If the support names what is no modality.
    """
    trained = _in_order(scores, scores.modalities if support is None else support)
    return tuple(
        SubsetRow(
            task="many-shot",
            label=label,
            support=trained,
            query=subset,
            clips=row.subset,
            value=row.value,
            low=row.low,
            high=row.high,
            n=row.n,
        )
        for label in scores.labels
        for subset in scores.subsets
        for row in rows_of(
            outcomes_of(labelled_scores(scores, label, subset), *(splits or {}).get(label, (None, None))),
            num_resamples=num_resamples,
            seed=seed,
            metrics=("top1",),
        )
    )


def labelled_scores(scores: ModalityScores, label: Label, subset: Modalities) -> Scores:
    """What was said from a subset about the clips that have a label, and something of the subset."""
    kept = (scores.targets[label] >= 0) & scores.has(subset)
    groups = tuple(scores.groups[clip] for clip in kept.nonzero()[:, 0].tolist())
    return Scores(label, scores.logits[subset][label][kept], scores.targets[label][kept], groups, scores.names[label])


def missing_rate_rows(
    scores: ModalityScores,
    *,
    missing: Sequence[str] | None = None,
    rates: Sequence[float] = RATES,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> tuple[SweepRow, ...]:
    """Micro top-1 where a share of the clips lacks a modality, each clip drawn by itself.

    Draws are nested: what a clip lacks at one rate it lacks at every higher one. At rate 0 the number is that of all
    modalities; at rate 1 of one modality it is that of all others, from which clips that have nothing else are absent.
    A rate at which no clip is left has no row.

    Args:
        scores: Of the clips, from every subset that the sweep comes to.
        missing: Modalities to be missing, or ``ANY_MODALITY``; none takes each of them and then ``ANY_MODALITY``.
        rates: Shares of the clips, from 0 to 1.
        seed: Of the draws.
        num_resamples: Resamples of the videos behind each interval.

    Raises:
        ConfigError: If a rate is beyond 0 and 1, a name is no modality, or a subset that is needed was not scored.
    """
    wanted = (*scores.modalities, ANY_MODALITY) if missing is None else tuple(missing)
    _check_sweep(scores, wanted, rates)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(len(scores), len(scores.modalities), generator=generator, dtype=torch.float64)
    present = torch.stack([scores.present[name] for name in scores.modalities], 1)
    rows = []
    for label in scores.labels:
        hits = _hits(scores, label)
        for name in wanted:
            which = None if name == ANY_MODALITY else scores.modalities.index(name)
            for rate in rates:
                codes = _codes(keep_modalities(drawn, present, rate, which))
                found = hits.gather(0, codes.unsqueeze(0))[0]
                rows += _sweep_row(scores, label, name, rate, found, num_resamples)
    return tuple(rows)


def keep_modalities(
    drawn: Float64[Tensor, "n modalities"], present: Bool[Tensor, "n modalities"], rate: float, which: int | None
) -> Bool[Tensor, "n modalities"]:
    """What each sample keeps of all modalities, whether it has them or not.

    Args:
        drawn: Uniform numbers from 0 to 1; a modality is missing where its number is below the rate.
        present: Which sample has which modality.
        rate: From 0 to 1.
        which: The modality that may be missing. None: each may, but where a sample would lose all that it has, it keeps
            the one with the highest number, which is each of them with the same chance, as in modality dropout.
    """
    above = drawn >= rate
    if which is not None:
        others = torch.arange(drawn.shape[1]) != which
        return above | others
    highest = torch.zeros_like(above).scatter_(1, drawn.masked_fill(~present, -1.0).argmax(1, keepdim=True), True)
    return torch.where((above & present).any(1, keepdim=True), above, above | highest)


def _codes(kept: Bool[Tensor, "n modalities"]) -> Int[Tensor, " n"]:
    """One number for each subset: 0 for none, 2^modalities - 1 for all."""
    return (kept.long() << torch.arange(kept.shape[1])).sum(1)


def _hits(scores: ModalityScores, label: Label) -> Int[Tensor, "codes n"]:
    """By the subset's code, for each clip 1 where it was recognised, 0 where not and -1 where it does not count."""
    hits = torch.full((2 ** len(scores.modalities), len(scores)), -1)
    for subset in scores.subsets:
        counted = ((scores.targets[label] >= 0) & scores.has(subset)).nonzero()[:, 0]
        ranks = target_ranks(scores.logits[subset][label][counted], scores.targets[label][counted])
        code = sum(1 << scores.modalities.index(name) for name in subset)
        hits[code, counted] = (ranks == 0).long()
    return hits


def _sweep_row(
    scores: ModalityScores, label: Label, name: str, rate: float, hits: Int[Tensor, " n"], num_resamples: int
) -> list[SweepRow]:
    """The row of one rate, or none where no clip counts."""
    counted = (hits >= 0).nonzero()[:, 0]
    if not len(counted):
        return []
    groups = tuple(scores.groups[clip] for clip in counted.tolist())
    low, high = bootstrap_interval(hits[counted], groups, num_resamples=num_resamples) or (None, None)
    value = 100.0 * int(hits[counted].sum()) / len(counted)
    return [SweepRow(label=label, missing=name, rate=rate, value=value, low=low, high=high, n=len(counted))]


def _check_sweep(scores: ModalityScores, wanted: Sequence[str], rates: Sequence[float]) -> None:
    beyond = [rate for rate in rates if not 0 <= rate <= 1]
    if beyond:
        raise ConfigError(f"a modality is missing at a rate of {beyond[0]}; give shares of the samples from 0 to 1")
    everything = scores.modalities
    for name in wanted:
        if name == ANY_MODALITY:
            needed = modality_subsets(everything)
        else:
            _in_order(scores, [name])
            needed = tuple(filter(None, (everything, tuple(one for one in everything if one != name))))
        absent = [subset_name(subset) for subset in needed if subset not in scores.subsets]
        if absent:
            raise ConfigError(
                f"a sweep over missing {name} comes to {', '.join(absent)}, which was not scored; score every subset"
            )


def _in_order(scores: ModalityScores, names: Sequence[str]) -> Modalities:
    """A subset as it is written: its modalities in the model's order."""
    unknown = [name for name in names if name not in scores.modalities]
    if unknown or not names:
        raise ConfigError(
            f"{unknown[0] if unknown else 'nothing'!r} is no modality of this model; it has "
            f"{', '.join(scores.modalities)}"
        )
    return tuple(name for name in scores.modalities if name in names)
