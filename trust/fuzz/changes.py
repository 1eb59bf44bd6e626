"""Changes of a file: of its bytes, and of what they mean where a changed byte would only break a checksum.

Each change takes its choices from a ``Random``, which a number (``python -m trust.fuzz``), Hypothesis (the tests) or
atheris may stand behind.
"""

import pickle
import struct
from collections.abc import Callable
from functools import lru_cache
from random import Random

from trust.fuzz.forms import FORMS
from trust.fuzz.values import TREES

MOST_CHANGES = 4
MOST_BYTES = 1 << 22
"""An input is never larger: what must be seen is how a little file can cost much."""

_LENGTHS = (1, 2, 4, 8)
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x0FFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, -1)
_FLOATS = (float("nan"), float("inf"), -1.0, 1e308, 0.0)


def changed(content: bytes, name: str, random: Random) -> bytes:
    """A file's content after one to a few changes.

    Args:
        content: What it holds.
        name: Its name, whose end tells its form (``FORMS``).
        random: Where choices come from.
    """
    form = next((form for suffix, form in FORMS.items() if name.endswith(suffix)), None)
    if form is not None and random.random() < 0.7:
        parsed = _parsed(content, name)
        if parsed is not None:
            value = pickle.loads(parsed)
            for _ in range(random.randint(1, MOST_CHANGES)):
                value = random.choice(TREES[form.kind])(value, random)
            written = form.write(value, random)
            if random.random() < 0.9:
                return written[:MOST_BYTES]
            content = written
    for _ in range(random.randint(1, MOST_CHANGES)):
        content = random.choice(CHANGES)(content, random)
    return content[:MOST_BYTES]


@lru_cache(maxsize=64)
def _parsed(content: bytes, name: str) -> bytes | None:
    """A whole input's value, as bytes from which it can be had again and again; none where it has another form."""
    form = next(form for suffix, form in FORMS.items() if name.endswith(suffix))
    try:
        return pickle.dumps(form.parse(content))
    except Exception:
        return None  # an entry of an archive that is called as if it were of this form


def _place(content: bytes, random: Random) -> int:
    """Somewhere, more often near the beginning, where headers are."""
    if random.random() < 0.5:
        return random.randint(0, min(len(content), 64))
    return random.randint(0, len(content))


def flip(content: bytes, random: Random) -> bytes:
    """One bit the other way."""
    if not content:
        return content
    place = min(_place(content, random), len(content) - 1)
    return content[:place] + bytes([content[place] ^ 1 << random.randrange(8)]) + content[place + 1 :]


def put_byte(content: bytes, random: Random) -> bytes:
    """One byte another."""
    place = _place(content, random)
    return content[:place] + bytes([random.randrange(256)]) + content[place + 1 :]


def insert(content: bytes, random: Random) -> bytes:
    """Some bytes more."""
    place = _place(content, random)
    return content[:place] + random.randbytes(random.randint(1, 16)) + content[place:]


def delete(content: bytes, random: Random) -> bytes:
    """Some bytes fewer."""
    place = _place(content, random)
    return content[:place] + content[place + random.randint(1, 1 + len(content) // 8) :]


def truncate(content: bytes, random: Random) -> bytes:
    """The beginning alone."""
    return content[: random.randint(0, len(content))]


def repeat(content: bytes, random: Random) -> bytes:
    """A stretch several times."""
    start = _place(content, random)
    stop = start + random.randint(1, 256)
    return content[:stop] + content[start:stop] * random.choice((1, 2, 50)) + content[stop:]


def move(content: bytes, random: Random) -> bytes:
    """A stretch at another place."""
    start, to = _place(content, random), _place(content, random)
    stretch = content[start : start + random.randint(1, 64)]
    return content[:to] + stretch + content[to:]


def number(content: bytes, random: Random) -> bytes:
    """A whole number that is at the edge of what its bytes hold."""
    length, place = random.choice(_LENGTHS), _place(content, random)
    value = (random.choice(_NUMBERS) + random.choice((-1, 0, 0, 1))) % (1 << 8 * length)
    return content[:place] + value.to_bytes(length, random.choice(("little", "big"))) + content[place + length :]


def fraction(content: bytes, random: Random) -> bytes:
    """A floating-point number that is none, or far from any other."""
    place = _place(content, random)
    form, length = random.choice((("<f", 4), ("<d", 8)))
    value = random.choice(_FLOATS)
    value = min(value, 3e38) if length == 4 else value
    return content[:place] + struct.pack(form, value) + content[place + length :]


CHANGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    flip,
    put_byte,
    insert,
    delete,
    truncate,
    repeat,
    move,
    number,
    fraction,
)
