"""Readers for children: some give what they are asked for, the others go wrong in every way that codecs can."""

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from egoshift.errors import Fault, MediaError
from egoshift.isolation import beat

Told = Iterator[tuple[dict[str, Any], np.ndarray | None]]


def count(path: str, number: int, wide: int = 0) -> Told:
    for index in range(number):
        yield {"index": index, "path": path, "pid": os.getpid()}, np.full((wide, 2), index, np.uint8) if wide else None


def echo(path: str, array: np.ndarray) -> Told:
    yield {"dtype": array.dtype.str}, array


def crash(path: str, after: int) -> Told:
    yield from count(path, after)
    ctypes.string_at(0)


def die(path: str, number: int) -> Told:
    yield {}, None
    os.kill(os.getpid(), number)


def leave(path: str) -> Told:
    os._exit(3)


def hang(path: str) -> Told:
    yield {"pid": os.getpid()}, None
    # Without a chance for any Python code of the child, and deaf to everything but SIGKILL.
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGIO})
    ctypes.PyDLL(None).sleep(3600)


def beat_for_ever(path: str) -> Told:
    while True:
        beat()
        time.sleep(0.01)


def beat_a_while(path: str, seconds: float) -> Told:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        beat()
        time.sleep(0.01)
    yield {}, None


def hoard(path: str, megabytes: int) -> Told:
    held = [np.ones(1_000_000, np.uint8) for _ in range(megabytes)]
    yield {"held": len(held)}, None


def hoard_in_c(path: str, megabytes: int) -> Told:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    taken = [libc.malloc(1_000_000) for _ in range(megabytes)]
    ctypes.memset(taken[-1], 1, 1)  # what a library does that does not look whether it was given any
    yield {"taken": len(taken)}, None


def refuse(path: str) -> Told:
    raise MediaError(Fault("not-a-video", path, "is a poem", "give a video"))  # type: ignore[arg-type]


def break_down(path: str) -> Told:
    yield {}, None
    raise KeyError("ours")


def babble(path: str) -> Told:
    print("printed by a library", flush=True)
    os.write(1, b"printed by C")
    os.write(2, b"said by C")
    yield {"fine": True}, None


def forge(path: str, content: str) -> Told:
    """Bytes that are no message, as a child would send that a file has taken over."""
    for file in range(3, 64):
        try:
            os.write(file, bytes.fromhex(content))
        except OSError:
            continue
    time.sleep(60)
    yield {}, None


def look(path: str, other: str) -> Told:
    told: dict[str, Any] = {"environment": sorted(os.environ), "threads": os.environ.get("OMP_NUM_THREADS")}
    try:
        with open(other, "w", encoding="utf-8") as file:
            file.write("x")
        told["wrote"] = os.path.getsize(other)
    except OSError as error:
        told["wrote"] = error.strerror
    told["files"] = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    told["heavy"] = [name for name in ("torch", "polars", "transformers") if name in sys.modules]
    told["has_socket"] = any(_is_socket(int(name)) for name in os.listdir("/proc/self/fd"))
    yield told, None


def _is_socket(file: int) -> bool:
    try:
        socket.socket(fileno=os.dup(file)).close()
    except OSError:
        return False
    return True
