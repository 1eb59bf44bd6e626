"""Batches from feature stores: a clip is a window, a batch is one integer gather per stream."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Literal

import numpy as np
import polars as pl
import torch
from jaxtyping import Float64, Int
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.errors import DataError, Fault
from egoshift.features.arrays import FeatureArray, fits_in_memory
from egoshift.features.batches import AbstractFeatureSource
from egoshift.features.coverage import uncovered
from egoshift.features.manifest import View
from egoshift.features.store import Store
from egoshift.features.windows import Windows
from egoshift.media import bin_centres, random_in_bins
from egoshift.records import Label


class StoredFeatures(AbstractFeatureSource):
    """Clips read from feature stores.

    Each clip is cut into equal bins, and the stored frame nearest to the asked time of each bin is taken, within the
    clip where a stored frame lies in it, so that a neighbouring clip's frames are never shown. All streams are asked
    for the same times; those of one store (hand and full views) show the same frames.

    Args:
        streams: Per stream name, a store and one of its views.
        clips: Clips with columns ``CLIP_SCHEMA``.
        labels: Which kinds of label to give as targets; a missing label is -1.
        resident: Whether the arrays are read into memory; ``"auto"``: where they fit into a quarter of what is free.
        device: Where resident arrays lie and batches are put together.

    Attributes:
        clips: The clips that all stores cover, in the given order; row i is sample i.

    Raises:
        StoreError: A store lacks the view, or its features are not finite.
        DataError: No clip is covered; names every clip that is not.
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
        stores = {store.path: store for store, _ in streams.values()}
        covered = np.ones(len(clips), dtype=bool)
        faults: list[Fault] = []
        for store in stores.values():
            missing = uncovered(store, clips)
            covered[list(missing)] = False
            faults += missing.values()
        self.clips = clips.filter(pl.Series(covered, dtype=pl.Boolean))
        self._dropped = tuple(faults)
        if self.clips.is_empty():
            nothing = Fault(
                "no-clips", next(iter(stores)), "no clip is given that it covers", "extract the data set into it"
            )
            raise DataError([*faults, nothing])
        self._windows = {path: Windows.of(store, self.clips) for path, store in stores.items()}
        self._starts_s, self._stops_s = (self.clips[name].to_numpy() for name in ("start_s", "stop_s"))
        self._targets = {
            label: torch.from_numpy(self.clips[label].fill_null(-1).to_numpy().astype(np.int64)) for label in labels
        }
        self._groups = tuple(self.clips["video_id"].to_list())
        wanted = {(store.path, view): (store, view) for store, view in streams.values()}
        if resident == "auto":
            resident = fits_in_memory(sum(store.array(view).nbytes for store, view in wanted.values()))
        arrays = {key: FeatureArray(*value, resident=resident, device=device) for key, value in wanted.items()}
        self._arrays = {name: arrays[store.path, view] for name, (store, view) in streams.items()}

    @property
    def dims(self) -> dict[str, int]:
        """Length of a feature, by stream."""
        return {name: array.store.dim for name, array in self._arrays.items()}

    @property
    def targets(self) -> dict[Label, Tensor]:
        """Class index of each clip by kind of label; -1 where it is not annotated."""
        return dict(self._targets)

    @property
    def groups(self) -> tuple[str, ...]:
        """The video of each clip."""
        return self._groups

    @property
    def dropped(self) -> tuple[Fault, ...]:
        """One fault for each clip that a store does not cover."""
        return self._dropped

    @property
    def resident(self) -> bool:
        """Whether the features lie in memory."""
        return all(array.resident for array in self._arrays.values())

    def batch(
        self, indices: Int[Tensor, " batch"], *, num_frames: int, generator: torch.Generator | None = None
    ) -> StreamBatch:
        """See ``AbstractFeatureSource.batch``."""
        chosen = indices.cpu().numpy()
        times_s = self._times(chosen, num_frames, generator)
        rows = {path: windows.nearest(chosen, times_s) for path, windows in self._windows.items()}
        streams = {name: array.take(rows[array.store.path]) for name, array in self._arrays.items()}
        return StreamBatch(streams, targets={label: values[indices.cpu()] for label, values in self._targets.items()})

    def subset(self, indices: Int[Tensor, " chosen"]) -> "StoredFeatures":
        """See ``AbstractFeatureSource.subset``."""
        rows = indices.cpu().numpy()
        chosen = copy(self)
        chosen.clips = self.clips[rows]
        chosen._windows = {path: windows.subset(rows) for path, windows in self._windows.items()}
        chosen._starts_s, chosen._stops_s = self._starts_s[rows], self._stops_s[rows]
        chosen._targets = {label: values[indices.cpu()] for label, values in self._targets.items()}
        chosen._groups = tuple(self._groups[row] for row in rows)
        return chosen

    def _times(
        self, chosen: Int[np.ndarray, " batch"], num_frames: int, generator: torch.Generator | None
    ) -> Float64[np.ndarray, "batch bins"]:
        starts_s, stops_s = self._starts_s[chosen], self._stops_s[chosen]
        if generator is None:
            return bin_centres(starts_s, stops_s, num_frames)
        return random_in_bins(starts_s, stops_s, num_frames, generator)
