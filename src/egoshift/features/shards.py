"""Features that do not fit into memory: the clips in shards, and shards read from the disk ahead of their use.

Clips in random order from a map that is larger than memory make the disk seek for each of them, and read most pages for
nothing. A shard is a run of clips whose features lie one after another in the stores. An epoch visits the shards in
random order, ``SHARDS_TOGETHER`` at a time, and the clips of these in random order (``egoshift.training.order``); so
each shard is read once an epoch, in one go, while the clips before it are trained on.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from egoshift.features.arrays import FeatureArray, fits_in_memory

SHARDS_TOGETHER = 8
"""Among how many shards clips are shuffled."""

_TOGETHER_BYTES = 1 << 30  # 1 GiB in use and as much read ahead; the same everywhere, for the same order everywhere


@dataclass(frozen=True)
class Extent:
    """Where the clips lie in a store.

    Attributes:
        first: For each clip, its first row.
        stop: For each clip, one after its last row.
        there: For each clip, whether the store holds it; where not, its rows mean nothing.
        row_bytes: Bytes of a row, of all views that are read.
    """

    first: Int64[np.ndarray, " n"]
    stop: Int64[np.ndarray, " n"]
    there: Bool[np.ndarray, " n"]
    row_bytes: int


@dataclass(frozen=True)
class Shards:
    """Clips in runs whose features lie together.

    Attributes:
        numbers: For each clip, its shard.
        rows: For each store, the rows that each shard is read from: the first, and one after the last.
    """

    numbers: Int64[np.ndarray, " n"]
    rows: Mapping[Path, Int64[np.ndarray, "shards 2"]]

    @classmethod
    def of(cls, order: Int64[np.ndarray, " n"], extents: Mapping[Path, Extent], num_bytes: int) -> "Shards":
        """Divides clips.

        Args:
            order: The clips as they lie in the stores, by video and time.
            extents: Where, by store.
            num_bytes: How much the shards are to have, of all stores; the windows of the last clips may exceed it.
        """
        reached = np.zeros(len(order), np.int64)
        for extent in extents.values():
            first = np.where(extent.there, extent.first, 0)[order]
            reached += np.maximum.accumulate(first) * extent.row_bytes
        numbers = np.empty(len(order), np.int64)
        numbers[order] = np.unique(reached // num_bytes, return_inverse=True)[1]
        return cls(numbers, {path: _rows(numbers, extent) for path, extent in extents.items()})

    def __len__(self) -> int:
        return int(self.numbers.max()) + 1


class ShardReader:
    """The shards that an order of clips needs now and next, in memory; a thread of its own reads them.

    Args:
        arrays: What to read, as mapped.
        shards: The clips.
    """

    def __init__(self, arrays: Collection[FeatureArray], shards: Shards):
        self._arrays, self._shards = tuple(arrays), shards
        self._longest = {path: int((rows[:, 1] - rows[:, 0]).max()) for path, rows in shards.rows.items()}
        self._buffers = {array: array.buffer(2 * SHARDS_TOGETHER * self._longest[array.store.path]) for array in arrays}
        self._slots = np.zeros(len(shards), np.int64)
        self._reads: dict[int, Future[None]] = {}
        self._pool = ThreadPoolExecutor(1, "shards")

    def follow(self, order: Int64[np.ndarray, " clip"]) -> None:
        """Begins to read for clips that will be taken in this order."""
        self._let_go(tuple(self._reads))
        numbers = self._shards.numbers[order]
        self._places = np.full(len(self._shards.numbers), -1)
        self._places[order] = np.arange(len(order))
        distinct, first = np.unique(numbers, return_index=True)
        self._last = np.full(len(self._shards), -1)
        self._last[numbers] = np.arange(len(order))  # of a shard's places the last stays
        self._waiting = deque(distinct[np.argsort(first)].tolist())
        self._free = list(range(2 * SHARDS_TOGETHER))
        self._read_on()

    def holds(self, chosen: Int64[np.ndarray, " batch"]) -> bool:
        """Whether these clips are in memory, after waiting for what is being read; lets go of those that came before.

        Not so of clips that the order does not have, or that it has elsewhere.
        """
        place = self._places[chosen].min()
        self._let_go([number for number in self._reads if self._last[number] < place])
        self._read_on()
        needed = np.unique(self._shards.numbers[chosen]).tolist()
        if not all(number in self._reads for number in needed):
            return False
        for number in needed:
            self._reads[number].result()
        return True

    def take(
        self, array: FeatureArray, chosen: Int64[np.ndarray, " batch"], rows: Int64[np.ndarray, "batch bins"]
    ) -> Float[Tensor, "batch bins dim"]:
        """Some rows of clips that are held, in float32; what a clip that a store lacks gets is finite."""
        numbers, path = self._shards.numbers[chosen], array.store.path
        first, stop = self._shards.rows[path][numbers].T[..., None]
        places = np.clip(rows - first, 0, stop - first - 1) + (self._slots[numbers] * self._longest[path])[:, None]
        return array.take_from(self._buffers[array], places)

    def _let_go(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            read = self._reads.pop(number)
            if not read.cancel():
                read.exception()  # waits for it: nobody else shall write there meanwhile
            self._free.append(int(self._slots[number]))

    def _read_on(self) -> None:
        while self._free and self._waiting:
            number = self._waiting.popleft()
            self._slots[number] = self._free.pop()
            self._reads[number] = self._pool.submit(self._read, number, int(self._slots[number]))

    def _read(self, number: int, slot: int) -> None:
        for array in self._arrays:
            first, stop = self._shards.rows[array.store.path][number].tolist()
            begin = slot * self._longest[array.store.path]
            array.read(first, self._buffers[array][begin : begin + stop - first])


def shard_bytes() -> int:
    """How much a shard has: 128 MiB, or less where all that are held would take more than a quarter of free memory."""
    together = _TOGETHER_BYTES
    while together > SHARDS_TOGETHER and not fits_in_memory(2 * together):
        together //= 2
    return together // SHARDS_TOGETHER


def _rows(numbers: Int64[np.ndarray, " n"], extent: Extent) -> Int64[np.ndarray, "shards 2"]:
    """The rows of each shard; one row, whichever, where a store holds none of its clips."""
    there, num_shards = extent.there, int(numbers.max()) + 1
    first, stop = np.full(num_shards, np.iinfo(np.int64).max), np.zeros(num_shards, np.int64)
    np.minimum.at(first, numbers[there], extent.first[there])
    np.maximum.at(stop, numbers[there], extent.stop[there])
    nothing = stop == 0
    return np.stack([np.where(nothing, 0, first), np.where(nothing, 1, stop)], 1)
