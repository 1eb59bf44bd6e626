"""What lies in the folder of a store, finished or not, and which of it is as it was written; nothing is changed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from egoshift.errors import StoreError
from egoshift.features.checksums import Damage, OnBytes, damages, whole_files
from egoshift.features.layout import MANIFEST, NEXT, UNFINISHED
from egoshift.features.lock import holder
from egoshift.features.manifest import Manifest
from egoshift.features.parts import Part, part_files, read_parts, take_out_damaged
from egoshift.files import UNFINISHED as TEMPORARY

SHARDS = "shards"
"""Where in ``unfinished`` workers write; left behind where they were killed."""


@dataclass(frozen=True)
class StoreInfo:
    """What a store's folder holds.

    Attributes:
        path: The folder.
        manifest: Of the finished arrays; none where there are none yet.
        settings: Of what is being added; none where nothing is.
        parts: Videos that are finished and wait to be merged.
        is_unfinished: Whether extraction was begun and has not ended.
        is_merging: Whether a merge was interrupted, or is going on.
        writer: Who is writing it.
        num_bytes: Of all files in it.
        leftovers: What killed writers left and nobody needs.
    """

    path: Path
    manifest: Manifest | None
    settings: Manifest | None
    parts: Mapping[str, Part]
    is_unfinished: bool
    is_merging: bool
    writer: str | None
    num_bytes: int
    leftovers: tuple[Path, ...]


def inspect(store: Path) -> StoreInfo:
    """Reads manifests and headers.

    Raises:
        StoreError: There is no store, or a manifest is damaged.
    """
    need_store(store)
    writer, parts = holder(store), read_parts(store)[0]
    files = [file for file in store.rglob("*") if file.is_file()]
    found = [read_manifest(store, folder) for folder in (NEXT, "", UNFINISHED)]
    return StoreInfo(
        store,
        manifest=found[0] or found[1],
        settings=found[2],
        parts=parts,
        is_unfinished=(store / UNFINISHED).is_dir(),
        is_merging=(store / NEXT).is_dir(),
        writer=writer,
        num_bytes=sum(_size(file) for file in files),
        leftovers=() if writer else leftovers(store),
    )


def verify(store: Path, progress: Callable[[int, int], None] | None = None) -> list[Damage]:
    """Reads every byte of a store, also of what waits to be merged, and compares it with the checksums.

    Args:
        store: The folder.
        progress: Called with the bytes of the finished arrays that have been read, and with all of them.

    Returns:
        What is damaged, a file each; nothing where all is as it was written.

    Raises:
        StoreError: There is no store, or another process is writing it.
    """
    need_store(store)
    if (writer := holder(store)) is not None:
        raise StoreError(f"{store}: {writer} is writing this store; verify it when that is done")
    found: list[Damage] = []
    manifests = {}
    for folder in (NEXT, "", UNFINISHED):
        try:
            manifests[folder] = read_manifest(store, folder)
        except StoreError as error:
            path = store / folder / MANIFEST
            found.append(Damage(path, str(error).removeprefix(f"{path}: ")))
    manifest = manifests.get(NEXT) or manifests.get("")
    if manifest is not None:
        files = array_files(store, manifest)
        found += damages(manifest, files, None if progress is None else _counted(progress, files.values()))
    return found + damaged_parts(store)


def damaged_parts(store: Path) -> list[Damage]:
    """Which of the videos that wait to be merged are not as they were written; reads all of them."""
    parts, unreadable = read_parts(store)
    damaged = take_out_damaged(parts)[1]
    found = [Damage(path, "is cut short, or its header is not as it was written") for path in unreadable]
    return found + [Damage(part.path, "rows are not as they were written", (part.video_id,)) for part in damaged]


def array_files(store: Path, manifest: Manifest) -> dict[str, Path]:
    """The files of the arrays by name, some of which an interrupted merge may not have moved into place yet."""
    files = whole_files(store, manifest)
    if (store / NEXT / MANIFEST).is_file():
        files = {name: store / NEXT / file.name if (store / NEXT / file.name).exists() else file
                 for name, file in files.items()}  # fmt: skip
    return files


def read_manifest(store: Path, folder: str = "") -> Manifest | None:
    """The manifest of a store, or of one of the folders in it; none where there is none.

    Raises:
        StoreError: It is damaged.
    """
    path = store / folder / MANIFEST
    return Manifest.read(path) if path.is_file() else None


def leftovers(store: Path) -> tuple[Path, ...]:
    """What killed writers left in the folder of a store that nobody is writing."""
    folders = (store, store / UNFINISHED)
    files = [file for folder in folders for file in sorted(folder.glob(f"*{TEMPORARY}")) if file.is_file()]
    shards = store / UNFINISHED / SHARDS
    return (*files, *([shards] if shards.is_dir() else []))


def need_store(store: Path) -> None:
    """Refuses a folder in which there is nothing of a store.

    Raises:
        StoreError: There is nothing.
    """
    if not ((store / MANIFEST).is_file() or (store / UNFINISHED).is_dir() or (store / NEXT).is_dir()):
        raise StoreError(f"{store}: no feature store is here; make one with 'egoshift extract'")


def num_waiting(store: Path) -> int:
    """How many videos wait to be merged."""
    return len(part_files(store))


def _counted(progress: Callable[[int, int], None], files: Iterable[Path]) -> OnBytes:
    total, done = sum(map(_size, files)), 0

    def read(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    return read


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # a writer has moved it meanwhile
        return 0
