"""Finished videos that wait to be merged into a store: one atomic file each, with checksums of its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import xxhash
from jaxtyping import Float64
from numpy import ndarray

from egoshift.errors import StoreError
from egoshift.features.layout import UNFINISHED
from egoshift.features.manifest import VideoEntry
from egoshift.features.rows import Rows, damaged_arrays, read_rows, write_rows
from egoshift.files import make_folder

SUFFIX = ".safetensors"


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
        return read_rows(self.path).rows

    def times(self) -> Float64[ndarray, " times"]:
        """Its times, in seconds."""
        times: Float64[ndarray, " times"] = self.rows()["times"]
        return times

    def is_whole(self) -> bool:
        """Whether its bytes are those that were written; reads all of it."""
        return not damaged_arrays(self.rows(), self.entry.all_hashes())


@contextmanager
def writing_to(store: Path) -> Iterator[None]:
    """Makes the folder of a store, and says what can be done where it cannot be written to."""
    try:
        make_folder(store)
        yield
    except OSError as error:
        raise StoreError(
            f"{store}: cannot be written ({error.strerror or error}); make room or choose another folder, and run this "
            "again: videos that were finished are kept"
        ) from error


def write_part(store: Path, video_id: str, entry: VideoEntry, sources: Sequence[Rows]) -> Path:
    """Adds a finished video, whose rows may come from several sources, and says where."""
    name = f"{xxhash.xxh3_128_hexdigest(video_id.encode())}{SUFFIX}"
    path = store / UNFINISHED / name
    write_rows(path, sources, {"video_id": video_id, "entry": entry.model_dump_json()})
    return path


def read_part(path: Path) -> Part:
    """A part, of which only the header is read.

    Raises:
        ValueError: It is none, or its header is damaged.
    """
    found = read_rows(path)
    try:
        entry, video_id = VideoEntry.model_validate_json(found.metadata["entry"]), found.metadata["video_id"]
    except KeyError as error:
        raise ValueError(f"lacks {error}") from None
    hashes = dict(found.hashes)
    if hashes.pop("times") != entry.times_hash:
        raise ValueError("says two things of its times")
    return Part(path, video_id, entry.model_copy(update={"hashes": hashes}))


def read_parts(store: Path) -> tuple[dict[str, Part], tuple[Path, ...]]:
    """The finished parts by video id, and the files of those that are damaged as far as their headers tell."""
    parts: dict[str, Part] = {}
    damaged = []
    for path in part_files(store):
        try:
            part = read_part(path)
        except ValueError:
            damaged.append(path)
        else:
            parts[part.video_id] = part
    return parts, tuple(damaged)


def take_out_damaged(parts: Mapping[str, Part]) -> tuple[dict[str, Part], tuple[Part, ...]]:
    """Parts without those that are not as they were written, and these; reads all of them."""
    damaged = tuple(part for part in parts.values() if not part.is_whole())
    return {video_id: part for video_id, part in parts.items() if part not in damaged}, damaged


def part_files(store: Path) -> list[Path]:
    """The files of parts, whole or not."""
    return sorted((store / UNFINISHED).glob(f"*{SUFFIX}"))
