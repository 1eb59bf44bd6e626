"""Readers with the faults that fuzzing must see."""

import os
import signal
from pathlib import Path

from trust.fuzz.target import Target

from egoshift.errors import DataError, Fault


def _prepare(place: Path) -> None:
    (place / "a").mkdir()
    (place / "a" / "x.json").write_text('{"number": 1, "list": [1, 2, 3]}')


def _is_whole(folder: Path) -> bool:
    return (folder / "x.json").read_bytes() == b'{"number": 1, "list": [1, 2, 3]}'


def _fails(folder: Path) -> None:
    if not _is_whole(folder):
        raise KeyError("number")


def _hangs(folder: Path) -> None:
    while not _is_whole(folder):
        pass


def _dies(folder: Path) -> None:
    if not _is_whole(folder):
        os.kill(os.getpid(), signal.SIGSEGV)


def _eats(folder: Path) -> None:
    if not _is_whole(folder):
        try:
            bytearray(3 << 30)
        except MemoryError:
            raise DataError([Fault("x", folder, "too large", "make it smaller")]) from None


def _refuses(folder: Path) -> None:
    if not _is_whole(folder):
        raise DataError([Fault("x", folder, "is damaged", "copy it again")])


FAILS = Target("fails", 3, _prepare, _fails)
HANGS = Target("hangs", 1, _prepare, _hangs)
DIES = Target("dies", 2, _prepare, _dies)
EATS = Target("eats", 2, _prepare, _eats)
REFUSES = Target("refuses", 3, _prepare, _refuses)
