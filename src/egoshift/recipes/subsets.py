"""A trained fusion and a data set become a result for every subset of the modalities."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from egoshift.classifier import AbstractSubsetClassifier
from egoshift.datasets import shared_and_novel
from egoshift.evaluation import (
    FewShotSettings,
    ModalityResult,
    ModalityScores,
    Provenance,
    build_modality_result,
    library_versions,
    score_modalities,
)
from egoshift.evaluation.modality_rows import RATES, Splits
from egoshift.features import AbstractFeatureSource
from egoshift.fusion import Fusion
from egoshift.recipes.execute import RESULTS, class_texts, label_groups, provenance_of
from egoshift.recipes.run import Run
from egoshift.recipes.scoring import OnEvaluation, by_kind, check_features, default_cards, open_models
from egoshift.recipes.stores import Opened
from egoshift.records import Label
from egoshift.training import Checkpoint
from egoshift.training.devices import Accelerator


def evaluate_modalities(
    out: Path,
    cards: Sequence[Path] | None = None,
    *,
    results: Path | None = None,
    device: Accelerator = "auto",
    progress: OnEvaluation | None = None,
) -> dict[Path, ModalityResult]:
    """Evaluate every fusion of a run's folder from every subset of its modalities; other methods have none.

    A run without results (``Run.has_results``), which is for others to begin with, has none either.

    Many-shot rows are of the classes trained on; there are none where nothing was trained by their labels. A text head
    is also asked for the novel classes of the data set (or of the other data set), with the clips of all classes.
    Few-shot rows, where the run asks for them (``few_shot``), are
    of the novel classes.

    Runs that differ in nothing but the streams that training saw are one variant in tables: such a run's name may end
    with a dot and those streams, ``mmg_zero_shot.audio+imu``.

    Args:
        out: The folder that ``train`` filled.
        cards: Data cards to evaluate on; as for ``evaluate``.
        results: Where to write; by default ``results`` in the run's folder.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: Called after every batch.

    Returns:
        The results by the file that each was written to.

    Raises:
        CheckpointError: The folder holds no trained run.
        ConfigError: Episodes are asked for that the clips do not allow.
    """
    run, source, checkpoints = open_models(out, device)
    written: dict[Path, ModalityResult] = {}
    of_subsets = all(isinstance(one.classifier, AbstractSubsetClassifier) for one in checkpoints.values())
    if not (of_subsets and run.has_results):
        return written
    for card in cards if cards is not None else default_cards(run, source):
        target = source if card.resolve() == run.train.resolve() else Opened.of(run, card)
        for labels in label_groups(run):
            check_features(run, checkpoints[labels].config, target)
            result = _evaluate_one(run, checkpoints[labels], source, target, labels, progress)
            name = f"{run.name}-{'+'.join(labels)}--{source.dataset.name}-to-{target.dataset.name}--modalities.json"
            path = (results or out / RESULTS) / name
            result.write(path)
            written[path] = result
    return written


def _evaluate_one(
    run: Run,
    checkpoint: Checkpoint,
    source: Opened,
    target: Opened,
    labels: tuple[Label, ...],
    progress: OnEvaluation | None,
) -> ModalityResult:
    classifier = checkpoint.classifier
    assert isinstance(classifier, AbstractSubsetClassifier), "the caller looks"
    is_open = isinstance(classifier, Fusion) and classifier.settings["head"] == "text"
    asked = replace(target, dataset=target.everything) if is_open else target
    clips = asked.everything_to_evaluate(trained_on=target is source)
    features = asked.features(run, clips, labels)
    title = f"{run.name} ({'+'.join(labels)}) on {target.dataset.name}, every subset"
    # A head that no loss of this run has trained says nothing; embeddings do.
    text = class_texts(run, asked, labels) if run.objective.cross_entropy else {}
    scores = score_modalities(
        classifier,
        features,
        text,
        num_frames=run.fit.num_frames,
        batch_size=run.fit.eval_batch_size,
        progress=None if progress is None else lambda done, total: progress(title, done, total),
    )
    fitted = checkpoint.config.fit
    result = build_modality_result(
        scores,
        method=run.method.name,
        train=source.dataset.name,
        test=target.dataset.name,
        variant=run.name.removesuffix("." + "+".join(run.seen_by)),
        selection="none" if fitted is None else fitted.selection,
        seed=run.fit.seed,
        support=run.seen_by or None,
        # Of what training did not see all of, the rows say more than a sweep, and its variant has other sweeps.
        rates=() if run.seen_by else RATES,
        splits=_splits(source, asked, labels) if is_open and text else None,
        ids=_ids(features),
        dropped=by_kind(features.dropped),
        faults=by_kind(target.dataset.faults),
        provenance=Provenance(
            versions=library_versions(),
            command=" ".join(["egoshift", *sys.argv[1:]]),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            **provenance_of(run, target),
        ),
    )
    if run.few_shot is None:
        return result
    return _with_few_shot(run, target, clips, scores, labels, result)


def _with_few_shot(
    run: Run,
    target: Opened,
    clips: pl.DataFrame,
    scores: ModalityScores,
    labels: tuple[Label, ...],
    result: ModalityResult,
) -> ModalityResult:
    """The result with few-shot rows of the novel classes, from the embeddings that are there."""
    assert run.few_shot is not None, "the caller looks"
    (label,) = labels
    # The same clips, with the labels that training may not see too.
    everything = target.everything.clips.filter(pl.col("clip_id").is_in(clips["clip_id"].implode()))
    own = target.features(run, everything, labels)
    assert len(own) == len(next(iter(scores.present.values()))), "the same clips"
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
