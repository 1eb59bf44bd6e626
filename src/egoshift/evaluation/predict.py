"""A classifier over a whole source: logits, in evaluation mode, without gradients."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from jaxtyping import Int
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import CheckpointError, ConfigError, StoreError
from egoshift.evaluation.sharing import ALONE, batches_of, give_to_all
from egoshift.features.batches import AbstractFeatureSource
from egoshift.processes import Processes
from egoshift.records import Label, Scores


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
    """Scores of the labelled clips of a source, per kind of label in ``text``.

    Clips without a label of a kind (-1) are absent from its scores: ``len(source) - len(scores.targets)`` of them.
    Runs where the classifier is; the classifier is left in the mode it came in.

    Args:
        classifier: What scores.
        source: Features and labels.
        text: The classes to choose among, indexed as the targets are.
        num_frames: Frames per clip, at the centres of as many bins.
        batch_size: Clips at once.
        own: This process among those that share the batches; all of them then get all that is found.
        progress: Called with clips done and clips in all.

    Raises:
        ConfigError: If the source has no label of a kind in ``text``, or has classes beyond it.
        StoreError: If features are not finite.
        CheckpointError: If the logits are not, though the features are.
    """
    check_labels(source, text)
    labelled = {label: source.targets[label].cpu() >= 0 for label in text}
    wanted = torch.stack(list(labelled.values())).any(0).nonzero()[:, 0]
    logits = predict_logits(
        classifier, source, text, wanted, num_frames=num_frames, batch_size=batch_size, own=own, progress=progress
    )
    scores = {}
    for label, kept in labelled.items():
        targets = source.targets[label].cpu()[kept]
        groups = tuple(source.groups[clip] for clip in kept.nonzero()[:, 0].tolist())
        names = text[label].names or tuple(str(index) for index in range(len(text[label].vectors)))
        scores[label] = Scores(label, logits[label][kept[wanted]], targets, groups, names)
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
        batch_size: Clips at once.
        own: This process among those that share the batches; all of them then get all that is found.
        progress: Called with clips done and clips in all.

    Raises:
        ConfigError: If the source lacks a stream.
        StoreError: If features are not finite.
        CheckpointError: If the logits are not, though the features are.
    """
    check_streams(classifier, source)
    device = device_of(classifier)
    indices = torch.arange(len(source)) if indices is None else indices
    text = text_to(text, device)
    logits = {label: torch.empty(len(indices), len(classes.vectors)) for label, classes in text.items()}
    with evaluating(classifier), torch.no_grad():
        for rows in batches_of(len(indices), batch_size, own):
            chosen, here = indices[rows], slice(int(rows[0]), int(rows[-1]) + 1)
            batch = batch_to(source.batch(chosen, num_frames=num_frames, generator=None), device)
            for label, values in classifier(batch, text).items():
                logits[label][here] = values
            if not all(bool(logits[label][here].isfinite().all()) for label in text):
                raise_not_finite(source, chosen, batch)
            if progress is not None:
                progress(here.stop, len(indices))
    for values in logits.values():
        give_to_all(values, batch_size, own)
    return logits


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


def check_streams(classifier: AbstractClassifier, source: AbstractFeatureSource) -> None:
    """Refuses a source without a stream that the classifier reads.

    Raises:
        ConfigError: If one is absent.
    """
    needed = (name for name in classifier.required_streams if name not in classifier.optional_streams)
    missing = [name for name in needed if name not in source.streams]
    if missing:
        raise ConfigError(
            f"{type(classifier).__name__} reads the streams {', '.join(classifier.required_streams)}, but the features "
            f"have {', '.join(source.streams)}; give {', '.join(missing)} too or choose a method that reads these"
        )


def device_of(classifier: AbstractClassifier) -> torch.device:
    """Where the classifier's parameters and buffers are; the CPU where it has none."""
    for tensor in (*classifier.parameters(), *classifier.buffers()):
        return tensor.device
    return torch.device("cpu")


def text_to(text: Mapping[Label, ClassText], device: torch.device) -> dict[Label, ClassText]:
    """The same class text with its vectors on a device, in float32."""
    return {label: ClassText(classes.vectors.to(device).float(), classes.names) for label, classes in text.items()}


def batch_to(batch: StreamBatch, device: torch.device) -> StreamBatch:
    """The same batch on a device, features in float32."""
    return StreamBatch(
        {name: value.to(device, non_blocking=True).float() for name, value in batch.streams.items()},
        {name: value.to(device, non_blocking=True) for name, value in batch.present.items()},
        {label: value.to(device, non_blocking=True) for label, value in batch.targets.items()},
    )


def raise_not_finite(source: AbstractFeatureSource, indices: Int[Tensor, " batch"], batch: StreamBatch) -> None:
    """Says which features or weights made a number that is none.

    Raises:
        StoreError: If features of the batch are not finite; names the first clip.
        CheckpointError: If they are, so that the weights are at fault.
    """
    for name, features in batch.streams.items():
        finite = features.isfinite().flatten(1).all(1)
        if name in batch.present:
            finite = finite | ~batch.present[name]
        if not finite.all():
            clip = int(indices[int((~finite).nonzero()[0, 0])])
            raise StoreError(
                f"the features of stream {name!r} hold NaN or infinity at clip {clip} (video "
                f"{source.groups[clip]!r}); extract that video again or leave it out"
            )
    raise CheckpointError("the features are finite but the logits are not; the weights are damaged, train them again")


@contextmanager
def evaluating(classifier: AbstractClassifier) -> Iterator[None]:
    """Evaluation mode, and afterwards each module in the mode it had."""
    modes = [(module, module.training) for module in classifier.modules()]
    classifier.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
