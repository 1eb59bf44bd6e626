"""One view of a store, ready to be gathered from: in memory, or mapped."""

import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float16, Int64, UInt8
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
        resident: Whether to read all of it into memory, and to look for NaN once; else each batch is looked through.
        device: Where it lies when resident, and where what is taken goes.

    Attributes:
        store: Where they lie.
        resident: Whether they are in memory.

    Raises:
        StoreError: A feature is not finite.
    """

    def __init__(self, store: Store, view: View, *, resident: bool, device: torch.device | str):
        self.store = store
        self.resident = resident
        self._view = view
        self._device = torch.device(device)
        self._features = torch.from_numpy(store.array(view))
        self._may_be_infinite = self._features.is_floating_point()  # pictures are bytes
        if resident:
            for first in range(0, len(self._features) if self._may_be_infinite else 0, _ROWS_AT_ONCE):
                self._check(torch.arange(first, min(first + _ROWS_AT_ONCE, len(self._features))))
            self._features = self._features.to(self._device, copy=True)

    def take(self, rows: Int64[np.ndarray, "batch bins"]) -> Float[Tensor, "batch bins dim"]:
        """Some rows, in float32."""
        flat = torch.from_numpy(rows.reshape(-1))
        if self.resident:
            taken = self._features.index_select(0, flat.to(self._device)).float()
        else:
            # In the order of the file, and each row once: pages are read once and one after another.
            distinct, places = torch.unique(flat, return_inverse=True)
            taken = self._check(distinct).index_select(0, places).to(self._device).float()
        return taken.view(*rows.shape, -1)

    def _check(self, rows: Int64[Tensor, " rows"]) -> Float16[Tensor, "rows dim"] | UInt8[Tensor, "rows dim"]:
        """Some rows as they are stored, all finite."""
        found = self._features.index_select(0, rows)
        if not self._may_be_infinite:
            return found
        # NaN and infinity alone have all exponent bits set; comparing integers is several times faster than isfinite.
        if ((found.view(torch.int16) & _EXPONENT) == _EXPONENT).any():
            row = int(rows[~torch.isfinite(found).all(1)][0])
            video_id, first = next(
                (video, first) for video, (first, num) in self.store.offsets.items() if first <= row < first + num
            )
            raise StoreError(
                f"{self.store.path / self._view}.npy: row {row} (video {video_id!r}, {self.store.times_s[row]:.3f} s, "
                f"its row {row - first}) holds NaN or infinity; delete the store and extract again"
            )
        return found


def fits_in_memory(num_bytes: int) -> bool:
    """Whether this takes less than a quarter of the memory that is free now, in all processes of a shared job."""
    return num_bytes * processes().on_machine < free_bytes() / 4


def free_bytes() -> int:
    """Memory that can be taken without swapping, as the kernel says; without its word, that of the free pages."""
    meminfo = Path("/proc/meminfo")
    for line in meminfo.read_text().splitlines() if meminfo.is_file() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
