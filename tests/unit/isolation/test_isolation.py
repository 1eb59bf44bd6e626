import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from egoshift.errors import MediaError
from egoshift.isolation import Walls, ask, is_isolated, isolated, stream, walls
from egoshift.isolation.messages import HEAD
from egoshift.isolation.workers import Worker

HERE = "tests.unit.isolation.readers"
FILM = Path("film.mp4")


def children() -> set[int]:
    """The processes that this one has, zombies included."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(text) for text in (task / listed.name).read_text().split()}
    return found


def files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def _leaves_nothing() -> Iterator[None]:
    """Whatever happens in a test, no process and no file handle is left of it."""
    before = children(), files()
    yield
    assert (children(), files()) == before
    assert not is_isolated()


def test_pieces_come_as_they_were_given() -> None:
    with isolated():
        assert is_isolated()
        found = list(stream(FILM, f"{HERE}:count", 5, 300_000))
    assert [told["index"] for told, _ in found] == list(range(5))
    assert all(told["path"] == "film.mp4" and told["pid"] != os.getpid() for told, _ in found)
    for index, (_, array) in enumerate(found):
        assert array is not None
        assert array.shape == (300_000, 2)
        assert (array == index).all()


@pytest.mark.parametrize("array", [np.arange(6.0), np.zeros((0, 3), np.float32), np.ones((2, 3, 4), np.uint8)])
def test_an_array_goes_there_and_back_bit_for_bit(array: np.ndarray) -> None:
    with isolated():
        ((told, back),) = stream(FILM, f"{HERE}:echo", array=array)
    assert back is not None
    assert told["dtype"] == array.dtype.str
    assert back.tobytes() == array.tobytes()
    assert back.shape == array.shape


def test_one_child_does_one_job_after_the_other_and_several_do_them_side_by_side() -> None:
    with isolated():
        assert len({ask(FILM, f"{HERE}:count", 1)["pid"] for _ in range(3)}) == 1
        one, other = (stream(FILM, f"{HERE}:count", 2) for _ in range(2))
        assert next(one)[0]["pid"] != next(other)[0]["pid"]
        one.close()
        other.close()


@pytest.mark.parametrize(
    ("job", "arguments", "said"),
    [
        ("crash", [0], "decoding crashed (SIGSEGV), in a process of its own"),
        ("crash", [3], "decoding crashed (SIGSEGV), in a process of its own"),
        ("die", [int(signal.SIGKILL)], "decoding crashed (SIGKILL), in a process of its own"),
        ("die", [int(signal.SIGABRT)], "decoding crashed (SIGABRT), in a process of its own"),
        ("leave", [], "decoding crashed (exit code 3), in a process of its own"),
        ("hoard", [600], "decoding takes more than 300 MB"),
        ("hoard_in_c", [600], "decoding crashed (SIGSEGV), in a process of its own"),
    ],
)
def test_what_kills_a_child_costs_one_file(job: str, arguments: list[int], said: str) -> None:
    remedy = "leave it out, or write it anew (a video with `ffmpeg -i IN -c:v libx264 OUT.mp4`)"
    with isolated(Walls(memory_mb=300)):
        with pytest.raises(MediaError) as caught:
            list(stream(FILM, f"{HERE}:{job}", *arguments))
        assert str(caught.value) == f"film.mp4: {said}; {remedy}"
        assert ask(FILM, f"{HERE}:count", 1)["index"] == 0


def test_a_child_keeps_to_a_lower_bound_that_its_parent_has(tmp_path: Path) -> None:
    code = """
import resource, sys
from egoshift.isolation.child import limit_memory
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
for added in (1 << 20, 1 << 40):
    limit_memory(added)
    print(resource.getrlimit(resource.RLIMIT_AS)[0])
