"""Where batches come from: the contract of every feature source, and what those with labels of their own share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float64, Int, Int64
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.errors import Fault
from egoshift.records import Label

ALL = slice(None)
"""Every sample of a batch."""


class AbstractFeatureSource(ABC):
    """Labelled clips with features in named streams; the only thing that training and evaluation read."""

    @property
    @abstractmethod
    def dims(self) -> Mapping[str, int]:
        """Length of a feature, by stream."""

    @property
    @abstractmethod
    def targets(self) -> Mapping[Label, Int[Tensor, " n"]]:
        """Class index of each sample by kind of label; -1 where it is not annotated."""

    @property
    @abstractmethod
    def groups(self) -> tuple[str, ...]:
        """The video of each sample; intervals are taken over these."""

    @property
    def spans(self) -> Float64[Tensor, "n 2"] | None:
        """From when to when each sample lasts, in seconds of its video; None where that is not known."""
        return None

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits of the data set that its samples are of, sorted; none where that is not known."""
        return ()

    @property
    def present(self) -> Mapping[str, Bool[Tensor, " n"]]:
        """Which samples have which stream; a stream that is not named is present everywhere."""
        return {}

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams."""
        return tuple(self.dims)

    @property
    def dropped(self) -> tuple[Fault, ...]:
        """What was asked for and cannot be given."""
        return ()

    @property
    def shards(self) -> Int64[Tensor, " n"] | None:
        """Where features do not fit into memory: for each sample the number of its shard, which is read in one go.

        None where samples in any order are as quickly read.
        """
        return None

    def read_ahead(self, order: Int[Tensor, " visited"]) -> None:  # noqa: B027 - most sources have nothing to read
        """Says in which order samples will be asked for, so that a source in shards can read them before.

        Batches are the same without; samples may then be asked for in other orders too, or not at all.
        """

    def __len__(self) -> int:
        return len(self.groups)

    @abstractmethod
    def batch(
        self,
        indices: Int[Tensor, " batch"],
        *,
        num_frames: int,
        generator: torch.Generator | None = None,
        share: slice = ALL,
    ) -> StreamBatch:
        """Features and labels of some samples, in float32.

        A sample is cut into ``num_frames`` equal bins and gives one frame of each; all streams show the same ones.

        Args:
            indices: Which samples, in any order.
            num_frames: Frames per sample.
            generator: Draws a random frame from each bin, for training; none takes the centres, for evaluation.
            share: Which of these samples to give; frames are drawn for all, so that several processes which share a
                batch see the frames that one would.
        """

    @abstractmethod
    def subset(self, indices: Int[Tensor, " chosen"]) -> "AbstractFeatureSource":
        """Some of the samples as a source of their own, sharing memory."""


class AbstractLabelledSource(AbstractFeatureSource):
    """A source that itself holds who has which stream, and the labels and the video of each sample."""

    _targets: dict[Label, Tensor]
    _groups: tuple[str, ...]
    _present: dict[str, Tensor]

    @property
    def targets(self) -> dict[Label, Int[Tensor, " n"]]:
        """Class index of each sample by kind of label; -1 where it is not annotated."""
        return dict(self._targets)

    @property
    def groups(self) -> tuple[str, ...]:
        """The video of each sample, or what else it belongs to."""
        return self._groups

    @property
    def present(self) -> dict[str, Bool[Tensor, " n"]]:
        """Which samples have which stream; a stream that is not named is present everywhere."""
        return dict(self._present)

    def _known(self, indices: Int[Tensor, " batch"]) -> tuple[dict[str, Tensor], dict[Label, Tensor]]:
        """Presence and targets of some samples."""
        present = {name: values[indices.to(values.device)] for name, values in self._present.items()}
        targets = {label: values[indices.to(values.device)] for label, values in self._targets.items()}
        return present, targets

    def _keep(self, indices: Int[Tensor, " chosen"]) -> None:
        """Leaves out what is held here of all samples but some; for a copy."""
        self._present, self._targets = self._known(indices)
        self._groups = tuple(self._groups[row] for row in indices.tolist())


def clip_targets(clips: pl.DataFrame, labels: Sequence[Label]) -> dict[Label, Int64[Tensor, " clips"]]:
    """The class index of each clip by kind of label; -1 where it is not annotated."""
    return {label: torch.from_numpy(clips[label].fill_null(-1).to_numpy().astype(np.int64)) for label in labels}
