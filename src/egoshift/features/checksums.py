"""Every byte of a store against the checksums in its manifest, file by file and video by video, without mapping it."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import xxhash

from egoshift.features.layout import array_layout, num_rows
from egoshift.features.manifest import Manifest
from egoshift.features.rows import CHUNK_BYTES, row_bytes

OnBytes = Callable[[int], None]
"""Told how many bytes more have been read."""

_MAGIC = b"\x93NUMPY\x01\x00"
_SHOWN = 5  # videos that are named in a line


@dataclass(frozen=True)
class Damage:
    """What is wrong with one file of a store.

    Attributes:
        path: The file.
        found: What was found.
        videos: Whose rows are hit, or cannot be told to be whole.
    """

    path: Path
    found: str
    videos: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = ", ".join(self.videos[:_SHOWN]) + (" …" if len(self.videos) > _SHOWN else "")
        return f"{self.path}: {self.found}" + (f" ({len(self.videos)} videos: {named})" if self.videos else "")


@dataclass(frozen=True)
class ArrayOnDisk:
    """Where the rows of an array lie in its file.

    Attributes:
        path: The file.
        begin: Where the first row begins.
        excess: How many bytes there are after the last one; negative where some are missing.
        is_plain: Whether its head says what it is to say, so that it can be opened.
    """

    path: Path
    begin: int
    excess: int
    is_plain: bool


def whole_files(store: Path, manifest: Manifest) -> dict[str, Path]:
    """The files of a finished store's arrays, by name."""
    return {name: store / f"{name}.npy" for name in array_layout(manifest.views, manifest.encoder)}


def damages(manifest: Manifest, files: Mapping[str, Path], progress: OnBytes | None = None) -> list[Damage]:
    """Reads all arrays of a store, and says what of them is not as it was written, a file each.

    Args:
        manifest: What it says.
        files: Where the arrays are, by name.
        progress: Told as reading goes on.
    """
    found = [damage_of(manifest, name, file, progress or (lambda count: None)) for name, file in files.items()]
    return [damage for damage in found if damage is not None]


def damage_of(manifest: Manifest, name: str, file: Path, progress: OnBytes) -> Damage | None:
    """What is wrong with the file of one array, after reading all of it.

    In a store whose manifest has no checksums by video, any damage hits all of them.
    """
    everything = tuple(manifest.videos)
    try:
        place = find_rows(manifest, name, file)
        hit = _damaged_videos(manifest, name, place, progress)
    except OSError as error:
        return Damage(file, f"cannot be read ({error.strerror or error})", everything)
    if hit is None:
        return Damage(file, "has no checksum in the manifest", everything)
    if hit:
        cut = f"; {-place.excess} bytes are missing" if place.excess < 0 else ""
        return Damage(file, f"rows are not as they were written{cut}", hit)
    if not place.is_plain or place.excess:
        return Damage(file, "its head or its length is not as it was written; all rows are whole")
    return None


def find_rows(manifest: Manifest, name: str, file: Path) -> ArrayOnDisk:
    """Where the rows of an array are, whatever its head says.

    Raises:
        OSError: There is no such file, or it cannot be read.
    """
    dtype, row_shape = array_layout(manifest.views, manifest.encoder)[name]
    shape = (num_rows(manifest), *row_shape)
    with file.open("rb") as opened:
        begin = _begin(opened, dtype, shape)
    is_plain, begin = begin is not None, begin if begin is not None else len(npy_head(dtype, shape))
    size = row_bytes(dtype, row_shape) * shape[0]
    return ArrayOnDisk(file, begin, file.stat().st_size - begin - size, is_plain)


def npy_head(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """What a ``.npy`` file begins with."""
    head = BytesIO()
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, fields)
    return head.getvalue()


def _begin(file: BinaryIO, dtype: np.dtype, shape: tuple[int, ...]) -> int | None:
    """Where a file's rows begin; None where its head is not that of such an array.

    Read here and not by numpy, which raises whatever its parser does where a bit of a head is wrong.
    """
    if file.read(len(_MAGIC)) != _MAGIC:
        return None
    length = int.from_bytes(file.read(2), "little")
    try:
        found = ast.literal_eval(file.read(length).decode("latin-1"))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    wanted = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    return file.tell() if found == wanted else None


def _damaged_videos(manifest: Manifest, name: str, place: ArrayOnDisk, progress: OnBytes) -> tuple[str, ...] | None:
    """Whose rows are not as they were written; None where that cannot be told."""
    dtype, row_shape = array_layout(manifest.views, manifest.encoder)[name]
    each = row_bytes(dtype, row_shape)
    entries = manifest.videos
    digests: list[xxhash.xxh3_64 | xxhash.xxh3_128]
    labels: list[tuple[str, ...]]
    if all(name in entry.all_hashes() for entry in entries.values()):
        sizes = [entry.rows * each for entry in entries.values()]
        digests = [xxhash.xxh3_64() for _ in sizes]
        wanted = [entry.all_hashes()[name] for entry in entries.values()]
        labels = [(video,) for video in entries]
    elif name in manifest.arrays:
        sizes, digests = [num_rows(manifest) * each], [xxhash.xxh3_128()]
        wanted, labels = [manifest.arrays[name]], [tuple(entries)]
    else:
        return None
    found = _digests(place, sizes, digests, progress)
    hit = [video for label, own, right in zip(labels, found, wanted, strict=True) if own != right for video in label]
    return tuple(hit)


def _digests(
    place: ArrayOnDisk, sizes: Sequence[int], digests: Sequence["xxhash.xxh3_64 | xxhash.xxh3_128"], progress: OnBytes
) -> Iterator[str | None]:
    """The hash of each stretch of a file, one after another; None where the file ends within it."""
    buffer = memoryview(bytearray(CHUNK_BYTES))
    with place.path.open("rb", buffering=0) as file:
        file.seek(place.begin)
        for size, digest in zip(sizes, digests, strict=True):
            left = size
            while left:
                count = file.readinto(buffer[: min(left, CHUNK_BYTES)])
                if not count:
                    break
                digest.update(buffer[:count])
                left -= count
                progress(count)
            yield None if left else digest.hexdigest()
