"""A trained run and a data set become a result."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

from egoshift.classifier import ClassText
from egoshift.datasets import shared_and_novel
from egoshift.datasets.vocabulary import read_synonyms
from egoshift.errors import CheckpointError, Fault, StoreError, by_kind
from egoshift.evaluation import (
    Answers,
    ModalityResult,
    Provenance,
    Question,
    Result,
    build_result,
    library_versions,
    predict_answers,
)
from egoshift.evaluation.result import Overlap
from egoshift.features import AbstractFeatureSource
from egoshift.processes import processes
from egoshift.recipes.execute import MODELS, RESULTS, RUN_FILE, check_trained_by, label_groups, provenance_of
from egoshift.recipes.models import class_texts
from egoshift.recipes.overlap import check_names, overlap_of
from egoshift.recipes.run import OverlapRule, Run
from egoshift.recipes.run_files import read_run
from egoshift.recipes.stores import Opened, made_from
from egoshift.records import Label
from egoshift.training import Checkpoint, CheckpointConfig, load_checkpoint
from egoshift.training.devices import Accelerator, join_processes, own_device

OnEvaluation = Callable[[str, int, int], None]
"""Told what is being evaluated, clips done and clips in all."""


def evaluate(
    out: Path,
    cards: Sequence[Path] | None = None,
    *,
    results: Path | None = None,
    device: Accelerator = "auto",
    overlap: OverlapRule | None = None,
    progress: OnEvaluation | None = None,
) -> dict[Path, Result]:
    """Evaluate every model of a run's folder and write one result file for each data set.

    Processes that torchrun or Slurm started share the batches; all get the results, the first writes them.

    Args:
        out: The folder that ``train`` filled.
        cards: Data cards to evaluate on; by default the run's own targets, and its source where it has labelled clips
            that were not trained on.
        results: Where to write; by default ``results`` in the run's folder.
        device: ``auto``, ``cpu`` or ``cuda``.
        overlap: Whether clips that show what training saw are refused or told of; by default as the run says.
        progress: Called after every batch.

    Returns:
        The results by the file that each was written to; none of a run that does not train by the names of classes
        (``objective.cross_entropy`` 0), whose head would say nothing.

    Raises:
        CheckpointError: The folder holds no trained run.
        ConfigError: Clips to test on show what training saw.
    """
    join_processes()
    run, source, checkpoints = open_models(out, device)
    written: dict[Path, Result] = {}
    if not run.objective.cross_entropy:
        return written
    for case in cases(run, source, checkpoints, cards, overlap or run.overlap):
        answers, features = answer(case, progress)
        result = class_result(case, answers, len(features), features.dropped)
        written[case.write(result, results or out / RESULTS)] = result
    return written


@dataclass(frozen=True)
class Target:
    """A data set that a run's models are evaluated on.

    Attributes:
        run: The run.
        source: The data set that the models were trained on.
        opened: The data set to evaluate on; may be the source itself.
        overlap: What its clips share with those trained on.
    """

    run: Run
    source: Opened
    opened: Opened
    overlap: Overlap

    @property
    def trained_on(self) -> bool:
        """Whether it is the source."""
        return self.opened is self.source

    @cached_property
    def text(self) -> dict[Label, ClassText]:
        """Its class text, made once for all models."""
        return class_texts(self.run, self.opened, self.run.labels)


@dataclass(frozen=True)
class Case:
    """One trained model and one data set to evaluate it on.

    Attributes:
        target: The data set.
        labels: What the model tells.
        checkpoint: The model.
    """

    target: Target
    labels: tuple[Label, ...]
    checkpoint: Checkpoint

    @property
    def title(self) -> str:
        """What its progress is called."""
        return f"{self.target.run.name} ({'+'.join(self.labels)}) on {self.target.opened.dataset.name}"

    def write(self, result: Result | ModalityResult, folder: Path) -> Path:
        """Write a result into a folder, where this is the first process, and say where."""
        run, source, opened = self.target.run, self.target.source, self.target.opened
        kind = "--modalities" if isinstance(result, ModalityResult) else ""
        name = f"{run.name}-{'+'.join(self.labels)}--{source.dataset.name}-to-{opened.dataset.name}{kind}.json"
        if processes().is_first:
            result.write(folder / name)
        return folder / name

    def provenance(self) -> Provenance:
        """What its results say that they were made by, now."""
        return Provenance(
            versions=library_versions(),
            overlap=self.target.overlap,
            model=self.checkpoint.config.digests,
            command=" ".join(["egoshift", *sys.argv[1:]]),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            **provenance_of(self.target.run, self.target.opened),
        )


def cases(
    run: Run,
    source: Opened,
    checkpoints: Mapping[tuple[Label, ...], Checkpoint],
    cards: Sequence[Path] | None,
    rule: OverlapRule,
) -> Iterator[Case]:
    """Every model of a run on every data set asked for, each data set opened once.

    Args:
        run: The run.
        source: Its source, opened.
        checkpoints: Its models by their labels.
        cards: As for ``evaluate``.
        rule: What becomes of clips that show what training saw.

    Raises:
        StoreError: The features of a data set are absent, or by other weights than those trained on.
        ConfigError: Clips to test on show what training saw, or two data sets have one name.
    """
    chosen = cards if cards is not None else default_cards(run, source)
    check_names(run, chosen)
    for card in chosen:
        opened = source if card.resolve() == run.train.resolve() else Opened.of(run, card)
        target = Target(run, source, opened, overlap_of(run, source, opened, rule))
        for labels, checkpoint in checkpoints.items():
            check_features(run, checkpoint.config, opened)
            yield Case(target, labels, checkpoint)


def open_models(out: Path, device: Accelerator) -> tuple[Run, Opened, dict[tuple[Label, ...], Checkpoint]]:
    """A run's folder opened once for all data sets: the run, its source, and its models by their labels.

    Raises:
        CheckpointError: The folder holds no trained run, or a model of another one.
    """
    if not (out / RUN_FILE).is_file():
        raise CheckpointError(f"{out}: holds no {RUN_FILE}; train a run there with `egoshift train … --out {out}`")
    run = read_run(out / RUN_FILE)
    # A method that runs a tower opens its weights and hashes them.
    checkpoints = {labels: load_checkpoint(out / MODELS / "+".join(labels)) for labels in label_groups(run)}
    for labels, checkpoint in checkpoints.items():
        check_trained_by(run, out / MODELS / "+".join(labels), checkpoint.config.provenance)
        checkpoint.classifier.to(own_device(device))
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


def answer(case: Case, progress: OnEvaluation | None) -> tuple[dict[Label, Answers], AbstractFeatureSource]:
    """What the model says of the labelled clips of its case, and the features that it saw."""
    run, opened = case.target.run, case.target.opened
    clips = opened.evaluation_clips(trained_on=case.target.trained_on)
    features = opened.features(run, clips, case.labels)
    answers = predict_answers(
        case.checkpoint.classifier,
        features,
        {label: case.target.text[label] for label in case.labels},
        questions(case),
        num_frames=run.fit.num_frames,
        batch_size=run.fit.eval_batch_size,
        own=processes(),
        progress=None if progress is None else partial(progress, case.title),
    )
    return answers, features


def questions(case: Case) -> dict[Label, Question]:
    """What is asked per kind of label: shared and novel classes of another data set, and the temperature fitted."""
    run, source, opened = case.target.run, case.target.source, case.target.opened
    fitted = case.checkpoint.config.fit
    other = opened.dataset.name != source.dataset.name
    synonyms = read_synonyms(run.synonyms) if other and run.synonyms is not None else None
    asked = {}
    for label in case.labels:
        shared, novel = None, None
        if other:
            ours, theirs = source.dataset.vocabularies[label], opened.dataset.vocabularies[label]
            shared, novel = shared_and_novel(ours, theirs, synonyms, semantic=run.shared_by == "semantic")
        found = None if fitted is None else fitted.calibration.get(label)
        asked[label] = Question(shared, novel, None if found is None else found.temperature)
    return asked


def class_result(case: Case, answers: Mapping[Label, Answers], num_clips: int, dropped: Iterable[Fault]) -> Result:
    """The result of one case.

    Args:
        case: Which.
        answers: About its labelled clips.
        num_clips: How many clips there are features of, labelled or not.
        dropped: A fault for each clip that there are none of.
    """
    run, source, opened = case.target.run, case.target.source, case.target.opened
    fitted = case.checkpoint.config.fit
    return build_result(
        answers,
        method=run.method.name,
        train=source.dataset.name,
        test=opened.dataset.name,
        unlabelled={label: num_clips - len(answers[label].targets) for label in case.labels},
        dropped=by_kind(dropped),
        faults=by_kind(opened.dataset.faults),
        variant=run.name,
        selection="none" if fitted is None else fitted.selection,
        seed=run.fit.seed,
        history=() if fitted is None else fitted.history,
        provenance=case.provenance(),
    )
