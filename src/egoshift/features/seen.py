"""Samples of which only some streams are seen, as where labels are to be learned from one sensor alone."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float64, Int, Int64
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.errors import Fault
from egoshift.features.batches import ALL, AbstractFeatureSource
from egoshift.records import Label


class SeenBy(AbstractFeatureSource):
    """Another source's samples, of which only some streams are seen; samples that have none of these stay.

    Args:
        source: The samples.
        streams: The streams that are seen.
    """

    def __init__(self, source: AbstractFeatureSource, streams: Sequence[str]):
        self._source, self._seen = source, tuple(streams)

    @property
    def dims(self) -> Mapping[str, int]:
        """Length of a feature, by stream that is seen."""
        return {name: dim for name, dim in self._source.dims.items() if name in self._seen}

    @property
    def targets(self) -> Mapping[Label, Int[Tensor, " n"]]:
        """As the source's."""
        return self._source.targets

    @property
    def groups(self) -> tuple[str, ...]:
        """As the source's."""
        return self._source.groups

    @property
    def spans(self) -> Float64[Tensor, "n 2"] | None:
        """As the source's."""
        return self._source.spans

    @property
    def splits(self) -> tuple[str, ...]:
        """As the source's."""
        return self._source.splits

    @property
    def present(self) -> Mapping[str, Bool[Tensor, " n"]]:
        """As the source's, of the streams that are seen."""
        return {name: value for name, value in self._source.present.items() if name in self._seen}

    @property
    def dropped(self) -> tuple[Fault, ...]:
        """As the source's."""
        return self._source.dropped

    @property
    def shards(self) -> Int64[Tensor, " n"] | None:
        """As the source's."""
        return self._source.shards

    def read_ahead(self, order: Int[Tensor, " visited"]) -> None:
        """See ``AbstractFeatureSource.read_ahead``."""
        self._source.read_ahead(order)

    def batch(
        self,
        indices: Int[Tensor, " batch"],
        *,
        num_frames: int,
        generator: torch.Generator | None = None,
        share: slice = ALL,
    ) -> StreamBatch:
        """See ``AbstractFeatureSource.batch``."""
        whole = self._source.batch(indices, num_frames=num_frames, generator=generator, share=share)
        streams = {name: value for name, value in whole.streams.items() if name in self._seen}
        present = {name: value for name, value in whole.present.items() if name in self._seen}
        return StreamBatch(streams, present, whole.targets)

    def subset(self, indices: Int[Tensor, " chosen"]) -> "SeenBy":
        """See ``AbstractFeatureSource.subset``."""
        return SeenBy(self._source.subset(indices), self._seen)
