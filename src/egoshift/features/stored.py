"""Batches from feature stores: a clip is a window, a batch is one integer gather per stream."""

from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl
import torch
from jaxtyping import Int
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.errors import Fault
from egoshift.features.batches import AbstractFeatureSource
from egoshift.features.manifest import View
from egoshift.features.store import Store
from egoshift.records import Label


class StoredFeatures(AbstractFeatureSource):
    """Clips read from feature stores.

    Each clip is cut into equal bins, and the stored frame nearest to the asked time of each bin (within the clip where
    there is one) is taken. All streams are asked for the same times, so hand and full views show the same frames.

    Attributes:
        clips: The clips that all stores cover, in the given order; row i is sample i.
        dropped: One fault for each clip that a store does not cover.

    Args:
        streams: Per stream name, a store and one of its views.
        clips: Clips with columns ``CLIP_SCHEMA``.
        labels: Which kinds of label to give as targets; a missing label is -1.
        resident: Whether the arrays are read into memory; ``"auto"``: where they fit into a quarter of what is free.
        device: Where resident arrays lie and batches are put together.

    Raises:
        StoreError: A store lacks the view, or its features are not finite.
        DataError: No clip is covered.
    """

    clips: pl.DataFrame

    def __init__(
        self,
        streams: Mapping[str, tuple[Store, View]],
        clips: pl.DataFrame,
        labels: Sequence[Label] = (),
        *,
        resident: bool | Literal["auto"] = "auto",
        device: torch.device | str = "cpu",
    ):
        raise NotImplementedError

    @property
    def dims(self) -> dict[str, int]:
        """Length of a feature, by stream."""
        raise NotImplementedError

    @property
    def targets(self) -> dict[Label, Tensor]:
        """Class index of each clip by kind of label; -1 where it is not annotated."""
        raise NotImplementedError

    @property
    def groups(self) -> tuple[str, ...]:
        """The video of each clip."""
        raise NotImplementedError

    @property
    def dropped(self) -> tuple[Fault, ...]:
        """The clips that a store does not cover."""
        raise NotImplementedError

    def batch(
        self, indices: Int[Tensor, " batch"], *, num_frames: int, generator: torch.Generator | None = None
    ) -> StreamBatch:
        """See ``AbstractFeatureSource.batch``."""
        raise NotImplementedError

    def subset(self, indices: Int[Tensor, " chosen"]) -> "StoredFeatures":
        """See ``AbstractFeatureSource.subset``."""
        raise NotImplementedError
