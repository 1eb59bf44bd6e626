"""One view of a store, ready to be gathered from: in memory, or mapped."""

import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float16, Int64, Shaped, UInt8
from torch import Tensor

from egoshift.errors import StoreError
from egoshift.features.manifest import View
from egoshift.features.store import Store
from egoshift.processes import processes

_ROWS_AT_ONCE = 1 << 15
_EXPONENT = 0x7C00  # of float16


class FeatureArray:
    """The features of one view of a store.

    Args:
        store: Where they lie.
        view: Which view.
        resident: Whether to read all of it into memory, and to look for NaN at once; else a row is looked at when it is
            taken for the first time.
        device: Where it lies when resident, and where what is taken goes.

    Attributes:
        store: Where they lie.
        view: Which view.
        resident: Whether they are in memory.

    Raises:
        StoreError: A feature is not finite.
    """

    def __init__(self, store: Store, view: View, *, resident: bool, device: torch.device | str):
        self.store = store
        self.view = view
        self.resident = resident
        self._device = torch.device(device)
        self._features = torch.from_numpy(store.array(view))
        self._unseen = np.ones(len(store), bool)
        if resident:
            for first in range(0, len(store), _ROWS_AT_ONCE):
                stop = min(first + _ROWS_AT_ONCE, len(store))
                self.check(self._features[first:stop], np.arange(first, stop))
            self._features = self._features.to(self._device, copy=True)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row as it is stored."""
        return self._features.element_size() * self.store.dim

    def take(self, rows: Int64[np.ndarray, "batch bins"]) -> Float[Tensor, "batch bins dim"]:
        """Some rows, in float32."""
        return self.take_stored(rows).float()

    def take_stored(
        self, rows: Int64[np.ndarray, "batch bins"]
    ) -> Float16[Tensor, "batch bins dim"] | UInt8[Tensor, "batch bins dim"]:
        """Some rows as they are stored: float16, or the bytes of pictures."""
        flat = rows.reshape(-1)
        indices = torch.from_numpy(flat)
        if self.resident:
            taken = self._features.index_select(0, indices.to(self._device))
        elif not self._unseen[flat].any():
            taken = self._features.index_select(0, indices).to(self._device)
        else:
            # In the order of the file, and each row once: pages are read once and one after another.
            distinct, places = torch.unique(indices, return_inverse=True)
            found = self._features.index_select(0, distinct)
            self.check(found, distinct.numpy())
            self._unseen[distinct.numpy()] = False
            taken = found.index_select(0, places).to(self._device)
        return taken.view(*rows.shape, -1)

    def buffer(self, num_rows: int) -> Float16[Tensor, "rows dim"] | UInt8[Tensor, "rows dim"]:
        """Memory for so many rows as they are stored, with nothing in it yet."""
        return self._features.new_empty((num_rows, self.store.dim))

    def read(self, first: int, into: Shaped[Tensor, "rows dim"]) -> None:
        """Reads rows one after another from the file, past the map; refuses those that are not finite.

        Args:
            first: The first row.
            into: Where to; as many rows as it has.
        """
        for begin in range(0, len(into), _ROWS_AT_ONCE):
            piece = into[begin : begin + _ROWS_AT_ONCE]
            rows = np.arange(first + begin, first + begin + len(piece))
            self.store.read(self.view, first + begin, piece.numpy())
            if self._unseen[rows].any():
                self.check(piece, rows)
                self._unseen[rows] = False

    def take_from(
        self, buffer: Shaped[Tensor, "held dim"], places: Int64[np.ndarray, "batch bins"]
    ) -> Float[Tensor, "batch bins dim"]:
        """Some rows of a buffer that this was read into, in float32."""
        taken = buffer.index_select(0, torch.from_numpy(places.reshape(-1)))
        return taken.view(*places.shape, -1).to(self._device).float()

    def check(self, found: Shaped[Tensor, "rows dim"], rows: Int64[np.ndarray, " rows"]) -> None:
        """Refuses features that are not finite.

        Args:
            found: As they are stored.
            rows: Which rows they are.
        """
        if not found.is_floating_point():
            return  # pictures are bytes
        # NaN and infinity alone have all exponent bits set; comparing integers is several times faster than isfinite.
        if ((found.view(torch.int16) & _EXPONENT) == _EXPONENT).any():
            row = int(rows[(~torch.isfinite(found).all(1)).numpy()][0])
            video_id, first = next(
                (video, first) for video, (first, num) in self.store.offsets.items() if first <= row < first + num
            )
            raise StoreError(
                f"{self.store.path / self.view}.npy: row {row} (video {video_id!r}, {self.store.times_s[row]:.3f} s, "
                f"its row {row - first}) holds NaN or infinity; delete the store and extract again"
            )


def fits_in_memory(num_bytes: int, share: float = 0.25) -> bool:
    """Whether this takes less than a share of the memory that is free now, in all processes of a shared job."""
    return num_bytes * processes().on_machine < share * free_bytes()


def free_bytes() -> int:
    """Memory that can be taken without swapping, as the kernel says; without its word, that of the free pages."""
    meminfo = Path("/proc/meminfo")
    for line in meminfo.read_text().splitlines() if meminfo.is_file() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
