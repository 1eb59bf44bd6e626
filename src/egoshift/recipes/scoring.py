"""A trained run and a data set become a result."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from egoshift.classifier import ClassText
from egoshift.datasets import shared_and_novel
from egoshift.datasets.vocabulary import read_synonyms
from egoshift.errors import CheckpointError, Fault, StoreError
from egoshift.evaluation import Provenance, Result, build_result, library_versions, predict
from egoshift.recipes.execute import MODELS, RESULTS, RUN_FILE, class_texts, label_groups, provenance_of
from egoshift.recipes.run import Run, read_run
from egoshift.recipes.stores import Opened, made_from
from egoshift.records import Label
from egoshift.training import Checkpoint, CheckpointConfig, load_checkpoint
from egoshift.training.devices import Accelerator, choose_device

OnEvaluation = Callable[[str, int, int], None]
"""Told what is being evaluated, clips done and clips in all."""


def evaluate(
    out: Path,
    cards: Sequence[Path] | None = None,
    *,
    results: Path | None = None,
    device: Accelerator = "auto",
    progress: OnEvaluation | None = None,
) -> dict[Path, Result]:
    """Evaluate every model of a run's folder and write one result file for each data set.

    Args:
        out: The folder that ``train`` filled.
        cards: Data cards to evaluate on; by default the run's own targets, and its source where it has labelled clips
            that were not trained on.
        results: Where to write; by default ``results`` in the run's folder.
        device: ``auto``, ``cpu`` or ``cuda``.
        progress: Called after every batch.

    Returns:
        The results by the file that each was written to; none of a run that does not train by the names of classes
        (``objective.cross_entropy`` 0), whose head would say nothing.

    Raises:
        CheckpointError: The folder holds no trained run.
    """
    run, source, checkpoints = open_models(out, device)
    written: dict[Path, Result] = {}
    if not run.objective.cross_entropy:
        return written
    for card in cards if cards is not None else default_cards(run, source):
        opened = source if card.resolve() == run.train.resolve() else Opened.of(run, card)
        text = class_texts(run, opened, run.labels)
        for labels, checkpoint in checkpoints.items():
            check_features(run, checkpoint.config, opened)
            own_text = {label: text[label] for label in labels}
            result = _evaluate_one(run, checkpoint, source, opened, own_text, progress)
            name = f"{run.name}-{'+'.join(labels)}--{source.dataset.name}-to-{opened.dataset.name}.json"
            path = (results or out / RESULTS) / name
            result.write(path)
            written[path] = result
    return written


def open_models(out: Path, device: Accelerator) -> tuple[Run, Opened, dict[tuple[Label, ...], Checkpoint]]:
    """A run's folder opened once for all data sets: the run, its source, and its models by their labels.

    Raises:
        CheckpointError: The folder holds no trained run.
    """
    if not (out / RUN_FILE).is_file():
        raise CheckpointError(f"{out}: holds no {RUN_FILE}; train a run there with `egoshift train … --out {out}`")
    run = read_run(out / RUN_FILE)
    # A method that runs a tower opens its weights and hashes them.
    checkpoints = {labels: load_checkpoint(out / MODELS / "+".join(labels)) for labels in label_groups(run)}
    for checkpoint in checkpoints.values():
        checkpoint.classifier.to(choose_device(device))
    return run, Opened.of(run, run.train), checkpoints


def default_cards(run: Run, source: Opened) -> tuple[Path, ...]:
    """The data cards that a run is evaluated on unless others are asked for."""
    if run.test and not len(source.clips("test", "val")):
        return run.test
    return (run.train, *run.test)


def check_features(run: Run, config: CheckpointConfig, opened: Opened) -> None:
    """Refuse features that other weights of the same name have made than those trained on."""
    trained_on = config.provenance.get("stores")
    for encoder, made in made_from(run, opened.stores).items():
        if encoder not in opened.stores:  # a model that training began with
            continue
        theirs = trained_on.get(encoder) if isinstance(trained_on, dict) else None
        if isinstance(theirs, dict) and isinstance(made, dict) and theirs["weights"] != made["weights"]:
            raise StoreError(
                f"{opened.stores[encoder].path}: was encoded by weights {str(made['weights'])[:12]} of {encoder}, the "
                f"model was trained on features by {str(theirs['weights'])[:12]}; extract it again by those, or train "
                "again"
            )


def _evaluate_one(
    run: Run,
    checkpoint: Checkpoint,
    source: Opened,
    target: Opened,
    text: Mapping[Label, ClassText],
    progress: OnEvaluation | None,
) -> Result:
    labels = tuple(text)
    clips = target.evaluation_clips(trained_on=target is source)
    features = target.features(run, clips, labels)
    title = f"{run.name} ({'+'.join(labels)}) on {target.dataset.name}"
    scores = predict(
        checkpoint.classifier,
        features,
        text,
        num_frames=run.fit.num_frames,
        batch_size=run.fit.eval_batch_size,
        progress=None if progress is None else lambda done, total: progress(title, done, total),
    )
    splits = {}
    if target.dataset.name != source.dataset.name:
        synonyms = None if run.synonyms is None else read_synonyms(run.synonyms)
        for label in labels:
            ours, theirs = source.dataset.vocabularies[label], target.dataset.vocabularies[label]
            splits[label] = shared_and_novel(ours, theirs, synonyms, semantic=run.shared_by == "semantic")
    fitted = checkpoint.config.fit
    return build_result(
        scores,
        method=run.method.name,
        train=source.dataset.name,
        test=target.dataset.name,
        splits=splits,
        unlabelled={label: len(features) - len(scores[label].targets) for label in labels},
        dropped=by_kind(features.dropped),
        faults=by_kind(target.dataset.faults),
        variant=run.name,
        selection="none" if fitted is None else fitted.selection,
        seed=run.fit.seed,
        history=() if fitted is None else fitted.history,
        provenance=Provenance(
            versions=library_versions(),
            command=" ".join(["egoshift", *sys.argv[1:]]),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            **provenance_of(run, target),
        ),
    )


def by_kind(faults: Iterable[Fault]) -> dict[str, int]:
    """How many faults there are of each kind."""
    return dict(Counter(fault.kind for fault in faults))
