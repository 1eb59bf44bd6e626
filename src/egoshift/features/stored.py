"""Batches from feature stores: a clip is a window, a batch is one integer gather per stream."""

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float64, Int, Int64
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.errors import DataError, Fault
from egoshift.features.arrays import FeatureArray, fits_in_memory
from egoshift.features.batches import ALL, AbstractLabelledSource, clip_targets
from egoshift.features.coverage import uncovered
from egoshift.features.manifest import View
from egoshift.features.shards import Extent, ShardReader, Shards, shard_bytes
from egoshift.features.store import Store
from egoshift.features.windows import Windows, recorded
from egoshift.media import bin_centres, random_in_bins
from egoshift.records import Label

Streams = Mapping[str, tuple[Store, View]]
"""Per stream name, a store and one of its views."""


class StoredFeatures(AbstractLabelledSource):
    """Clips read from feature stores.

    Each clip is cut into equal bins, and the stored frame nearest to the asked time of each bin is taken, within the
    clip where a stored frame lies in it, so that a neighbouring clip's frames are never shown. All streams are asked
    for the same times; those of one store (hand and full views) show the same frames.

    Args:
        streams: Per stream name, a store and one of its views.
        clips: Clips with columns ``CLIP_SCHEMA``.
        optional: Names of streams that a clip may lack, as long as it has one stream; others must cover every clip. A
            sensor that was recorded for less than half of a clip's times is lacking.
        labels: Which kinds of label to give as targets; a missing label is -1.
        resident: Whether the arrays are read into memory; ``"auto"``: where they fit into a quarter of what is free.
            Those that take more than half of it are then read in shards (``egoshift.features.shards``).
        device: Where resident arrays lie and batches are put together.

    Attributes:
        clips: The clips that all stores cover, in the given order; row i is sample i.

    Raises:
        StoreError: A store lacks the view, or its features are not finite.
        DataError: No clip is covered; names every clip that is not.
    """

    clips: pl.DataFrame
    _shards: Shards | None
    _reader: ShardReader | None

    def __init__(
        self,
        streams: Streams,
        clips: pl.DataFrame,
        labels: Sequence[Label] = (),
        *,
        optional: Collection[str] = (),
        resident: bool | Literal["auto"] = "auto",
        device: torch.device | str = "cpu",
    ):
        stores = {store.path: store for store, _ in streams.values()}
        there, faults = _coverage(clips, streams, optional)
        covered = np.all([there[path] for path in _needed(streams, optional)] or [np.any(list(there.values()), 0)], 0)
        self.clips = clips.filter(pl.Series(covered, dtype=pl.Boolean))
        self._dropped = tuple(faults)
        if self.clips.is_empty():
            nothing = Fault(
                "no-clips", next(iter(stores)), "no clip is given that it covers", "extract the data set into it"
            )
            raise DataError([*faults, nothing])
        self._windows = {path: Windows.of(store, self.clips) for path, store in stores.items()}
        self._starts_s, self._stops_s = (self.clips[name].to_numpy() for name in ("start_s", "stop_s"))
        self._targets = clip_targets(self.clips, labels)
        self._groups = tuple(self.clips["video_id"].to_list())
        wanted = {(store.path, view): (store, view) for store, view in streams.values()}
        num_bytes = sum(store.array(view).nbytes for store, view in wanted.values())
        self._in_shards = resident == "auto" and not fits_in_memory(num_bytes, 0.5)
        resident = fits_in_memory(num_bytes) if resident == "auto" else resident
        arrays = {key: FeatureArray(*value, resident=resident, device=device) for key, value in wanted.items()}
        self._arrays = {name: arrays[store.path, view] for name, (store, view) in streams.items()}
        self._present = {name: torch.from_numpy(there[streams[name][0].path][covered]) for name in optional}
        self._divide()

    @property
    def dims(self) -> dict[str, int]:
        """Length of a feature, by stream."""
        return {name: array.store.dim for name, array in self._arrays.items()}

    @property
    def spans(self) -> Float64[Tensor, "n 2"]:
        """From when to when each clip lasts, in seconds of its video."""
        return torch.from_numpy(np.stack([self._starts_s, self._stops_s], 1))

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that its clips are of."""
        return tuple(sorted(self.clips["split"].drop_nulls().unique()))

    @property
    def dropped(self) -> tuple[Fault, ...]:
        """One fault for each clip that a store does not cover."""
        return self._dropped

    @property
    def resident(self) -> bool:
        """Whether the features lie in memory."""
        return all(array.resident for array in self._arrays.values())

    @property
    def shards(self) -> Int64[Tensor, " n"] | None:
        """See ``AbstractFeatureSource.shards``."""
        return None if self._shards is None else torch.from_numpy(self._shards.numbers)

    def read_ahead(self, order: Int[Tensor, " visited"]) -> None:
        """See ``AbstractFeatureSource.read_ahead``."""
        if self._shards is None:
            return
        if self._reader is None:
            self._reader = ShardReader(set(self._arrays.values()), self._shards)
        self._reader.follow(order.cpu().numpy())

    def batch(
        self,
        indices: Int[Tensor, " batch"],
        *,
        num_frames: int,
        generator: torch.Generator | None = None,
        share: slice = ALL,
    ) -> StreamBatch:
        """See ``AbstractFeatureSource.batch``."""
        chosen = indices.cpu().numpy()
        times_s = self._times(chosen, num_frames, generator)[share]
        chosen = chosen[share]
        rows = {path: windows.nearest(chosen, times_s) for path, windows in self._windows.items()}
        reader = self._reader if self._reader is not None and self._reader.holds(chosen) else None
        streams = {
            name: array.take(rows[array.store.path])
            if reader is None
            else reader.take(array, chosen, rows[array.store.path])
            for name, array in self._arrays.items()
        }
        return StreamBatch(streams, *self._known(indices[share]))

    def subset(self, indices: Int[Tensor, " chosen"]) -> "StoredFeatures":
        """See ``AbstractFeatureSource.subset``."""
        rows = indices.cpu().numpy()
        chosen = copy(self)
        chosen._keep(indices)
        chosen.clips = self.clips[rows]
        chosen._windows = {path: windows.subset(rows) for path, windows in self._windows.items()}
        chosen._starts_s, chosen._stops_s = self._starts_s[rows], self._stops_s[rows]
        chosen._divide()
        return chosen

    def _divide(self) -> None:
        """Puts the clips into shards, where features do not fit into memory; nothing is read yet."""
        self._shards = self._reader = None
        if not self._in_shards or self.clips.is_empty():
            return
        there = {path: np.ones(len(self.clips), bool) for path in self._windows}
        for name, present in self._present.items():
            there[self._arrays[name].store.path] = present.numpy()
        row_bytes = dict.fromkeys(self._windows, 0)
        for array in set(self._arrays.values()):
            row_bytes[array.store.path] += array.row_bytes
        extents = {
            path: Extent(*windows.spans(), there[path], row_bytes[path]) for path, windows in self._windows.items()
        }
        order = self.clips.with_row_index("place").sort("video_id", "start_s")["place"].to_numpy().astype(np.int64)
        self._shards = Shards.of(order, extents, shard_bytes())

    def _times(
        self, chosen: Int[np.ndarray, " batch"], num_frames: int, generator: torch.Generator | None
    ) -> Float64[np.ndarray, "batch bins"]:
        starts_s, stops_s = self._starts_s[chosen], self._stops_s[chosen]
        if generator is None:
            return bin_centres(starts_s, stops_s, num_frames)
        return random_in_bins(starts_s, stops_s, num_frames, generator)


def _needed(streams: Streams, optional: Collection[str]) -> set[Path]:
    """The stores that must cover every clip."""
    return {store.path for name, (store, _) in streams.items() if name not in optional}


def _coverage(
    clips: pl.DataFrame, streams: Streams, optional: Collection[str]
) -> tuple[dict[Path, Bool[np.ndarray, " clips"]], list[Fault]]:
    """Which clips each store covers, and a fault for each clip that is left out."""
    needed, there, faults = _needed(streams, optional), {}, list[Fault]()
    for store in {store.path: store for store, _ in streams.values()}.values():
        missing = uncovered(store, clips)
        own = np.ones(len(clips), dtype=bool)
        own[list(missing)] = False
        if "window" in store.views:
            unrecorded = own & ~recorded(store, clips)
            own &= ~unrecorded
            missing |= {index: _lacking(clips, index, [store]) for index in np.flatnonzero(unrecorded).tolist()}
        there[store.path] = own
        faults += missing.values() if store.path in needed else ()
    if not needed:
        nowhere = np.flatnonzero(~np.any(list(there.values()), 0)).tolist()
        faults += [_lacking(clips, index, [store for store, _ in streams.values()]) for index in nowhere]
    return there, faults


def _lacking(clips: pl.DataFrame, index: int, stores: Sequence[Store]) -> Fault:
    row = clips.row(index, named=True)
    places = ", ".join(str(path) for path in dict.fromkeys(store.path for store in stores))
    found = f"clip {row['clip_id']}: nothing was recorded of it in {places}"
    return Fault("not-recorded", Path(row["file"]), found, "nothing to do where the sensor was off", row["row"])
