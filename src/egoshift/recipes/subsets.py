"""A trained fusion and a data set become a result for every subset of the modalities."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl
import torch

from egoshift.classifier import AbstractSubsetClassifier, ClassText
from egoshift.datasets import shared_and_novel
from egoshift.errors import by_kind
from egoshift.evaluation import (
    FewShotSettings,
    ModalityResult,
    ModalityScores,
    Result,
    answers_of,
    build_modality_result,
    score_modalities,
)
from egoshift.evaluation.modality_rows import RATES, Splits
from egoshift.features import AbstractFeatureSource
from egoshift.features.batches import clip_targets
from egoshift.fusion import Fusion
from egoshift.processes import processes
from egoshift.recipes.execute import RESULTS
from egoshift.recipes.models import class_texts
from egoshift.recipes.run import OverlapRule
from egoshift.recipes.scoring import Case, OnEvaluation, answer, cases, class_result, open_models, questions
from egoshift.recipes.stores import Opened
from egoshift.records import Label, Scores
from egoshift.training import Checkpoint
from egoshift.training.devices import Accelerator, join_processes


def evaluate_modalities(
    out: Path,
    cards: Sequence[Path] | None = None,
    *,
    results: Path | None = None,
    device: Accelerator = "auto",
    overlap: OverlapRule | None = None,
    progress: OnEvaluation | None = None,
) -> dict[Path, ModalityResult]:
    """Evaluate every fusion of a run's folder from every subset of its modalities; other methods have none.

    A run without results (``Run.has_results``), which is for others to begin with, has none either.

    Many-shot rows are of the classes trained on; there are none where nothing was trained by their labels. A text head
    is also asked for the novel classes of the data set (or of the other data set), with the clips of all classes.
    Few-shot rows, where the run asks for them
    (``few_shot``), are of the novel classes.

    Runs that differ in nothing but the streams that training saw are one variant in tables: such a run's name may end
    with a dot and those streams, ``mmg_zero_shot.audio+imu``.

    Args:
        out: The folder that ``train`` filled.
        cards: Data cards to evaluate on; as for ``evaluate``.
        results: Where to write; by default ``results`` in the run's folder.
        device: ``auto``, ``cpu`` or ``cuda``.
        overlap: As for ``evaluate``.
        progress: Called after every batch.

    Returns:
        The results by the file that each was written to.

    Raises:
        CheckpointError: The folder holds no trained run.
        ConfigError: Episodes are asked for that the clips do not allow, or clips to test on show what training saw.
    """
    join_processes()
    run, source, checkpoints = open_models(out, device)
    written: dict[Path, ModalityResult] = {}
    if not (run.has_results and _have_subsets(checkpoints.values())):
        return written
    for case in cases(run, source, checkpoints, cards, overlap or run.overlap):
        result = _modality_result(case, _score(case, progress))
        written[case.write(result, results or out / RESULTS)] = result
    return written


def evaluate_both(
    out: Path,
    cards: Sequence[Path] | None = None,
    *,
    results: Path | None = None,
    device: Accelerator = "auto",
    overlap: OverlapRule | None = None,
    progress: OnEvaluation | None = None,
) -> tuple[dict[Path, Result], dict[Path, ModalityResult]]:
    """What ``evaluate`` and ``evaluate_modalities`` give, arguments and errors being theirs, in one pass.

    Models are opened once; clips of which all modalities were scored among the subsets are not scored again.
    """
    join_processes()
    run, source, checkpoints = open_models(out, device)
    of_classes: dict[Path, Result] = {}
    of_subsets: dict[Path, ModalityResult] = {}
    have_subsets = _have_subsets(checkpoints.values())
    for case in cases(run, source, checkpoints, cards, overlap or run.overlap) if run.has_results else ():
        scored = _score(case, progress) if have_subsets else None
        if run.objective.cross_entropy:
            plain = _class_result(case, scored, progress)
            of_classes[case.write(plain, results or out / RESULTS)] = plain
        if scored is not None:
            result = _modality_result(case, scored)
            of_subsets[case.write(result, results or out / RESULTS)] = result
    return of_classes, of_subsets


def _have_subsets(checkpoints: Iterable[Checkpoint]) -> bool:
    return all(isinstance(one.classifier, AbstractSubsetClassifier) for one in checkpoints)


@dataclass(frozen=True)
class _Scored:
    """One pass of a model over a data set.

    Attributes:
        asked: The data set; with all its classes where the head takes any.
        is_open: Whether it does.
        clips: The clips asked for.
        features: What there is of them.
        scores: What the model says from every subset.
    """

    asked: Opened
    is_open: bool
    clips: pl.DataFrame
    features: AbstractFeatureSource
    scores: ModalityScores


def _score(case: Case, progress: OnEvaluation | None) -> _Scored:
    run, target, classifier = case.target.run, case.target.opened, case.checkpoint.classifier
    assert isinstance(classifier, AbstractSubsetClassifier), "the caller looks"
    is_open = isinstance(classifier, Fusion) and classifier.settings["head"] == "text"
    asked = replace(target, dataset=target.everything) if is_open else target
    clips = asked.everything_to_evaluate(trained_on=case.target.trained_on)
    features = asked.features(run, clips, case.labels)
    # A head that no loss of this run has trained says nothing; embeddings do.
    text: Mapping[Label, ClassText] = {}
    if run.objective.cross_entropy:
        text = class_texts(run, asked, case.labels) if is_open else {one: case.target.text[one] for one in case.labels}
    scores = score_modalities(
        classifier,
        features,
        text,
        num_frames=run.fit.num_frames,
        batch_size=run.fit.eval_batch_size,
        own=processes(),
        progress=None if progress is None else partial(progress, f"{case.title}, every subset"),
    )
    return _Scored(asked, is_open, clips, features, scores)


def _class_result(case: Case, scored: _Scored | None, progress: OnEvaluation | None) -> Result:
    """The result from all modalities, from a pass over every subset where that has seen its clips."""
    clips = case.target.opened.evaluation_clips(trained_on=case.target.trained_on)
    scores = None if scored is None else _scores_of_all(clips, case, scored)
    if scores is not None:
        asked = questions(case)
        answers = {label: answers_of(part, asked[label]) for label, part in scores.items()}
        return class_result(case, answers, len(clips), ())
    answers, features = answer(case, progress)
    return class_result(case, answers, len(features), features.dropped)


def _scores_of_all(clips: pl.DataFrame, case: Case, scored: _Scored) -> dict[Label, Scores] | None:
    """The scores of these clips; None where the pass has left clips out, or not seen some."""
    rows = {clip: row for row, clip in enumerate(scored.clips["clip_id"])}
    if len(scored.features) < len(rows) or scored.features.dropped or not rows.keys() >= set(clips["clip_id"]):
        return None
    own, whole = torch.tensor([rows[clip] for clip in clips["clip_id"]]), scored.scores.modalities
    if not bool(scored.scores.has(whole)[own].all()):
        return None
    found = {}
    for label, targets in clip_targets(clips, case.labels).items():
        # A text head, which scores each class by itself, was asked for more classes than those that clips here have.
        numbers = {name: number for number, name in enumerate(scored.scores.names[label])}
        names, kept = case.target.opened.dataset.vocabularies[label].names, targets >= 0
        logits = scored.scores.logits[whole][label][own[kept]][:, [numbers[name] for name in names]]
        groups = tuple(clips["video_id"].filter(pl.Series(kept.numpy())))
        found[label] = Scores(label, logits, targets[kept], groups, names)
    return found


def _modality_result(case: Case, scored: _Scored) -> ModalityResult:
    run, source, target = case.target.run, case.target.source, case.target.opened
    fitted = case.checkpoint.config.fit
    result = build_modality_result(
        scored.scores,
        method=run.method.name,
        train=source.dataset.name,
        test=target.dataset.name,
        variant=run.name.removesuffix("." + "+".join(run.seen_by)),
        selection="none" if fitted is None else fitted.selection,
        seed=run.fit.seed,
        support=run.seen_by or None,
        # Of what training did not see all of, the rows say more than a sweep, and its variant has other sweeps.
        rates=() if run.seen_by else RATES,
        splits=_splits(source, scored.asked, case.labels) if scored.is_open and scored.scores.labels else None,
        ids=_ids(scored.features),
        dropped=by_kind(scored.features.dropped),
        faults=by_kind(target.dataset.faults),
        provenance=case.provenance(),
    )
    return result if run.few_shot is None else _with_few_shot(case, scored, result)


def _with_few_shot(case: Case, scored: _Scored, result: ModalityResult) -> ModalityResult:
    """The result with few-shot rows of the novel classes, from the embeddings that are there."""
    run, target, scores = case.target.run, case.target.opened, scored.scores
    assert run.few_shot is not None, "the caller looks"
    (label,) = case.labels
    # The same clips, with the labels that training may not see too.
    everything = target.everything.clips.filter(pl.col("clip_id").is_in(scored.clips["clip_id"].implode()))
    own = target.features(run, everything, case.labels)
    assert len(own) == len(scores), "the same clips"
    full = replace(
        scores,
        logits={subset: {} for subset in scores.subsets},
        targets={label: own.targets[label]},
        names={label: target.everything.vocabularies[label].names},
    )
    novel = target.everything.novel_classes.get(label) or None  # of a data set without, all classes
    settings = FewShotSettings(label=label, classes=novel, **run.few_shot.model_dump())
    few = build_modality_result(
        full, method=result.method, train=result.train, test=result.test, few_shot=settings, ids=_ids(own), rates=()
    )
    return result.model_copy(
        update={
            "rows": result.rows + few.rows,
            "examples": few.examples,
            "episodes": few.episodes,
            "left_out": result.left_out + few.left_out,
        }
    )


def _splits(source: Opened, asked: Opened, labels: Sequence[Label]) -> Splits:
    """Shared and novel classes: of another data set by name, of the one trained on those that training left out."""
    if asked.dataset.name == source.dataset.name:
        novel = {label: asked.dataset.novel_classes.get(label, ()) for label in labels}
        return {
            label: ([index for index in range(len(asked.dataset.vocabularies[label])) if index not in own], list(own))
            for label, own in novel.items()
            if own
        }
    return {
        label: shared_and_novel(source.dataset.vocabularies[label], asked.dataset.vocabularies[label])
        for label in labels
    }


def _ids(features: AbstractFeatureSource) -> tuple[str, ...] | None:
    clips = getattr(features, "clips", None)
    return None if clips is None else tuple(clips["clip_id"])
