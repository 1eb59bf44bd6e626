"""Streams of several sources as one: stored features of some modalities, signals of others."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float64, Int, Int64
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.errors import Fault
from egoshift.features.batches import ALL, AbstractFeatureSource
from egoshift.records import Label


class JoinedFeatures(AbstractFeatureSource):
    """The same samples, with all streams of several sources.

    Args:
        sources: At least one; each of the same samples in the same order, with streams of its own. Labels, videos and
            times are the first's.
    """

    def __init__(self, sources: Sequence[AbstractFeatureSource]):
        names = [name for source in sources for name in source.streams]
        assert len({source.groups for source in sources}) == 1, "sources of the same samples"
        assert len(set(names)) == len(names), "each stream once"
        self._sources = tuple(sources)

    @property
    def dims(self) -> Mapping[str, int]:
        """Length of a feature, by stream."""
        return {name: dim for source in self._sources for name, dim in source.dims.items()}

    @property
    def targets(self) -> Mapping[Label, Int[Tensor, " n"]]:
        """As the first source's."""
        return self._sources[0].targets

    @property
    def groups(self) -> tuple[str, ...]:
        """As the first source's."""
        return self._sources[0].groups

    @property
    def spans(self) -> Float64[Tensor, "n 2"] | None:
        """As the first source's."""
        return self._sources[0].spans

    @property
    def splits(self) -> tuple[str, ...]:
        """As the first source's."""
        return self._sources[0].splits

    @property
    def present(self) -> Mapping[str, Bool[Tensor, " n"]]:
        """Which samples have which stream."""
        return {name: value for source in self._sources for name, value in source.present.items()}

    @property
    def dropped(self) -> tuple[Fault, ...]:
        """What the sources could not give."""
        return tuple(fault for source in self._sources for fault in source.dropped)

    @property
    def shards(self) -> Int64[Tensor, " n"] | None:
        """Of the first source that has some."""
        return next((source.shards for source in self._sources if source.shards is not None), None)

    def read_ahead(self, order: Int[Tensor, " visited"]) -> None:
        """See ``AbstractFeatureSource.read_ahead``."""
        for source in self._sources:
            source.read_ahead(order)

    def batch(
        self,
        indices: Int[Tensor, " batch"],
        *,
        num_frames: int,
        generator: torch.Generator | None = None,
        share: slice = ALL,
    ) -> StreamBatch:
        """See ``AbstractFeatureSource.batch``; in training the sources draw their places one after the other."""
        batches = [
            source.batch(indices, num_frames=num_frames, generator=generator, share=share) for source in self._sources
        ]
        return StreamBatch(
            {name: value for batch in batches for name, value in batch.streams.items()},
            {name: value for batch in batches for name, value in batch.present.items()},
            batches[0].targets,
        )

    def subset(self, indices: Int[Tensor, " chosen"]) -> "JoinedFeatures":
        """See ``AbstractFeatureSource.subset``."""
        return JoinedFeatures([source.subset(indices) for source in self._sources])
