import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import StoreError
from egoshift.features import Store
from egoshift.features.layout import NEXT, UNFINISHED, array_layout

from .examples import BLOCKS_CARD, make_store

TIMES = {"b": [0.0, 0.25], "a": [1.0, 1.25, 1.5]}


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path / "store", TIMES, views=("full", "hand"))


def test_a_store_gives_back_what_was_put_in(store):
    assert store.views == ("full", "hand")
    assert (store.dim, len(store)) == (4, 5)
    assert store.offsets == {"a": (0, 3), "b": (3, 2)}
    assert store.times("a").tolist() == [1.0, 1.25, 1.5]
    assert store.times_s.tolist() == [1.0, 1.25, 1.5, 0.0, 0.25]
    assert store.array("hand")[3].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert store.hand_boxes.shape == (5, 4)
    assert store.hand_origins.tolist() == [1] * 5
    store.verify()


def test_features_are_mapped_and_never_written_to(store):
    assert isinstance(store.array("full"), np.memmap)
    store.array("full")[0] = 7
    assert Store.open(store.path).array("full")[0, 0] == 0


def test_rows_are_read_past_the_map_in_as_many_pieces_as_the_system_gives(store, monkeypatch):
    rows = np.zeros((3, store.dim), np.float16)
    store.read("hand", 1, rows)
    assert np.array_equal(rows, store.array("hand")[1:4])
    assert rows.any()
    opened = Path.open

    class Slow:
        """Gives at most five bytes at once, as the system may."""

        def __init__(self, file):
            self.file, self.name = file, file.name

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def seek(self, place):
            self.file.seek(place)

        def readinto(self, room):
            return self.file.readinto(memoryview(room).cast("B")[:5])

    asked = []

    def open_slowly(*given, **named):
        asked.append(named)
        return Slow(opened(*given, **named))

    monkeypatch.setattr(Path, "open", open_slowly)
    slowly = np.zeros_like(rows)
    store.read("hand", 1, slowly)
    assert np.array_equal(slowly, rows)
    assert asked == [{"buffering": 0}], "no more is read than is asked for"


def test_a_store_in_memory_is_the_same_without_its_files(store):
    there = [store.array("hand").copy(), store.times_s.copy(), store.hand_boxes.copy()]
    held = store.in_memory()
    shutil.rmtree(store.path)
    assert (held.path, held.manifest, held.offsets) == (store.path, store.manifest, store.offsets)
    assert not isinstance(held.array("hand"), np.memmap)
    for one, other in zip(there, (held.array("hand"), held.times_s, held.hand_boxes), strict=True):
        assert np.array_equal(one, other)
    rows = np.zeros((2, held.dim), np.float16)
    held.read("hand", 3, rows)
    assert np.array_equal(rows, there[0][3:5])


def test_pieces_of_a_video_are_one_and_a_time_that_is_stored_twice_counts_once(tmp_path):
    pieces = {"a": [0.0, 0.25, 0.5], "b": [0.5 + 1e-9, 0.75]}
    store = make_store(tmp_path / "pieces", pieces, views=("full", "hand"))
    store.manifest.failed["c"] = "decoder-crash"
    one = store.as_one("film", 1.5)
    assert (list(one.offsets), one.path) == (["film"], store.path)
    assert one.times("film").tolist() == [0.0, 0.25, 0.5, 0.75]
    assert np.array_equal(one.array("hand"), store.array("hand")[[0, 1, 2, 4]])
    entry = one.manifest.videos["film"]
    assert (entry.rows, entry.duration_s, one.manifest.failed) == (4, 1.5, {})
    assert one.manifest.encoder == store.manifest.encoder
    apart = make_store(tmp_path / "apart", {"a": [0.0, 0.25], "b": [0.5]}, views=("full",))
    assert np.shares_memory(apart.as_one("film", 1.0).array("full"), apart.array("full")), "nothing is copied in vain"
    assert apart.as_one("film", 1.0).times("film").tolist() == [0.0, 0.25, 0.5]


def test_rows_of_frames_are_all_recorded(store):
    assert store.recorded.tolist() == [0, 1, 2, 3, 4]


