"""Features that do not fit into memory: which clips lie together, and that each shard is read once an epoch."""

import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from egoshift.errors import StoreError
from egoshift.features import JoinedFeatures, SeenBy, Store, StoredFeatures, View
from egoshift.features.arrays import FeatureArray
from egoshift.features.shards import SHARDS_TOGETHER, Extent, Shards, shard_bytes
from egoshift.training.order import epoch_order

from .examples import clip_table, make_sensor_store, make_store

VIDEOS = {f"v{number:02}": [k / 4 for k in range(120)] for number in range(12)}
SHARD_BYTES = 4096 // SHARDS_TOGETHER


def clips_of(seed: int = 0) -> pl.DataFrame:
    """Clips of all videos, in any order and of any length up to 5 s."""
    generator = np.random.default_rng(seed)
    starts = generator.uniform(0, 24, 400)
    videos = generator.integers(0, len(VIDEOS), 400)
    return clip_table([(f"v{v:02}", s, s + generator.uniform(0.2, 5)) for v, s in zip(videos, starts, strict=True)])


def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 8,192 bytes may be held: twice 8 shards of 512 bytes, each 32 rows of 2 views, or 4 pieces of a row."""
    monkeypatch.setattr("egoshift.features.arrays.free_bytes", lambda: 4 * 2 * 4096 + 1)


def reads_of(monkeypatch: pytest.MonkeyPatch) -> list[tuple[View, int, int]]:
    """Tells of each reading of a run of rows: the view, the first row and how many."""
    found: list[tuple[View, int, int]] = []
    read = FeatureArray.read

    def told(array: FeatureArray, first: int, into: torch.Tensor) -> None:
        assert threading.current_thread() is not threading.main_thread()
        found.append((array.view, first, len(into)))
        read(array, first, into)

    monkeypatch.setattr(FeatureArray, "read", told)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store", VIDEOS, views=("full", "hand"))


def streams_of(store: Store) -> dict[str, tuple[Store, View]]:
    return {"full": (store, "full"), "hand": (store, "hand")}


def epoch_of(source: StoredFeatures, epoch: int, begin: int = 0) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The clips of an epoch from some step on, and the features of each batch of 16."""
    order = epoch_order(torch.arange(len(source)), 5, epoch, source.shards)[16 * begin :]
    source.read_ahead(order)
    generator = torch.Generator().manual_seed(epoch)
    batches = [source.batch(part, num_frames=4, generator=generator) for part in order.split(16)]
    return order, [torch.cat([batch.streams["full"], batch.streams["hand"]], -1) for batch in batches]


def test_each_shard_is_read_once_an_epoch_and_each_clip_taken_once_as_from_memory(store, monkeypatch):
    resident = StoredFeatures(streams_of(store), clips_of(), resident=True)
    little_memory(monkeypatch)
    source = StoredFeatures(streams_of(store), clips_of())
    assert not source.resident
    assert source.shards is not None
    num_shards = int(source.shards.max()) + 1
    assert num_shards > 3 * SHARDS_TOGETHER
    monkeypatch.setattr(FeatureArray, "take", None)  # nothing is taken from the map
    reads, orders = reads_of(monkeypatch), []
    for epoch in range(2):
        reads.clear()
        order, batches = epoch_of(source, epoch)
        assert sorted(order.tolist()) == list(range(400))
        assert len(reads) == len(set(reads)) == 2 * num_shards
        orders.append(order.tolist())
        monkeypatch.undo()
        generator = torch.Generator().manual_seed(epoch)
        for part, batch in zip(order.split(16), batches, strict=True):
            whole = resident.batch(part, num_frames=4, generator=generator)
            assert torch.equal(batch, torch.cat([whole.streams["full"], whole.streams["hand"]], -1))
        little_memory(monkeypatch)
        reads = reads_of(monkeypatch)
    assert orders[0] != orders[1]


def test_an_epoch_goes_on_at_any_step_as_if_it_had_not_stopped_and_reads_only_what_is_left(store, monkeypatch):
    little_memory(monkeypatch)
    whole, _ = epoch_of(StoredFeatures(streams_of(store), clips_of()), 3)
    reads = reads_of(monkeypatch)
    source = StoredFeatures(streams_of(store), clips_of())
    rest, _ = epoch_of(source, 3, begin=17)
    assert torch.equal(rest, whole[16 * 17 :])
    assert source.shards is not None
    assert len(reads) == 2 * len(source.shards[rest].unique()) < 2 * len(source.shards.unique())


def test_clips_that_were_not_announced_come_from_the_map_and_are_the_same(store, monkeypatch):
    resident = StoredFeatures(streams_of(store), clips_of(), resident=True)
    little_memory(monkeypatch)
    source = StoredFeatures(streams_of(store), clips_of())
    anywhere = torch.randperm(400, generator=torch.Generator().manual_seed(1))
    for announced in (False, True):
        if announced:
            source.read_ahead(anywhere[:200])
        for part in anywhere.split(50):
            batch, expected = (each.batch(part, num_frames=3) for each in (source, resident))
            assert torch.equal(batch.streams["full"], expected.streams["full"])