"""
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert int(told[0]) < 3 << 30
    assert told[1] == told[0], "the first bound is one that the second call may not raise"


def test_what_fits_into_its_memory_is_done() -> None:
    with isolated(Walls(memory_mb=300)):
        assert ask(FILM, f"{HERE}:hoard", 150) == {"held": 150}


def test_a_child_that_hangs_is_ended_and_its_file_is_not_waited_for_again() -> None:
    with isolated(Walls(silent_s=1.0)):
        pieces = stream(FILM, f"{HERE}:hang")
        pid = next(pieces)[0]["pid"]
        with pytest.raises(MediaError, match=r"film.mp4: decoding hangs: nothing came of it in 1 s; leave it out"):
            next(pieces)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        with pytest.raises(MediaError, match="decoding hangs") as caught:
            ask(FILM, f"{HERE}:count", 1)
        assert caught.value.fault.kind == "decoder-hang"
        assert ask(Path("other.mp4"), f"{HERE}:count", 1)["index"] == 0


def test_who_works_for_long_is_not_taken_to_hang_unless_nothing_ever_comes_of_it() -> None:
    with isolated(Walls(silent_s=2.0, fruitless_s=4.0)):
        ask(FILM, f"{HERE}:count", 1)
        assert ask(FILM, f"{HERE}:beat_a_while", 2.5) == {}
        with pytest.raises(MediaError, match=r"nothing came of it in 4 s"):
            ask(FILM, f"{HERE}:beat_for_ever")


def test_a_reader_that_waits_is_not_taken_to_hang() -> None:
    with isolated(Walls(silent_s=1.0)):
        ask(FILM, f"{HERE}:count", 1)
        pieces = stream(FILM, f"{HERE}:count", 40, 1_000_000)
        next(pieces)
        time.sleep(1.3)  # meanwhile the child waits for room in the pipe, and holds no more than one piece
        assert len(list(pieces)) == 39


def test_who_wants_no_more_leaves_the_child_free_for_another_job() -> None:
    with isolated():
        pieces = stream(FILM, f"{HERE}:count", 100_000, 1000)
        pid = next(pieces)[0]["pid"]
        pieces.close()
        assert ask(FILM, f"{HERE}:count", 1) == {"index": 0, "path": "film.mp4", "pid": pid}


def test_a_child_that_died_while_idle_is_replaced() -> None:
    with isolated():
        pid = ask(FILM, f"{HERE}:count", 1)["pid"]
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
        assert ask(FILM, f"{HERE}:count", 1)["pid"] != pid


def test_what_a_reader_says_of_a_file_is_said_of_it() -> None:
    with isolated(), pytest.raises(MediaError) as caught:
        ask(FILM, f"{HERE}:refuse")
    assert caught.value.fault.kind == "not-a-video"
    assert str(caught.value) == "film.mp4: is a poem; give a video"


def test_a_fault_of_ours_is_no_fault_of_the_file() -> None:
    with isolated(), pytest.raises(RuntimeError, match=r"film.mp4: KeyError: 'ours'"):
        list(stream(FILM, f"{HERE}:break_down"))


def test_what_libraries_print_disturbs_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with isolated():
        assert ask(FILM, f"{HERE}:babble") == {"fine": True}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "content",
    [
        HEAD.pack(2, 0) + b"[]",
        HEAD.pack(2, 0) + b"{}",
        HEAD.pack(2, 0) + b"{x",
        HEAD.pack(1 << 30, 0),
        HEAD.pack(2, 1 << 60),
        HEAD.pack(40_000, 0) + b"[" * 40_000,
        HEAD.pack(38, 8) + b'{"kind":"piece","array":["|O8",1]}    ' + bytes(8),
        HEAD.pack(38, 8) + b'{"kind":"piece","array":["<f8",-1]}   ' + bytes(8),
        HEAD.pack(38, 8) + b'{"kind":"piece","array":["<f8",9]}    ' + bytes(8),
        HEAD.pack(38, 8) + b'{"kind":"piece","array":"<f8"}        ' + bytes(8),
    ],
    ids=range(10),
)
def test_a_child_that_a_file_has_taken_over_can_say_nothing_that_harms(content: bytes) -> None:
    with isolated(), pytest.raises(MediaError, match=r"film.mp4: decoding crashed \(garbled answers"):
        ask(FILM, f"{HERE}:forge", content.hex())


def test_a_child_has_no_secrets_no_sockets_and_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "secret")
    with isolated():
        told = ask(FILM, f"{HERE}:look", str(tmp_path / "written"))
    assert {"HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"}.isdisjoint(told["environment"])
    assert told["wrote"] == "File too large"
    assert not told["has_socket"]
    assert told["files"] < 10
    assert told["heavy"] == []


def test_a_child_ends_with_its_parent_however_that_ends() -> None:
    program = f"""
import os
from pathlib import Path
from egoshift.isolation import isolated, stream
with isolated():
    pieces = stream(Path("film.mp4"), "{HERE}:hang")
    print(next(pieces)[0]["pid"], flush=True)
    os.read(0, 1)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()
    until_s = time.monotonic() + 20
    while Path(f"/proc/{pid}/status").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < until_s, "the child lives on"
        time.sleep(0.02)


def test_children_are_gone_when_isolation_ends_and_an_inner_one_keeps_the_outer_ones_walls() -> None:
    given = Walls(memory_mb=400)
    with isolated(given):
        before = ask(FILM, f"{HERE}:count", 1)["pid"]
        with isolated():
            assert walls() == given
            pid = ask(FILM, f"{HERE}:count", 1)["pid"]
            assert pid in children()
        assert pid not in children()
        assert ask(FILM, f"{HERE}:count", 1)["pid"] == before
    assert walls() is None


def test_threads_get_children_of_their_own() -> None:
    found: list[int] = []

    def work() -> None:
        found.extend(told["index"] for told, _ in stream(FILM, f"{HERE}:count", 50, 20_000))

    with isolated():
        threads = [Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == sorted(list(range(50)) * 4)


def test_a_worker_that_is_closed_twice_is_closed() -> None:
    worker = Worker(10**9, 60, 60)
    worker.close()
    worker.close()
    assert not worker.is_alive
