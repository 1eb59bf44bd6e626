"""Pickles that would make far more than they say, or deeper than any stack, are refused before they make it."""

import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from egoshift.encoders.archive import read_checkpoint
from egoshift.errors import MediaError, WeightsError
from egoshift.media.pickle_weight import check_pickle
from egoshift.media.plain_pickle import load_plain_pickle
from tests.unit.encoders.test_archive import zipped

AGAIN = "refers to the same values again and again"
DEEP = "nested too deeply"
GROWS = "adds to a value that lies in another already"

PAIR = b"h\x00h\x00\x86q\x000"  # the value under number 0 becomes a pair of itself


def keyed(number: int) -> bytes:
    """A key that has the hash of others, and a value."""
    return b"\x8a\x0c" + (number * ((1 << 61) - 1)).to_bytes(12, "little") + b"N"


HOSTILE = {
    "pairs of pairs as a key": (b"}N" + b"2\x86" * 20 + b"Ns", AGAIN),
    "pairs of pairs by number": (b"Nq\x000" + PAIR * 20 + b"}h\x00Ns", AGAIN),
    "pairs of pairs in a frozen set": (b"(N" + b"2\x86" * 20 + b"\x91", AGAIN),
    "wide tuples": (b"N" + (b"q\x000(" + b"h\x00" * 9 + b"t") * 6, AGAIN),
    "a long text in many places": (b"X\x10'\x00\x00" + b"a" * 10_000 + b"q\x000(" + b"h\x00" * 1000 + b"t", AGAIN),
    "tuples within tuples as a key": (b"}N" + b"\x85" * 1000 + b"Ns", DEEP),
    "lists within lists": (b"]" * 1000 + b"a" * 999, DEEP),
    "frozen sets within frozen sets": (b"(" * 500 + b"N" + b"\x91" * 500, DEEP),
    "calls within calls": (b"ctorch\nSize\nq\x000N" + b"\x85q\x010h\x00h\x01R" * 200, DEEP),
    "a long number": (b"\x8b\x88\x13\x00\x00" + b"\x7f" * 5000, "holds a number of 39999 bits"),
    "a long number as a key": (b"}\x8b\x88\x13\x00\x00" + b"\x80" * 5000 + b"Ns", "holds a number of 39999 bits"),
    "keys of one hash": (b"}(" + b"".join(map(keyed, range(1, 10_002))) + b"u", "holds more than 10000 numbers beyond"),
    "a list in itself": (b"]q\x00h\x00a", GROWS),
    "a list that is filled when it lies in another": (b"]q\x00]h\x00ah\x00Na", GROWS),
    "a list under another name": (b"]q\x00ctorch\nSize\nh\x00\x85RNa", GROWS),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_multiplies_or_lies_too_deep_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    content, reason = b"\x80\x02" + HOSTILE[kind][0] + b".", HOSTILE[kind][1]
    with pytest.raises(ValueError, match=reason):
        check_pickle(content)
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(MediaError, match=reason) as refused:
        load_plain_pickle(tmp_path / "x.pkl", arrays=True)
    assert "\n" not in str(refused.value)
    with pytest.raises(WeightsError, match=reason) as archive:
        read_checkpoint(zipped(tmp_path / "x.pt", content))
    assert "\n" not in str(archive.value)


@pytest.mark.parametrize(
    "content",
    [b"\x86.", b"(\x86.", b"0.", b"a.", b"Na.", b"(Ns.", b"t.", b"u.", b"1.", b"2.", b"h\x07.", b"(0q\x00.", b"\x94."],
)
def test_what_is_not_there_cannot_be_taken(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"that (is|are) not there|never remembered"):
        check_pickle(b"\x80\x02" + content)
    with pytest.raises(Exception, match=r"."):
        pickle.loads(b"\x80\x02" + content)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_programs_write_passes(protocol: int) -> None:
    boxes = np.random.default_rng(0).random((3, 10)).astype(np.float32)
    clip: dict[object, object] = {k: {"hand_dets": boxes, "obj_dets": None} for k in range(4)}
    clip["info"] = {"height": 360, "width": 640}
    state = OrderedDict((f"layer.{k}.weight", (k, (3, 4), (4, 1), boxes.copy())) for k in range(300))
    nested: object = boxes
    for _ in range(20):
        nested = {"inner": [nested]}
    keys = {(k, (str(k), 0.5)): frozenset({k, (k,)}) for k in range(1000)}
    numbers = [2**1024 - 1, -(2**1024) + 1, 2**64, -1, 0]
    for value in (
        numbers,
        {float(k): clip for k in range(50)},
        [b"\xff" * 100] * 50,
        state,
        nested,
        keys,
        {1, 2},
        bytearray(9),
    ):
        check_pickle(pickle.dumps(value, protocol))
