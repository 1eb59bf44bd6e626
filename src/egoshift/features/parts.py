"""How a store comes to be on disk: one atomic part per finished video, then one merge.

Whatever is interrupted, what lies on disk is one of: a finished store; that and some finished parts in ``unfinished``;
that and a folder ``next`` whose content is thrown away (no manifest in it yet) or moved into place (manifest there).
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash
from jaxtyping import Float64
from safetensors import SafetensorError, safe_open

from egoshift.errors import StoreError
from egoshift.features.manifest import Manifest, VideoEntry
from egoshift.features.rows import Rows, chunks, map_rows, write_rows
from egoshift.features.store import MANIFEST, NEXT, UNFINISHED, array_layout, map_arrays, row_offsets
from egoshift.files import sync_folder, write_atomically


@dataclass(frozen=True)
class Part:
    """A finished video that is not merged yet.

    Attributes:
        path: Its file.
        video_id: Which video.
        entry: What the manifest will say of it.
    """

    path: Path
    video_id: str
    entry: VideoEntry

    def rows(self) -> Rows:
        """Its arrays, mapped."""
        return map_rows(self.path)

    def times(self) -> Float64[np.ndarray, " times"]:
        """Its times, in seconds."""
        with safe_open(self.path, framework="numpy") as file:
            times: Float64[np.ndarray, " times"] = file.get_tensor("times")
        return times


@contextmanager
def writing_to(store: Path) -> Iterator[None]:
    """Makes the folder of a store, and says what can be done where it cannot be written to."""
    try:
        store.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StoreError(
            f"{store}: cannot be written ({error.strerror or error}); make room or choose another folder, and run this "
            "again: videos that were finished are kept"
        ) from error


def write_part(store: Path, video_id: str, entry: VideoEntry, sources: Sequence[Rows]) -> Path:
    """Adds a finished video, whose rows may come from several sources, and says where."""
    name = f"{xxhash.xxh3_128_hexdigest(video_id.encode())}.safetensors"
    path = store / UNFINISHED / name
    write_rows(path, sources, {"video_id": video_id, "entry": entry.model_dump_json()})
    return path


def read_parts(store: Path) -> dict[str, Part]:
    """The finished parts by video id; a damaged one counts as not there."""
    parts = {}
    for path in sorted((store / UNFINISHED).glob("*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
            entry = VideoEntry.model_validate_json(metadata["entry"])
            parts[metadata["video_id"]] = Part(path, metadata["video_id"], entry)
        except (SafetensorError, KeyError, ValueError):
            path.unlink()
    return parts


def recover(store: Path) -> None:
    """Finishes or undoes a merge that was interrupted."""
    if (store / NEXT / MANIFEST).is_file():
        _move_into_place(store)
        shutil.rmtree(store / UNFINISHED, ignore_errors=True)
    elif (store / NEXT).is_dir():
        shutil.rmtree(store / NEXT)


def merge(store: Path, settings: Manifest, old: Manifest | None, parts: Mapping[str, Part]) -> None:
    """Writes the arrays anew with the parts in them, in the order of video ids, and puts them in place at once.

    Args:
        store: The folder.
        settings: The manifest to be, without its videos and hashes.
        old: The manifest of the arrays that are there; none when there are none.
        parts: What to add; replaces rows of the same video.
    """
    entries = dict(old.videos if old else {}) | {video_id: part.entry for video_id, part in parts.items()}
    videos = dict(sorted(entries.items()))
    arrays = map_arrays(store, old) if old else {}
    offsets = row_offsets(old) if old else {}
    shutil.rmtree(store / NEXT, ignore_errors=True)
    (store / NEXT).mkdir()
    layout = array_layout(settings.views, settings.encoder)
    num_rows = sum(entry.rows for entry in videos.values())
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(closing(_ArrayFile(store / NEXT / f"{name}.npy", dtype, (num_rows, *row_shape))))
            for name, (dtype, row_shape) in layout.items()
        }
        for video_id in videos:
            rows = parts[video_id].rows() if video_id in parts else rows_of(arrays, *offsets[video_id])
            for name, file in files.items():
                for chunk in chunks(rows[name]):
                    file.append(chunk)
        hashes = {name: file.complete() for name, file in files.items()}
    done = settings.model_copy(update={"videos": videos, "arrays": hashes})
    write_atomically(store / NEXT / MANIFEST, done.text().encode())
    recover(store)


def rows_of(arrays: Rows, first: int, num_rows: int) -> Rows:
    """The rows of one video of a store's arrays."""
    return {name: array[first : first + num_rows] for name, array in arrays.items()}


def _move_into_place(store: Path) -> None:
    finished = store / NEXT
    for path in sorted(finished.glob("*.npy")):
        path.replace(store / path.name)
    sync_folder(store)
    (finished / MANIFEST).replace(store / MANIFEST)
    shutil.rmtree(finished)
    sync_folder(store)


class _ArrayFile:
    """A ``.npy`` file of known shape that is written row by row and hashed on the way."""

    def __init__(self, path: Path, dtype: np.dtype, shape: tuple[int, ...]):
        self._file = path.open("wb")
        self._digest = xxhash.xxh3_128()
        self._dtype = dtype
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)

    def append(self, rows: npt.NDArray[np.generic]) -> None:
        content = np.ascontiguousarray(rows, self._dtype).data
        self._digest.update(content)
        self._file.write(content)

    def complete(self) -> str:
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._digest.hexdigest()

    def close(self) -> None:
        self._file.close()
