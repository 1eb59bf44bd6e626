import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from egoshift.errors import StoreError
from egoshift.features import lock
from egoshift.features.lock import LOCK, holder, writing


def test_a_second_writer_is_told_who_holds_the_store(tmp_path):
    with writing(tmp_path), pytest.raises(StoreError, match=rf"{tmp_path}: process {os.getpid()} on .* is writing"):
        writing(tmp_path).__enter__()


def test_the_store_is_free_again_and_nothing_is_left_behind(tmp_path):
    for _ in range(2):
        with writing(tmp_path):
            assert (tmp_path / LOCK).exists()
        assert not (tmp_path / LOCK).exists()


def test_the_file_of_a_process_that_is_gone_holds_nobody_up(tmp_path):
    here = socket.gethostname()
    (tmp_path / LOCK).write_text(f"process 1 on {here}\n")  # a process that runs, and never took the lock
    with writing(tmp_path):
        assert (tmp_path / LOCK).read_text().startswith(f"process {os.getpid()} ")


def test_only_one_of_many_writers_is_let_in_at_a_time(tmp_path):
    inside, most, refused = [0], [0], [0]
    guard = threading.Lock()

    def write() -> None:
        for _ in range(50):
            try:
                with writing(tmp_path):
                    with guard:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    with guard:
                        inside[0] -= 1
            except StoreError:
                refused[0] += 1

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
    assert refused[0] < 200


