"""A store while it is being written: what is taken up, what is added, and what is left when it is finished."""

import os
from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import DataError, Fault, StoreError
from egoshift.features import FramePlan, Store
from egoshift.features import draft as module
from egoshift.features.draft import Draft
from egoshift.features.layout import MANIFEST, UNFINISHED, bytes_per_row
from egoshift.features.manifest import FeatureError, Manifest
from egoshift.features.parts import part_files, read_parts
from egoshift.features.rows import Rows
from egoshift.features.source import Source
from egoshift.features.wanted import Wanted
from egoshift.media import VideoInfo

from .examples import BLOCKS_CARD

CARD = BLOCKS_CARD.model_copy(update={"dim": 4})
SETTINGS = Manifest(encoder=CARD, views=("full",), plan=FramePlan(), libraries={"torch": ("2.13",), "av": ("18",)})
ERROR = FeatureError(mean=1e-5, max=2e-5, frames=16)


def rows(times_s: list[float], value: float) -> Rows:
    return {"times": np.array(times_s), "full": np.full((len(times_s), 4), value, np.float16)}


def wanted(video_id: str, times_s: list[float], *, missing_s: list[float] | None = None, replaced: bool = False):
    info = VideoInfo(Path(video_id), 9.0, 96, 64, 30.0, None, 0, "h264")
    missing = np.array(times_s if missing_s is None else missing_s)
    return Wanted(video_id, info, 1, np.array(times_s), missing, Source(1, "f"), "is not" if replaced else "")


