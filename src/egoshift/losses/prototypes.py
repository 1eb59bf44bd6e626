"""Prototypical loss and scores, also across modalities.

Prototypical networks (Snell et al., "Prototypical Networks for Few-shot Learning", NeurIPS 2017, arXiv 1703.05175,
equations 1 and 2): a class is the mean of its support embeddings, and a query belongs to the nearest. In MMG-Ego4D
(Gong et al., CVPR 2023, arXiv 2305.07214) the support embeddings come from one subset S of the modalities and the query
embeddings from another, Q ("cross-modal prototypical loss"):

    c_k          = mean of the embeddings, from S, of the support clips of class k
    p(k | query) = softmax over k of  -scale * |z - c_k|^2,   z the query's embedding from Q

Nothing published gives MMG-Ego4D's own formula, so this is the natural reading; the distance, and which (S, Q) are
drawn (``subsets``), are options.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from egoshift.errors import ConfigError

DISTANCES = ("squared-euclidean", "cosine")
"""How near a query is to a prototype: minus the squared distance (Snell et al.), or the cosine."""

SCALES = {"squared-euclidean": 1.0, "cosine": 10.0}
"""What scores are multiplied by unless given. A cosine needs a scale, or the softmax over it is nearly uniform."""


def class_prototypes(
    embeddings: Float[Tensor, "samples dim"],
    classes: Int[Tensor, " samples"],
    num_classes: int,
    *,
    normalise: bool = False,
) -> Float[Tensor, "classes dim"]:
    """The mean embedding of each class, in float32 also under autocast.

    Args:
        embeddings: Of the support samples.
        classes: Their classes, 0 to ``num_classes - 1``; -1 leaves a sample out, whatever its embedding holds.
        num_classes: How many classes there are.
        normalise: Whether embeddings are brought to unit length before the mean.

    Raises:
        ConfigError: If a class has no sample.

    Examples:
        >>> class_prototypes(torch.tensor([[0.0, 2.0], [4.0, 4.0], [1.0, 1.0]]), torch.tensor([0, 0, 1]), 2)
        tensor([[2., 3.],
                [1., 1.]])
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        members = classes == torch.arange(num_classes, device=classes.device).unsqueeze(1)
        counts = members.sum(1)
        if not bool(counts.all()):
            empty = (counts == 0).nonzero()[:, 0].tolist()
            raise ConfigError(
                f"class {empty[0]} has no support sample ({len(empty)} of {num_classes} classes have none); give at "
                "least one sample of each class"
            )
        weights = members / counts.unsqueeze(1)
        return weights.float() @ _cleaned(embeddings, classes, normalise)


def prototype_scores(
    queries: Float[Tensor, "queries dim"],
    prototypes: Float[Tensor, "classes dim"],
    *,
    distance: str = "squared-euclidean",
    scale: Float[Tensor, ""] | float | None = None,
) -> Float[Tensor, "queries classes"]:
    """How near each query is to each prototype, the higher the nearer; in float32 also under autocast.

    Distances are taken from the differences themselves, so that nearly equal vectors lose no digits.

    Args:
        queries: Query embeddings.
        prototypes: See ``class_prototypes``.
        distance: One of ``DISTANCES``.
        scale: What scores are multiplied by, above zero; none takes that of ``SCALES``. A tensor gets a gradient.

    Raises:
        ConfigError: If the distance is none of them.

    Examples:
        >>> prototype_scores(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 3.0], [1.0, 1.0]]))
        tensor([[-4., -1.]])
    """
    if distance not in DISTANCES:
        raise ConfigError(f"distance is {distance!r}; give one of {', '.join(map(repr, DISTANCES))}")
    scale = SCALES[distance] if scale is None else scale
    with torch.autocast(queries.device.type, enabled=False):
        queries, prototypes = queries.float(), prototypes.float()
        if distance == "cosine":
            return scale * (functional.normalize(queries, dim=-1) @ functional.normalize(prototypes, dim=-1).T)
        return -scale * (queries.unsqueeze(1) - prototypes).square().sum(-1)


def prototypical_loss(
    support: Float[Tensor, "support dim"],
    support_classes: Int[Tensor, " support"],
    queries: Float[Tensor, "queries dim"],
    query_classes: Int[Tensor, " queries"],
    *,
    num_classes: int,
    distance: str = "squared-euclidean",
    scale: Float[Tensor, ""] | float | None = None,
    normalise: bool = False,
) -> Float[Tensor, ""]:
    """The mean cross-entropy of one episode's queries over the prototypes of its support.

    It is cross-modal where ``support`` was computed from one subset of the modalities and ``queries`` from another.

    Args:
        support: Support embeddings.
        support_classes: Their classes within the episode; -1 leaves a sample out.
        queries: Query embeddings.
        query_classes: Their classes within the episode; -1 leaves a sample out. Without any query the loss is zero,
            with a gradient of zero.
        num_classes: N, the ways.
        distance: One of ``DISTANCES``.
        scale: What scores are multiplied by; none takes that of ``SCALES``.
        normalise: Whether embeddings, of support and queries, are brought to unit length first.

    Raises:
        ConfigError: If a class has no support sample, or the distance is none of ``DISTANCES``.

    Examples:
        >>> points, classes = torch.tensor([[0.0], [2.0]]), torch.tensor([0, 1])
        >>> prototypical_loss(points, classes, torch.tensor([[0.5]]), torch.tensor([0]), num_classes=2)
        tensor(0.1269)
    """
    prototypes = class_prototypes(support, support_classes, num_classes, normalise=normalise)
    kept = _cleaned(queries, query_classes, normalise)
    scores = prototype_scores(kept, prototypes, distance=distance, scale=scale)
    counted = (query_classes != -1).sum().clamp_min(1)
    return functional.cross_entropy(scores, query_classes, ignore_index=-1, reduction="sum") / counted


def _cleaned(
    embeddings: Float[Tensor, "samples dim"], classes: Int[Tensor, " samples"], normalise: bool
) -> Float[Tensor, "samples dim"]:
    """Embeddings in float32, zero where a sample is left out, whatever the memory held."""
    vectors = embeddings.float().masked_fill((classes == -1).unsqueeze(1), 0.0)
    return functional.normalize(vectors, dim=-1) if normalise else vectors
