"""Faults of a disk, by a small C library that stands before the C library's own calls (``faults.c``)."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Action = Literal["none", "kill", "full", "faulty", "short"]
"""What befalls a call: nothing; the process is killed before it; it and all that needs room fails with ENOSPC from then
on; it fails with EIO, once; a write writes half, and then the disk is full."""

ACTIONS: tuple[Action, ...] = ("none", "kill", "full", "faulty", "short")
SOURCE = Path(__file__).with_name("faults.c")


@dataclass(frozen=True)
class Call:
    """A call that changes something on disk.

    Attributes:
        number: From 1, among those of its process.
        operation: ``open`` (that makes a file), ``scratch`` (of a file without a name), ``write``, ``fsync``,
            ``rename``, ``truncate``, ``reserve``, ``mkdir`` or ``remove``.
        num_bytes: That a write was asked for.
        path: Of what.
        new_path: Of a rename.
    """

    number: int
    operation: str
    num_bytes: int
    path: str
    new_path: str = ""


def compiler() -> str | None:
    """The C compiler of this machine, if it has one and its executables can load libraries before others."""
    return shutil.which("cc") if os.uname().sysname == "Linux" else None


def build(folder: Path) -> Path:
    """Compiles the library into a folder.

    Raises:
        RuntimeError: There is no compiler.
    """
    found = compiler()
    if found is None:
        raise RuntimeError("faults are injected by a small C library: Linux and a C compiler (cc) are needed")
    library = folder / "faults.so"
    command = [
        found,
        "-O2",
        "-Wall",
        "-Wextra",
        "-shared",
        "-fPIC",
        "-o",
        str(library),
        str(SOURCE),
        "-ldl",
        "-pthread",
    ]
    subprocess.run(command, check=True)
    return library


def preloaded(library: Path) -> dict[str, str]:
    """This process's environment, with the library loaded before others and one thread for torch."""
    return os.environ | {"LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}


def arm(folder: Path, log: Path, at: int = 0, action: Action = "none") -> None:
    """Begins to count this process's calls below a folder, and to disturb one; only where the library was preloaded.

    Args:
        folder: Which; it is there.
        log: A file elsewhere for a line a call.
        at: The number of the call to disturb.
        action: How.
    """
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    ctypes.CDLL(None).egoshift_arm(os.fsencode(folder.resolve()), ctypes.c_long(at), ACTIONS.index(action), handle)


def read_log(log: Path) -> Sequence[Call]:
    """The calls of a process that was armed."""
    calls = []
    for line in log.read_text(encoding="utf-8").splitlines():
        number, operation, num_bytes, path, new_path = line.split("\t")
        calls.append(Call(int(number), operation, int(num_bytes), path, new_path))
    return calls
