import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from egoshift.app.document import SCRIPT_PARTS, make_page
from egoshift.app.models import Models
from egoshift.app.server import create_app, open_predictor
from egoshift.app.service import Settings
from egoshift.errors import CheckpointError
from tests.fixtures.predictors import ColourPredictor
from tests.unit.app.conftest import Opened, ended, run, service_of, upload

PAGE = Path(__file__).parents[3] / "src" / "egoshift" / "app" / "page"


def test_the_document_asks_for_nothing_but_its_script(client: TestClient) -> None:
    text = client.get("/").text
    asked = re.findall(r"""(?:src|href)=["']([^"']+)""", text)
    assert [one for one in asked if not one.startswith(("data:", "#"))] == ["/app.js"]
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "http" not in client.get("/app.js").text.replace("http://www.w3.org/2000/svg", "")


def test_the_policy_allows_exactly_the_style_that_is_in_the_document(client: TestClient) -> None:
    response = client.get("/")
    (style,) = re.findall(r"<style>(.*?)</style>", response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in response.headers["content-security-policy"]
    assert " style=" not in response.text


def test_every_part_of_the_script_is_served_once() -> None:
    assert sorted(path.name for path in PAGE.glob("*.js")) == sorted(SCRIPT_PARTS)


def test_names_cannot_leave_their_place_in_the_document() -> None:
    name = "</script><script>alert(1)</script><!--"
    text = make_page({"models": [name]}).html.decode()
    (facts,) = re.findall(r'id="start">(.*?)</script>', text, re.DOTALL)
    assert json.loads(facts) == {"models": [name]}
    assert "alert(1)</script>" not in text


def test_models_are_named_before_they_are_loaded(opened: Opened) -> None:
    client = opened(models=("runs/a/model", "runs/b/model", "name/hub"))
    assert service_of(client).models.names == ["model (1)", "model (2)", "hub"]
    assert "runs/a" not in client.get("/").text


def test_a_model_is_told_once_it_is_loaded(client: TestClient) -> None:
    assert client.get("/api/models/0").json() == {
        "name": "colours",
        "labels": ["verb", "noun"],
        "classes": {"verb": ["red", "green", "blue", "grey"], "noun": ["red", "green", "blue", "grey"]},
        "open": True,
        "sensors": ["video", "audio"],
    }
    assert client.get("/api/models/1").status_code == 422
    assert client.get("/api/models/x").status_code == 422


def test_a_model_that_cannot_be_loaded_says_why(colourful: Path) -> None:
    def refuse(name: str) -> ColourPredictor:
        raise CheckpointError(f"{name}: holds no model; give the folder that `egoshift train` wrote")

    with TestClient(
        create_app(Settings(models=("runs/none",), isolate=False), refuse), base_url="http://127.0.0.1"
    ) as client:
        assert client.get("/app.js").status_code == 200  # which loads it beforehand, in silence
        told = client.get("/api/models/0")
        assert told.status_code == 422
        assert told.json()["error"] == "none: holds no model; give the folder that `egoshift train` wrote"
        id = upload(client, colourful)["id"]
        asked = client.post("/api/runs", json={"recording": id}).json()
        assert ended(client, asked["id"])["error"] == told.json()["error"]


@pytest.mark.parametrize("kind", ["absolute", "relative", "linked", "roundabout"])
def test_what_is_wrong_with_a_model_names_no_place_on_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colourful: Path, kind: str
) -> None:
    place = tmp_path / "of me" / "runs" / "kitchen"
    (place / "text").mkdir(parents=True)
    (place / "config.json").write_text("{}")
    monkeypatch.chdir(place.parent)
    (tmp_path / "link").symlink_to(place)
    kinds = {"absolute": place, "relative": "kitchen", "linked": tmp_path / "link", "roundabout": "../runs/./kitchen"}
    app = create_app(Settings(models=(str(kinds[kind]),), isolate=False))
    shown = "link" if kind == "linked" else "kitchen"
    with TestClient(app, base_url="http://127.0.0.1") as client:
        said = client.get("/api/models/0")
        assert said.status_code == 422
        id = upload(client, colourful)["id"]
        errors = [said.json()["error"], run(client, id)["error"]]
    for error in errors:
        assert error.startswith(f"{shown}/config.json: is not a trained model's: ")
        assert "of me" not in error
        assert "runs/" not in error
        assert str(tmp_path) not in error


def test_no_other_place_is_named_where_a_model_is_at_fault() -> None:
    def public(given: str, text: str) -> str:
        return Models((given,), open_predictor).public(0, text)

    away = "/home/me/.cache/hub/models--a--m/snapshots/0f/config.json: is damaged; copy it to /srv/w again"
    assert public("a/m", away) == "config.json: is damaged; copy it to w again"
    assert public("a/m", "clip:/home/me/w.pt: give https://example.org/w or and/or") == (
        "clip:w.pt: give https://example.org/w or and/or"
    )
    assert public("m", "m: a model m/x of many in other/m/y") == "m: a model m/x of many in other/m/y"
    assert public("runs/m", "runs/m: is runs/more, not my/runs/m") == "m: is runs/more, not my/runs/m"
    assert public(".", "config.json: is damaged.") == "config.json: is damaged."


def test_the_script_loads_the_first_model_beforehand(client: TestClient, model: ColourPredictor) -> None:
    client.get("/")
    assert service_of(client).models._opened == {}
    client.get("/app.js")
    assert service_of(client).models._opened == {0: model}


@pytest.mark.parametrize("folder", [False, True])
def test_results_are_shown_only_where_there_are_some(opened: Opened, tmp_path: Path, folder: bool) -> None:
    client = opened(results=(tmp_path,) if folder else ())
    assert client.get("/results").status_code == (200 if folder else 404)
    (facts,) = re.findall(r'id="start">(.*?)</script>', client.get("/").text, re.DOTALL)
    assert json.loads(facts)["results"] is folder


def test_a_fault_of_ours_is_one_line_in_the_page_and_whole_in_the_terminal(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from egoshift.app.recordings import Recordings

    def broken(recordings: Recordings, id: str) -> None:
        raise KeyError(id)

    monkeypatch.setattr(Recordings, "get", broken)
    client = opened()
    client._transport.raise_server_exceptions = False  # type: ignore[attr-defined]
    response = client.get("/api/videos/x/traces")
    assert response.status_code == 500
    assert response.json() == {"error": "egoshift itself failed (KeyError); the terminal of the server says where"}
    assert "Traceback" in capfd.readouterr().err
