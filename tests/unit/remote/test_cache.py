import logging
import os
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

from egoshift.errors import RemoteError
from egoshift.remote import cache, here, path_of, ranges, whole
from egoshift.remote.cache import forget_checks
from egoshift.remote.objects import Object
from egoshift.remote.records import beside, read_record

FOLDER = "memory:///d"


@pytest.fixture
def filled(fs: MemoryFileSystem) -> MemoryFileSystem:
    for name in ("a.csv", "in/b.csv", "in/v.mp4", "w.mp4"):
        fs.pipe(f"/d/{name}", f"this is {name}".encode())
    return fs


def unplug(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(MemoryFileSystem, "info", fail)
    forget_checks()


def test_a_folder_is_fetched_but_for_videos(filled: MemoryFileSystem):
    folder = here(path_of(FOLDER))
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    assert sizes == {"a.csv": 13, "in/b.csv": 16, "in/v.mp4": 0, "w.mp4": 0}
    assert (folder / "a.csv").read_text() == "this is a.csv"
    assert whole(folder / "in/v.mp4").read_text() == "this is in/v.mp4"


def test_a_video_is_read_in_pieces_until_it_is_here(filled: MemoryFileSystem):
    video = here(path_of(FOLDER)) / "w.mp4"
    with ranges(video) or pytest.fail("is not here") as file:
        assert file.seek(0, os.SEEK_END) == 13
        file.seek(8)
        assert file.read() == b"w.mp4"
    assert ranges(whole(video)) is None


def test_an_object_that_changed_is_fetched_again_and_one_that_is_gone_goes(filled: MemoryFileSystem):
    folder = here(path_of(FOLDER))
    (folder / "made-here").write_text("mine")
    whole(folder / "w.mp4")
    filled.pipe("/d/a.csv", b"that is a.csv")  # as long as before
    filled.pipe("/d/w.mp4", b"another")
    filled.rm("/d/in/b.csv")
    assert here(path_of(FOLDER) / "a.csv").read_text() == "that is a.csv", "a new place is asked for"
    forget_checks()
    here(folder)
    assert not (folder / "in/b.csv").exists()
    assert (folder / "made-here").exists()
    assert whole(folder / "w.mp4").read_bytes() == b"another"


def test_the_store_is_asked_once_a_process(filled: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch):
    here(path_of(FOLDER))
    asked = []
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *_, **__: asked.append(1))
    here(path_of(FOLDER))
    assert not asked


@pytest.mark.parametrize("damage", [b"this is a.CSV", b"this", b""])
def test_a_damaged_copy_is_noticed_told_and_fetched_again(
    filled: MemoryFileSystem, damage: bytes, caplog: pytest.LogCaptureFixture
):
    copy = here(path_of(FOLDER)) / "a.csv"
    copy.write_bytes(damage)
    forget_checks()
    with caplog.at_level(logging.WARNING, "egoshift.remote"):
        here(path_of(FOLDER))
    assert copy.read_text() == "this is a.csv"
    assert [record.getMessage() for record in caplog.records] == [
        "memory:///d/a.csv: the copy here was damaged and is fetched again"
    ]


def test_a_damaged_copy_of_a_video_is_fetched_again_when_it_is_opened(filled: MemoryFileSystem):
    video = whole(here(path_of(FOLDER)) / "w.mp4")
    video.write_bytes(b"this is w.mp5")
    forget_checks()
    here(path_of(FOLDER))
    assert whole(video).read_text() == "this is w.mp4"


