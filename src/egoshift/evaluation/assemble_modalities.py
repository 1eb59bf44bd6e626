"""From what a model of several modalities scored to the result that is written."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from egoshift.errors import ConfigError
from egoshift.evaluation.bootstrap import NUM_RESAMPLES
from egoshift.evaluation.modalities import ModalityScores
from egoshift.evaluation.modality_episodes import (
    FewShotSettings,
    few_shot_examples,
    few_shot_labels,
    few_shot_subset_rows,
    make_episodes,
)
from egoshift.evaluation.modality_result import Example, LeftOut, ModalityResult, SubsetRow
from egoshift.evaluation.modality_rows import RATES, Splits, labelled_scores, many_shot_rows, missing_rate_rows
from egoshift.evaluation.protocol import count_subsets, outcomes_of
from egoshift.evaluation.result import Counts, Provenance, Selection


def build_modality_result(
    scores: ModalityScores,
    *,
    method: str,
    train: str,
    test: str,
    variant: str = "",
    selection: Selection = "none",
    seed: int = 0,
    support: Sequence[str] | None = None,
    splits: Splits | None = None,
    rates: Sequence[float] = RATES,
    sweep_seed: int = 0,
    few_shot: FewShotSettings | None = None,
    ids: Sequence[str] | None = None,
    dropped: Mapping[str, int] | None = None,
    faults: Mapping[str, int] | None = None,
    provenance: Provenance | None = None,
    num_resamples: int = NUM_RESAMPLES,
) -> ModalityResult:
    """Evaluates scores by every protocol and puts beside the numbers what was left out, and why.

    Args:
        scores: As ``score_modalities`` gives them. Without logits there are few-shot rows alone.
        method: The name of the fusion.
        train: The data set trained on.
        test: The data set of the scores.
        variant: What tells results of one method apart.
        selection: How the weights were chosen.
        seed: Of the training; intervals and draws are the same for every result of a data set.
        support: The modalities of the labelled training clips, for the many-shot rows; none: all.
        splits: Per kind of label, the indices of the shared and of the novel classes; none leaves these rows out.
        rates: Of the missing-rate sweep; an empty list leaves it out.
        sweep_seed: Of its draws.
        few_shot: Which episodes; none leaves these rows out.
        ids: What to call each clip, in examples and lists of episodes; none: their numbers.
        dropped: Clips left out before evaluation, by kind of fault.
        faults: Faults of the annotation files, by kind.
        provenance: What made the result.
        num_resamples: Resamples behind each interval over videos.

    Raises:
        ConfigError: If the episodes cannot be drawn (more ways than classes, too few clips of a class), ids are not one
            for each clip, or a subset that the sweep needs was not scored.
        DataError: If a list of episodes cannot be read.
    """
    ids = _checked_ids(ids, len(scores))
    rows = many_shot_rows(scores, support=support, splits=splits, num_resamples=num_resamples)
    swept = scores.labels and rates
    sweep = missing_rate_rows(scores, rates=rates, seed=sweep_seed, num_resamples=num_resamples) if swept else ()
    shown = _few_shot(scores, few_shot, ids)
    return ModalityResult(
        method=method,
        variant=variant,
        train=train,
        test=test,
        modalities=scores.modalities,
        selection=selection,
        seed=seed,
        episodes=shown.sizes,
        rows=rows + shown.rows,
        sweep=sweep,
        examples=shown.examples,
        counts=_counts(scores, splits, dropped, faults),
        left_out=_many_shot_left_out(scores) + shown.left_out,
        provenance=provenance or Provenance(),
    )


class _FewShot(NamedTuple):
    """The parts of a result that are of episodes."""

    rows: tuple[SubsetRow, ...]
    examples: tuple[Example, ...]
    sizes: dict[str, int]
    left_out: tuple[LeftOut, ...]


def _few_shot(scores: ModalityScores, settings: FewShotSettings | None, ids: Sequence[str]) -> _FewShot:
    if settings is None:
        return _FewShot((), (), {}, ())
    episodes = make_episodes(scores, settings, ids)
    rows = few_shot_subset_rows(scores, episodes, settings)
    examples = few_shot_examples(scores, episodes, settings, ids)
    ways, shots, queries = *episodes.support.shape[1:], episodes.query.shape[2]
    sizes = {"ways": ways, "shots": shots, "queries": queries, "episodes": len(episodes)}
    if settings.path is not None:
        return _FewShot(rows, examples, sizes, ())
    return _FewShot(rows, examples, {**sizes, "seed": settings.seed}, few_shot_labels(scores, settings)[1])


def _counts(
    scores: ModalityScores, splits: Splits | None, dropped: Mapping[str, int] | None, faults: Mapping[str, int] | None
) -> Counts:
    """Clips with a label and any modality at all, and the others."""
    kept = {label: (scores.targets[label] >= 0) & scores.has(scores.modalities) for label in scores.labels}
    by_subset = {}
    if scores.modalities in scores.subsets:
        for label in scores.labels:
            split = (splits or {}).get(label, (None, None))
            by_subset[label] = count_subsets(outcomes_of(labelled_scores(scores, label, scores.modalities), *split))
    return Counts(
        evaluated={label: int(clips.sum()) for label, clips in kept.items()},
        unlabelled={label: int((scores.targets[label] < 0).sum()) for label in scores.labels},
        videos={
            label: len({scores.groups[clip] for clip in clips.nonzero()[:, 0].tolist()})
            for label, clips in kept.items()
        },
        subsets=by_subset,
        dropped=dict(dropped or {}),
        faults=dict(faults or {}),
    )


def _many_shot_left_out(scores: ModalityScores) -> tuple[LeftOut, ...]:
    """Labelled clips that have nothing of a subset; clips without a label are told by ``Counts.unlabelled``."""
    found = {
        (label, subset): int(((scores.targets[label] >= 0) & ~scores.has(subset)).sum())
        for label in scores.labels
        for subset in scores.subsets
    }
    return tuple(
        LeftOut(task="many-shot", label=label, query=subset, reason="no-modality", n=n)
        for (label, subset), n in found.items()
        if n
    )


def _checked_ids(ids: Sequence[str] | None, num_clips: int) -> tuple[str, ...]:
    if ids is None:
        return tuple(map(str, range(num_clips)))
    if len(ids) != num_clips or len(set(ids)) != num_clips:
        raise ConfigError(
            f"{len(ids)} ids, {len(set(ids))} of them different, for {num_clips} clips; give each an id of its own"
        )
    return tuple(ids)
