"""One pass of a classifier over clips, batch by batch.

A batch is no larger than memory bears: of many classes it has fewer clips (``CELLS_AT_ONCE``). What is made of the
logits of a batch is up to who asks: answers keep a few numbers of each clip, others all of them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from jaxtyping import Int
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import CheckpointError, ConfigError, StoreError
from egoshift.evaluation.metrics import CELLS_AT_ONCE
from egoshift.evaluation.sharing import ALONE, batches_of
from egoshift.features.batches import AbstractFeatureSource
from egoshift.processes import Processes
from egoshift.records import Label

TakeLogits = Callable[[Int[Tensor, " batch"], Mapping[Label, Tensor]], None]
"""Is given the places of a batch's clips among those asked for, and their logits per kind of label."""


def score_batches(
    classifier: AbstractClassifier,
    source: AbstractFeatureSource,
    text: Mapping[Label, ClassText],
    indices: Int[Tensor, " chosen"],
    take: TakeLogits,
    *,
    num_frames: int = 16,
    batch_size: int = 256,
    own: Processes = ALONE,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Score clips in batches and hand on the logits of each, in float32 and where the classifier is.

    Args:
        classifier: What scores.
        source: Features; its labels are not read.
        text: The classes to choose among.
        indices: Which clips.
        take: Called with each batch; logits that it does not keep are let go.
        num_frames: Frames per clip, at the centres of as many bins.
        batch_size: Clips at once, at most; see ``clips_at_once``.
        own: This process among those that share the batches; its own are taken.
        progress: Called with clips done and clips in all.

    Raises:
        ConfigError: If the source lacks a stream.
        StoreError: If features are not finite.
        CheckpointError: If the logits are not, though the features are.
    """
    check_streams(classifier, source)
    device = device_of(classifier)
    with evaluating(classifier), torch.no_grad():
        score = classifier.scorer(text_to(text, device))
        for places in batches_of(len(indices), clips_at_once(batch_size, text), own):
            chosen = indices[places]
            batch = batch_to(source.batch(chosen, num_frames=num_frames, generator=None), device)
            logits = {label: values.float() for label, values in score(batch).items()}
            # A NaN anywhere is both; cheaper than to look at each.
            extremes = [value for values in logits.values() for value in values.aminmax()]
            if not all(bool(value.isfinite()) for value in extremes):
                raise_not_finite(source, chosen, batch)
            take(places, logits)
            if progress is not None:
                progress(int(places[-1]) + 1, len(indices))


def clips_at_once(batch_size: int, text: Mapping[Label, ClassText]) -> int:
    """The clips of a batch: fewer than asked for where the logits of so many would be more than ``CELLS_AT_ONCE``."""
    most = max((len(words.vectors) for words in text.values()), default=1)
    return min(batch_size, max(1, CELLS_AT_ONCE // max(1, most)))


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
