"""A server with a small model, asked without a network."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from egoshift.app.limits import Limits
from egoshift.app.server import create_app
from egoshift.app.service import Service, Settings
from tests.fixtures.predictors import ColourPredictor, write_colourful

ADDRESS = "http://127.0.0.1:8600"

Opened = Callable[..., TestClient]


@pytest.fixture(scope="session")
def colourful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds: red, green, blue, grey."""
    return write_colourful(tmp_path_factory.mktemp("videos") / "walk.mp4")


@pytest.fixture
def model() -> ColourPredictor:
    return ColourPredictor()


@pytest.fixture
def opened(model: ColourPredictor) -> Iterator[Opened]:
    """Starts a server; they end with the test."""
    clients: list[TestClient] = []

    def start(models: tuple[str, ...] = ("runs/colours",), limits: Limits | None = None, **more: Any) -> TestClient:
        settings = Settings(
            models=models, limits=limits or Limits(each_requests_a_s=10_000), **{"isolate": False, **more}
        )
        client = TestClient(create_app(settings, lambda name: model), base_url=ADDRESS)
        client.__enter__()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(opened: Opened) -> TestClient:
    return opened()


def service_of(client: TestClient) -> Service:
    service = client.app.state.service  # type: ignore[attr-defined]
    assert isinstance(service, Service)
    return service


def upload(client: TestClient, video: Path, name: str = "walk.mp4") -> dict[str, Any]:
    """What the page is told of a video that it sends."""
    response = client.post("/api/videos", params={"name": name}, content=video.read_bytes())
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


def ended(client: TestClient, id: str) -> dict[str, Any]:
    """What a run says when it has ended."""
    from time import monotonic, sleep

    until = monotonic() + 30
    while monotonic() < until:
        told: dict[str, Any] = client.get(f"/api/runs/{id}").json()
        if told["state"] in ("done", "failed", "cancelled"):
            return told
        sleep(0.01)
    raise AssertionError(f"run {id} does not end")


def run(client: TestClient, recording: str, **ask: object) -> dict[str, Any]:
    """A run from question to end."""
    response = client.post("/api/runs", json={"recording": recording, **ask})
    assert response.status_code == 200, response.text
    return ended(client, response.json()["id"])
