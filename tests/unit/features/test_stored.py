import re

import numpy as np
import polars as pl
import pytest
import torch

from egoshift.errors import DataError, StoreError
from egoshift.features import FramePlan, SeenBy, Store, StoredFeatures, View
from egoshift.media import bin_centres, random_in_bins

from .examples import clip_table, make_sensor_store, make_store, slow_rows

GRID = [k / 4 for k in range(40)]


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path / "store", {"b": GRID, "a": GRID[:20]}, views=("full", "hand"))


def slow_batch(store, view, clips, indices, times_s):
    features = torch.from_numpy(np.array(store.array(view))).float()
    batch = []
    for index, asked in zip(indices, times_s, strict=True):
        clip = clips.row(index, named=True)
        rows = slow_rows(store, clip["video_id"], clip["start_s"], clip["stop_s"], asked.tolist())
        batch.append(features[rows])
    return torch.stack(batch)


CLIPS = [("a", 0.0, 2.0), ("b", 1.3, 4.1), ("a", 3.0, 4.9), ("b", 9.0, 10.0), ("b", 2.26, 2.4)]


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("num_frames", [1, 3, 16])
def test_evaluation_batches_equal_a_slow_reading_of_bin_centres(store, resident, num_frames):
    source = StoredFeatures({"full": (store, "full"), "hand": (store, "hand")}, clip_table(CLIPS), resident=resident)
    indices = [3, 0, 4, 1, 2, 0]
    batch = source.batch(torch.tensor(indices), num_frames=num_frames)
    starts, stops = (source.clips[name].to_numpy()[indices] for name in ("start_s", "stop_s"))
    times = bin_centres(starts, stops, num_frames)
    for view in ("full", "hand"):
        torch.testing.assert_close(
            batch.streams[view], slow_batch(store, view, source.clips, indices, times), rtol=0, atol=0
        )
        assert batch.streams[view].dtype == torch.float32


@pytest.mark.parametrize("resident", [True, False])
def test_training_batches_equal_a_slow_reading_of_random_times(store, resident):
    source = StoredFeatures({"full": (store, "full")}, clip_table(CLIPS), resident=resident)
    indices = [1, 2, 4, 0, 3]
    batch = source.batch(torch.tensor(indices), num_frames=8, generator=torch.Generator().manual_seed(3))
    starts, stops = (source.clips[name].to_numpy()[indices] for name in ("start_s", "stop_s"))
    times = random_in_bins(starts, stops, 8, torch.Generator().manual_seed(3))
    expected = slow_batch(store, "full", source.clips, indices, times)
    torch.testing.assert_close(batch.streams["full"], expected, rtol=0, atol=0)


def test_no_frame_of_a_neighbouring_clip_is_shown(store):
    source = StoredFeatures({"full": (store, "full")}, clip_table([("b", 1.0, 2.0)]))
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        times = source.batch(torch.tensor([0]), num_frames=4, generator=generator).streams["full"][..., 3]
        assert times.min() >= 1.0
        assert times.max() < 2.0


