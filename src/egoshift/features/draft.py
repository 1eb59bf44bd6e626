"""A store while it is being written: what was there, what has been added, and how it is finished."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from egoshift.errors import DataError, Fault
from egoshift.features.assembly import merge, rows_of
from egoshift.features.condition import SHARDS
from egoshift.features.layout import MANIFEST, UNFINISHED, bytes_per_row, row_offsets
from egoshift.features.manifest import FeatureError, Manifest
from egoshift.features.parts import read_parts, take_out_damaged, write_part
from egoshift.features.rows import Rows, map_rows, times_of
from egoshift.features.store import Store, map_arrays
from egoshift.features.verified import check_once
from egoshift.features.wanted import Kept, Wanted
from egoshift.files import sync_folder, write_atomically
from egoshift.space import need_space

_NO_CLIPS = "no clip of the data set can be used"


class Draft:
    """A store that is being written by this process alone.

    Args:
        path: Its folder.
        settings: The manifest to be, without videos.
        old: The manifest of what was finished before; none where nothing was.

    Attributes:
        notices: What a person should know: finished videos that were damaged on the disk since.
    """

    def __init__(self, path: Path, settings: Manifest, old: Manifest | None):
        self._path = path
        self._settings = settings
        self._old = old
        found, unreadable = read_parts(path)
        self._parts, damaged = take_out_damaged(found)
        for file in (*unreadable, *(part.path for part in damaged)):
            file.unlink()
        named = [f"video {part.video_id!r}" for part in damaged] + [f"a video in {file.name}" for file in unreadable]
        self.notices = tuple(f"{path}: {one} was damaged on the disk; it is encoded again" for one in named)
        self._arrays = map_arrays(path, old) if old else {}
        self._offsets = row_offsets(old) if old else {}

    @classmethod
    def begin(cls, path: Path, settings: Manifest) -> "Draft":
        """Takes up what lies in the folder of a store.

        Raises:
            StoreError: It was made with other settings, or is damaged.
        """
        found = {
            name: Manifest.read(path / name / MANIFEST) if (path / name / MANIFEST).is_file() else None
            for name in ("", UNFINISHED)
        }
        for manifest in found.values():
            if manifest is not None:
                manifest.expect(path, settings.settings())
                # Names that may differ (encoder.id) stay as first written; versions are collected.
                libraries = {
                    name: tuple(sorted({*versions, *settings.libraries.get(name, ())}))
                    for name, versions in manifest.libraries.items()
                }
                kept = {"encoder": manifest.encoder, "libraries": libraries, "error": settings.error or manifest.error}
                settings = settings.model_copy(update=kept)
        if (old := found[""]) is not None:
            map_arrays(path, old)
            check_once(path, old)  # now rather than after days of encoding, when its rows are written anew
        return cls(path, settings, old)

    def kept(self) -> dict[str, Kept]:
        """What is stored of each video, finished or not."""
        old = dict(self._old.videos if self._old else {})
        kept = {video_id: Kept(entry, self._old_rows(video_id)["times"]) for video_id, entry in old.items()}
        return kept | {video_id: Kept(part.entry, part.times()) for video_id, part in self._parts.items()}

    @property
    def error(self) -> FeatureError | None:
        """That of the features, as far as it has been measured."""
        return self._settings.error

    def note_error(self, error: FeatureError) -> None:
        """Keeps what was measured, for the manifest."""
        self._settings = self._settings.model_copy(update={"error": error})

    def check_space(self, wanted: Sequence[Wanted]) -> None:
        """Refuses to begin what would fill the disk before it is done.

        A part is written for every video with something missing, while its rows lie in a file of their own; then all
        of the store is written beside what there was.

        Raises:
            ConfigError: There is too little room.
        """
        todo = sorted(len(video.missing_s) for video in wanted if len(video.missing_s))
        if not todo and not self._parts:
            return
        merged = [*(self._old.videos if self._old else {}).values(), *(part.entry for part in self._parts.values())]
        at_once = sum(todo[-(os.cpu_count() or 1) :])
        rows = sum(todo) + at_once + sum(todo) + sum(entry.rows for entry in merged)
        each = bytes_per_row(self._settings.views, self._settings.encoder)
        need_space(self._path, rows * each, f"features of {len(todo)} more videos, written twice when they are merged,")

    def open(self) -> None:
        """Marks the store as unfinished."""
        write_atomically(self._path / UNFINISHED / MANIFEST, self._settings.text().encode())

    def add(self, video: Wanted, rows: Rows) -> None:
        """Adds the missing rows of a video to those that were there."""
        sources = [rows]
        if not video.replaced and video.video_id in self._parts:
            sources.append(self._parts[video.video_id].rows())
        elif not video.replaced and video.video_id in self._offsets:
            sources.append(self._old_rows(video.video_id))
        write_part(self._path, video.video_id, video.entry(times_of(sources)), sources)

    def take(self, video: Wanted, part: Path) -> None:
        """Adds a part with the missing rows of a video that another process wrote into a shard of this store."""
        if not video.replaced and (video.video_id in self._parts or video.video_id in self._offsets):
            self.add(video, map_rows(part))
            part.unlink()
        else:
            part.replace(self._path / UNFINISHED / part.name)
            sync_folder(self._path / UNFINISHED)

    @property
    def room(self) -> Path:
        """Where there is room for rows that are being encoded."""
        return self._path / UNFINISHED

    def shards(self) -> Path:
        """An empty folder for what other processes write; those of a run that was killed write there no more."""
        folder = self._path.resolve() / UNFINISHED / SHARDS
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def finish(self, asked: set[str], unusable: Mapping[str, Fault], faults: Sequence[Fault]) -> Store:
        """Merges all parts into the store and opens it.

        Args:
            asked: The videos that were to be encoded in this call.
            unusable: Videos that could not be, and why.
            faults: Everything that was left out, for the case that nothing is left.

        Raises:
            DataError: There is nothing to store.
        """
        parts, _ = read_parts(self._path)
        if not parts and self._old is None:
            shutil.rmtree(self._path / UNFINISHED, ignore_errors=True)
            nothing = Fault("no-clips", self._path, _NO_CLIPS, "correct what is named above, or add clips")
            raise DataError([*faults, nothing])
        settings = self._settings.model_copy(update={"failed": self._failed(asked, unusable, set(parts))})
        if parts:
            merge(self._path, settings, self._old, parts)
        elif self._old is not None and self._old.failed != settings.failed:
            noted = self._old.model_copy(update={"failed": settings.failed})
            write_atomically(self._path / MANIFEST, noted.text().encode())
        shutil.rmtree(self._path / UNFINISHED, ignore_errors=True)
        return Store.open(self._path, check=False)  # every byte was compared, or hashed, as it was written

    def _failed(self, asked: set[str], unusable: Mapping[str, Fault], added: set[str]) -> dict[str, str]:
        """The kind of fault of each video of which the store holds nothing."""
        failed = {video_id: kind for video_id, kind in (self._old.failed if self._old else {}).items()}
        failed = {video_id: kind for video_id, kind in failed.items() if video_id not in asked}
        failed |= {video_id: fault.kind for video_id, fault in unusable.items()}
        stored = added | set(self._offsets)
        return {video_id: failed[video_id] for video_id in sorted(failed) if video_id not in stored}

    def _old_rows(self, video_id: str) -> Rows:
        return rows_of(self._arrays, *self._offsets[video_id])
