"""What goes between a process and its child: a JSON object and at most one array, in bytes that cannot run anything.

A message is the length of its JSON and of its array, both in bytes, then the JSON, then the array. Whoever reads one
believes nothing of it: lengths are bounded before room is made, and an array must be of one of a few plain types.
"""

import json
import math
import os
import select
import struct
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from egoshift.foreign import parse_json

HEAD = struct.Struct("<IQ")
MOST_JSON_BYTES = 1 << 20
TYPES = ("|u1", "<f4", "<f8")
"""Those of pixels, of sound and of times."""

Array = npt.NDArray[Any]


class Message(NamedTuple):
    """What was said.

    Attributes:
        told: The JSON.
        array: What came with it.
    """

    told: dict[str, Any]
    array: Array | None


class NonsenseError(Exception):
    """Bytes that are no message."""


class SilenceError(Exception):
    """Nothing came for too long."""


def write_message(file: int, told: Mapping[str, Any], array: Array | None = None) -> None:
    """Write a message to a file descriptor.

    Raises:
        BrokenPipeError: Nobody reads it any more.
    """
    content = memoryview(b"")
    if array is not None:
        array = np.ascontiguousarray(array)
        told = {**told, "array": [array.dtype.str, *array.shape]}
        content = array.reshape(-1).view(np.uint8).data
    text = json.dumps(told).encode()
    assert len(text) <= MOST_JSON_BYTES, "what is told is short"
    for part in (memoryview(HEAD.pack(len(text), len(content)) + text), content):
        while part:
            part = part[os.write(file, part) :]


def read_message(file: int, most_bytes: int, until_s: float = math.inf) -> Message | None:
    """Read a message from a file descriptor; None at its end.

    Args:
        file: The descriptor.
        most_bytes: The largest array to take.
        until_s: How long to wait, on the monotonic clock.

    Raises:
        NonsenseError: What came is no message, or too large a one.
        SilenceError: It did not come in time.
    """
    head = bytearray(HEAD.size)
    if not _fill(file, memoryview(head), until_s):
        return None
    text_bytes, array_bytes = HEAD.unpack(head)
    if text_bytes > MOST_JSON_BYTES or array_bytes > most_bytes:
        raise NonsenseError(f"a message of {text_bytes} and {array_bytes} bytes")
    text = bytearray(text_bytes)
    if not _fill(file, memoryview(text), until_s):
        return None
    try:
        told = parse_json(bytes(text))
    except ValueError:
        raise NonsenseError("no JSON") from None
    if not isinstance(told, dict):
        raise NonsenseError("no JSON object")
    described = told.pop("array", None)
    if described is None:
        return Message(told, None)
    array = _room(described, array_bytes)
    return Message(told, array) if _fill(file, array.reshape(-1).view(np.uint8).data, until_s) else None


def _room(described: object, num_bytes: int) -> Array:
    """An array for what follows, if what it is said to be fits the number of bytes."""
    kind, *shape = described if isinstance(described, list) and described else [None]
    if kind not in TYPES or len(shape) > 3 or not all(type(side) is int and 0 <= side < 2**40 for side in shape):
        raise NonsenseError("no array that is known")
    if np.dtype(kind).itemsize * math.prod(shape) != num_bytes:
        raise NonsenseError("an array of another size")
    return np.empty([int(side) for side in shape if side is not None], str(kind))


def _fill(file: int, room: memoryview, until_s: float) -> bool:
    """Read until the room is full; False where the other side has ended."""
    while room:
        if until_s < math.inf:
            ready = select.poll()
            ready.register(file, select.POLLIN)
            if not ready.poll(max(0.0, 1000 * (until_s - time.monotonic()))):
                raise SilenceError
        count = os.readv(file, [room])
        if count == 0:
            return False
        room = room[count:]
    return True
