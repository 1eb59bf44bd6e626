import pytest
from starlette.testclient import TestClient

from tests.unit.app.conftest import ADDRESS, Opened, service_of

HERE = {"origin": ADDRESS}


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8600", "127.0.0.1.evil.example", "", "a b", "[::1"])
def test_other_names_are_refused(client: TestClient, host: str) -> None:
    response = client.get("/", headers={"host": host})
    assert response.status_code == 403
    assert response.json()["error"].startswith("this server does not go by the name ")


@pytest.mark.parametrize("host", ["127.0.0.1:8600", "localhost:8600", "[::1]:8600", "192.168.1.7"])
def test_addresses_and_localhost_are_known(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


def test_a_name_that_was_listened_at_is_known(opened: Opened) -> None:
    client = opened(hosts=frozenset({"lab.example"}))
    assert client.get("/", headers={"host": "Lab.Example:8600"}).status_code == 200
    assert client.get("/", headers={"host": "other.example"}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (HERE, 404),  # let through to the route, which knows no such sample
        ({}, 404),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({**HERE, "sec-fetch-site": "cross-site"}, 403),
        ({**HERE, "sec-fetch-site": "same-site"}, 403),
        ({**HERE, "sec-fetch-site": "same-origin"}, 404),
    ],
)
def test_only_the_page_itself_may_change_something(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.post("/api/samples/9", headers=headers).status_code == status
    assert client.delete("/api/runs/9", headers=headers).status_code == status


def test_every_answer_carries_the_headers(client: TestClient) -> None:
    for path in ("/", "/app.js", "/api/runs/none", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert len(headers.get_list("content-security-policy")) == 1
    assert "script-src 'self';" in client.get("/").headers["content-security-policy"]
    assert client.get("/docs").status_code == 404
    assert client.get("/openapi.json").status_code == 404


def test_a_fault_of_ours_carries_the_headers_too(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(service_of(client).samples, "open", fail)
    response = TestClient(client.app, base_url=ADDRESS, raise_server_exceptions=False).post("/api/samples/0")
    assert response.status_code == 500
    assert response.json()["error"].startswith("egoshift itself failed (KeyError)")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
