from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from egoshift.errors import RemoteError
from egoshift.remote import here, path_of, work_on
from egoshift.remote.cache import forget_checks

STORE = "memory:///w/store"
LAST = ("manifest.json",)


def fill(folder: Path, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("full.npy", "manifest.json", "times.npy"):
        (folder / name).write_text(f"{name} {number}")


def there(fs: MemoryFileSystem) -> dict[str, bytes]:
    return {name.removeprefix("/w/store/"): fs.cat_file(name) for name in sorted(fs.find("/w/store"))}


def all_of(number: int) -> dict[str, bytes]:
    return {name: f"{name} {number}".encode() for name in ("full.npy", "manifest.json", "times.npy")}


def test_what_was_made_is_published_and_used_by_another_process(fs: MemoryFileSystem):
    with work_on(path_of(STORE), LAST):
        fill(path_of(STORE), 1)
        (path_of(STORE) / "lock").touch()
        assert there(fs) == {}
    assert there(fs) == all_of(1)
    forget_checks()
    with work_on(path_of(STORE), LAST):
        assert (path_of(STORE) / "full.npy").read_text() == "full.npy 1"


def test_what_did_not_change_is_not_put_again(fs: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch):
    with work_on(path_of(STORE), LAST):
        fill(path_of(STORE), 1)
    put = []
    monkeypatch.setattr(MemoryFileSystem, "put_file", lambda *words, **_: put.append(words))
    with work_on(path_of(STORE), LAST):
        pass
    assert not put


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_an_interrupted_upload_is_never_taken_for_a_finished_one_and_goes_on(
    fs: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, allowed: int
):
    with work_on(path_of(STORE), LAST):
        fill(path_of(STORE), 1)
    put, left = MemoryFileSystem.put_file, [allowed]

    def failing(self: MemoryFileSystem, *words: object, **options: object) -> None:
        if not left[0]:
            raise ConnectionError("reset by peer")
        left[0] -= 1
        put(self, *words, **options)

    monkeypatch.setattr(MemoryFileSystem, "put_file", failing)
    told = r"cannot be reached \(reset by peer\); nothing made here is lost: .*and run the same command again"
    with pytest.raises(RemoteError, match=told), work_on(path_of(STORE), LAST):
        fill(path_of(STORE), 2)
    assert "manifest.json" not in there(fs)
    assert (path_of(STORE) / "full.npy").read_text() == "full.npy 2"
    monkeypatch.setattr(MemoryFileSystem, "put_file", put)
    forget_checks()
    with work_on(path_of(STORE), LAST):
        assert (path_of(STORE) / "full.npy").read_text() == "full.npy 2", "what is there is not fetched over it"
    assert there(fs) == all_of(2)


def test_an_upload_killed_before_it_was_noted_goes_on(fs: MemoryFileSystem):
    def killed() -> None:
        with work_on(path_of(STORE), LAST):
            fill(path_of(STORE), 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    fs.pipe("/w/store/full.npy", b"full.npy 1")
    with work_on(path_of(STORE), LAST):
        pass
    assert there(fs) == all_of(1)


def test_what_somebody_else_put_there_meanwhile_is_not_written_over(fs: MemoryFileSystem):
    with work_on(path_of(STORE), LAST):
        fill(path_of(STORE), 1)

    def both() -> None:
        with work_on(path_of(STORE), LAST):
            fill(path_of(STORE), 2)
            fs.pipe("/w/store/full.npy", b"theirs")

    with pytest.raises(RemoteError, match=r"full\.npy: was changed by somebody else"):
        both()
    assert there(fs) == all_of(1) | {"full.npy": b"theirs"}


def test_work_that_failed_before_it_changed_anything_leaves_no_mark(fs: MemoryFileSystem):
    with work_on(path_of(STORE), LAST):
        fill(path_of(STORE), 1)
    with pytest.raises(ValueError, match="bad card"), work_on(path_of(STORE), LAST):
        raise ValueError("bad card")
    fs.pipe("/w/store/full.npy", b"theirs")
    forget_checks()
    assert (here(path_of(STORE), everything=True) / "full.npy").read_text() == "theirs"


def test_a_store_that_can_only_be_read_is_told(fs: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(MemoryFileSystem, "put_file", fail)
    with pytest.raises(RemoteError, match="can only be read"), work_on(path_of(STORE), LAST):
        fill(path_of(STORE), 1)


def test_a_path_of_this_machine_is_left_alone(fs: MemoryFileSystem, tmp_path: Path):
    with work_on(tmp_path / "store"):
        assert not (tmp_path / "store").exists()
    assert not fs.store


def test_a_local_folder_is_published_to(fs: MemoryFileSystem, tmp_path: Path):
    with work_on(path_of(f"file://{tmp_path}/out/store"), LAST):
        fill(path_of(f"file://{tmp_path}/out/store"), 1)
    assert (tmp_path / "out/store/manifest.json").read_text() == "manifest.json 1"


def test_what_can_only_be_read_is_refused_before_anything_is_made(fs: MemoryFileSystem) -> None:
    with (
        pytest.raises(RemoteError, match="can be read but not written; give another place"),
        work_on(path_of("https://example.org/data/features")),
    ):
        raise AssertionError("nothing begins")
