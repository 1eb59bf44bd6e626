"""A damaged store becomes one that can be used: the videos that are whole stay, the others are named and dropped."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from egoshift.errors import StoreError
from egoshift.features.assembly import Source, assemble, recover
from egoshift.features.checksums import Damage, OnBytes, damages, find_rows, whole_files
from egoshift.features.condition import damaged_parts, leftovers, need_store, num_waiting, read_manifest
from egoshift.features.layout import MANIFEST, UNFINISHED, array_layout, bytes_per_row, row_offsets
from egoshift.features.lock import writing
from egoshift.features.manifest import Manifest, VideoEntry
from egoshift.features.parts import part_files, writing_to
from egoshift.features.rows import Rows, row_bytes
from egoshift.files import write_atomically
from egoshift.space import need_space

DAMAGED = "damaged"
"""As which a manifest counts the videos that were dropped, among those that failed."""


@dataclass(frozen=True)
class RepairReport:
    """What was done to a store.

    Attributes:
        kept: How many finished videos are in it.
        waiting: How many more are finished and wait for the extraction to go on.
        dropped: The videos whose rows were damaged, in the order of their ids.
        done: What was done, a line each; nothing where the store was sound.
    """

    kept: int
    waiting: int
    dropped: tuple[str, ...]
    done: tuple[str, ...]


def repair(store: Path, progress: OnBytes | None = None) -> RepairReport:
    """Makes a store whole again, out of those of its videos that are; of a sound one nothing is changed.

    An interrupted merge is finished or undone, and what killed writers left is removed. The same extraction then
    encodes what was dropped, and only that. May be killed at any moment, and called again.

    Args:
        store: The folder.
        progress: Told how many bytes more of the finished arrays have been read.

    Raises:
        StoreError: There is no store, another process is writing it, or nothing in it can be told to be whole.
        ConfigError: There is no room to write what is whole anew.
    """
    need_store(store)
    with writing_to(store), writing(store):
        done = [word for word in [recover(store)] if word is not None]
        for path in leftovers(store):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            done.append(f"{path}: left by a killed writer, removed")
        manifest = read_manifest(store)
        done += _repair_settings(store, manifest)
        dropped: list[str] = []
        for damage in damaged_parts(store):
            damage.path.unlink()
            done.append(f"{damage}; removed")
            dropped += damage.videos
        if manifest is not None:
            found = damages(manifest, whole_files(store, manifest), progress)
            dropped += _drop_damaged(store, manifest, found)
            done += map(str, found)
        left = read_manifest(store)
    return RepairReport(
        kept=len(left.videos) if left else 0,
        waiting=num_waiting(store),
        dropped=tuple(sorted(set(dropped))),
        done=tuple(done),
    )


def _repair_settings(store: Path, manifest: Manifest | None) -> list[str]:
    """Finished videos that wait are kept only where it is known what made them: they could be mixed with others."""
    try:
        read_manifest(store, UNFINISHED)
    except StoreError as error:
        if manifest is not None:
            settings = manifest.model_copy(update={"videos": {}, "arrays": {}, "failed": {}})
            write_atomically(store / UNFINISHED / MANIFEST, settings.text().encode())
            return [f"{error}; written again from the finished store's"]
        parts = part_files(store)
        shutil.rmtree(store / UNFINISHED)
        return [f"{error}; removed, with {len(parts)} finished videos of which nothing tells what made them"]
    return []


def _drop_damaged(store: Path, manifest: Manifest, found: list[Damage]) -> list[str]:
    """Writes the arrays anew with the videos that are whole, and names the others."""
    dropped = sorted({video for damage in found for video in damage.videos})
    if not found:
        return []
    if len(dropped) == len(manifest.videos):
        if not part_files(store):
            lines = "\n".join(map(str, found))
            raise StoreError(f"{lines}\n{store}: nothing in it can be told to be whole; delete it and extract again")
        (store / MANIFEST).unlink()
        for file in whole_files(store, manifest).values():
            file.unlink(missing_ok=True)
        return dropped
    kept = {video: entry for video, entry in manifest.videos.items() if video not in dropped}
    need_space(store, sum(entry.rows for entry in kept.values()) * bytes_per_row(manifest.views, manifest.encoder),
               f"features of {len(kept)} videos that are whole, written anew,")  # fmt: skip
    failed = dict(sorted((manifest.failed | dict.fromkeys(dropped, DAMAGED)).items()))
    assemble(store, manifest.model_copy(update={"failed": failed}), _sources(store, manifest, kept))
    return dropped


def _sources(store: Path, manifest: Manifest, kept: Mapping[str, VideoEntry]) -> dict[str, tuple[VideoEntry, Source]]:
    """The rows of some videos, wherever their files' heads say that they lie."""
    places = {name: find_rows(manifest, name, file) for name, file in whole_files(store, manifest).items()}
    layout, offsets = array_layout(manifest.views, manifest.encoder), row_offsets(manifest)

    def rows_of(video: str) -> Rows:
        first, count = offsets[video]
        return {
            name: np.memmap(
                place.path,
                layout[name][0],
                "r",
                place.begin + first * row_bytes(*layout[name]),
                (count, *layout[name][1]),
            )
            for name, place in places.items()
        }

    return {video: (entry, partial(rows_of, video)) for video, entry in kept.items()}
