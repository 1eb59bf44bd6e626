import shutil
from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import StoreError
from egoshift.features import FramePlan, Store
from egoshift.features.layout import MANIFEST, NEXT
from egoshift.features.lock import LOCK
from egoshift.features.union import merge_stores

from .examples import contents, make_store


def half(folder: Path, whole: Store, videos: list[str]) -> Store:
    """A store with some videos of another, which it was extracted with."""
    from egoshift.features.assembly import assemble, rows_of

    folder.mkdir()
    arrays = {name: np.load(whole.path / f"{name}.npy") for name in whole.manifest.arrays}
    sources = {v: (whole.manifest.videos[v], lambda v=v: rows_of(arrays, *whole.offsets[v])) for v in videos}
    assemble(folder, whole.manifest, sources)
    return Store.open(folder)


@pytest.fixture
def whole(tmp_path: Path) -> Store:
    return make_store(tmp_path / "whole", {"a": [0, 0.25], "b": [1], "c": [0.5, 0.75]}, views=("full", "hand"))


def test_stores_become_the_store_that_would_have_been_extracted_at_once(whole: Store, tmp_path: Path) -> None:
    parts = [half(tmp_path / name, whole, list(name)) for name in ("ca", "ab")]
    made = merge_stores([part.path for part in parts], tmp_path / "out")
    assert contents(made.path) == contents(whole.path)
    assert list(made.offsets) == ["a", "b", "c"]


def test_what_failed_in_all_of_them_is_still_said_to_have_failed(whole: Store, tmp_path: Path) -> None:
    parts = [half(tmp_path / name, whole, list(name)) for name in "ab"]
    for part, failed in zip(parts, ({"b": "no-frames", "x": "corrupt"}, {"x": "late", "w": "corrupt"}), strict=True):
        manifest = part.manifest.model_copy(update={"failed": failed})
        (part.path / MANIFEST).write_text(manifest.text())
    made = merge_stores([part.path for part in parts], tmp_path / "out")
    assert made.manifest.failed == {"w": "corrupt", "x": "corrupt"}


def test_other_settings_are_refused_with_both_values(whole: Store, tmp_path: Path) -> None:
    other = make_store(tmp_path / "other", {"d": [0]}, views=("full", "hand"), plan=FramePlan(rate_hz=8))
    refusal = rf"{other.path}: plan.rate_hz is 8.0, and 4.0 in {whole.path}; only stores of the same settings"
    with pytest.raises(StoreError, match=refusal):
        merge_stores([whole.path, other.path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_video_that_differs_is_refused_with_both_stores(whole: Store, tmp_path: Path) -> None:
    other = make_store(tmp_path / "other", {"b": [1], "c": [0.5, 1.0]}, views=("full", "hand"))
    with pytest.raises(StoreError) as caught:
        merge_stores([whole.path, other.path], tmp_path / "out")
    named = f"{other.path}: video {{!r}} is not the same in {whole.path} (other {{}}); leave one of the two stores out"
    lines = str(caught.value).splitlines()
    assert [line.rpartition(",")[0] for line in lines] == [named.format("b", "features"), named.format("c", "times")]


def test_a_damaged_store_is_not_merged(whole: Store, tmp_path: Path) -> None:
    part = half(tmp_path / "part", whole, ["a"])
    content = bytearray((part.path / "full.npy").read_bytes())
    content[-1] ^= 1
    (part.path / "full.npy").write_bytes(content)
    refusal = rf"{part.path}: rows of video 'a' are not as they were written; `egoshift store repair {part.path}`"
    with pytest.raises(StoreError, match=refusal):
        merge_stores([part.path], tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*"))


def test_nothing_is_merged_in_among_other_files(whole: Store, tmp_path: Path) -> None:
    out = tmp_path / "videos"
    out.mkdir()
    (out / "a.mp4").touch()
    with pytest.raises(StoreError, match=r"videos: holds something else, such as a.mp4; give a new folder to merge"):
        merge_stores([whole.path], out)
    assert [path.name for path in out.iterdir()] == ["a.mp4"]
    (out / NEXT / "mine").mkdir(parents=True)
    (out / "a.mp4").rename(out / "manifest.json")
    for other in ("next/mine", "manifest.json"):
        with pytest.raises(StoreError, match=f"videos: holds something else, such as {other};"):
            merge_stores([whole.path], out)
        shutil.rmtree(out / NEXT, ignore_errors=True)
    (out / "manifest.json").rename(out / LOCK)  # what a merge left that was killed before it wrote anything
    assert contents(merge_stores([whole.path], out).path) == contents(whole.path)


def test_another_store_is_not_written_over_but_a_killed_merge_goes_on(whole: Store, tmp_path: Path) -> None:
    part = half(tmp_path / "part", whole, ["a", "c"])
    before = contents(part.path)
    with pytest.raises(StoreError, match="another store is here already; give another folder to merge into"):
        merge_stores([whole.path], part.path)
    assert contents(part.path) == before
    # Where the last call to the disk failed, all is there, and the same command again is content with it.
    assert contents(merge_stores([part.path], part.path).path) == before
    (tmp_path / "out" / NEXT).mkdir(parents=True)
    (tmp_path / "out" / NEXT / "full.npy").write_bytes(b"half")
    assert contents(merge_stores([whole.path], tmp_path / "out").path) == contents(whole.path)


def test_entries_that_say_less_are_merged_and_those_that_say_something_else_are_not(
    whole: Store, tmp_path: Path
) -> None:
    stores = []
    for name, hands in (("older", ""), ("published", "p"), ("corrected", "c")):
        store = half(tmp_path / name, whole, ["a"])
        entry = store.manifest.videos["a"].model_copy(update={"hands": hands})
        (store.path / MANIFEST).write_text(store.manifest.model_copy(update={"videos": {"a": entry}}).text())
        stores.append(store.path)
    assert list(merge_stores(stores[:2], tmp_path / "out").offsets) == ["a"]
    with pytest.raises(StoreError, match="other hand detections"):
        merge_stores(stores[1:], tmp_path / "other")


def test_what_only_one_store_says_of_a_video_is_not_called_the_difference(whole: Store, tmp_path: Path) -> None:
    other = make_store(tmp_path / "other", {"c": [0.5, 1.0]}, views=("full", "hand"))
    entry = other.manifest.videos["c"].model_copy(update={"hands": "1234", "read_as": "wear"})
    manifest = other.manifest.model_copy(update={"videos": {"c": entry}})
    (other.path / "manifest.json").write_text(manifest.text())
    with pytest.raises(StoreError, match=r"not the same in \S+ \(other times\)"):
        merge_stores([whole.path, other.path], tmp_path / "out")
