"""How a store comes to be on disk: all of its arrays are written anew beside the old ones and put in place at once.

Whatever is interrupted, what lies on disk is one of: a finished store; that and some finished parts in ``unfinished``;
that and a folder ``next`` whose content is thrown away (no manifest in it yet) or moved into place (manifest there).
"""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from egoshift.errors import StoreError
from egoshift.features.checksums import npy_head
from egoshift.features.layout import MANIFEST, NEXT, UNFINISHED, array_layout, remedy, row_offsets
from egoshift.features.manifest import Manifest, VideoEntry
from egoshift.features.parts import Part, part_files, read_parts
from egoshift.features.rows import Rows, chunks
from egoshift.features.store import map_arrays
from egoshift.features.verified import check_all
from egoshift.files import make_folder, sync_folder, write_atomically

Source = Callable[[], Rows]
"""Gives the rows of a video when they are asked for."""


def merge(store: Path, settings: Manifest, old: Manifest | None, parts: Mapping[str, Part]) -> None:
    """Writes a store with parts in it beside what was there, in the order of video ids.

    Args:
        store: The folder.
        settings: The manifest to be, without its videos and hashes.
        old: The manifest of the arrays that are there; none when there are none.
        parts: What to add; replaces rows of the same video.

    Raises:
        StoreError: What was there, or a part, is not as it was written; a damaged part is removed, so that its video is
            encoded again.
    """
    sources: dict[str, tuple[VideoEntry, Source]] = {}
    if old is not None:
        if not all(entry.hashes for entry in old.videos.values()):  # they would be given hashes of whatever is there
            check_all(store, old)
        arrays = map_arrays(store, old)
        for video_id, offset in row_offsets(old).items():
            sources[video_id] = (old.videos[video_id], _part_of(arrays, *offset))
    sources |= {video_id: (part.entry, part.rows) for video_id, part in parts.items()}
    try:
        assemble(store, settings, sources)
    except DamagedRowsError as error:
        shutil.rmtree(store / NEXT)
        if error.video_id in parts:
            parts[error.video_id].path.unlink()
            raise StoreError(
                f"{store}: video {error.video_id!r} was damaged on the disk before it was added; run the same command "
                "again to encode it anew"
            ) from None
        raise StoreError(
            f"{store}: rows of video {error.video_id!r} are not as they were written; {remedy(store)}"
        ) from None


class DamagedRowsError(Exception):
    """Rows that are to be written do not have their checksum."""

    def __init__(self, video_id: str):
        self.video_id = video_id
        super().__init__(video_id)


def assemble(store: Path, settings: Manifest, sources: Mapping[str, tuple[VideoEntry, Source]]) -> None:
    """Writes all arrays of a store and puts them in place at once; whatever was there is replaced.

    Args:
        store: The folder.
        settings: The manifest to be, without its videos and hashes.
        sources: What the manifest is to say of each video, and its rows.

    Raises:
        DamagedRowsError: Rows do not have the hash of their entry; what was there is as before.
    """
    shutil.rmtree(store / NEXT, ignore_errors=True)
    make_folder(store / NEXT)
    layout = array_layout(settings.views, settings.encoder)
    count = sum(entry.rows for entry, _ in sources.values())
    videos: dict[str, VideoEntry] = {}
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(closing(_ArrayFile(store / NEXT / f"{name}.npy", dtype, (count, *row_shape))))
            for name, (dtype, row_shape) in layout.items()
        }
        for video_id, (entry, source) in sorted(sources.items()):
            rows = source()
            written = {name: file.append(rows[name]) for name, file in files.items()}
            known = entry.all_hashes() or {"times": entry.times_hash}
            if any(written[name] != value for name, value in known.items()):
                raise DamagedRowsError(video_id)
            hashes = {name: value for name, value in written.items() if name != "times"}
            videos[video_id] = entry.model_copy(update={"hashes": hashes})
        arrays = {name: file.complete() for name, file in files.items()}
    sync_folder(store / NEXT)  # the manifest says that they are there
    done = settings.model_copy(update={"videos": videos, "arrays": arrays})
    write_atomically(store / NEXT / MANIFEST, done.text().encode())
    recover(store)


def recover(store: Path) -> str | None:
    """Finishes or undoes a merge that was interrupted; says which, where there was one."""
    if (store / NEXT / MANIFEST).is_file():
        merged = Manifest.read(store / NEXT / MANIFEST)  # refused rather than put in the place of one that is whole
        _move_into_place(store)
        _remove_merged(store, merged)
        return "an interrupted merge was finished"
    if (store / NEXT).is_dir():
        shutil.rmtree(store / NEXT)
        return "an interrupted merge was undone; nothing of it is lost"
    return None


def rows_of(arrays: Rows, first: int, count: int) -> Rows:
    """The rows of one video of a store's arrays."""
    return {name: array[first : first + count] for name, array in arrays.items()}


def _part_of(arrays: Rows, first: int, count: int) -> Source:
    return lambda: rows_of(arrays, first, count)


def _remove_merged(store: Path, merged: Manifest) -> None:
    """Removes the parts that are in the arrays; after a repair others may still wait."""
    for part in read_parts(store)[0].values():
        if merged.videos.get(part.video_id) == part.entry:
            part.path.unlink()
    if not part_files(store):
        shutil.rmtree(store / UNFINISHED, ignore_errors=True)


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
        self._file.write(npy_head(dtype, shape))

    def append(self, rows: npt.NDArray[np.generic]) -> str:
        """Writes the rows of a video and gives their xxh3-64."""
        own = xxhash.xxh3_64()
        for chunk in chunks(rows):
            content = np.ascontiguousarray(chunk, self._dtype).data
            self._digest.update(content)
            own.update(content)
            self._file.write(content)
        return own.hexdigest()

    def complete(self) -> str:
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._digest.hexdigest()

    def close(self) -> None:
        self._file.close()
