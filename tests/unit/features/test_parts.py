import numpy as np
import pytest

from egoshift.features import VideoEntry
from egoshift.features.parts import read_parts, write_part
from egoshift.features.store import UNFINISHED

ENTRY = VideoEntry(rows=2, duration_s=1.0, num_bytes=3, fingerprint="f", times_hash="t")
ROWS = {"times": np.array([0.0, 0.25]), "full": np.ones((2, 3), np.float16)}


@pytest.fixture
def store(tmp_path):
    (tmp_path / UNFINISHED).mkdir()
    return tmp_path


@pytest.mark.parametrize("video_id", ["P01_101", "a/b\\c", "ü 1", "x" * 300])
def test_any_video_id_can_be_a_part(store, video_id):
    write_part(store, video_id, ENTRY, [ROWS])
    (part,) = read_parts(store).values()
    assert (part.video_id, part.entry) == (video_id, ENTRY)
    np.testing.assert_array_equal(part.times(), ROWS["times"])
    for name, array in part.rows().items():
        np.testing.assert_array_equal(array, ROWS[name])


@pytest.mark.parametrize("kept_bytes", [0, 5, 60, -1])
def test_a_damaged_part_counts_as_not_there(store, kept_bytes):
    write_part(store, "good", ENTRY, [ROWS])
    (good,) = read_parts(store).values()
    bad = good.path.with_name("bad.safetensors")
    bad.write_bytes(good.path.read_bytes()[:kept_bytes])
    assert set(read_parts(store)) == {"good"}
    assert not bad.exists()
