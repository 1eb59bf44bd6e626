"""The loss of classifiers with one or several kinds of label."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from egoshift.errors import ConfigError
from egoshift.records import Label


def label_cross_entropy(logits: Mapping[Label, Tensor], targets: Mapping[Label, Tensor]) -> Float[Tensor, ""]:
    """The sum over kinds of label of the mean cross-entropy over the clips annotated with it.

    A kind of label that no clip of the batch is annotated with adds zero, with a gradient of zero.

    Args:
        logits: Per kind of label, ``(batch, classes)``.
        targets: Per kind of label, ``(batch,)`` class indices, -1 where a clip is not annotated. Kinds that have no
            logits are not looked at.

    Raises:
        ConfigError: If there are no logits, or logits of a kind that has no targets.

    Examples:
        >>> logits = {"verb": torch.tensor([[0.0, 0.0], [9.0, 0.0]])}
        >>> label_cross_entropy(logits, {"verb": torch.tensor([1, -1])})
        tensor(0.6931)
    """
    unknown = [label for label in logits if label not in targets]
    if unknown or not logits:
        raise ConfigError(
            f"the classes are of {', '.join(unknown or logits) or 'no'} labels, the clips' labels are "
            f"{', '.join(targets) or 'none'}; give class text for labels that the clips are annotated with"
        )
    losses = []
    for label, scores in logits.items():
        annotated = (targets[label] != -1).sum().clamp_min(1)
        losses.append(functional.cross_entropy(scores, targets[label], ignore_index=-1, reduction="sum") / annotated)
    return torch.stack(losses).sum()
