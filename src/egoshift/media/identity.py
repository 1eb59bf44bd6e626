"""Whether a file is still the one that it was: told by its size and its ends, since videos take long to read."""

import os
from collections.abc import Iterable
from pathlib import Path

import xxhash

from egoshift.remote import ranges

_ENDS_BYTES = 1 << 16


def identity(path: Path) -> tuple[int, str]:
    """Size and fingerprint of a video file or of a folder of frames: enough to notice that it is another one."""
    digest = xxhash.xxh3_64()
    if path.is_dir():
        sizes = {entry.name: entry.stat().st_size for entry in path.iterdir() if entry.is_file()}
        for name in sorted(sizes):
            digest.update(f"{name} {sizes[name]}\n".encode())
        return sum(sizes.values()), digest.hexdigest()
    with ranges(path) or path.open("rb") as file:
        num_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
        digest.update(file.read(_ENDS_BYTES))
        file.seek(max(0, num_bytes - _ENDS_BYTES))
        digest.update(file.read(_ENDS_BYTES))
    return num_bytes, digest.hexdigest()


def fingerprint_of(paths: Iterable[Path]) -> str:
    """Fingerprint of several files together; empty where one cannot be read, which is told when it is used."""
    try:
        return identity_of(paths)[1]
    except OSError:
        return ""


def identity_of(paths: Iterable[Path]) -> tuple[int, str]:
    """Size and fingerprint of several files together, such as the tables of one sensor; of those that are there."""
    digest, total = xxhash.xxh3_64(), 0
    for path in sorted(path for path in paths if path.exists()):
        num_bytes, fingerprint = identity(path)
        digest.update(f"{path.name} {num_bytes} {fingerprint}\n".encode())
        total += num_bytes
    return total, digest.hexdigest()