HOLDING = """
import sys, time
from pathlib import Path
from egoshift.features.lock import writing

with writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def _hold(store: Path) -> "subprocess.Popen[str]":
    held = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert held.stdout is not None
    assert held.stdout.readline() == "held\n"
    return held


def test_the_lock_of_a_killed_process_is_taken_over_and_that_is_told(tmp_path, caplog):
    with _hold(tmp_path) as other:
        who = f"process {other.pid} on {socket.gethostname()}"
        assert holder(tmp_path) == who
        with pytest.raises(
            StoreError, match=rf"{who} is writing this store; wait until it is done \(--wait\), or stop"
        ):
            writing(tmp_path).__enter__()
        other.send_signal(signal.SIGKILL)
    assert (tmp_path / LOCK).exists()
    assert holder(tmp_path) is None
    with writing(tmp_path):
        assert holder(tmp_path) == f"process {os.getpid()} on {socket.gethostname()}"
    assert caplog.messages == [
        f"{tmp_path}: {who} was killed while it wrote this store; going on from what it finished"
    ]
    assert not (tmp_path / LOCK).exists()


def test_whoever_waits_is_let_in_when_the_other_is_done(tmp_path, caplog):
    caplog.set_level("INFO")
    with _hold(tmp_path) as other:
        assert other.stdin is not None
        threading.Timer(0.3, other.stdin.close).start()
        with writing(tmp_path, wait=True):
            assert holder(tmp_path) == f"process {os.getpid()} on {socket.gethostname()}"
        assert other.wait() == 0
    assert caplog.messages == [
        f"{tmp_path}: waiting for process {other.pid} on {socket.gethostname()}, which is writing this store"
    ]


@pytest.mark.parametrize("tries", [1, 4])
def test_whoever_waits_asks_again_soon_then_seldom_and_tells_it_once(tmp_path, caplog, monkeypatch, tries):
    """At first somebody may only have asked who holds the store, as ``holder`` does."""
    caplog.set_level("INFO")
    slept = []
    inside = ExitStack()
    inside.enter_context(writing(tmp_path))

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == tries:
            inside.close()

    monkeypatch.setattr(time, "sleep", sleep)
    with writing(tmp_path, wait=True):
        pass
    assert slept == [0.01, 0.5, 0.5, 0.5][:tries]
    assert [record.name for record in caplog.records] == ["egoshift.features"] * (tries > 1)


def test_whoever_does_not_wait_asks_twice(tmp_path, monkeypatch):
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    with writing(tmp_path), pytest.raises(StoreError, match="is writing"):
        writing(tmp_path).__enter__()
    assert asked == [0.01]


def test_a_lock_is_read_by_all_and_one_that_somebody_removed_is_not_missed(tmp_path):
    umask = os.umask(0)
    try:
        with writing(tmp_path):
            assert stat.S_IMODE((tmp_path / LOCK).stat().st_mode) == 0o644
            (tmp_path / LOCK).unlink()
    finally:
        os.umask(umask)
    assert holder(tmp_path) is None


def test_it_is_the_store_whose_disk_is_looked_at(tmp_path, monkeypatch):
    (tmp_path / LOCK).write_text("process 7 on elsewhere\n")
    asked: list[Path] = []

    def looked_at(folder):
        asked.append(folder)
        return False

    monkeypatch.setattr(lock, "_is_of_one_machine", looked_at)
    assert holder(tmp_path) == "process 7 on elsewhere"
    assert asked == [tmp_path]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_where_no_mount_is_known_other_machines_may_see_a_store(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path, **how: "")
    assert not lock._is_of_one_machine(tmp_path)


def test_a_lock_of_another_machine_is_left_to_a_person_where_machines_share_the_store(tmp_path, monkeypatch, caplog):
    (tmp_path / LOCK).write_text("process 7 on elsewhere\n")
    monkeypatch.setattr(lock, "_is_of_one_machine", lambda folder: False)
    assert holder(tmp_path) == "process 7 on elsewhere"
    refusal = (
        rf"process 7 on elsewhere is writing .*, or was killed; if it does not run any more, remove {tmp_path}/lock"
    )
    with pytest.raises(StoreError, match=refusal):
        writing(tmp_path).__enter__()
    assert (tmp_path / LOCK).read_text() == "process 7 on elsewhere\n"
    (tmp_path / LOCK).unlink()
    with writing(tmp_path):
        pass


def test_on_a_disk_of_this_machine_another_name_of_the_host_means_nothing(tmp_path, monkeypatch):
    """As after a container was killed: the next one has another host name."""
    (tmp_path / LOCK).write_text("process 7 on elsewhere\n")
    monkeypatch.setattr(lock, "_is_of_one_machine", lambda folder: True)
    assert holder(tmp_path) is None
    with writing(tmp_path):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_kind_of_file_system_is_that_of_the_nearest_mount(tmp_path, monkeypatch):
    root = tmp_path.resolve()
    mounts = f"/dev/a / ext4 rw 0 0\nserver:/x {root} nfs4 rw 0 0\n/dev/b {root}/own xfs rw 0 0\n"
    read_text = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, **how: mounts if str(path) == "/proc/self/mounts" else read_text(path, **how)
    )
    folders = [Path("/"), tmp_path, tmp_path / "store", tmp_path / "own" / "store", tmp_path / "ownother"]
    assert [lock._is_of_one_machine(folder) for folder in folders] == [True, False, False, True, False]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_mounts_of_any_name_are_looked_through_and_without_a_list_of_them_stores_may_be_shared(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_bytes(f"/dev/a /{chr(255)} ext4 rw 0 0\n/dev/b {tmp_path.resolve()} ext4 rw 0 0\n".encode("latin-1"))
    read_text = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, **how: read_text(mounts, **how))
    assert lock._is_of_one_machine(tmp_path)
    mounts.unlink()
    assert not lock._is_of_one_machine(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_where_nothing_can_be_locked_the_work_is_done_and_that_is_told(tmp_path, monkeypatch, caplog, number):
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with writing(tmp_path):
        assert holder(tmp_path) == f"process {os.getpid()} on {socket.gethostname()}"
    assert not list(tmp_path.iterdir())
    assert caplog.messages == [f"{tmp_path}: no file here can be locked; see to it that nothing else writes it"]


def test_a_lock_that_fails_otherwise_is_a_fault_of_the_disk(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("fcntl.flock", fail)
    with pytest.raises(OSError, match="Input/output error"), writing(tmp_path):
        pass
