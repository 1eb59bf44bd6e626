"""Intervals by resampling videos, all resamples at once.

Clips of one video resemble each other, so whole videos are drawn with replacement. A resample is then a weight per
clip: how often its video was drawn. Every metric below takes such weights as a matrix with one column per resample; a
column of ones gives the metric itself.
"""

import torch
from jaxtyping import Float, Float32, Float64, Int
from torch import Tensor

from egoshift.evaluation.result import Metric, Outcomes

NUM_RESAMPLES = 1000
COVERAGE = 0.95
WEIGHTS_AT_ONCE = 2**23
"""Weights of one clip in one resample that are held in memory together."""


def draw_videos(num_videos: int, num_resamples: int, generator: torch.Generator) -> Float32[Tensor, "video resample"]:
    """How often each video is drawn in each resample of as many videos as there are."""
    drawn = torch.randint(num_videos, (num_videos, num_resamples), generator=generator)
    counts = torch.zeros(num_videos, num_resamples)
    return counts.scatter_add_(0, drawn, torch.ones(()).expand(drawn.shape))


def interval(values: Float64[Tensor, " resample"]) -> tuple[float, float] | None:
    """The central 95% of resampled values; resamples without any clip (NaN) are left out; None where all are."""
    values = values[~values.isnan()]
    if not len(values):
        return None
    tail = (1 - COVERAGE) / 2
    low, high = values.quantile(torch.tensor([tail, 1 - tail], dtype=values.dtype)).tolist()
    return low, high


def bootstrap_interval(
    hits: Int[Tensor, " clip"],
    groups: tuple[str, ...],
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | None:
    """The 95% interval of an accuracy over videos.

    Args:
        hits: Per clip, 1 where it was recognised and 0 where not.
        groups: Per clip, its video.
        num_resamples: How often to draw.
        seed: Of the draws.

    Returns:
        Both ends in percent; None for fewer than two videos, from which no interval can be known.
    """
    numbers = {video: number for number, video in enumerate(dict.fromkeys(groups))}
    if len(numbers) < 2:
        return None
    draws = draw_videos(len(numbers), num_resamples, torch.Generator().manual_seed(seed))
    videos = torch.tensor([numbers[video] for video in groups])
    share = torch.zeros(len(numbers)).index_add_(0, videos, hits.float())
    total = torch.bincount(videos, minlength=len(numbers)).float()
    return interval(100.0 * (share @ draws).double() / (total @ draws).double())


def measure(
    metric: Metric, outcomes: Outcomes, draws: Float32[Tensor, "video resample"], among: frozenset[int] | None = None
) -> Float64[Tensor, " resample"]:
    """One metric of each resample, in percent; NaN where a resample has no clip.

    Args:
        metric: Any but ``hm``, which joins two measures.
        outcomes: The predictions.
        draws: How often each video is drawn.
        among: Count clips of these classes only; None counts all.
    """
    videos, predicted, targets, ranks = _columns(outcomes, among)
    step = max(1, WEIGHTS_AT_ONCE // max(1, len(videos)))
    parts = [
        _weighted(metric, draws[videos, start : start + step], predicted, targets, ranks)
        for start in range(0, draws.shape[1], step)
    ]
    return torch.cat(parts)


def ones(outcomes: Outcomes) -> Float32[Tensor, "video 1"]:
    """The resample in which each video is drawn once: the data itself."""
    return torch.ones(len(outcomes.videos), 1)


def _columns(outcomes: Outcomes, among: frozenset[int] | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    videos = torch.arange(len(outcomes.videos)).repeat_interleave(torch.tensor(outcomes.clips, dtype=torch.int64))
    columns = [videos] + [
        torch.tensor(column, dtype=torch.int64) for column in (outcomes.predicted, outcomes.targets, outcomes.ranks)
    ]
    if among is not None:
        kept = torch.isin(columns[2], torch.tensor(sorted(among), dtype=torch.int64))
        columns = [column[kept] for column in columns]
    return columns[0], columns[1], columns[2], columns[3]


def _weighted(
    metric: Metric, weights: Float[Tensor, "clip resample"], predicted: Tensor, targets: Tensor, ranks: Tensor
) -> Float64[Tensor, " resample"]:
    """Sums of whole numbers below 2**24 are exact in float32; only the ratios need float64."""
    if metric in ("top1", "top5"):
        hits = (ranks < (1 if metric == "top1" else 5)).float()
        return 100.0 * (hits @ weights).double() / weights.sum(0).double()
    num_classes = int(torch.cat((targets, predicted, torch.zeros(1, dtype=torch.int64))).max()) + 1

    def by_class(classes: Tensor, clips: Tensor) -> Tensor:
        sums = torch.zeros(num_classes, weights.shape[1])
        return sums.index_add_(0, classes[clips], weights[clips]).double()

    everything = torch.ones_like(targets, dtype=torch.bool)
    total, correct = by_class(targets, everything), by_class(targets, predicted == targets)
    if metric == "macro":
        return 100.0 * (correct / total).nanmean(0)
    assert metric == "f1", f"{metric} is not measured on clips"
    f1 = 2.0 * correct / (total + by_class(predicted, everything))
    return 100.0 * torch.where(total > 0, f1, torch.nan).nanmean(0)
