import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from egoshift.files import make_folder, moving_into, replacing, write_atomically


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new" / "file", b"first")
    write_atomically(tmp_path / "new" / "file", [b"sec", memoryview(b"ond")])
    assert (tmp_path / "new" / "file").read_bytes() == b"second"
    assert os.listdir(tmp_path / "new") == ["file"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_can_be_read_by_others_as_far_as_the_process_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_what_lasts_has_reached_the_disk_first_the_bytes_then_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        calls.append(os.readlink(f"/proc/self/fd/{descriptor}").removeprefix(str(tmp_path)))
        fsync(descriptor)

    def replaced(*names: str) -> None:
        calls.append("replace")
        replace(*names)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_atomically(tmp_path / "file", b"x")
    assert calls == ["/file.tmp", "replace", ""]
    calls.clear()
    write_atomically(tmp_path / "file", b"x", durable=False)
    assert calls == ["replace"]


WRITER = """
import sys
from pathlib import Path
from egoshift.files import write_atomically

def slowly():
    for _ in range(400):
        yield sys.argv[2].encode() * 1000
        if sys.argv[3] == "stop":
            print("half", flush=True)
            sys.stdin.read()

for _ in range(int(sys.argv[4])):
    write_atomically(Path(sys.argv[1]), slowly())
"""


def _writer(path: Path, letter: str, stop: str = "", times: int = 1) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), letter, stop, str(times)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_processes_that_write_one_file_never_mix_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    writers = [_writer(path, letter, times=60) for letter in "abc"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            content = path.read_bytes()
            assert len(content) == 400_000
            seen.add(content[:1])
            assert content == content[:1] * 400_000
    assert [writer.wait() for writer in writers] == [0, 0, 0], "no writer fails because of another"
    for writer in writers:
        writer.communicate()
    assert len(seen) > 1
    assert os.listdir(tmp_path) == ["file"]


def test_what_killed_writers_leave_is_taken_up_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    for _ in range(3):
        with _writer(path, "x", "stop") as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
        assert path.read_bytes() == b"old"
        assert sorted(os.listdir(tmp_path)) == ["file", "file.tmp"]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_without_locks_each_writer_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(handle: int, how: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with replacing(tmp_path / "file") as first, replacing(tmp_path / "file") as second:
        assert first != second
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert (tmp_path / "file").read_bytes() == b"first"


def test_files_that_name_each_other_are_moved_together(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"old")
    (tmp_path / ".files.tmp").mkdir()
    (tmp_path / ".files.tmp" / "left").touch()
    with pytest.raises(FileNotFoundError), moving_into(tmp_path) as within:
        (within / "a.onnx").rename(within / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == b"old"
    with moving_into(tmp_path) as within:
        (within / "a.onnx").write_bytes(b"new")
        (within / "a.onnx.data").write_bytes(b"data")
    assert sorted(os.listdir(tmp_path)) == ["a.onnx", "a.onnx.data"]
    assert (tmp_path / "a.onnx").read_bytes() == b"new"


def test_a_failure_names_the_file_even_where_the_rest_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(Path, "unlink", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(tmp_path / "file", b"new")
    assert caught.value.filename == str(tmp_path / "file")


def test_each_folder_that_is_made_is_synced_into_the_one_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("egoshift.files.sync_folder", synced.append)
    make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]
    make_folder(tmp_path / "a" / "b")
    assert len(synced) == 2
    assert (tmp_path / "a" / "b").is_dir()
