import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from egoshift.app.serve import _listening, is_open, serve
from egoshift.app.service import Settings
from egoshift.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", False),
        ("127.3.2.1", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("lab", True),
    ],
)
def test_what_other_machines_can_reach_is_known(host: str, answer: bool) -> None:
    assert is_open(host) is answer


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"cannot listen at 127\.0\.0\.1, port {port} \(.*\); give another"):
            serve(Settings(), port=port, ready=lambda address: None)


def test_a_port_is_taken_from_the_first_moment_on() -> None:
    with _listening("127.0.0.1", None) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen at 127.0.0.1, port {port}"):
            _listening("127.0.0.1", port)


def test_a_name_that_is_none_is_said() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen at lä\.\.b, port 8600 \(.+\); give another"):
        serve(Settings(), host="lä..b", ready=lambda address: None)


def test_an_address_that_is_not_of_this_machine_is_said() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen at 203\.0\.113\.1"):
        serve(Settings(), host="203.0.113.1", ready=lambda address: None)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_server_ends_and_removes_its_folder(sent: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from egoshift.cli.main import run; run()", "app"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        address = server.stdout.readline().strip()
        with urlopen(address) as response:
            assert response.status == 200
        assert len(list(tmp_path.glob("egoshift-app-*"))) == 1
        server.send_signal(sent)
        assert server.wait(60) == 0
        assert "Traceback" not in server.stderr.read()
        assert server.stdout.read() == ""
    assert list(tmp_path.glob("egoshift-app-*")) == []