def test_without_network_the_copies_are_used_and_that_is_told(
    filled: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    folder = here(path_of(FOLDER))
    unplug(monkeypatch)
    with caplog.at_level(logging.WARNING, "egoshift.remote"):
        assert (here(folder) / "a.csv").read_text() == "this is a.csv"
    assert [record.getMessage() for record in caplog.records] == [
        "memory:///d: cannot be reached (no network); the copy here is used"
    ]
    with pytest.raises(RemoteError, match=r"memory:///d/w.mp4: cannot be reached \(no network\); check the network"):
        whole(folder / "w.mp4")
    with pytest.raises(RemoteError, match="memory:///other: cannot be reached"):
        here(path_of("memory:///other"))


def test_without_network_a_damaged_copy_is_not_used(filled: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch):
    (here(path_of(FOLDER)) / "a.csv").write_text("spoilt")
    unplug(monkeypatch)
    with pytest.raises(RemoteError, match="cannot be reached"):
        here(path_of(FOLDER))


def test_what_is_cut_off_is_not_taken_for_the_object(filled: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch):
    read = MemoryFile.read
    monkeypatch.setattr(MemoryFile, "read", lambda file, size=-1: read(file, size)[:5] if file.tell() == 0 else b"")
    with pytest.raises(RemoteError, match="gave 5 of 13 bytes"):
        here(path_of(FOLDER) / "a.csv")
    assert not [path for path in path_of(FOLDER).iterdir() if path.name != "lock"]


def test_videos_not_opened_for_longest_make_room(filled: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch):
    for name in "xyz":
        filled.pipe(f"/d/{name}.mp4", bytes(1000))
    folder = here(path_of(FOLDER))
    monkeypatch.setenv("EGOSHIFT_CACHE_GB", "2e-6")
    for age_s, name in ((300, "x"), (200, "y")):
        whole(folder / f"{name}.mp4")
        record = beside(folder / f"{name}.mp4", ".json")
        os.utime(record, (record.stat().st_mtime - age_s,) * 2)
    with (folder / "x.mp4").open("rb") as being_read:
        whole(folder / "z.mp4")
        assert [(folder / f"{name}.mp4").stat().st_size for name in "xyz"] == [0, 1000, 1000]
        assert len(being_read.read()) == 1000, "whoever reads it goes on"
    assert (folder / "a.csv").stat().st_size == 13, "only videos are dropped"
    assert whole(folder / "x.mp4").stat().st_size == 1000, "it is fetched again"


def test_what_is_nowhere_is_left_to_be_missed_by_who_reads_it(fs: MemoryFileSystem):
    assert not here(path_of("memory:///nothing.csv")).exists()


def test_a_local_folder_is_a_store_too(fs: MemoryFileSystem, tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/a.csv").write_text("one")
    url = f"file://{tmp_path}/there"
    assert (here(path_of(url)) / "a.csv").read_text() == "one"
    (tmp_path / "there/a.csv").write_text("two")
    os.utime(tmp_path / "there/a.csv", (1, 1))
    forget_checks()
    assert (here(path_of(url)) / "a.csv").read_text() == "two"
    assert read_record(path_of(url) / "a.csv") is not None


def test_a_scheme_that_nobody_reads_is_told():
    with pytest.raises(RemoteError, match="give s3://, gs://, https:// or a path"):
        here(path_of("nonsense://a/b"))


def test_an_object_beside_a_folder_of_its_name_is_told(fs: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch):
    fs.pipe({"/d/x": b"1", "/d/y": b"1"})  # this store has no such names itself, as S3 may have
    objects = {"a": Object(f"{FOLDER}/x", 1, "1"), "a/b": Object(f"{FOLDER}/y", 1, "1")}
    monkeypatch.setattr(cache, "listing", lambda _: objects)
    with pytest.raises(RemoteError, match=r"cannot be kept in .*set EGOSHIFT_CACHE"):
        here(path_of(FOLDER))


def test_a_full_disk_is_not_taken_for_a_store_out_of_reach(filled: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch):
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(RemoteError, match=r"a\.csv: cannot be kept in .* \(No space left on device\); make room there"):
        here(path_of(FOLDER) / "a.csv")


@pytest.mark.parametrize("name", ["../../../../escaped", "a//etc/escaped", "./escaped", "/escaped"])
def test_an_object_whose_copy_would_lie_elsewhere_is_refused(
    fs: MemoryFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fs.pipe_file("/data/a.csv", b"1")
    found = fs.find("/data", detail=True)
    info = {"name": f"/data/{name}", "size": 1, "type": "file"}
    monkeypatch.setattr(MemoryFileSystem, "find", lambda *_, **__: found | {f"/data/{name}": info})
    with pytest.raises(RemoteError, match=r"memory:///data: has an object '.*escaped', which is no path within it"):
        here(path_of("memory://data"))
    assert not list(tmp_path.rglob("*escaped*"))
