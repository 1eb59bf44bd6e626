import os
from pathlib import Path

import pytest

from egoshift.errors import ConfigError, StoreError
from egoshift.features import Store, checksums, verified

from .examples import make_store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that counts as large, with files of an hour ago, and a user whose folder for caches is empty."""
    monkeypatch.setattr(verified, "SMALL_BYTES", 10)
    monkeypatch.setattr(verified, "_SETTLED_S", -3600)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return make_store(tmp_path / "store", {"a": [0, 0.25], "b": [1]}).path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arrays that are read, as they are."""
    names: list[str] = []
    whole = checksums.damage_of

    def told(manifest, name, file, progress):
        names.append(name)
        return whole(manifest, name, file, progress)

    monkeypatch.setattr(checksums, "damage_of", told)
    return names


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def test_a_large_store_is_read_once_and_again_when_a_file_changes(store: Path, read: list[str]) -> None:
    for _ in range(3):
        Store.open(store)
    assert read == ["times", "full"]
    os.utime(store / "full.npy")
    Store.open(store)
    assert len(read) == 4
    flip(store / "full.npy")
    for _ in range(2):  # what is damaged is never taken as read
        with pytest.raises(StoreError, match=r"full.npy: rows are not as they were written \(1 videos: b\)"):
            Store.open(store)


def test_bytes_that_change_with_the_old_times_put_back_are_still_seen(store: Path) -> None:
    Store.open(store)
    found = (store / "full.npy").stat()
    flip(store / "full.npy")
    os.utime(store / "full.npy", ns=(found.st_atime_ns, found.st_mtime_ns))
    with pytest.raises(StoreError, match=r"full.npy: rows"):
        Store.open(store)


def test_a_file_that_changed_just_now_is_not_remembered(
    store: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified, "_SETTLED_S", 3600)
    for _ in range(2):
        Store.open(store)
    assert len(read) == 4


def test_small_stores_are_read_each_time_and_leave_nothing_in_the_cache(
    store: Path, read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified, "SMALL_BYTES", 1 << 26)
    for _ in range(2):
        Store.open(store)
    assert len(read) == 4
    assert not (tmp_path / "cache").exists()


def test_the_number_of_stores_that_are_remembered_is_bounded(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified, "_MOST", 2)
    for number in range(4):
        Store.open(make_store(tmp_path / str(number), {"a": [0, 0.25], "b": [1]}).path)
    assert len(list((tmp_path / "cache/egoshift/verified").iterdir())) == 2


def test_where_nothing_can_be_remembered_it_is_read_again(
    store: Path, read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("no folder")
    for _ in range(2):
        Store.open(store)
    assert len(read) == 4


def test_the_user_may_have_it_otherwise(store: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGOSHIFT_VERIFY", "always")
    for _ in range(2):
        Store.open(store)
    assert len(read) == 4
    monkeypatch.setenv("EGOSHIFT_VERIFY", "never")
    flip(store / "full.npy")
    Store.open(store)
    assert len(read) == 4
    monkeypatch.setenv("EGOSHIFT_VERIFY", "sometimes")
    with pytest.raises(ConfigError, match="EGOSHIFT_VERIFY is 'sometimes'; expected one of once, always, never"):
        Store.open(store)


def test_one_process_of_each_machine_reads(store: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    Store.open(store)
    assert read == []
