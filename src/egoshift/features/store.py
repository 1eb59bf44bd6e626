"""The time-keyed feature store: one flat array per view, one list of times per video.

On disk a store is a folder::

    manifest.json       what made it, which videos it holds with how many rows, and a checksum of each one's rows
    times.npy           float64 (rows,): seconds; videos one after another in the order of their ids
    full.npy, hand.npy  float16 (rows, dim): one per view; of pictures (encoder ``pixels:…``) uint8
    hand_boxes.npy      float32 (rows, 4): with the hand view, what it shows
    hand_origins.npy    uint8 (rows,): where each box came from
    present.npy         uint8 (rows,): with windows of a sensor, whether it was recorded there; else the row is zero

While extraction is unfinished there is a folder ``unfinished`` beside them, and the store is not read: numbers from
some of the videos would silently be numbers of another data set.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from jaxtyping import Float16, Float32, Float64, Int64, UInt8

from egoshift.errors import StoreError
from egoshift.features.checksums import find_rows
from egoshift.features.layout import MANIFEST, NEXT, UNFINISHED, array_layout, num_rows, remedy, row_offsets
from egoshift.features.manifest import Manifest, View
from egoshift.features.verified import check_all, check_once


class Store:
    """A finished feature store, memory-mapped.

    Per video and view it holds features at a sorted list of times. A clip is a window into it.

    Attributes:
        path: Its folder.
        manifest: What made it and what is in it.
        offsets: ``(first_row, num_rows)`` by video id; rows of a video are sorted by time.
        times_s: The time of each row, in seconds.
    """

    def __init__(self, path: Path, manifest: Manifest, arrays: Mapping[str, npt.NDArray[np.generic]]):
        self.path = path
        self.manifest = manifest
        self.offsets = row_offsets(manifest)
        self.times_s: Float64[np.ndarray, " rows"] = np.asarray(arrays["times"])
        self._arrays = dict(arrays)

    @classmethod
    def open(cls, path: Path, *, expect: Mapping[str, object] | None = None, check: bool = True) -> "Store":
        """Opens a finished store; reads the manifest, maps the rest, and compares all of it with its checksums.

        The files are compared when they are opened for the first time by this user, or after they changed; see
        ``egoshift.features.verified``.

        Args:
            path: The folder that ``extract`` wrote.
            expect: Settings it must have been made with, by dotted manifest name, such as
                ``{"encoder.sha256": card.sha256}``.
            check: Whether they are compared.

        Raises:
            StoreError: Nothing is there, extraction is unfinished, a file is damaged, or settings differ.
        """
        unfinished = path / UNFINISHED
        if unfinished.is_dir() or (path / NEXT).is_dir():
            parts = len(list(unfinished.glob("*.safetensors")))
            raise StoreError(
                f"{path}: extraction is unfinished ({parts} videos wait to be added); run the same 'egoshift extract' "
                "again: it goes on from there"
            )
        if not (path / MANIFEST).is_file():
            raise StoreError(f"{path}: no feature store is here; make one with 'egoshift extract'")
        manifest = Manifest.read(path / MANIFEST)
        manifest.expect(path, expect or {})
        arrays = map_arrays(path, manifest)
        if check:
            check_once(path, manifest)
        return cls(path, manifest, arrays)

    @property
    def views(self) -> tuple[View, ...]:
        """The views it holds."""
        return self.manifest.views

    @property
    def dim(self) -> int:
        """Length of a feature."""
        return self.manifest.encoder.dim

    def __len__(self) -> int:
        return len(self.times_s)

    def times(self, video_id: str) -> Float64[np.ndarray, " times"]:
        """The stored times of a video, in seconds, ascending."""
        first, num_rows = self._offset(video_id)
        return self.times_s[first : first + num_rows]

    def array(self, view: View) -> Float16[np.ndarray, "rows dim"] | UInt8[np.ndarray, "rows dim"]:
        """The features of a view, all videos one after another, as a memory map."""
        return self._array(view)

    def read(
        self, view: View, first: int, into: Float16[np.ndarray, "rows dim"] | UInt8[np.ndarray, "rows dim"]
    ) -> None:
        """Reads rows of a view one after another from the file, so that no page of the map is touched.

        Args:
            view: Which view.
            first: The first row.
            into: Where to; as many rows as it has.

        Raises:
            StoreError: The file was cut short since it was opened.
        """
        array = self._array(view)
        if not isinstance(array, np.memmap):  # its content is in memory
            into[:] = array[first : first + len(into)]
            return
        left = into.view(np.uint8).reshape(-1).data
        with (self.path / f"{view}.npy").open("rb", buffering=0) as file:
            file.seek(array.offset + first * array.strides[0])
            while left:
                count = file.readinto(left)
                if not count:
                    raise StoreError(f"{file.name}: ends before its last row; {remedy(self.path)}")
                left = left[count:]

    @property
    def hand_boxes(self) -> Float32[np.ndarray, "rows 4"]:
        """Left, top, right, bottom of what the hand view shows, as shares of the frame."""
        return self._array("hand_boxes")

    @property
    def hand_origins(self) -> UInt8[np.ndarray, " rows"]:
        """Where each hand box came from, as an index into ``egoshift.media.ORIGINS``."""
        return self._array("hand_origins")

    @property
    def recorded(self) -> Int64[np.ndarray, " recorded"]:
        """The rows in which there is something: all of them, but for sensors that were off or have gaps."""
        if "window" not in self.views:
            return np.arange(len(self), dtype=np.int64)
        return np.flatnonzero(self._array("present")).astype(np.int64)

    def in_memory(self) -> "Store":
        """The same content without the files behind it."""
        return Store(self.path, self.manifest, {name: np.array(array) for name, array in self._arrays.items()})

    def as_one(self, video_id: str, duration_s: float) -> "Store":
        """All videos as one, where they are pieces of it that lie in order; a time that is stored twice counts once.

        Args:
            video_id: What the one is called.
            duration_s: How long it is.
        """
        order = np.unique(np.rint(self.times_s * 1e6).astype(np.int64), return_index=True)[1]
        whole = len(order) == len(self)
        arrays = {name: array if whole else array[order] for name, array in self._arrays.items()}
        first = next(iter(self.manifest.videos.values()))
        entry = first.model_copy(update={"rows": len(order), "duration_s": duration_s})
        manifest = self.manifest.model_copy(update={"videos": {video_id: entry}, "failed": {}})
        return Store(self.path, manifest, arrays)

    def verify(self) -> None:
        """Compares every byte of its files with the checksums in the manifest.

        Raises:
            StoreError: An array is not what extraction wrote; names the videos.
        """
        check_all(self.path, self.manifest)

    def _offset(self, video_id: str) -> tuple[int, int]:
        if video_id not in self.offsets:
            raise StoreError(
                f"{self.path}: holds no video {video_id!r} (it holds {len(self.offsets)}); extract it into this store"
            )
        return self.offsets[video_id]

    def _array(self, name: str) -> npt.NDArray[np.generic]:
        if name not in self._arrays:
            raise StoreError(
                f"{self.path}: holds the views {', '.join(self.views)}, and {name!r} is asked for; "
                "extract with that view into another folder"
            )
        return self._arrays[name]


def map_arrays(path: Path, manifest: Manifest) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of a store as memory maps, checked against the manifest.

    Raises:
        StoreError: One is missing, cut short or of another shape.
    """
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name, (dtype, row_shape) in array_layout(manifest.views, manifest.encoder).items():
        file, shape = path / f"{name}.npy", (num_rows(manifest), *row_shape)
        try:
            place = find_rows(manifest, name, file)
        except OSError as error:
            raise StoreError(f"{file}: cannot be read ({error.strerror or error}); {remedy(path)}") from None
        if not place.is_plain or place.excess:
            raise StoreError(f"{file}: holds no {dtype} of shape {shape}, as the manifest says; {remedy(path)}")
        # Copy-on-write, because torch warns about memory that it cannot write to; nothing is ever written.
        arrays[name] = np.memmap(file, dtype, "c", place.begin, shape)
    return arrays
