"""Intervals by resampling videos, all resamples at once.

Clips of one video resemble each other, so whole videos are drawn with replacement. A resample is then a weight per
video: how often it was drawn. Every metric below is a ratio of sums of such weights, so clips are counted once, by
video and by class (``Tally``), and the sums of all resamples are products of those counts with the matrix of weights,
one column per resample; a column of ones gives the metric itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Float64, Int
from torch import Tensor

from egoshift.evaluation.result import Metric, Outcomes

NUM_RESAMPLES = 1000
COVERAGE = 0.95
WEIGHTS_AT_ONCE = 2**20
"""Weights of one class in one resample that are held in memory together."""


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


@dataclass(frozen=True)
class Tally:
    """Clips of some classes, counted: all that the metrics need of them, in any resample.

    Attributes:
        clips: Per video, its clips.
        hits: Of ``top1`` and of ``top5``, per video the clips that were right.
        total: Per class that has clips, and video, the clips of the class; sparse.
        correct: Likewise those of them that were recognised.
        answered: Likewise the clips that were taken for the class.
    """

    clips: Float32[Tensor, " video"]
    hits: Mapping[Metric, Float32[Tensor, " video"]]
    total: Tensor
    correct: Tensor
    answered: Tensor

    @classmethod
    def of(cls, outcomes: Outcomes, among: frozenset[int] | None = None) -> "Tally":
        """Counts the clips of outcomes; of these classes only, where some are given."""
        clips = torch.tensor(outcomes.clips, dtype=torch.int64)
        videos = torch.arange(len(clips)).repeat_interleave(clips)
        columns = [torch.tensor(column) for column in (outcomes.predicted, outcomes.targets, outcomes.ranks)]
        predicted, targets, ranks = (column.to(torch.int64) for column in columns)
        if among is not None:
            kept = torch.isin(targets, torch.tensor(sorted(among), dtype=torch.int64))
            videos, predicted, targets, ranks = (column[kept] for column in (videos, predicted, targets, ranks))
        # Classes without clips have no part in a mean over classes, however many the vocabulary has.
        classes: Tensor = torch.unique(targets)
        shape = (len(classes), len(clips))

        def by_class(column: Tensor, chosen: Tensor) -> Tensor:
            cells = torch.stack([torch.searchsorted(classes, column[chosen]), videos[chosen]])
            ones = torch.ones(cells.shape[1])
            return torch.sparse_coo_tensor(cells, ones, shape, check_invariants=True).coalesce()

        def by_video(chosen: Tensor) -> Tensor:
            return torch.bincount(videos[chosen], minlength=len(clips)).float()

        everything = torch.ones_like(targets, dtype=torch.bool)
        return cls(
            by_video(everything),
            {"top1": by_video(ranks < 1), "top5": by_video(ranks < 5)},
            by_class(targets, everything),
            by_class(targets, predicted == targets),
            by_class(predicted, torch.isin(predicted, classes)),
        )


def measure(metric: Metric, tally: Tally, draws: Float32[Tensor, "video resample"]) -> Float64[Tensor, " resample"]:
    """One metric of each resample, in percent; NaN where a resample has no clip.

    Args:
        metric: Any but ``hm``, which joins two measures.
        tally: The predictions, counted.
        draws: How often each video is drawn.
    """
    # Sums of whole numbers below 2**24 are exact in float32; only the ratios need float64.
    if metric in tally.hits:
        return 100.0 * (tally.hits[metric] @ draws).double() / (tally.clips @ draws).double()
    step = max(1, WEIGHTS_AT_ONCE // max(1, tally.total.shape[0]))
    return torch.cat([_class_mean(metric, tally, part) for part in torch.split(draws, step, 1)])


def ones(outcomes: Outcomes) -> Float32[Tensor, "video 1"]:
    """The resample in which each video is drawn once: the data itself."""
    return torch.ones(len(outcomes.videos), 1)


def _class_mean(metric: Metric, tally: Tally, draws: Float32[Tensor, "video resample"]) -> Float64[Tensor, " resample"]:
    """The mean over the classes that occur in a resample's targets."""
    total, correct = torch.sparse.mm(tally.total, draws).double(), torch.sparse.mm(tally.correct, draws).double()
    if metric == "macro":
        accuracies: Tensor = 100.0 * (correct / total).nanmean(0)
        return accuracies
    assert metric == "f1", f"{metric} is not measured on clips"
    f1 = 2.0 * correct / (total + torch.sparse.mm(tally.answered, draws).double())
    return 100.0 * torch.where(total > 0, f1, torch.nan).nanmean(0)
