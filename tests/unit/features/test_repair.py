"""Stores are damaged in every place, and what is whole of them is kept."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import ConfigError, StoreError
from egoshift.features import Store
from egoshift.features.assembly import rows_of
from egoshift.features.condition import inspect, verify
from egoshift.features.layout import MANIFEST, NEXT, UNFINISHED
from egoshift.features.lock import writing
from egoshift.features.manifest import Manifest
from egoshift.features.parts import write_part
from egoshift.features.repair import repair

from .examples import contents, make_store

TIMES = {"a": [1.0, 1.25, 1.5], "b": [0.0, 0.25], "c": [0.5]}
ARRAYS = ("times", "full", "hand", "hand_boxes", "hand_origins")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store", TIMES, views=("full", "hand"))


def flip(file: Path, place: int, bit: int = 3) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1 << bit
    file.write_bytes(content)


def add_part(store: Store, video: str, of: str = "a") -> Path:
    """A finished video that waits to be merged: that of another, by another name."""
    (store.path / UNFINISHED).mkdir(exist_ok=True)
    rows = rows_of({name: np.load(store.path / f"{name}.npy") for name in ARRAYS}, *store.offsets[of])
    return write_part(store.path, video, store.manifest.videos[of], [rows])


def without(manifest: Manifest, name: str) -> Manifest:
    videos = {video: entry.model_copy(update={"hashes": {}}) for video, entry in manifest.videos.items()}
    return manifest.model_copy(update={name: videos})


def test_a_sound_store_is_left_as_it_is(store: Store) -> None:
    before = contents(store.path)
    stamps = [(file.name, file.stat().st_mtime_ns, file.stat().st_ino) for file in sorted(store.path.iterdir())]
    assert verify(store.path) == []
    report = repair(store.path)
    assert (report.kept, report.dropped, report.done) == (3, (), ())
    assert contents(store.path) == before
    assert [(file.name, file.stat().st_mtime_ns, file.stat().st_ino) for file in sorted(store.path.iterdir())] == stamps


@pytest.mark.parametrize("name", ARRAYS)
def test_any_byte_that_changes_is_found_and_costs_its_video_alone(store: Store, name: str, tmp_path: Path) -> None:
    size = (store.path / f"{name}.npy").stat().st_size
    array = np.load(store.path / f"{name}.npy")
    for place in [*range(0, 128, 23), *random.Random(0).sample(range(128, size), min(6, size - 128))]:
        hurt = tmp_path / f"hurt{place}"
        shutil.copytree(store.path, hurt)
        flip(hurt / f"{name}.npy", place)
        row = (place - 128) // (array.nbytes // len(array))
        videos = ("aaabbc"[row],) if place >= 128 else ()
        (damage,) = verify(hurt)
        assert (damage.path, damage.videos) == (hurt / f"{name}.npy", videos)
        with pytest.raises(StoreError, match=rf"{name}\.npy: .*egoshift store repair"):
            Store.open(hurt)
        report = repair(hurt)
        assert (report.kept, report.dropped) == (3 - len(videos), videos)
        assert verify(hurt) == []
        kept = {video: times for video, times in TIMES.items() if video not in videos}
        twin = make_store(tmp_path / f"twin{place}", kept, views=("full", "hand"))
        mended = Store.open(hurt)
        for video in kept:  # the rows that it had, of which the first column counts the videos of this store
            for view in ("full", "hand"):
                first, count = store.offsets[video]
                np.testing.assert_array_equal(
                    mended.array(view)[slice(*np.cumsum(mended.offsets[video]))],
                    store.array(view)[first : first + count],
                )
        assert mended.times_s.tolist() == twin.times_s.tolist()
        assert mended.manifest.failed == dict.fromkeys(videos, "damaged")


@pytest.mark.parametrize("cut", ["end", "all", "absent", "longer"])
def test_a_file_of_another_length_keeps_what_lies_in_it(store: Store, cut: str) -> None:
    file = store.path / "hand.npy"
    content = file.read_bytes()
    if cut == "absent":
        file.unlink()
    else:
        file.write_bytes({"end": content[:-3], "all": b"", "longer": content + b"more"}[cut])
    (damage,) = verify(store.path)
    lost = {"end": ("c",), "longer": ()}.get(cut, ("a", "b", "c"))
    assert damage.videos == lost
    if len(lost) == 3:
        before = contents(store.path)
        with pytest.raises(StoreError, match="nothing in it can be told to be whole; delete it and extract again"):
            repair(store.path)
        assert contents(store.path) == before
        return
    assert repair(store.path).dropped == lost
    assert verify(store.path) == []
    assert list(Store.open(store.path).offsets) == [video for video in TIMES if video not in lost]


def test_the_manifest_has_a_checksum_of_its_own(store: Store) -> None:
    content = (store.path / MANIFEST).read_bytes()
    for place in [*random.Random(1).sample(range(len(content)), 60), len(content) - 10]:
        (store.path / MANIFEST).write_bytes(content)
        flip(store.path / MANIFEST, place, place % 7)
        with pytest.raises(StoreError, match=r"manifest.json: (not a manifest|is not as it was written)"):
            Store.open(store.path)
        (damage,) = verify(store.path)
        assert damage.path == store.path / MANIFEST
        with pytest.raises(StoreError, match=r"manifest.json"):
            repair(store.path)


def test_a_store_of_before_these_checksums_opens_and_is_compared_as_a_whole(store: Store) -> None:
    old = without(store.manifest, "videos").text()
    (store.path / MANIFEST).write_text(old[: old.rindex(',\n "checksum"')] + "\n}\n")
    assert not Manifest.read(store.path / MANIFEST).videos["a"].hashes
    assert Store.open(store.path).times("b").tolist() == [0.0, 0.25]
    assert verify(store.path) == []
    assert repair(store.path).done == ()
    flip(store.path / "full.npy", 140)
    assert verify(store.path)[0].videos == ("a", "b", "c")
    with pytest.raises(StoreError, match=r"full.npy: rows are not as they were written"):
        Store.open(store.path)
    with pytest.raises(StoreError, match="nothing in it can be told to be whole"):
        repair(store.path)


def test_damaged_videos_that_wait_are_dropped_and_the_others_still_wait(store: Store) -> None:
    good, bad, cut = add_part(store, "d"), add_part(store, "e"), add_part(store, "f")
    flip(bad, bad.stat().st_size - 60)
    cut.write_bytes(cut.read_bytes()[:100])
    (store.path / UNFINISHED / "x.safetensors.tmp").touch()
    (store.path / UNFINISHED / "shards" / "1").mkdir(parents=True)
    flip(store.path / "full.npy", 129)
    assert {damage.path.name for damage in verify(store.path)} == {bad.name, cut.name, "full.npy"}
    assert {path.name for path in inspect(store.path).leftovers} == {"x.safetensors.tmp", "shards"}
    report = repair(store.path)
    assert (report.kept, report.waiting, report.dropped) == (2, 1, ("a", "e"))
    assert sorted(file.name for file in (store.path / UNFINISHED).iterdir()) == [good.name]
    assert verify(store.path) == []
    assert repair(store.path).done == ()


def test_where_only_videos_that_wait_are_whole_they_stay(store: Store) -> None:
    add_part(store, "d")
    (store.path / "full.npy").unlink()
    report = repair(store.path)
    assert (report.kept, report.waiting, report.dropped) == (0, 1, ("a", "b", "c"))
    assert [file.name for file in store.path.iterdir()] == [UNFINISHED]


@pytest.mark.parametrize("has_old", [True, False])
def test_videos_of_which_nothing_tells_what_made_them_do_not_stay(store: Store, has_old: bool) -> None:
    add_part(store, "d")
    settings = store.path / UNFINISHED / MANIFEST
    settings.write_text("{")
    if not has_old:
        for file in store.path.glob("*.*"):
            file.unlink()
    assert verify(store.path)[0].path == settings
    report = repair(store.path)
    assert report.waiting == int(has_old)
    assert verify(store.path) == [] if has_old else not list(store.path.iterdir())


@pytest.mark.parametrize("stage", ["begun", "written", "half moved", "moved"])
def test_an_interrupted_merge_is_finished_or_undone(store: Store, stage: str) -> None:
    before = contents(store.path)
    (store.path / NEXT).mkdir()
    names = [f"{name}.npy" for name in ARRAYS] + [MANIFEST]
    if stage == "begun":
        (store.path / NEXT / "full.npy").write_bytes(b"half")
    else:
        for name in names[3 if stage == "half moved" else 5 if stage == "moved" else 0 :]:
            (store.path / name).rename(store.path / NEXT / name)
    assert verify(store.path) == []
    assert inspect(store.path).is_merging
    report = repair(store.path)
    assert len(report.done) == 1
    assert ("undone" in report.done[0]) == (stage == "begun")
    assert contents(store.path) == before


def test_a_store_that_is_being_written_is_left_alone(store: Store) -> None:
    with writing(store.path):
        with pytest.raises(StoreError, match=r"process \d+ on .* is writing this store"):
            repair(store.path)
        with pytest.raises(StoreError, match=r"process \d+ on .* is writing this store; verify it when that is done"):
            verify(store.path)
        assert str(inspect(store.path).writer).startswith("process ")


def test_a_folder_without_a_store_is_one_line(tmp_path: Path) -> None:
    for look in (inspect, verify, repair):
        with pytest.raises(StoreError, match="no feature store is here; make one with 'egoshift extract'"):
            look(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_repair_needs_room_for_what_it_writes_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(store.path / "full.npy", 129)
    before = contents(store.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 90, 10))
    with pytest.raises(ConfigError, match=r"store: features of 2 videos that are whole, .* need about 123 B, and 10 B"):
        repair(store.path)
    assert contents(store.path) == before
