"""Mean and spread of every channel, gathered video by video and kept with the model that was trained on them.

The mean over the training data is a property of the model, like its weights: it is taken once, from the training split
alone, stored with the checkpoint, and applied unchanged to whatever comes later. Taking it anew from each file, as
loaders do, tells the model about the rest of the video it is tested on, and takes gravity away from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from egoshift.errors import CheckpointError, ConfigError
from egoshift.media.inertial.grid import Gridded


@dataclass(frozen=True)
class ChannelStatistics:
    """What has been gathered so far, by channel.

    Attributes:
        channels: The names of the channels.
        counts: How many points of the grid each was present at.
        means: Their means over those; 0 where there are none.
        squares: The sums of squared distances from the means.
    """

    channels: tuple[str, ...]
    counts: tuple[int, ...]
    means: tuple[float, ...]
    squares: tuple[float, ...]

    @property
    def stds(self) -> tuple[float, ...]:
        """Standard deviations over all points (divided by their number); 0 where there are none."""
        pairs = zip(self.squares, self.counts, strict=True)
        return tuple((square / count) ** 0.5 if count else 0.0 for square, count in pairs)

    def merged(self, other: "ChannelStatistics") -> "ChannelStatistics":
        """What gathering both together would have given, to rounding (Chan, Golub and LeVeque, 1979)."""
        assert self.channels == other.channels, "statistics of the same channels"
        ours, theirs = np.array(self.counts, dtype=np.float64), np.array(other.counts, dtype=np.float64)
        both = np.maximum(ours + theirs, 1)
        apart = np.array(other.means) - np.array(self.means)
        means = np.array(self.means) + apart * theirs / both
        squares = np.array(self.squares) + np.array(other.squares) + apart**2 * ours * theirs / both
        counts = tuple(int(count) for count in ours + theirs)
        return ChannelStatistics(self.channels, counts, tuple(means.tolist()), tuple(squares.tolist()))

    def to_json(self) -> dict[str, object]:
        """As plain lists, by the names of the attributes; ``from_json`` gives it back exactly."""
        return {
            "channels": list(self.channels),
            "counts": list(self.counts),
            "means": list(self.means),
            "squares": list(self.squares),
        }


def no_statistics(channels: Sequence[str]) -> ChannelStatistics:
    """Where gathering begins."""
    zeros = (0.0,) * len(channels)
    return ChannelStatistics(tuple(channels), (0,) * len(channels), zeros, zeros)


def statistics_of(gridded: Gridded) -> ChannelStatistics:
    """The statistics of one video, over the points at which each sensor is present; in double precision."""
    values = gridded.values.double()
    there = ~values.isnan()
    counts = there.sum(dim=0)
    means = torch.where(there, values, 0.0).sum(dim=0) / counts.clamp(min=1)
    squares = torch.where(there, values - means, 0.0).square().sum(dim=0)
    return ChannelStatistics(gridded.channels, tuple(counts.tolist()), tuple(means.tolist()), tuple(squares.tolist()))


def from_json(stored: Mapping[str, object]) -> ChannelStatistics:
    """What ``ChannelStatistics.to_json`` wrote.

    Raises:
        CheckpointError: It is something else.
    """
    try:
        names, counts, means, squares = (_listed(stored[name]) for name in ("channels", "counts", "means", "squares"))
        rows = list(zip(names, counts, means, squares, strict=True))
        return ChannelStatistics(
            tuple(str(name) for name, _, _, _ in rows),
            tuple(int(str(count)) for _, count, _, _ in rows),
            tuple(float(str(mean)) for _, _, mean, _ in rows),
            tuple(float(str(square)) for _, _, _, square in rows),
        )
    except (KeyError, TypeError, ValueError) as error:
        message = f"the stored statistics of sensors cannot be read ({error}); train the model again"
        raise CheckpointError(message) from None


def _listed(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"a {type(value).__name__} where a list was expected")
    return value


def standardised(
    values: Float[Tensor, "*rows channels"], channels: Sequence[str], statistics: ChannelStatistics
) -> Float32[Tensor, "*rows channels"]:
    """Every channel less its mean, divided by its standard deviation; NaN (absence) stays NaN.

    A channel that never varied in training is only shifted.

    Args:
        values: Readings on a grid.
        channels: The names of the channels.
        statistics: Of the training data.

    Raises:
        ConfigError: The channels are others than in training, or one has readings here and had none there.
    """
    if tuple(channels) != statistics.channels:
        expected = ", ".join(statistics.channels)
        raise ConfigError(f"channels {', '.join(channels)}, but the model was trained on {expected}; give it those")
    unseen = [name for name, count in zip(channels, statistics.counts, strict=True) if not count]
    there = ~values.isnan().reshape(-1, len(channels)).all(dim=0)
    known_only_here = [name for name in unseen if there[list(channels).index(name)]]
    if known_only_here:
        names = ", ".join(known_only_here)
        raise ConfigError(f"no training video had {names}, so it cannot be standardised; train with it or leave it out")
    means = torch.tensor(statistics.means, dtype=torch.float64)
    stds = torch.tensor([std if std > 0 else 1.0 for std in statistics.stds], dtype=torch.float64)
    return ((values.double() - means) / stds).float()
