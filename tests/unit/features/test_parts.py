import json
import random

import numpy as np
import pytest
import xxhash
from safetensors.numpy import load_file

from egoshift.features import VideoEntry
from egoshift.features.layout import UNFINISHED
from egoshift.features.parts import read_parts, take_out_damaged, write_part

ROWS = {"times": np.array([0.0, 0.25]), "full": np.ones((2, 3), np.float16)}
ENTRY = VideoEntry(
    rows=2,
    duration_s=1.0,
    num_bytes=3,
    fingerprint="f",
    times_hash=xxhash.xxh3_64_hexdigest(ROWS["times"].tobytes()),
)


@pytest.fixture
def store(tmp_path):
    (tmp_path / UNFINISHED).mkdir()
    return tmp_path


def whole_parts(store):
    """The whole parts, and the names of the files of the others."""
    parts, unreadable = read_parts(store)
    whole, damaged = take_out_damaged(parts)
    return whole, {file.name for file in unreadable} | {part.path.name for part in damaged}


@pytest.mark.parametrize("video_id", ["P01_101", "a/b\\c", "ü 1", "x" * 300])
def test_any_video_id_can_be_a_part(store, video_id):
    write_part(store, video_id, ENTRY, [ROWS])
    (part,) = read_parts(store)[0].values()
    hashes = {"full": xxhash.xxh3_64_hexdigest(ROWS["full"].tobytes())}
    assert (part.video_id, part.entry) == (video_id, ENTRY.model_copy(update={"hashes": hashes}))
    assert part.is_whole()
    np.testing.assert_array_equal(part.times(), ROWS["times"])
    for name, array in part.rows().items():
        np.testing.assert_array_equal(array, ROWS[name])


@pytest.mark.parametrize("kept_bytes", [0, 5, 60, -1])
def test_a_part_that_was_cut_short_is_damaged(store, kept_bytes):
    write_part(store, "good", ENTRY, [ROWS])
    (good,) = read_parts(store)[0].values()
    good.path.with_name("bad.safetensors").write_bytes(good.path.read_bytes()[:kept_bytes])
    assert (set(read_parts(store)[0]), whole_parts(store)[1]) == ({"good"}, {"bad.safetensors"})


def test_any_bit_that_flips_in_a_part_is_found(store):
    write_part(store, "good", ENTRY, [ROWS])
    (file,) = (store / UNFINISHED).iterdir()
    content = file.read_bytes()
    places = [*range(64), *random.Random(0).sample(range(64, len(content)), 200), len(content) - 1]
    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        file.write_bytes(flipped)
        assert whole_parts(store) == ({}, {file.name}), f"byte {place} of {len(content)}"


def test_other_programs_read_a_part_and_its_checksums(store):
    write_part(store, "good", ENTRY, [ROWS])
    (file,) = (store / UNFINISHED).iterdir()
    found = load_file(file)
    length = int.from_bytes(file.read_bytes()[:8], "little")
    assert list(json.loads(file.read_bytes()[8 : 8 + length]))[1:] == ["times", "full", "checksums"]
    for name, digest in zip(("times", "full"), found["checksums"], strict=False):
        assert digest.tobytes() == xxhash.xxh3_64_digest(found[name].tobytes())
