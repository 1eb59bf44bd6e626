"""Which stores have been compared with their checksums, so that opening one again does not read all of it again.

A store is compared as a whole when it is opened for the first time, at the speed of the disk, and again after any of
its files changed. Small ones are compared each time. Of large ones it is remembered for the user, outside the store,
which may be read-only, by the size, the inode and the times of change of each file: what changes behind the back of
the file system (a disk that forgets) is found by ``egoshift store verify``, which always reads everything.

``EGOSHIFT_VERIFY`` says otherwise: ``always``, or ``never``.
"""

import json
import logging
import os
import time
from pathlib import Path

import xxhash

from egoshift.errors import ConfigError, StoreError
from egoshift.features.checksums import damages, whole_files
from egoshift.features.layout import remedy
from egoshift.features.manifest import Manifest
from egoshift.files import write_atomically
from egoshift.foreign import parse_json
from egoshift.processes import processes
from egoshift.space import in_units

SMALL_BYTES = 1 << 26
"""Up to so many bytes (some hundredths of a second) a store is compared at every opening."""

LARGE_BYTES = 1 << 30
"""From so many on that is told."""

VARIABLE = "EGOSHIFT_VERIFY"
_WHEN = ("once", "always", "never")
_SETTLED_S = 2.0  # a file that changed just now may change again within the same tick of the file system's clock
_MOST = 1000  # stores that are remembered

_log = logging.getLogger("egoshift.features")


def check_once(store: Path, manifest: Manifest) -> None:
    """Compares a store's files with its manifest unless that was done since they changed.

    Of several processes that share a job, one on each machine does.

    Raises:
        StoreError: Something is not as it was written.
        ConfigError: ``EGOSHIFT_VERIFY`` is none of ``once``, ``always`` and ``never``.
    """
    when = os.environ.get(VARIABLE) or "once"
    if when not in _WHEN:
        raise ConfigError(f"{VARIABLE} is {when!r}; expected one of {', '.join(_WHEN)}")
    if when == "never" or processes().local_rank:
        return
    files = whole_files(store, manifest)
    num_bytes = sum(file.stat().st_size for file in files.values())
    stamp = _stamp(manifest, files)
    remembers = when == "once" and num_bytes > SMALL_BYTES
    if remembers and _read(store) == stamp:
        return
    if num_bytes > LARGE_BYTES:
        _log.info("%s: comparing %s with their checksums; %s=never leaves this out",
                  store, in_units(num_bytes), VARIABLE)  # fmt: skip
    began_s = time.time()
    check_all(store, manifest)
    if remembers and max(file.stat().st_ctime for file in files.values()) < began_s - _SETTLED_S:
        _remember(store, stamp)


def check_all(store: Path, manifest: Manifest) -> None:
    """Compares every byte of a store's files with its manifest.

    Raises:
        StoreError: Something is not as it was written; names the files and the videos.
    """
    if found := damages(manifest, whole_files(store, manifest)):
        raise StoreError("\n".join(f"{damage}; {remedy(store)}" for damage in found))


def _stamp(manifest: Manifest, files: dict[str, Path]) -> str:
    """What changes when a file does, or when the manifest says something else of it."""
    facts: list[object] = [dict(manifest.arrays)]
    for name, file in sorted(files.items()):
        found = file.stat()
        facts.append(
            [name, found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, manifest.arrays.get(name)]
        )
    hashes = [entry.model_dump() for entry in manifest.videos.values()]
    return xxhash.xxh3_128_hexdigest(json.dumps([facts, hashes]).encode())


def _place(store: Path) -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    name = xxhash.xxh3_128_hexdigest(os.fsencode(store.resolve()))
    return Path(root).expanduser() / "egoshift" / "verified" / f"{name}.json"


def _read(store: Path) -> str | None:
    try:
        found = parse_json(_place(store).read_bytes())
        return str(found["stamp"]) if found["store"] == str(store.resolve()) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(store: Path, stamp: str) -> None:
    """Writes it down where that is possible; what is forgotten is compared again."""
    place = _place(store)
    try:
        write_atomically(place, json.dumps({"store": str(store.resolve()), "stamp": stamp}).encode(), durable=False)
        kept = sorted(place.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-_MOST]:
            path.unlink(missing_ok=True)
    except OSError:
        return