def test_a_subset_has_shards_of_its_own_and_wrappers_hand_them_on(store, monkeypatch):
    little_memory(monkeypatch)
    source = StoredFeatures(streams_of(store), clips_of())
    chosen = torch.arange(0, 400, 9)
    part = source.subset(chosen)
    order, batches = epoch_of(part, 0)
    expected = source.batch(chosen[order[:16]], num_frames=4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(batches[0][..., :4], expected.streams["full"])
    assert source.shards is not None
    reads = reads_of(monkeypatch)
    for wrapped in (SeenBy(source, ("full",)), JoinedFeatures([source])):
        assert wrapped.shards is not None
        assert torch.equal(wrapped.shards, source.shards)
        reads.clear()
        wrapped.read_ahead(torch.arange(400))
        wrapped.batch(torch.tensor([0]), num_frames=1)
        assert reads


def test_only_a_store_that_takes_more_than_half_of_free_memory_is_read_in_shards(store, monkeypatch):
    num_bytes = 2 * store.array("full").nbytes
    for free_bytes, in_shards in ((4 * num_bytes, False), (2 * num_bytes + 1, False), (2 * num_bytes, True)):
        monkeypatch.setattr("egoshift.features.arrays.free_bytes", lambda free_bytes=free_bytes: free_bytes)
        for resident in (True, False):
            assert StoredFeatures(streams_of(store), clips_of(), resident=resident).shards is None
        source = StoredFeatures(streams_of(store), clips_of())
        assert not source.resident
        assert (source.shards is not None) == in_shards


def test_a_shard_has_128_mib_and_less_only_where_all_would_take_a_quarter_of_free_memory(monkeypatch):
    for free_gib, mib in ((64, 128), (9, 128), (8, 64), (4.5, 64), (1, 8)):
        monkeypatch.setattr("egoshift.features.arrays.free_bytes", lambda free_gib=free_gib: free_gib * 2**30)
        assert shard_bytes() == mib * 2**20


def test_nan_is_refused_by_its_row_when_its_shard_is_read(store, monkeypatch):
    monkeypatch.setenv("EGOSHIFT_VERIFY", "never")
    array = np.load(store.path / "full.npy")
    array[300, 1] = np.nan
    np.save(store.path / "full.npy", array)
    little_memory(monkeypatch)
    with pytest.raises(StoreError, match=r"full.npy: row 300 \(video 'v02', 15.000 s, its row 60\) holds NaN"):
        epoch_of(StoredFeatures(streams_of(Store.open(store.path)), clips_of()), 0)


def test_a_store_cut_short_while_it_is_read_is_refused(store, monkeypatch):
    little_memory(monkeypatch)
    source = StoredFeatures(streams_of(store), clips_of())
    with (store.path / "hand.npy").open("r+b") as file:
        file.truncate(5000)
    with pytest.raises(StoreError, match=r"hand.npy: ends before its last row"):
        epoch_of(source, 0)


def slow_shards(clips, extents, num_bytes):
    """One clip after the other: a new shard wherever the bytes before its first rows pass another multiple."""
    numbers, reached, marks = {}, dict.fromkeys(extents, 0), []
    for clip in clips:
        for path, extent in extents.items():
            if extent.there[clip]:
                reached[path] = max(reached[path], int(extent.first[clip]))
        marks.append(sum(reached[path] * extents[path].row_bytes for path in extents) // num_bytes)
        numbers[clip] = len(set(marks)) - 1
    return [numbers[clip] for clip in range(len(clips))]


def test_shards_of_several_stores_are_those_of_a_slow_division_and_hold_every_row_of_their_clips():
    generator = np.random.default_rng(2)
    order = generator.permutation(60)
    extents = {}
    for path, rows_per_clip, row_bytes in ((Path("a"), 7, 6), (Path("b"), 3, 10)):
        first = np.empty(60, np.int64)
        first[order] = np.arange(60) * rows_per_clip
        stop = first + generator.integers(1, 2 * rows_per_clip, 60)
        there = generator.random(60) < 0.7
        extents[path] = Extent(np.where(there, first, 0), np.where(there, stop, 1), there, row_bytes)
    for num_bytes in (1, 100, 500, 1 << 40):
        shards = Shards.of(order, extents, num_bytes)
        assert shards.numbers.tolist() == slow_shards(order.tolist(), extents, num_bytes)
        for path, extent in extents.items():
            for number, (first, stop) in enumerate(shards.rows[path].tolist()):
                clips = [clip for clip in range(60) if shards.numbers[clip] == number and extent.there[clip]]
                expected = (min(extent.first[clips]), max(extent.stop[clips])) if clips else (0, 1)
                assert (first, stop) == expected


def test_clips_that_lack_a_stream_are_read_in_shards_too(tmp_path, monkeypatch):
    pictures = make_store(tmp_path / "pictures", {"a": VIDEOS["v00"], "b": VIDEOS["v00"]})
    heard = make_sensor_store(tmp_path / "heard", {"a": [True] * 20 + [False] * 40, "c": [True] * 60})
    streams: dict[str, tuple[Store, View]] = {"video": (pictures, "full"), "audio": (heard, "window")}
    table = clip_table([(video, start, start + 3) for video in "acb" for start in range(26)])
    resident = StoredFeatures(streams, table, optional=tuple(streams), resident=True)
    monkeypatch.setattr("egoshift.features.arrays.free_bytes", lambda: 2048)
    source = StoredFeatures(streams, table, optional=tuple(streams))
    assert source.shards is not None
    reads = reads_of(monkeypatch)
    order = epoch_order(torch.arange(len(source)), 0, 0, source.shards)
    source.read_ahead(order)
    for part in order.split(8):
        batch, expected = (each.batch(part, num_frames=3) for each in (source, resident))
        for name in streams:
            there = expected.present[name]
            assert torch.equal(batch.present[name], there)
            assert torch.equal(batch.streams[name][there], expected.streams[name][there])
            assert batch.streams[name].isfinite().all()
    assert len(reads) == 2 * (int(source.shards.max()) + 1)
