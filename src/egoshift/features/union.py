"""Several stores of the same settings, made into one."""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from egoshift.errors import StoreError
from egoshift.features.assembly import DamagedRowsError, Source, assemble, recover, rows_of
from egoshift.features.layout import MANIFEST, NEXT, UNFINISHED, bytes_per_row, remedy
from egoshift.features.lock import LOCK, writing
from egoshift.features.manifest import Manifest, VideoEntry
from egoshift.features.parts import writing_to
from egoshift.features.rows import Rows, hash_of
from egoshift.features.store import Store, map_arrays
from egoshift.files import UNFINISHED as UNFINISHED_FILE
from egoshift.space import need_space


def merge_stores(paths: Sequence[Path], out: Path) -> Store:
    """Writes the videos of several stores into a new one, which has the bytes of one that was extracted at once.

    All rows are compared with their checksums on the way. The given stores stay as they are. May be killed at any
    moment; the same call begins again.

    Args:
        paths: Finished stores of the same encoder, views and rate; a video may be in several with the same content.
        out: A new folder.

    Raises:
        StoreError: Settings differ, a video differs between two stores, one is damaged or unfinished, or there is
            something else at ``out`` than these would make.
        ConfigError: There is too little room at ``out``.
    """
    if (out / UNFINISHED).exists():
        raise StoreError(f"{out}: an extraction is unfinished here; give another folder to merge into")
    if foreign := _foreign_to(out):
        raise StoreError(f"{out}: holds something else, such as {foreign}; give a new folder to merge into")
    stores = [Store.open(path, check=False) for path in paths]  # each row is compared when it is copied
    settings = _common(stores)
    sources, kept_in = _sources(stores)
    rows = sum(entry.rows for entry, _ in sources.values())
    need_space(out, rows * bytes_per_row(settings.views, settings.encoder), f"features of {len(sources)} videos")
    with writing_to(out), writing(out):
        recover(out)
        try:
            if (out / MANIFEST).exists():
                _check_same(out, settings, sources)
            else:
                assemble(out, settings, sources)
        except DamagedRowsError as error:
            shutil.rmtree(out / NEXT)
            path = kept_in[error.video_id]
            raise StoreError(
                f"{path}: rows of video {error.video_id!r} are not as they were written; {remedy(path)}"
            ) from None
    return Store.open(out, check=False)


def _foreign_to(out: Path) -> str | None:
    """A file that no store has, in a folder that is neither a store nor one in which a merge was interrupted."""
    if not out.is_dir():
        return None
    begun = sorted((out / NEXT).iterdir()) if (out / NEXT).is_dir() else []
    foreign = [path for path in begun if path.suffix not in (".npy", UNFINISHED_FILE) and path.name != MANIFEST]
    if (out / MANIFEST).exists():
        try:
            Manifest.read(out / MANIFEST)
        except StoreError:
            foreign.append(out / MANIFEST)
    else:
        foreign += [path for path in sorted(out.iterdir()) if path.suffix != ".npy" and path.name not in (LOCK, NEXT)]
    return str(foreign[0].relative_to(out)) if foreign else None


def _check_same(out: Path, settings: Manifest, sources: Mapping[str, tuple[VideoEntry, Source]]) -> None:
    """Refuses a store that is there already, but one that the same call has made before it was interrupted."""
    there = Manifest.read(out / MANIFEST)
    asked = {video: entry for video, (entry, _) in sources.items()}
    if there.videos != asked or there.settings() != settings.settings():
        raise StoreError(f"{out}: another store is here already; give another folder to merge into")


def _common(stores: Sequence[Store]) -> Manifest:
    """The manifest of all of them, without videos.

    Raises:
        StoreError: Settings differ; names each of them and both values.
    """
    first = stores[0]
    faults = [
        f"{store.path}: {name} is {other}, and {own} in {first.path}; only stores of the same settings can be merged"
        for store in stores[1:]
        for name, own, other in first.manifest.differences(store.manifest.settings())
    ]
    if faults:
        raise StoreError("\n".join(faults))
    manifests = [store.manifest for store in stores]
    names = sorted({name for manifest in manifests for name in manifest.libraries})
    libraries = {name: tuple(sorted({v for one in manifests for v in one.libraries.get(name, ())})) for name in names}
    there = {video for manifest in manifests for video in manifest.videos}
    failed = {video: kind for one in reversed(manifests) for video, kind in one.failed.items() if video not in there}
    values = {
        "libraries": libraries,
        "failed": dict(sorted(failed.items())),
        "error": next((one.error for one in manifests if one.error is not None), None),
    }
    return first.manifest.model_copy(update=values)


def _sources(stores: Sequence[Store]) -> tuple[dict[str, tuple[VideoEntry, Source]], Mapping[str, Path]]:
    """The rows of each video, and in which store they are.

    Raises:
        StoreError: A video is in two stores with different content; names both.
    """
    sources: dict[str, tuple[VideoEntry, Source]] = {}
    kept_in: dict[str, Path] = {}
    faults = []
    for store in stores:
        arrays = map_arrays(store.path, store.manifest)
        for video, offset in store.offsets.items():
            source = partial(rows_of, arrays, *offset)
            entry = _with_hashes(store.manifest.videos[video], source)
            if video not in sources:
                sources[video], kept_in[video] = (entry, source), store.path
            elif not _alike(sources[video][0], entry):
                other = f"{kept_in[video]} ({_difference(sources[video][0], entry)})"
                faults.append(
                    f"{store.path}: video {video!r} is not the same in {other}; leave one of the two stores out, or "
                    "extract them together"
                )
    if faults:
        raise StoreError("\n".join(faults))
    return sources, kept_in


def _with_hashes(entry: VideoEntry, source: Source) -> VideoEntry:
    """What an older manifest does not say of a video."""
    if entry.hashes:
        return entry
    rows: Rows = source()
    return entry.model_copy(update={"hashes": {name: hash_of(rows[name]) for name in rows if name != "times"}})


def _alike(one: VideoEntry, other: VideoEntry) -> bool:
    """Whether two entries say the same, as far as both say it."""
    unsaid = {name: "" for name in ("read_as", "hands") if "" in (getattr(one, name), getattr(other, name))}
    return one.model_copy(update=unsaid) == other.model_copy(update=unsaid)


def _difference(one: VideoEntry, other: VideoEntry) -> str:
    """In what two entries of one video differ, in words."""
    if (one.num_bytes, one.fingerprint) != (other.num_bytes, other.fingerprint):
        return "another file"
    if one.read_as and other.read_as and one.read_as != other.read_as:
        return "read in another way"
    if one.hands and other.hands and one.hands != other.hands:
        return "other hand detections"
    return "other times" if one.times_hash != other.times_hash else "other features"
