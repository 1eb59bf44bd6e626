"""People at the page, good and bad, in threads: each asks one thing after another, over real connections."""

import json
import random
import socket
import time
from collections import Counter
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlsplit

_BUSY = (429, 503)
_ENDED = ("done", "failed", "cancelled")


class Visitor(Thread):
    """Visits until it is told to stop, and counts the answers by status."""

    def __init__(self, address: str, video: Path, seed: int, stop: Event):
        super().__init__(daemon=True)
        place = urlsplit(address)
        self._host, self._port = str(place.hostname), int(place.port or 80)
        self._video, self._stopped = video.read_bytes(), stop
        self._random = random.Random(seed)
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self.failure: BaseException | None = None

    @property
    def counts(self) -> Mapping[str, int]:
        """Requests by what was answered, and how many visits."""
        with self._lock:
            return dict(self._counts)

    def run(self) -> None:
        """One visit after another; a visit that goes wrong ends them, and is kept in ``failure``."""
        try:
            while not self._stopped.is_set():
                self._random.choice(
                    (self._recognise, self._recognise, self._look, self._leave_early, self._misbehave)
                )()
                self._count("visits")
        except BaseException as error:
            self.failure = error

    def _recognise(self) -> None:
        status, told = self._ask("POST", "/api/videos?name=walk.mp4", self._video)
        if status in _BUSY:
            return self._wait()
        assert status == 200, told
        video = json.loads(told)["id"]
        status, told = self._ask("POST", "/api/runs", json.dumps({"recording": video}).encode())
        if status == 200:
            run = json.loads(told)["id"]
            while json.loads(self._ask("GET", f"/api/runs/{run}")[1]).get("state") not in _ENDED:
                time.sleep(0.2)
            assert self._ask("GET", f"/api/runs/{run}/answer")[0] == 200
            for format in ("json", "csv", "srt"):
                assert self._ask("GET", f"/api/runs/{run}/timeline.{format}")[0] == 200
            self._ask("GET", f"/api/runs/{run}/crops?start=0&stop=2")
            self._ask("GET", f"/api/videos/{video}/traces")
        else:
            assert status in _BUSY, told
            self._wait()
        self._ask("DELETE" if self._random.random() < 0.5 else "POST", f"/api/videos/{video}/leave")
        self._ask("DELETE", f"/api/videos/{video}")

    def _look(self) -> None:
        for path in ("/", "/app.js", "/api/models/0", "/results", "/api/samples"):
            self._ask("GET", path)
        status, told = self._ask("POST", "/api/samples/0", b"")
        if status != 200:
            return self._wait()
        video = json.loads(told)["id"]
        for _ in range(5):
            first = self._random.randrange(1000)
            self._ask("GET", f"/api/videos/{video}/file", headers={"range": f"bytes={first}-{first + 5000}"})
            self._ask("GET", f"/api/videos/{video}/frame?t={self._random.random() * 9}")
        self._ask("POST", f"/api/videos/{video}/leave", b"")

    def _leave_early(self) -> None:
        """The connection ends in the middle of an upload."""
        head = (
            f"POST /api/videos?name=a.mp4 HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(self._video)}\r\n\r\n"
        )
        with socket.create_connection((self._host, self._port), timeout=30) as connection:
            connection.sendall(head.encode() + self._video[: self._random.randrange(len(self._video))])
        self._count("left in the middle")

    def _misbehave(self) -> None:
        self._ask("POST", "/api/videos?name=bad.mp4", self._random.randbytes(self._random.randrange(1, 60_000)))
        self._ask("POST", "/api/videos?name=cut.mp4", self._video[: self._random.randrange(1, len(self._video))])
        self._ask("GET", "/api/videos/../../etc/passwd/file")
        self._ask("POST", "/api/runs", b"[" * 5000)
        self._ask("POST", "/api/runs", b"{}", headers={"origin": "http://elsewhere.example"})
        self._ask("GET", f"/api/runs/{self._random.randbytes(16).hex()}")

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """What is answered; who is asked to come again later does so, but for a place for a video or a run."""
        while True:
            status, content, retry_s = self._ask_once(method, path, body, headers or {})
            self._count(str(status) if status else "refused at once")
            if status != 429 or method == "POST":
                return status or 503, content
            self._stopped.wait(retry_s)

    def _ask_once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes, float]:
        connection = HTTPConnection(self._host, self._port, timeout=300)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            content = answer.read()
        except (BrokenPipeError, ConnectionResetError, HTTPException):  # refused before all of the body was sent
            return 0, b"{}", 0.0
        finally:
            connection.close()
        assert answer.status < 500 or answer.status in _BUSY, (path, answer.status, content[:500])
        return answer.status, content, float(answer.headers.get("retry-after", 1))

    def _wait(self) -> None:
        self._stopped.wait(1 + self._random.random())

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1


def total(visitors: list[Visitor]) -> dict[str, Any]:
    """All visitors' counts together."""
    return dict(sum((Counter(visitor.counts) for visitor in visitors), Counter()))
