"""How far confidences can be believed: temperature scaling and the expected calibration error.

Both from Guo et al., *On Calibration of Modern Neural Networks* (ICML 2017): the error is its Eq. 3 with ``NUM_BINS``
bins of equal width, the temperature its Section 4.2. A temperature changes no ranking.
"""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from egoshift.evaluation.answers import Answers, Question, answers_of
from egoshift.evaluation.metrics import CELLS_AT_ONCE
from egoshift.evaluation.result import Calibration
from egoshift.records import Label, Scores

NUM_BINS = 15
"""Bins of confidence, of equal width."""

LOWEST, HIGHEST = 1e-2, 1e3
"""Between which temperatures are looked for: a perfectly separated set would have zero, a useless one none."""


def fit_temperature(logits: Float[Tensor, "clip class"], targets: Int[Tensor, " clip"]) -> float:
    """The temperature at which the clips' right classes are likeliest.

    The likelihood is concave in the inverse temperature, so that halving the interval in which its derivative changes
    its sign finds the one best: where the mean logit of the right classes equals the mean expected logit.

    Args:
        logits: Scores of clips that were not trained on.
        targets: Their class indices.

    Returns:
        Between ``LOWEST`` and ``HIGHEST``; 1 where there is one class only, which every temperature fits.

    Raises:
        ValueError: If there is no clip, or a logit is not finite.
    """
    if not len(logits) or not logits.isfinite().all():
        raise ValueError(f"a temperature needs finite logits of at least one clip, got {tuple(logits.shape)}")
    if logits.shape[1] == 1:
        return 1.0
    right = logits.gather(1, targets[:, None])[:, 0].double().mean().item()

    def rises(temperature: float) -> bool:
        """Whether a lower temperature would fit better."""
        # In blocks, since float64 and a softmax of everything would be five times the logits.
        blocks = (block.double() for block in torch.split(logits, max(1, CELLS_AT_ONCE // logits.shape[1])))
        expected = torch.cat([((scores / temperature).softmax(1) * scores).sum(1) for scores in blocks])
        return right > expected.mean().item()

    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if rises(math.exp(middle)) else (middle, high)
    return math.exp((low + high) / 2)


def expected_calibration_error(
    confidences: Float[Tensor, " clip"], hits: Bool[Tensor, " clip"], num_bins: int = NUM_BINS
) -> float:
    """The mean distance of confidence and accuracy over bins of confidence, weighted by their clips, in percent.

    Args:
        confidences: Of the class answered, 0 to 1; a bin holds its upper edge, not its lower one.
        hits: Whether the answer was right.
        num_bins: Of equal width.

    >>> expected_calibration_error(torch.tensor([0.9, 0.9, 0.2]), torch.tensor([True, False, False]))
    33.33...
    """
    bins = (confidences.double() * num_bins).ceil().long().clamp(1, num_bins) - 1
    gaps = torch.zeros(num_bins, dtype=torch.float64).index_add_(0, bins, confidences.double() - hits.double())
    return 100.0 * gaps.abs().sum().item() / max(1, len(hits))


def calibration(answers: Answers) -> Calibration:
    """What a temperature does to answers, whose confidences were kept at it.

    Args:
        answers: Of clips that were not trained on.
    """
    assert answers.confidences is not None, "asked for with a temperature"
    assert answers.temperature is not None, "confidences are kept at one"
    hits = answers.predicted["all"] == answers.targets
    before, after = (expected_calibration_error(column, hits) for column in answers.confidences.unbind(1))
    return Calibration(temperature=answers.temperature, ece_before=before, ece_after=after, clips=len(hits))


def calibrations(scores: Mapping[Label, Scores]) -> dict[Label, Calibration]:
    """A temperature fitted to each kind of label that has clips; ``ece_after`` is so a little kind to itself."""
    fitted = {label: fit_temperature(of.logits.float(), of.targets) for label, of in scores.items() if len(of.targets)}
    return {label: calibration(answers_of(scores[label], Question(temperature=own))) for label, own in fitted.items()}
