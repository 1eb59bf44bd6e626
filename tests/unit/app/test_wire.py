"""The real server against connections that say nothing, too little, too much, or take nothing."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from egoshift.app.connections import Connection
from egoshift.app.limits import Limits
from egoshift.app.service import Service, Settings
from tests.fixtures.browser import served
from tests.fixtures.predictors import ColourPredictor
from tests.fixtures.wire import Wire, ask, told


class Hurried(Connection):
    """The limits of a server for tests, which cannot wait as long."""

    HEAD_S = 0.6
    LINGER_S = 0.3
    STALLED_S = 0.6
    MOST = 12
    MOST_EACH = 8


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, Service]]:
    limits = Limits(silent_s=0.5, least_kb_a_s=1000.0, max_mb=20, most_upload_minutes=0.03, each_uploads=2)
    settings = Settings(models=("colours",), limits=limits, isolate=False)
    with served(settings, {"colours": ColourPredictor()}, Hurried) as served_site:
        yield served_site


@pytest.fixture
def address(site: tuple[str, Service]) -> Iterator[str]:
    yield site[0]
    time.sleep(0.05)
    folder = site[1].folder
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert ask(site[0], "GET", "/").status == 200  # whatever was done to it, the page is there


def test_who_connects_and_says_nothing_is_not_waited_for(address: str) -> None:
    with Wire(address) as wire:
        assert wire.ended_s() < 30


def test_a_head_that_drips_in_is_not_waited_for(address: str) -> None:
    with Wire(address) as wire:
        wire.send(f"GET / HTTP/1.1\r\nhost: {wire.host}\r\n".encode())
        for number in range(200):
            try:
                wire.send(f"x-{number}: y\r\n".encode())
            except ConnectionError:
                return
            time.sleep(0.05)
    raise AssertionError("the head was waited for as long as it came")


def test_nor_is_a_second_head_on_one_connection(address: str) -> None:
    with Wire(address) as wire:
        wire.begin("GET", "/api/models/0")
        assert wire.answer().status == 200
        wire.send(b"GET / HTTP/1.1\r\n")
        assert wire.ended_s() < 4  # uvicorn's own limit, of connections without a byte, is five seconds


def test_a_head_without_end_is_refused(address: str) -> None:
    with Wire(address) as wire:
        wire.send(b"GET / HTTP/1.1\r\nx: ")
        try:
            for _ in range(100):
                wire.send(b"y" * 4096)
        except ConnectionError:
            pass
        assert wire.answer().status in (0, 400, 431)


def test_an_upload_that_stops_is_given_up_and_leaves_nothing(address: str) -> None:
    with Wire(address) as wire:
        wire.begin("POST", "/api/videos?name=a.mp4", {"content-length": "1000000"})
        wire.send(b"begun")
        answer = wire.answer()
    assert answer.status == 408
    assert answer.error == "nothing came for 0.5 seconds; send it again"


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_that_drips_in_is_given_up(address: str, chunked: bool) -> None:
    with Wire(address) as wire:
        length = {"transfer-encoding": "chunked"} if chunked else {"content-length": "1000000"}
        wire.begin("POST", "/api/videos?name=a.mp4", length)
        answer = _drip(wire, b"1\r\nx\r\n" if chunked else b"x")
    assert answer.status == 408
    assert answer.error.endswith("kB a second, and has to at 1000")


def test_so_is_a_question_that_drips_in(address: str) -> None:
    with Wire(address) as wire:
        wire.begin("POST", "/api/runs", {"content-length": "1000000"})
        assert _drip(wire, b" ").status == 408


def _drip(wire: Wire, piece: bytes, every_s: float = 0.05, times: int = 400):
    wire.socket.settimeout(every_s)
    for _ in range(times):
        try:
            wire.send(piece)
            wire.socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            continue
        except ConnectionError:
            pass
        break
    wire.socket.settimeout(60)
    return wire.answer()


def test_an_upload_that_takes_too_long_in_all_is_given_up(address: str) -> None:
    with Wire(address) as wire:
        wire.begin("POST", "/api/videos?name=a.mp4", {"transfer-encoding": "chunked"})
        # Quick enough for its rate, and below the largest size until the time is over.
        answer = _drip(wire, b"19000\r\n" + bytes(0x19000) + b"\r\n", every_s=0.02, times=190)
    assert answer.status == 408
    assert answer.error == "takes more than 0.03 minutes to send; cut it"


@pytest.mark.parametrize("announced", ["20000001", "99999999999999999999", None])
def test_too_much_is_refused_and_the_rest_of_it_not_taken_for_ever(address: str, announced: str | None) -> None:
    with Wire(address) as wire:
        head = {"transfer-encoding": "chunked"} if announced is None else {"content-length": announced}
        wire.begin("POST", "/api/videos?name=a.mp4", head)
        try:
            for _ in range(100_000):
                wire.send(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        except ConnectionError:
            return
    raise AssertionError("as much is taken as comes")


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "5, 6", "\xb2"])
def test_a_length_that_is_none_is_refused(address: str, length: str) -> None:
    assert ask(address, "POST", "/api/videos?name=a.mp4", b"xxxxx", {"content-length": length}).status == 400


def test_a_body_of_two_lengths_is_refused(address: str) -> None:
    both = {"content-length": "5", "transfer-encoding": "chunked"}
    with Wire(address) as wire:  # which a server before this one could understand otherwise
        wire.begin("POST", "/api/videos?name=a.mp4", both)
        wire.send(b"0\r\n\r\n")
        assert wire.answer().status in (400, 422)


def test_one_client_gets_so_many_connections_and_the_others_are_served(address: str) -> None:
    held = [Wire(address) for _ in range(20)]
    try:
        answer = ask(address, "GET", "/")
        assert answer.status == 429
        assert answer.headers["retry-after"] == "5"
        assert ask(address, "GET", "/", source="127.0.0.2").status == 200
    finally:
        for wire in held:
            wire.socket.close()
    time.sleep(0.2)


def test_there_are_no_more_connections_than_the_server_has_files_for(address: str) -> None:
    held = [Wire(address, f"127.0.0.{1 + number // 6}") for number in range(18)]
    try:
        assert ask(address, "GET", "/", source="127.0.0.9").status == 429
    finally:
        for wire in held:
            wire.socket.close()
    time.sleep(0.2)


def test_who_asks_and_does_not_take_the_answer_is_not_waited_for(site: tuple[str, Service], tmp_path: Path) -> None:
    from tests.fixtures.predictors import write_colourful

    address, _ = site
    content = write_colourful(tmp_path / "walk.mp4").read_bytes() + bytes(19_000_000)
    id = told(ask(address, "POST", "/api/videos?name=walk.mp4", content))["id"]
    with Wire(address) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.begin("GET", f"/api/videos/{id}/file")
        until_s = time.monotonic() + 30
        while not _is_open("video.mp4"):
            assert time.monotonic() < until_s, "the answer does not begin"
        while _is_open("video.mp4"):
            assert time.monotonic() < until_s, "the answer waits for ever"
            time.sleep(0.05)
    assert ask(address, "DELETE", f"/api/videos/{id}").status == 200


def _is_open(name: str) -> bool:
    """Whether this process, which the server is a part of, has a file of this name open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(link))
        except OSError:
            continue
    return any(place.endswith(name) for place in found)


def test_there_is_nothing_but_http(address: str) -> None:
    upgrade = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "x"}
    assert ask(address, "GET", "/", headers=upgrade).status == 200
    for method, target in (("CONNECT", "evil.example:443"), ("TRACE", "/"), ("OPTIONS", "*"), ("GET", "http://e.x/")):
        assert ask(address, method, target).status in (400, 404, 405)
    with Wire(address) as wire:
        wire.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100))
        assert wire.answer().status in (0, 400)
