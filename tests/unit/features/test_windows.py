from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.features import FramePlan, Manifest, Store, VideoEntry
from egoshift.features.windows import Windows

from .examples import BLOCKS_CARD, clip_table, slow_rows

SECONDS = st.integers(0, 3_000_000).map(lambda tick: tick / 1e6)


def store_of(times_s: dict[str, list[float]]) -> Store:
    """A store that lies nowhere."""
    videos = {
        video_id: VideoEntry(rows=len(times), duration_s=5.0, num_bytes=1, fingerprint="", times_hash="")
        for video_id, times in times_s.items()
    }
    manifest = Manifest(encoder=BLOCKS_CARD, views=("full",), plan=FramePlan(), videos=videos)
    return Store(Path("nowhere"), manifest, {"times": np.concatenate([np.array(times) for times in times_s.values()])})


@settings(max_examples=100, deadline=None)
@given(
    times=st.lists(st.lists(SECONDS, min_size=1, max_size=9, unique=True).map(sorted), min_size=3, max_size=3),
    clips=st.lists(st.tuples(st.sampled_from("xyz"), SECONDS, st.floats(1e-6, 1.0)), min_size=1, max_size=5),
    asked=st.lists(st.integers(0, 4_000_000).map(lambda tick: tick / 1e6), min_size=3, max_size=3),
)
def test_rows_equal_their_slow_twin_for_any_times_and_clips(times, clips, asked):
    store = store_of(dict(zip("xyz", times, strict=True)))
    table = clip_table([(video, start, start + length) for video, start, length in clips])
    rows = Windows.of(store, table).nearest(np.arange(len(table)), np.array([asked] * len(table)))
    expected = [
        slow_rows(store, clip["video_id"], clip["start_s"], clip["stop_s"], asked)
        for clip in table.iter_rows(named=True)
    ]
    assert rows.tolist() == expected


def test_a_clip_without_a_row_of_its_own_borrows_the_nearest():
    store = store_of({"x": [0.0, 0.25, 0.5], "y": [0.3]})
    windows = Windows.of(store, clip_table([("x", 0.3, 0.34), ("x", 0.4, 0.48), ("y", 4.0, 4.1)]))
    assert windows.nearest(np.arange(3), np.array([[0.3], [0.4], [4.0]])).tolist() == [[1], [2], [3]]


def test_a_row_at_the_end_of_a_clip_belongs_to_the_next():
    windows = Windows.of(store_of({"x": [0.0, 0.25, 0.5]}), clip_table([("x", 0.0, 0.5), ("x", 0.5, 1.0)]))
    assert windows.nearest(np.arange(2), np.array([[0.5], [0.5]])).tolist() == [[1], [2]]


def test_of_two_rows_as_near_the_earlier_is_taken():
    windows = Windows.of(store_of({"x": [0.0, 0.5]}), clip_table([("x", 0.0, 1.0)]))
    assert windows.nearest(np.array([0]), np.array([[0.25, 0.250001]])).tolist() == [[0, 1]]


def test_a_subset_has_the_windows_of_its_clips():
    store = store_of({"x": [0.0, 0.25, 0.5], "y": [0.3, 0.6]})
    windows = Windows.of(store, clip_table([("x", 0.0, 0.5), ("y", 0.5, 1.0), ("y", 0.0, 0.5)]))
    chosen = windows.subset(np.array([2, 0]))
    assert chosen.nearest(np.array([0, 1]), np.array([[0.0], [9.0]])).tolist() == [[3], [1]]
