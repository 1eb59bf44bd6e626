"""A model of several modalities over a whole source: what it makes of each clip from every subset of them, in one pass.

All else of the evaluation is read off these numbers: every pair of subsets, missing rates, episodes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from egoshift.classifier import AbstractSubsetClassifier, ClassText, StreamBatch, SubsetScores
from egoshift.errors import ConfigError
from egoshift.evaluation.passes import batch_to, check_streams, device_of, evaluating, raise_not_finite, text_to
from egoshift.evaluation.predict import check_labels
from egoshift.evaluation.sharing import ALONE, batches_of, give_to_all
from egoshift.features.batches import AbstractFeatureSource
from egoshift.losses.subsets import Modalities, modality_subsets, subset_name
from egoshift.processes import Processes
from egoshift.records import Label


@dataclass(frozen=True)
class ModalityScores:
    """What a model said about n clips from subsets of its modalities; on the CPU, in float32.

    A clip uses what it has of a subset, and has NaN where it has nothing of it.

    Attributes:
        modalities: All of the model, in its order.
        logits: Per subset and kind of label ``(n, classes)``.
        embeddings: Per subset ``(n, width)``.
        present: Per modality, which clips have it.
        targets: Per kind of label, the class of each clip; -1 where it is not annotated. Such clips are here too.
        groups: The video of each clip; intervals are taken over these.
        names: Per kind of label, the class names.
    """

    modalities: Modalities
    logits: Mapping[Modalities, Mapping[Label, Float[Tensor, "n _"]]]
    embeddings: Mapping[Modalities, Float[Tensor, "n width"]]
    present: Mapping[str, Bool[Tensor, " n"]]
    targets: Mapping[Label, Int[Tensor, " n"]]
    groups: tuple[str, ...]
    names: Mapping[Label, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def labels(self) -> tuple[Label, ...]:
        """The kinds of label that there are logits of."""
        return tuple(next(iter(self.logits.values())))

    @property
    def subsets(self) -> tuple[Modalities, ...]:
        """The subsets that were scored."""
        return tuple(self.embeddings)

    def has(self, subset: Sequence[str]) -> Bool[Tensor, " n"]:
        """Which clips have at least one modality of a subset."""
        return torch.stack([self.present[name] for name in subset]).any(0)


def score_modalities(
    classifier: AbstractSubsetClassifier,
    source: AbstractFeatureSource,
    text: Mapping[Label, ClassText],
    *,
    subsets: Sequence[Modalities] | None = None,
    names: Mapping[Label, Sequence[str]] | None = None,
    num_frames: int = 16,
    batch_size: int = 256,
    own: Processes = ALONE,
    progress: Callable[[int, int], None] | None = None,
) -> ModalityScores:
    """Logits and embeddings of all clips of a source, labelled or not, from subsets of the modalities.

    The clips are read once, whatever the number of subsets. Runs where the classifier is; the classifier is left in the
    mode it came in.

    Args:
        classifier: What scores.
        source: Features and labels.
        text: The classes to choose among, indexed as the targets are; none gives embeddings alone.
        subsets: Which subsets, their names in the order of the model's; none takes all.
        names: Class names of kinds of label that have no text, or whose text has none; without them, their numbers.
        num_frames: Frames per clip, at the centres of as many bins.
        batch_size: Clips at once.
        own: This process among those that share the batches; all of them then get all that is found.
        progress: Called with clips done and clips in all.

    Raises:
        ConfigError: If the source has no stream of any modality, no label of a kind in ``text`` or classes beyond it,
            or a subset is none of the model's.
        StoreError: If features are not finite.
        CheckpointError: If logits or embeddings are not, though the features are.
    """
    _check_sources(classifier, source, text)
    chosen = _checked_subsets(classifier.modalities, subsets)
    device, total = device_of(classifier), len(source)
    embeddings = {subset: torch.full((total, classifier.width), torch.nan) for subset in chosen}
    logits = {
        subset: {label: torch.full((total, len(classes.vectors)), torch.nan) for label, classes in text.items()}
        for subset in chosen
    }
    present = {name: torch.zeros(total, dtype=torch.bool) for name in classifier.modalities}
    read = partial(source.batch, num_frames=num_frames, generator=None)
    moved = text_to(text, device)
    with evaluating(classifier), torch.no_grad():
        for indices in batches_of(total, batch_size, own):
            batch = batch_to(read(indices), device)
            for subset, scores in classifier.score_subsets(batch, moved, chosen, allow_empty=True).items():
                here = classifier.presence(batch, subset)
                _check_finite(scores, here, source, indices, batch)
                rows = indices[here.cpu()]
                embeddings[subset][rows] = scores.embedding[here].float().cpu()
                for label, values in scores.logits.items():
                    logits[subset][label][rows] = values[here].float().cpu()
            for name, known in present.items():
                known[indices] = classifier.presence(batch, (name,)).cpu()
            if progress is not None:
                progress(int(indices[-1]) + 1, total)
    for found in (*embeddings.values(), *(one for of in logits.values() for one in of.values()), *present.values()):
        give_to_all(found, batch_size, own)
    targets = {label: values.cpu() for label, values in source.targets.items()}
    named = {label: _class_names(label, values, text, names or {}) for label, values in targets.items()}
    return ModalityScores(classifier.modalities, logits, embeddings, present, targets, source.groups, named)


def _check_sources(
    classifier: AbstractSubsetClassifier, source: AbstractFeatureSource, text: Mapping[Label, ClassText]
) -> None:
    check_streams(classifier, source)
    if not set(classifier.modalities) & set(source.streams):
        raise ConfigError(
            f"the features have none of the modalities {', '.join(classifier.modalities)}, they have "
            f"{', '.join(source.streams)}; give features of at least one"
        )
    if text:
        check_labels(source, text)


def _checked_subsets(modalities: Modalities, subsets: Sequence[Modalities] | None) -> tuple[Modalities, ...]:
    """Subsets of the modalities, each once."""
    known = modality_subsets(modalities)
    if subsets is None:
        return known
    unknown = [tuple(subset) for subset in subsets if tuple(subset) not in known]
    if unknown or not subsets:
        wrong = (subset_name(unknown[0]) or "nothing") if unknown else "no subset"
        raise ConfigError(f"asked for {wrong}; give some of {', '.join(map(subset_name, known))}, in this order")
    return tuple(dict.fromkeys(map(tuple, subsets)))


def _class_names(
    label: Label,
    targets: Int[Tensor, " n"],
    text: Mapping[Label, ClassText],
    names: Mapping[Label, Sequence[str]],
) -> tuple[str, ...]:
    if label in text:
        known, least = text[label].names or names.get(label, ()), len(text[label].vectors)
    else:
        known, least = names.get(label, ()), int(targets.max()) + 1 if len(targets) else 0
    if known and len(known) < least:
        raise ConfigError(f"{len(known)} {label} class names for {least} classes; give one name for each")
    return tuple(known) or tuple(map(str, range(least)))


def _check_finite(
    scores: SubsetScores,
    here: Bool[Tensor, " batch"],
    source: AbstractFeatureSource,
    indices: Int[Tensor, " batch"],
    batch: StreamBatch,
) -> None:
    finite = [bool(values[here].isfinite().all()) for values in (scores.embedding, *scores.logits.values())]
    if not all(finite):
        raise_not_finite(source, indices, batch)
