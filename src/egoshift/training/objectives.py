"""What a stage of training minimises: cross-entropy, the alignment loss, the prototypical loss, or a sum of them."""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float, Float64, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from egoshift.classifier import AbstractClassifier, StreamBatch
from egoshift.errors import ConfigError
from egoshift.fusion import Fusion
from egoshift.losses import alignment_loss, draw_subset_pair, other_moments, prototypical_loss
from egoshift.losses.subsets import Modalities
from egoshift.records import Label


class AlignmentTerm(BaseModel):
    """L_align and its options; see ``losses.alignment_loss``. What the paper does not say has a default of ours.

    Attributes:
        weight: What it is multiplied by. The paper prints a plain sum.
        anchor: The modality that plays the video's part.
        pairs: ``"video-anchored"`` as printed, or ``"all"``.
        symmetric: Whether both directions of a pair count.
        normalise: Whether embeddings are brought to unit length.
        negatives: Which other clips of the batch are another temporal location: ``"batch"``: all that do not overlap in
            time in the same recording; ``"recording"``: of those, the ones of the same recording;
            ``"other-recordings"``; ``"all"``: every other clip, overlapping or not.
        stage: Which embedding of a modality: the ``"fused"`` vector of it alone, or its ``"input"`` before fusion.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float = Field(default=1.0, gt=0)
    anchor: str = "video"
    pairs: Literal["video-anchored", "all"] = "video-anchored"
    symmetric: bool = False
    normalise: bool = True
    negatives: Literal["batch", "recording", "other-recordings", "all"] = "batch"
    stage: Literal["fused", "input"] = "fused"


class PrototypeTerm(BaseModel):
    """The cross-modal prototypical loss and its options; see ``losses.prototypical_loss``.

    Every step is one episode of classes drawn among those trained on. The paper says none of these numbers.

    Attributes:
        weight: What it is multiplied by.
        ways: Classes of an episode.
        shots: Support clips of each.
        queries: Query clips of each.
        pairing: Which pairs of a support and a query subset of the modalities are drawn, a pair a step; see
            ``losses.subsets.PAIRINGS``. ``"all"`` is the prototypical loss without anything cross-modal.
        distance: ``"squared-euclidean"`` or ``"cosine"``.
        scale: What scores are multiplied by; none takes 1 and 10.
        normalise: Whether embeddings are brought to unit length first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float = Field(default=1.0, gt=0)
    ways: int = Field(default=5, ge=2)
    shots: int = Field(default=5, ge=1)
    queries: int = Field(default=5, ge=1)
    pairing: Literal["disjoint", "different", "any", "same", "all-support", "all"] = "any"
    distance: Literal["squared-euclidean", "cosine"] = "squared-euclidean"
    scale: float | None = Field(default=None, gt=0)
    normalise: bool = False

    @property
    def clips(self) -> int:
        """Clips of an episode."""
        return self.ways * (self.shots + self.queries)