def begun(path: Path, settings: Manifest = SETTINGS) -> Draft:
    path.mkdir(exist_ok=True)
    draft = Draft.begin(path, settings)
    draft.open()
    return draft


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A store of two videos, one of which could not be encoded beside a third."""
    draft = begun(tmp_path / "store")
    draft.add(wanted("a", [0.0, 0.5]), rows([0.0, 0.5], 1.0))
    draft.add(wanted("b", [0.0]), rows([0.0], 2.0))
    unusable = {"c": Fault("decoder-crash", Path("c"), "crashed", "leave it out")}
    store = draft.finish({"a", "b", "c"}, unusable, ())
    assert store.manifest.failed == {"c": "decoder-crash"}
    assert not (store.path / UNFINISHED).exists()
    return store.path


def test_names_and_versions_that_may_differ_stay_or_are_collected(finished: Path) -> None:
    other = CARD.model_copy(update={"id": "another name"})
    libraries = {"torch": ("2.14",), "numpy": ("2",)}
    draft = begun(finished, SETTINGS.model_copy(update={"encoder": other, "libraries": libraries, "error": ERROR}))
    assert draft.error == ERROR
    draft.add(wanted("d", [0.0]), rows([0.0], 3.0))
    manifest = draft.finish({"d"}, {}, ()).manifest
    assert manifest.encoder.id == CARD.id
    assert manifest.libraries == {"torch": ("2.13", "2.14"), "av": ("18",)}
    assert manifest.error == ERROR
    assert begun(finished).error == ERROR, "what was measured once stays"


def test_an_unfinished_store_is_taken_up_with_what_it_says_of_itself(tmp_path: Path) -> None:
    begun(tmp_path / "store")
    other = SETTINGS.model_copy(update={"libraries": {"torch": ("2.14",)}})
    draft = begun(tmp_path / "store", other)
    draft.note_error(ERROR)
    assert draft.error == ERROR
    draft.add(wanted("d", [0.0]), rows([0.0], 3.0))
    manifest = draft.finish({"d"}, {}, ()).manifest
    assert (manifest.libraries, manifest.error) == ({"torch": ("2.13", "2.14"), "av": ("18",)}, ERROR)


@pytest.mark.parametrize("place", ["", UNFINISHED])
def test_other_settings_are_refused_whether_it_was_finished_or_not(finished: Path, tmp_path: Path, place: str) -> None:
    folder = tmp_path / "begun"
    begun(folder)
    other = SETTINGS.model_copy(update={"plan": FramePlan(rate_hz=8.0)})
    with pytest.raises(StoreError, match=r"plan.rate_hz is 4.0 in this store, but 8.0 is asked for"):
        Draft.begin(folder if place else finished, other)


def test_a_damaged_store_is_refused_before_anything_is_encoded(finished: Path) -> None:
    content = bytearray((finished / "full.npy").read_bytes())
    content[-1] ^= 1
    (finished / "full.npy").write_bytes(content)
    with pytest.raises(StoreError, match=r"full.npy: rows are not as they were written"):
        Draft.begin(finished, SETTINGS)
    (finished / "full.npy").write_bytes(content[:-8])
    with pytest.raises(StoreError, match=r"full.npy"):
        Draft.begin(finished, SETTINGS)


def test_what_is_stored_is_known_finished_or_not(finished: Path) -> None:
    draft = begun(finished)
    draft.add(wanted("b", [0.0, 2.0], missing_s=[2.0]), rows([2.0], 4.0))
    draft.add(wanted("d", [0.25]), rows([0.25], 3.0))
    kept = begun(finished).kept()
    assert {name: one.times_s.tolist() for name, one in kept.items()} == {
        "a": [0.0, 0.5],
        "b": [0.0, 2.0],
        "d": [0.25],
    }
    assert {name: one.entry.rows for name, one in kept.items()} == {"a": 2, "b": 2, "d": 1}
    assert begun(finished.parent / "empty").kept() == {}


def test_rows_are_added_to_those_that_were_there_but_for_another_file_of_that_name(finished: Path) -> None:
    draft = begun(finished)
    draft.add(wanted("a", [0.0, 0.25, 0.5], missing_s=[0.25]), rows([0.25], 5.0))
    draft.add(wanted("b", [1.0], replaced=True), rows([1.0], 6.0))
    draft = begun(finished)  # and once more, to what waits
    draft.add(wanted("a", [0.0, 0.25, 0.5, 0.75], missing_s=[0.75]), rows([0.75], 7.0))
    store = draft.finish({"a", "b"}, {}, ())
    assert store.times("a").tolist() == [0.0, 0.25, 0.5, 0.75]
    assert store.times("b").tolist() == [1.0]
    assert store.array("full")[:, 0].tolist() == [1.0, 5.0, 1.0, 7.0, 6.0]
    store.verify()


@pytest.mark.parametrize("case", ["new", "waits", "stored", "replaced"])
def test_a_part_of_another_process_is_moved_or_joined_to_what_was_there(finished: Path, case: str) -> None:
    draft = begun(finished)
    if case == "waits":
        draft.add(wanted("d", [0.0]), rows([0.0], 3.0))
        draft = begun(finished)
    video = {"new": "d", "waits": "d", "stored": "a", "replaced": "a"}[case]
    shard = draft.shards() / "0"
    begun(shard).add(wanted(video, [4.0]), rows([4.0], 8.0))
    (part,) = part_files(shard)
    draft.take(wanted(video, [4.0], replaced=case == "replaced"), part)
    assert not part.exists()
    times = {"new": [4.0], "waits": [0.0, 4.0], "stored": [0.0, 0.5, 4.0], "replaced": [4.0]}[case]
    assert draft.finish({video}, {}, ()).times(video).tolist() == times


def test_what_was_moved_survives_a_power_cut(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    draft = begun(finished)
    shard = draft.shards() / "0"
    begun(shard).add(wanted("d", [4.0]), rows([4.0], 8.0))
    monkeypatch.setattr(module, "sync_folder", synced.append)
    draft.take(wanted("d", [4.0]), *part_files(shard))
    assert synced == [finished / UNFINISHED]


def test_shards_of_a_run_that_was_killed_are_gone(tmp_path: Path) -> None:
    draft = begun(tmp_path / "store")
    assert draft.room == tmp_path / "store" / UNFINISHED
    first = draft.shards()
    assert first.is_relative_to(draft.room)
    (first / "0").mkdir()
    (first / "0" / "half").write_text("x")
    assert list(draft.shards().iterdir()) == []
    assert draft.shards() == first


def test_room_is_asked_for_what_will_lie_there_at_once(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, int, str]] = []
    monkeypatch.setattr(module, "need_space", lambda *given: asked.append(given))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    each = bytes_per_row(SETTINGS.views, SETTINGS.encoder)
    draft = begun(finished)
    draft.check_space([wanted("a", [0.0], missing_s=[])])
    assert asked == [], "nothing is missing, and nothing waits"
    videos = [wanted(name, [float(k) for k in range(count)]) for name, count in (("d", 5), ("e", 1), ("f", 7))]
    draft.check_space([*videos, wanted("a", [0.0], missing_s=[])])
    # Thirteen rows as parts and again in the store, the two longest in files of their own, and three that are there.
    assert asked == [
        (finished, (13 + 12 + 13 + 3) * each, "features of 3 more videos, written twice when they are merged,")
    ]
    draft.add(wanted("d", [0.0, 1.0]), rows([0.0, 1.0], 1.0))
    begun(finished).check_space([wanted("a", [0.0], missing_s=[])])
    assert asked[1:] == [(finished, (3 + 2) * each, "features of 0 more videos, written twice when they are merged,")]
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    begun(finished.parent / "new").check_space(videos)
    assert asked[2][1] == (13 + 7 + 13) * each


def test_nothing_to_store_is_told_with_all_that_was_left_out(tmp_path: Path) -> None:
    fault = Fault("decoder-crash", Path("c"), "crashed", "leave it out")
    draft = begun(tmp_path / "store")
    with pytest.raises(DataError) as caught:
        draft.finish({"c"}, {"c": fault}, (fault,))
    assert caught.value.faults[0] == fault
    nothing = caught.value.faults[1]
    assert (nothing.kind, nothing.path) == ("no-clips", tmp_path / "store")
    assert (nothing.message, nothing.remedy) == (
        "no clip of the data set can be used",
        "correct what is named above, or add clips",
    )
    assert not draft.room.exists()


def test_what_could_not_be_encoded_is_noted_until_it_can(finished: Path) -> None:
    crashed = Fault("decoder-crash", Path("d"), "crashed", "leave it out")
    hung = Fault("decoder-hang", Path("c"), "hangs", "leave it out")
    before = (finished / "full.npy").stat().st_ino
    # Of the videos asked for, only what is still so is noted; of others what was.
    store = begun(finished).finish({"d"}, {"d": crashed}, ())
    assert store.manifest.failed == {"c": "decoder-crash", "d": "decoder-crash"}
    assert list(store.manifest.videos) == ["a", "b"]
    assert not (finished / UNFINISHED).exists()
    assert (finished / "full.npy").stat().st_ino == before, "nothing is written anew"
    assert Store.open(finished).manifest.failed == store.manifest.failed
    assert begun(finished).finish({"c", "d"}, {"c": hung}, ()).manifest.failed == {"c": "decoder-hang"}
    # A video of which something is stored, or was just added, has not failed.
    draft = begun(finished)
    draft.add(wanted("c", [0.0]), rows([0.0], 1.0))
    assert draft.finish({"a", "c"}, {"c": hung, "a": crashed}, ()).manifest.failed == {}


def test_where_nothing_changed_nothing_is_written(finished: Path) -> None:
    (finished / MANIFEST).touch()
    before = (finished / MANIFEST).stat()
    begun(finished).finish({"a", "b"}, {}, ())
    after = (finished / MANIFEST).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_damaged_part_is_encoded_again_and_named(tmp_path: Path) -> None:
    path = tmp_path / "store"
    draft = begun(path)
    draft.add(wanted("a", [0.0]), rows([0.0], 1.0))
    draft.add(wanted("b", [0.0]), rows([0.0], 1.0))
    found, _ = read_parts(path)
    content = bytearray(found["a"].path.read_bytes())
    content[8 + int.from_bytes(content[:8], "little")] ^= 1
    found["a"].path.write_bytes(content)
    found["b"].path.write_bytes(b"nothing")
    draft = Draft.begin(path, SETTINGS)
    assert draft.notices == (
        f"{path}: video 'a' was damaged on the disk; it is encoded again",
        f"{path}: a video in {found['b'].path.name} was damaged on the disk; it is encoded again",
    )
    assert part_files(path) == []
