"""A classifier's answers about a whole source, or its logits, in evaluation mode and without gradients."""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Int
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText
from egoshift.errors import ConfigError
from egoshift.evaluation.answers import Answering, Answers, Question
from egoshift.evaluation.passes import clips_at_once, score_batches
from egoshift.evaluation.sharing import ALONE, give_to_all
from egoshift.features.batches import AbstractFeatureSource
from egoshift.processes import Processes
from egoshift.records import Label, Scores


def predict_answers(
    classifier: AbstractClassifier,
    source: AbstractFeatureSource,
    text: Mapping[Label, ClassText],
    questions: Mapping[Label, Question] | None = None,
    *,
    num_frames: int = 16,
    batch_size: int = 256,
    own: Processes = ALONE,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Label, Answers]:
    """Answers about the labelled clips of a source, per kind of label in ``text``; no logits outlive their batch.

    Clips without a label of a kind (-1) are absent from its answers: ``len(source) - len(answers.targets)`` of them.
    Runs where the classifier is; the classifier is left in the mode it came in.

    Args:
        classifier: What scores.
        source: Features and labels.
        text: The classes to choose among, indexed as the targets are.
        questions: What is asked, per kind of label; of the others the answers among all classes.
        num_frames: Frames per clip, at the centres of as many bins.
        batch_size: Clips at once, at most.
        own: This process among those that share the batches; all of them then get all that is found.
        progress: Called with clips done and clips in all.

    Raises:
        ConfigError: If the source has no label of a kind in ``text``, or has classes beyond it.
        StoreError: If features are not finite.
        CheckpointError: If the logits are not, though the features are.
        ValueError: If a question names a class that is not in ``text``.
    """
    wanted, targets = labelled_clips(source, text)
    asked = questions or {}
    answering = {
        label: Answering(label, names_of(words), asked.get(label, Question()), len(wanted))
        for label, words in text.items()
    }

    def take(places: Int[Tensor, " batch"], logits: Mapping[Label, Tensor]) -> None:
        for label, values in logits.items():
            answering[label].take(places, values, targets[label][places])

    score_batches(
        classifier, source, text, wanted, take, num_frames=num_frames, batch_size=batch_size, own=own, progress=progress
    )
    for found in answering.values():
        found.share(clips_at_once(batch_size, text), own)
    return {label: answering[label].answers(targets[label], labelled_of(source, label)[1]) for label in text}


def predict(
    classifier: AbstractClassifier,
    source: AbstractFeatureSource,
    text: Mapping[Label, ClassText],
    *,
    num_frames: int = 16,
    batch_size: int = 256,
    own: Processes = ALONE,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Label, Scores]:
    """Scores of the labelled clips of a source, per kind of label in ``text``: clips x classes numbers in memory.

    For numbers and results ``predict_answers`` is enough, whose arguments and errors are the same; this is for those
    who need the logits themselves, as fitting a temperature does.

    Args:
        classifier: What scores.
        source: Features and labels.
        text: The classes to choose among, indexed as the targets are.
        num_frames: Frames per clip, at the centres of as many bins.
        batch_size: Clips at once, at most.
        own: This process among those that share the batches; all of them then get all that is found.
        progress: Called with clips done and clips in all.
    """
    wanted, targets = labelled_clips(source, text)
    logits = predict_logits(
        classifier, source, text, wanted, num_frames=num_frames, batch_size=batch_size, own=own, progress=progress
    )
    scores = {}
    for label, values in logits.items():
        kept = targets[label] >= 0
        labelled, groups = labelled_of(source, label)
        here = values if bool(kept.all()) else values[kept]
        scores[label] = Scores(label, here, labelled, groups, names_of(text[label]))
    return scores


def predict_logits(
    classifier: AbstractClassifier,
    source: AbstractFeatureSource,
    text: Mapping[Label, ClassText],
    indices: Int[Tensor, " chosen"] | None = None,
    *,
    num_frames: int = 16,
    batch_size: int = 256,
    own: Processes = ALONE,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Label, Tensor]:
    """Logits ``(chosen, classes)`` on the CPU, labelled or not: what ``predict`` is made of.

    Args:
        classifier: What scores.
        source: Features; its labels are not read.
        text: The classes to choose among.
        indices: Which clips; none takes all, in order.
        num_frames: Frames per clip, at the centres of as many bins.
        batch_size: Clips at once, at most.
        own: This process among those that share the batches; all of them then get all that is found.
        progress: Called with clips done and clips in all.

    Raises:
        ConfigError: If the source lacks a stream.
        StoreError: If features are not finite.
        CheckpointError: If the logits are not, though the features are.
    """
    indices = torch.arange(len(source)) if indices is None else indices
    logits = {label: torch.empty(len(indices), len(classes.vectors)) for label, classes in text.items()}

    def take(places: Int[Tensor, " batch"], values: Mapping[Label, Tensor]) -> None:
        for label, part in values.items():
            logits[label][places] = part.cpu()

    score_batches(
        classifier,
        source,
        text,
        indices,
        take,
        num_frames=num_frames,
        batch_size=batch_size,
        own=own,
        progress=progress,
    )
    for values in logits.values():
        give_to_all(values, clips_at_once(batch_size, text), own)
    return logits


def labelled_clips(
    source: AbstractFeatureSource, text: Mapping[Label, ClassText]
) -> tuple[Int[Tensor, " wanted"], dict[Label, Int[Tensor, " wanted"]]]:
    """The clips with at least one label, and their targets; -1 where a clip lacks one.

    Raises:
        ConfigError: As ``check_labels``.
    """
    check_labels(source, text)
    targets = {label: source.targets[label].cpu() for label in text}
    wanted = torch.stack([values >= 0 for values in targets.values()]).any(0).nonzero()[:, 0]
    return wanted, {label: values[wanted] for label, values in targets.items()}


def labelled_of(source: AbstractFeatureSource, label: Label) -> tuple[Int[Tensor, " labelled"], tuple[str, ...]]:
    """The targets of the clips with a label of this kind, and their videos."""
    targets, groups = source.targets[label].cpu(), source.groups
    kept = targets >= 0
    return targets[kept], tuple(groups[clip] for clip in kept.nonzero()[:, 0].tolist())


def names_of(text: ClassText) -> tuple[str, ...]:
    """The names of classes; their numbers where they have none."""
    return text.names or tuple(str(index) for index in range(len(text.vectors)))


def check_labels(source: AbstractFeatureSource, text: Mapping[Label, ClassText]) -> None:
    """Refuses a source whose labels do not fit the classes.

    Raises:
        ConfigError: If a kind of label is absent, or a class index is beyond the classes given.
    """
    if not text:
        raise ConfigError("no class text given; give the classes of at least one of verb, noun and action")
    for label, classes in text.items():
        if label not in source.targets:
            known = ", ".join(source.targets) or "none"
            raise ConfigError(
                f"the clips have no {label} labels (they have: {known}); leave {label} out or annotate it"
            )
        targets = source.targets[label]
        if len(targets) and int(targets.max()) >= len(classes.vectors):
            raise ConfigError(
                f"the clips have {label} class {int(targets.max())}, but class text was given for classes 0 to "
                f"{len(classes.vectors) - 1}; give the text of the clips' own vocabulary"
            )