def test_full_and_hand_views_show_the_same_frames(store):
    source = StoredFeatures({"full": (store, "full"), "hand": (store, "hand")}, clip_table(CLIPS))
    batch = source.batch(torch.arange(5), num_frames=4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(batch.streams["full"][..., [0, 1, 3]], batch.streams["hand"][..., [0, 1, 3]])
    assert (batch.streams["hand"][..., 2] == 1).all()


def test_stores_with_other_times_are_asked_for_the_same_times(store, tmp_path):
    finer = make_store(
        tmp_path / "finer",
        {"a": [k / 8 for k in range(40)], "b": [k / 8 for k in range(80)]},
        plan=FramePlan(rate_hz=8),
    )
    source = StoredFeatures({"slow": (store, "full"), "fine": (finer, "full")}, clip_table(CLIPS))
    batch = source.batch(torch.arange(5), num_frames=6)
    assert (batch.streams["slow"][..., 3] - batch.streams["fine"][..., 3]).abs().max() <= 0.125 + 1e-6


def test_targets_are_minus_one_where_a_clip_is_not_annotated(store):
    clips = clip_table([("a", 0, 1), ("b", 0, 1), ("b", 1, 2)], verbs=[4, None, 0])
    source = StoredFeatures({"full": (store, "full")}, clips, ["verb", "noun"])
    assert source.targets["verb"].tolist() == [4, -1, 0]
    assert source.targets["noun"].tolist() == [-1, -1, -1]
    assert source.groups == ("a", "b", "b")
    assert source.batch(torch.tensor([2, 0]), num_frames=2).targets["verb"].tolist() == [0, 4]


def test_clips_that_a_store_does_not_cover_are_dropped_and_each_named(store):
    clips = clip_table([("a", 0, 1), ("c", 0, 1), ("b", 9, 12), ("b", 1, 2)])
    source = StoredFeatures({"full": (store, "full")}, clips)
    assert source.clips["clip_id"].to_list() == ["a_0", "b_3"]
    assert [(fault.kind, fault.row) for fault in source.dropped] == [("video-not-stored", 3), ("past-the-end", 4)]


def test_a_clip_whose_times_were_not_extracted_is_dropped(tmp_path):
    store = make_store(tmp_path / "s", {"a": [0.0, 0.25, 0.5, 0.75, 3.0, 3.25]}, durations_s={"a": 10.0})
    source = StoredFeatures({"full": (store, "full")}, clip_table([("a", 0, 1), ("a", 0.5, 1.5), ("a", 3, 3.5)]))
    assert source.clips["clip_id"].to_list() == ["a_0", "a_2"]
    assert "clip a_1: its times in video 'a' are not in the store" in str(source.dropped[0])


def test_its_splits_are_those_of_its_clips_in_order(store):
    splits = pl.Series("split", ["val", None, "train", "val", "train"])
    assert StoredFeatures({"full": (store, "full")}, clip_table(CLIPS).with_columns(splits)).splits == ("train", "val")


def test_nothing_covered_is_an_error_that_names_every_clip(store):
    with pytest.raises(DataError, match="clip c_0: video 'c' is not in the store") as caught:
        StoredFeatures({"full": (store, "full")}, clip_table([("c", 0, 1)]))
    assert "no clip is given that it covers" in str(caught.value)


def spoil(path, row, value):
    array = np.load(path)
    array[row, 1] = value
    np.save(path, array)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_in_a_resident_store_is_refused_at_once_with_its_place(store, value, monkeypatch):
    monkeypatch.setenv("EGOSHIFT_VERIFY", "never")
    spoil(store.path / "full.npy", 22, value)
    reopened = Store.open(store.path)
    with pytest.raises(StoreError, match=r"full.npy: row 22 \(video 'b', 0.500 s, its row 2\) holds NaN"):
        StoredFeatures({"full": (reopened, "full")}, clip_table(CLIPS), resident=True)


def test_nan_in_a_mapped_store_is_refused_when_it_is_read(store, monkeypatch):
    monkeypatch.setenv("EGOSHIFT_VERIFY", "never")
    spoil(store.path / "full.npy", 22, np.nan)
    source = StoredFeatures({"full": (Store.open(store.path), "full")}, clip_table(CLIPS), resident=False)
    source.batch(torch.tensor([3]), num_frames=4)
    source = StoredFeatures({"full": (Store.open(store.path), "full")}, clip_table([("b", 0, 1)]), resident=False)
    with pytest.raises(StoreError, match="row 22"):
        source.batch(torch.tensor([0]), num_frames=4)


def test_a_view_that_is_not_stored_is_refused(tmp_path):
    store = make_store(tmp_path / "s", {"a": GRID})
    with pytest.raises(StoreError, match="holds the views full, and 'hand' is asked for"):
        StoredFeatures({"hand": (store, "hand")}, clip_table([("a", 0, 1)]))


def test_a_subset_gives_the_batches_of_its_samples(store):
    source = StoredFeatures({"full": (store, "full")}, clip_table(CLIPS, verbs=[0, 1, 2, 3, 4]), ["verb"])
    chosen = source.subset(torch.tensor([4, 1, 3]))
    assert len(chosen) == 3
    assert chosen.groups == ("b", "b", "b")
    assert chosen.clips["clip_id"].to_list() == ["b_4", "b_1", "b_3"]
    expected = source.batch(torch.tensor([1, 4]), num_frames=4)
    batch = chosen.batch(torch.tensor([1, 0]), num_frames=4)
    torch.testing.assert_close(batch.streams["full"], expected.streams["full"])
    assert batch.targets["verb"].tolist() == [1, 4]
    assert len(source) == 5


def test_features_are_resident_only_where_they_fit(store, monkeypatch):
    streams: dict[str, tuple[Store, View]] = {"full": (store, "full")}
    assert StoredFeatures(streams, clip_table(CLIPS)).resident
    monkeypatch.setattr("egoshift.features.arrays.free_bytes", lambda: 4 * store.array("full").nbytes)
    assert not StoredFeatures(streams, clip_table(CLIPS)).resident


def test_an_empty_table_of_clips_is_an_error(store):
    with pytest.raises(DataError, match="no clip is given"):
        StoredFeatures({"full": (store, "full")}, pl.DataFrame(schema=clip_table([]).schema))


@pytest.fixture
def pictures(store, monkeypatch):
    """The same store as bytes, which may hold 255 everywhere: of float16 that would be NaN."""
    for view in store.views:
        array = np.load(store.path / f"{view}.npy").astype(np.uint8)
        array[:, 2:] = 255
        np.save(store.path / f"{view}.npy", array)
    manifest = store.path / "manifest.json"
    text = manifest.read_text().replace('"clip"', '"pixels"')
    manifest.write_text(re.sub('"checksum": ".*"', '"checksum": ""', text))
    monkeypatch.setenv("EGOSHIFT_VERIFY", "never")
    return Store.open(store.path)


@pytest.mark.parametrize("resident", [True, False])
def test_batches_of_pictures_are_their_bytes_as_numbers(pictures, resident):
    source = StoredFeatures({"hand": (pictures, "hand")}, clip_table(CLIPS), resident=resident)
    assert source.resident == resident
    indices = [3, 0, 4, 1, 2, 0]
    batch = source.batch(torch.tensor(indices), num_frames=5)
    starts, stops = (source.clips[name].to_numpy()[indices] for name in ("start_s", "stop_s"))
    expected = slow_batch(pictures, "hand", source.clips, indices, bin_centres(starts, stops, 5))
    assert batch.streams["hand"].dtype == torch.float32
    assert torch.equal(batch.streams["hand"], expected)
    assert (batch.streams["hand"][..., 2:] == 255).all()


# Of "a" 10 s, of "b" 20 s; the sensor was off from 4 s on in "a", and "b" has none.
HEARD = {"a": [True] * 8 + [False] * 12}
OPTIONAL = [("a", 0.0, 2.0), ("a", 3.0, 5.0), ("a", 3.5, 4.9), ("b", 1.0, 3.0), ("a", 5.0, 9.0), ("b", 30.0, 31.0)]


@pytest.fixture
def sensed(tmp_path):
    pictures = make_store(tmp_path / "pictures", {"a": GRID[:20], "b": GRID})
    heard = make_sensor_store(tmp_path / "heard", HEARD)
    return {"video": (pictures, "full"), "audio": (heard, "window")}


def test_a_sensor_is_there_where_half_of_a_clips_stored_times_are_and_clips_without_anything_are_named(sensed):
    source = StoredFeatures(sensed, clip_table(OPTIONAL), optional=("video", "audio"))
    # Pictures of "a" end at 5 s. The sensor has 2 of the times 3, 3.5, 4, 4.5 s, and one of 3.5, 4, 4.5 s.
    assert source.clips["clip_id"].to_list() == ["a_0", "a_1", "a_2", "b_3"]
    assert {name: values.tolist() for name, values in source.present.items()} == {
        "video": [True, True, True, True],
        "audio": [True, True, False, False],
    }
    assert [(fault.kind, fault.row) for fault in source.dropped] == [("not-recorded", 6), ("not-recorded", 7)]
    assert "clip a_4: nothing was recorded of it in" in str(source.dropped[0])
    assert "heard" in str(source.dropped[0])
    assert source.spans.tolist() == [[0.0, 2.0], [3.0, 5.0], [3.5, 4.9], [1.0, 3.0]]
    batch = source.batch(torch.tensor([3, 1]), num_frames=3)
    assert batch.present["audio"].tolist() == [False, True]
    assert batch.present["video"].tolist() == [True, True]
    # Asked for at 3.33, 4 and 4.67 s; recorded until 3.5 s.
    assert batch.streams["audio"][1, :, 2].tolist() == [3.5, 3.5, 3.5]
    assert batch.streams["audio"].isfinite().all()


def test_a_stream_that_is_not_optional_must_cover_every_clip(sensed):
    source = StoredFeatures(sensed, clip_table(OPTIONAL), optional=("audio",))
    assert source.clips["clip_id"].to_list() == ["a_0", "a_1", "a_2", "b_3"]
    assert set(source.present) == {"audio"}
    assert [fault.kind for fault in source.dropped] == ["past-the-end", "past-the-end"]
    source = StoredFeatures(sensed, clip_table(OPTIONAL))
    assert source.clips["clip_id"].to_list() == ["a_0", "a_1"]
    assert source.present == {}
    assert {fault.row for fault in source.dropped} == {4, 5, 6, 7}


def test_a_sensor_that_was_off_throughout_is_absent_everywhere(sensed, tmp_path):
    silent = make_sensor_store(tmp_path / "silent", {"a": [False] * 10})
    streams = {"video": sensed["video"], "audio": (silent, "window")}
    source = StoredFeatures(streams, clip_table(OPTIONAL[:4]), optional=tuple(streams))
    assert source.present["audio"].tolist() == [False] * 4
    assert source.batch(torch.arange(4), num_frames=2).present["audio"].tolist() == [False] * 4
    with pytest.raises(DataError, match="clip a_0: nothing was recorded of it in"):
        StoredFeatures({"audio": (silent, "window")}, clip_table(OPTIONAL[:1]), optional=("audio",))


def test_a_subset_keeps_who_has_what_and_when_and_what_is_seen(sensed):
    source = StoredFeatures(sensed, clip_table(OPTIONAL), optional=("video", "audio"))
    chosen = source.subset(torch.tensor([2, 0]))
    assert chosen.present["audio"].tolist() == [False, True]
    assert chosen.spans.tolist() == [[3.5, 4.9], [0.0, 2.0]]
    expected = source.batch(torch.tensor([0, 2]), num_frames=4)
    batch = chosen.batch(torch.tensor([1, 0]), num_frames=4)
    for name in ("video", "audio"):
        assert torch.equal(batch.streams[name], expected.streams[name])
        assert torch.equal(batch.present[name], expected.present[name])
    seen = SeenBy(source, ("audio",)).subset(torch.tensor([1, 3]))
    assert seen.spans is not None
    assert torch.equal(seen.spans, source.spans[[1, 3]])
    assert seen.present["audio"].tolist() == [True, False]
    assert set(seen.batch(torch.tensor([0]), num_frames=1).streams) == {"audio"}