def test_no_clock_and_no_place_is_written_into_a_store(store, tmp_path):
    twin = make_store(tmp_path / "elsewhere" / "twin", TIMES, views=("full", "hand"))
    for file in sorted(store.path.iterdir()):
        assert file.read_bytes() == (twin.path / file.name).read_bytes()
    assert {file.name for file in store.path.iterdir()} == {
        *("manifest.json", "times.npy", "full.npy", "hand.npy", "hand_boxes.npy", "hand_origins.npy")
    }


def test_nothing_there_is_said_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(StoreError, match="no feature store is here; make one with 'egoshift extract'"):
        Store.open(tmp_path)


@pytest.mark.parametrize("leftover", [UNFINISHED, NEXT])
def test_an_unfinished_store_is_not_read(store, leftover):
    (store.path / leftover).mkdir()
    if leftover == UNFINISHED:
        for name in ("one", "two"):
            (store.path / leftover / f"{name}.safetensors").touch()
    waiting = 2 if leftover == UNFINISHED else 0
    with pytest.raises(
        StoreError,
        match=rf"unfinished \({waiting} videos .* run the same 'egoshift extract' again: it goes on from there",
    ):
        Store.open(store.path)


def test_other_expectations_are_refused(store):
    Store.open(store.path, expect={"encoder.family": "clip"})
    with pytest.raises(StoreError, match=r'encoder.family is "clip" in this store, but "siglip" is asked for'):
        Store.open(store.path, expect={"encoder.family": "siglip"})


@pytest.mark.parametrize("spoil", ["cut", "empty", "absent", "pickle", "shape", "type"])
def test_a_damaged_array_is_named(store, spoil):
    file = store.path / "full.npy"
    if spoil == "cut":
        file.write_bytes(file.read_bytes()[:-3])
    elif spoil == "empty":
        file.write_bytes(b"")
    elif spoil == "absent":
        file.unlink()
    elif spoil == "pickle":
        np.save(file, np.array([{}], dtype=object))
    elif spoil == "shape":
        np.save(file, np.zeros((4, 4), np.float16))
    else:
        np.save(file, np.zeros((5, 4), np.float32))
    with pytest.raises(
        StoreError, match=r"full.npy: (cannot be read|holds) .*; `egoshift store repair .*` keeps the videos"
    ):
        Store.open(store.path)


def test_a_changed_byte_is_found_when_looked_for(store):
    array = np.load(store.path / "hand.npy")
    array[4, 1] += 1
    np.save(store.path / "hand.npy", array)
    reopened = Store.open(store.path, check=False)
    named = r"hand.npy: rows are not as they were written \(1 videos: b\); `egoshift store repair .*store` keeps"
    with pytest.raises(StoreError, match=named):
        reopened.verify()
    with pytest.raises(StoreError, match=named):
        Store.open(store.path)


def test_a_video_that_is_not_stored_is_named(store):
    with pytest.raises(StoreError, match=r"holds no video 'c' \(it holds 2\); extract it into this store"):
        store.times("c")


def test_a_view_that_is_not_stored_is_named(tmp_path):
    store = make_store(tmp_path / "s", TIMES)
    with pytest.raises(StoreError, match="holds the views full, and 'hand_boxes' is asked for"):
        _ = store.hand_boxes


def test_the_manifest_says_what_made_it(store):
    manifest = json.loads((store.path / "manifest.json").read_text())
    assert manifest["encoder"]["sha256"] == "0" * 64
    assert manifest["plan"] == {"kind": "grid", "rate_hz": 4.0, "num_frames": None}
    assert manifest["hand"] == {"kind": "left-half", "first_s": 0.0}
    hashes, source = {"times_hash", "hashes"}, {"num_bytes", "fingerprint", "read_as", "hands"}
    assert set(manifest["videos"]["a"]) == {"rows", "duration_s"} | hashes | source
    assert set(manifest["arrays"]) == {"times", "full", "hand", "hand_boxes", "hand_origins"}


def test_pictures_are_stored_as_bytes_and_features_in_half_precision():
    pictures = BLOCKS_CARD.model_copy(update={"family": "pixels", "dim": 12})
    layouts = [array_layout(("full", "hand"), card) for card in (BLOCKS_CARD, pictures)]
    assert [layout["hand"] for layout in layouts] == [(np.dtype("<f2"), (16,)), (np.dtype("u1"), (12,))]
    assert all(layout["times"] == (np.dtype("<f8"), ()) for layout in layouts)