class Objective(BaseModel):
    """A sum of losses.

    Attributes:
        cross_entropy: What the cross-entropy over kinds of label is multiplied by; 0 leaves it out.
        alignment: The alignment loss; none leaves it out.
        prototypes: The prototypical loss; none leaves it out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cross_entropy: float = Field(default=1.0, ge=0)
    alignment: AlignmentTerm | None = None
    prototypes: PrototypeTerm | None = None

    @property
    def needs_labels(self) -> bool:
        """Whether clips without any label are of no use."""
        return self.cross_entropy > 0 or self.prototypes is not None


class Moments:
    """Which recording and which seconds each clip is of, for the negatives of the alignment loss.

    Args:
        groups: The recording of each clip.
        spans: From when to when each lasts; None where that is not known: then no clips of a recording overlap.
    """

    def __init__(self, groups: tuple[str, ...], spans: Float64[Tensor, "n 2"] | None):
        numbers = {name: number for number, name in enumerate(dict.fromkeys(groups))}
        self.recordings = torch.tensor([numbers[name] for name in groups], dtype=torch.int64)
        if spans is None:
            place = torch.arange(len(groups), dtype=torch.float64)
            spans = torch.stack([place, place + 1], 1)
        self.spans = spans

    def others(self, clips: Int[Tensor, " batch"], scope: str) -> Tensor | None:
        """Which clip (column) is another temporal location for which (row); None: all others are."""
        if scope == "all":
            return None
        start_s, stop_s = self.spans[clips].unbind(1)
        return other_moments(self.recordings[clips], start_s, stop_s, within=scope)


def check_objective(objective: Objective, classifier: AbstractClassifier, labels: tuple[Label, ...]) -> None:
    """Refuses an objective that a classifier cannot be trained by.

    Raises:
        ConfigError: Naming what does not fit.
    """
    terms = {"alignment": objective.alignment, "prototypes": objective.prototypes}
    asked = [name for name, term in terms.items() if term is not None]
    if not asked and not objective.cross_entropy:
        raise ConfigError("objective has no loss; set cross_entropy to 1, or give alignment or prototypes")
    if asked and not isinstance(classifier, Fusion):
        raise ConfigError(f"objective.{asked[0]} is for fusions; {type(classifier).__name__} trains by cross_entropy")
    if objective.alignment is not None:
        assert isinstance(classifier, Fusion), "checked above"
        if objective.alignment.anchor not in classifier.modalities:
            raise ConfigError(
                f"objective.alignment.anchor is {objective.alignment.anchor!r}; give one of "
                f"{', '.join(classifier.modalities)}"
            )
    if objective.prototypes is not None and len(labels) > 1:
        raise ConfigError(f"objective.prototypes takes one kind of label, there are {', '.join(labels)}; set labels")


def alignment_of(
    classifier: Fusion, batch: StreamBatch, term: AlignmentTerm, negatives: Tensor | None
) -> Float[Tensor, ""]:
    """The alignment loss of a batch."""
    embedded = classifier.unimodal(batch, term.stage)
    loss = alignment_loss(
        {name: classifier.project(values) for name, values in embedded.items()},
        temperature=classifier.temperature,
        anchor=term.anchor,
        pairs=term.pairs,
        symmetric=term.symmetric,
        normalise=term.normalise,
        present={name: classifier.presence(batch, (name,)) for name in embedded},
        negatives=negatives,
    ).loss
    return term.weight * loss


def prototypes_of(
    classifier: Fusion, batch: StreamBatch, term: PrototypeTerm, generator: torch.Generator
) -> Float[Tensor, ""]:
    """The prototypical loss of an episode, whose clips stand class by class, in each the support before the queries.

    A clip without any modality of its side's subset is left out. Where that leaves a class without support, or no
    query, both sides are seen by all modalities instead.
    """
    support, query = draw_subset_pair(classifier.modalities, term.pairing, generator)
    classes = torch.arange(term.ways).repeat_interleave(term.shots + term.queries)
    is_support = torch.arange(term.shots + term.queries).repeat(term.ways) < term.shots
    known = {subset: classifier.presence(batch, subset).cpu() for subset in (support, query)}
    usable = known[support] & is_support
    enough = torch.bincount(classes[usable], minlength=term.ways).all() and (known[query] & ~is_support).any()
    if not enough:
        support = query = classifier.modalities
        known = {support: classifier.presence(batch, support).cpu()}
    embedded = classifier.embed_subsets(batch, list(dict.fromkeys((support, query))), allow_empty=True)
    sides = [
        _side(embedded, known, subset, classes, rows) for subset, rows in ((support, is_support), (query, ~is_support))
    ]
    loss = prototypical_loss(
        *sides[0],
        *sides[1],
        num_classes=term.ways,
        distance=term.distance,
        scale=term.scale,
        normalise=term.normalise,
    )
    return term.weight * loss


def _side(
    embedded: Mapping[Modalities, Tensor],
    known: Mapping[Modalities, Tensor],
    subset: Modalities,
    classes: Int[Tensor, " clips"],
    rows: Tensor,
) -> tuple[Tensor, Tensor]:
    """Embeddings and classes of one side of an episode; -1 where a clip has nothing of the subset."""
    given = classes.masked_fill(~known[subset], -1)[rows]
    vectors = embedded[subset]
    return vectors[rows.to(vectors.device)], given.to(vectors.device)
