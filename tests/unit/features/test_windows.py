from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.features import FramePlan, Manifest, Store, VideoEntry, View
from egoshift.features import windows as module
from egoshift.features.windows import Windows, recorded

from .examples import BLOCKS_CARD, clip_table, slow_rows

SECONDS = st.integers(0, 3_000_000).map(lambda tick: tick / 1e6)


def store_of(times_s: dict[str, list[float]], present: Sequence[bool] | None = None) -> Store:
    """A store that lies nowhere; of a sensor where it is said which rows are present."""
    videos = {
        video_id: VideoEntry(rows=len(times), duration_s=5.0, num_bytes=1, fingerprint="", times_hash="")
        for video_id, times in times_s.items()
    }
    arrays = {"times": np.concatenate([np.array(times) for times in times_s.values()])}
    if present is not None:
        arrays["present"] = np.asarray(present, np.uint8)
    views: tuple[View, ...] = ("full",) if present is None else ("window",)
    manifest = Manifest(encoder=BLOCKS_CARD, views=views, plan=FramePlan(), videos=videos)
    return Store(Path("nowhere"), manifest, arrays)


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


@settings(max_examples=150, deadline=None)
@given(
    times=st.lists(st.lists(SECONDS, min_size=1, max_size=6, unique=True).map(sorted), min_size=3, max_size=3),
    clips=st.lists(st.tuples(st.sampled_from("xyz"), SECONDS, st.floats(1e-6, 1.5)), min_size=1, max_size=5),
    asked=st.lists(st.integers(0, 4_000_000).map(lambda tick: tick / 1e6), min_size=2, max_size=2),
    bits=st.integers(0, 2**18 - 1),
)
def test_rows_where_the_sensor_was_off_are_as_if_they_were_not_there(times, clips, asked, bits):
    present = [bool(bits >> row & 1) for row in range(sum(map(len, times)))]
    store = store_of(dict(zip("xyz", times, strict=True)), present)
    table = clip_table([(video, start, start + length) for video, start, length in clips])
    rows = Windows.of(store, table).nearest(np.arange(len(table)), np.array([asked] * len(table)))
    there = recorded(store, table)
    for index, clip in enumerate(table.iter_rows(named=True)):
        first, count = store.offsets[clip["video_id"]]
        start, stop = round(clip["start_s"] * 1e6), round(clip["stop_s"] * 1e6)
        stored = [round(time * 1e6) for time in store.times(clip["video_id"]).tolist()]
        inside = [present[first + row] for row in range(count) if start <= stored[row] < stop]
        assert there[index] == (len(inside) > 0 and sum(inside) >= len(inside) / 2)
        if any(present[first : first + count]):
            expected = slow_rows(store, clip["video_id"], clip["start_s"], clip["stop_s"], asked)
            assert rows[index].tolist() == expected
        assert ((rows[index] >= 0) & (rows[index] < len(store))).all()


def test_a_clip_without_a_row_of_its_own_borrows_the_nearest():
    store = store_of({"x": [0.0, 0.25, 0.5], "y": [0.3]})
    windows = Windows.of(store, clip_table([("x", 0.3, 0.34), ("x", 0.4, 0.48), ("y", 4.0, 4.1)]))
    assert windows.nearest(np.arange(3), np.array([[0.3], [0.4], [4.0]])).tolist() == [[1], [2], [3]]


def test_a_row_at_the_end_of_a_clip_belongs_to_the_next():
    windows = Windows.of(store_of({"x": [0.0, 0.25, 0.5]}), clip_table([("x", 0.0, 0.5), ("x", 0.5, 1.0)]))
    assert windows.nearest(np.arange(2), np.array([[0.5], [0.5]])).tolist() == [[1], [2]]


def test_of_two_rows_as_near_the_earlier_is_taken():
    windows = Windows.of(store_of({"x": [0.0, 0.5, 1.0]}), clip_table([("x", 0.0, 1.5)]))
    asked = np.array([[0.25, 0.250001, 0.75, 0.750001]])
    assert windows.nearest(np.array([0]), asked).tolist() == [[0, 1, 1, 2]]


def test_a_subset_has_the_windows_of_its_clips():
    store = store_of({"x": [0.0, 0.25, 0.5], "y": [0.3, 0.6]})
    windows = Windows.of(store, clip_table([("x", 0.0, 0.5), ("y", 0.5, 1.0), ("y", 0.0, 0.5)]))
    chosen = windows.subset(np.array([2, 0]))
    assert chosen.nearest(np.array([0, 1]), np.array([[0.0], [9.0]])).tolist() == [[3], [1]]


def test_rows_at_equal_distances_are_found_without_a_search(monkeypatch):
    rows = [k / 4 for k in range(20)]
    windows = Windows.of(store_of({"x": rows, "y": rows}), clip_table([("x", 1.0, 3.0), ("y", 0.5, 4.5)]))
    monkeypatch.setattr(module, "_nearest", None)
    asked = np.array([[1.0, 1.1, 1.9, 2.62, 2.8], [0.5, 0.6, 2.4, 3.88, 4.3]])
    assert windows.nearest(np.arange(2), asked).tolist() == [[4, 4, 8, 10, 11], [22, 22, 30, 36, 37]]


def test_a_clip_is_read_from_the_rows_that_were_recorded_in_it():
    times = {"x": [0.0, 0.25, 0.5, 0.75, 1.0], "y": [0.0, 0.25, 0.5]}
    clips = clip_table([("x", 0.0, 1.25), ("x", 0.2, 0.8), ("y", 0.0, 0.3)])
    whole = Windows.of(store_of(times), clips)
    assert [values.tolist() for values in whole.spans()] == [[0, 1, 5], [5, 4, 7]]
    present = [False, True, False, True, False, True, False, True]
    windows = Windows.of(store_of(times, present), clips)
    assert [values.tolist() for values in windows.spans()] == [[1, 1, 5], [4, 4, 6]]
    assert windows.subset(np.array([2])).nearest(np.array([0]), np.array([[0.1]])).tolist() == [[5]]


def test_nothing_was_recorded_of_a_video_that_is_not_there():
    store = store_of({"x": [0.0, 0.5], "y": [0.0, 0.5]}, [True] * 4)
    assert recorded(store, clip_table([("z", 0.0, 1.0), ("y", 0.0, 1.0)])).tolist() == [False, True]
