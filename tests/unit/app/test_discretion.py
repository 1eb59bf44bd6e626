"""What the server says to others than those who asked, and what it leaves behind: nothing. Against a real process."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fixtures.wire import ask, told

NAMES = ("кухня-tax-return.mp4", "holding a secret", "break the-model")
ROOT = Path(__file__).parents[3]


@contextmanager
def process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The server as a process of its own, with its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fixtures.watched_server"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT / "src"), "HF_TOKEN": "hf_sesame"},
    ) as server:
        assert server.stdout is not None
        try:
            yield server, server.stdout.readline().strip()
        finally:
            server.kill()


def work_through(address: str, video: Path) -> list[str]:
    """Everything a page does, and some of what it should not; the ids that came of it."""
    upload = f"/api/videos?name={NAMES[0].encode().hex('%').join(('%', ''))}"
    id = told(ask(address, "POST", upload, video.read_bytes()))["id"]
    assert told(ask(address, "GET", f"/api/videos/{id}/traces"))["notices"] == []
    assert ask(address, "GET", f"/api/videos/{id}/frame?t=1").status == 200
    runs = []
    for noun, state in ((NAMES[1], "done"), (NAMES[2], "failed")):
        question = json.dumps({"recording": id, "nouns": [noun, "b", "c", "d"]}).encode()
        runs.append(told(ask(address, "POST", "/api/runs", question))["id"])
        until_s = time.monotonic() + 60
        while (now := told(ask(address, "GET", f"/api/runs/{runs[-1]}"))["state"]) != state:
            assert now in ("waiting", "loading", "running")
            assert time.monotonic() < until_s
            time.sleep(0.02)
    for target in ("/", "/app.js", "/api/models/0", f"/api/runs/{runs[0]}/timeline.csv", f"/nothing/{NAMES[2][:5]}"):
        ask(address, "GET", target)
    ask(address, "POST", f"/api/videos/{id}/imu?name=secret.csv", b"nothing")
    ask(address, "GET", "/", headers={"host": "evil.example"})
    return [id, *runs]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, colourful: Path) -> tuple[str, list[str], str, Path]:
    """What a server said from start to end, which ids it gave, its address, and where its files were."""
    folder = tmp_path_factory.mktemp("temporary")
    with process(folder) as (server, address):
        ids = work_through(address, colourful)
        server.send_signal(signal.SIGINT)
        out, errors = server.communicate(timeout=60)
    assert out == ""
    return errors, ids, address, folder


def test_no_connection_is_opened_but_those_of_the_page(ended: tuple[str, list[str], str, Path]) -> None:
    heard = [line for line in ended[0].splitlines() if line.startswith("socket: ")]
    # Of asyncio, a pair of sockets of the process with itself, and the port of the page.
    assert [line for line in heard if "bind" in line] == ["socket: socket.bind (('127.0.0.1', 0),)"]
    assert [line for line in heard if "bind" not in line] == []


def test_what_is_printed_names_nothing_that_a_person_gave(ended: tuple[str, list[str], str, Path]) -> None:
    errors, ids, _, folder = ended
    said = "\n".join(line for line in errors.splitlines() if not line.startswith("socket: "))
    assert "Traceback" in said  # of the model that broke
    assert "KeyError" in said
    for secret in (*NAMES, *ids, "secret.csv", "hf_sesame", "evil.example", str(folder)):
        assert secret not in said


def test_nothing_is_left_behind(ended: tuple[str, list[str], str, Path]) -> None:
    assert list(ended[3].iterdir()) == []


def test_what_a_killed_server_left_is_gone_after_the_next_start(tmp_path: Path, colourful: Path) -> None:
    with process(tmp_path) as (server, address):
        ask(address, "POST", "/api/videos?name=walk.mp4", colourful.read_bytes())
        children = [int(text) for text in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()]
        server.kill()
    left = list(tmp_path.glob("*/*/video.mp4"))
    assert len(left) == 1
    assert left[0].parent.parent.stat().st_mode & 0o077 == 0
    with process(tmp_path) as (server, address):
        assert not left[0].exists()
        assert len(list(tmp_path.iterdir())) == 1
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    assert list(tmp_path.iterdir()) == []
    assert not [pid for pid in children if re.search(r"^State:\s[^Z]", _status(pid), re.MULTILINE)]


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""
