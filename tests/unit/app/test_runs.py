import json
from pathlib import Path
from threading import Event

import pytest
from starlette.testclient import TestClient

from egoshift.app.limits import Limits
from egoshift.app.refusals import RefusedError
from egoshift.app.runs import Ask
from egoshift.errors import ConfigError
from egoshift.prediction.scan import Stopped
from egoshift.prediction.timeline import Timeline
from tests.fixtures.predictors import ColourPredictor
from tests.unit.app.conftest import Opened, ended, run, service_of, upload


def names(client: TestClient, run_id: str, label: str = "noun") -> list[str]:
    answer = client.get(f"/api/runs/{run_id}/answer").json()
    return [segment["name"] for segment in answer["timeline"]["tracks"][label]]


def test_a_run_answers_with_a_timeline_and_its_steps(client: TestClient, colourful: Path) -> None:
    told = run(client, upload(client, colourful)["id"], without=["audio"])
    assert told["state"] == "done"
    assert (told["stage"], told["done"], told["total"]) == ("reading", 16, 16)
    answer = client.get(f"/api/runs/{told['id']}/answer").json()
    assert [segment["name"] for segment in answer["timeline"]["tracks"]["noun"]] == ["red", "green", "blue", "grey"]
    assert answer["times_s"] == [step / 2 for step in range(16)]
    index, share = answer["top"]["noun"][5][0]
    assert answer["timeline"]["classes"]["noun"][index] == "green"
    assert share == pytest.approx(answer["timeline"]["tracks"]["noun"][1]["guesses"][0]["confidence"], abs=0.02)
    assert len(answer["hands"]["boxes"]) == 16


def test_no_path_of_the_server_is_told(client: TestClient, colourful: Path) -> None:
    told = run(client, upload(client, colourful)["id"])
    text = client.get(f"/api/runs/{told['id']}/answer").text
    assert str(service_of(client).folder) not in text
    assert json.loads(text)["timeline"]["notices"] == ["walk.mp4: looked at by its colours"]
    assert json.loads(text)["timeline"]["video"] == "walk.mp4"


def test_classes_sensors_and_threshold_reach_the_model(
    client: TestClient, colourful: Path, model: ColourPredictor
) -> None:
    id = upload(client, colourful)["id"]
    asked = {"nouns": ["مقلاة", "🍳 pan", "c", "d"], "verbs": [], "without": ["audio"], "threshold": 1.0}
    told = run(client, id, **asked)
    assert model.asked[-1]["nouns"] == ("مقلاة", "🍳 pan", "c", "d")
    assert model.asked[-1]["verbs"] is None
    assert set(names(client, told["id"])) == {""}
    switched_on = run(client, id, nouns=["a", "b", "c", "d"])
    assert names(client, switched_on["id"]) == ["a", "d", "c", "d"]  # the beep changes the second colour


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ({"threshold": 2}, "threshold: "),
        ({"nouns": [""]}, "nouns.0: "),
        ({"nouns": [str(number) for number in range(20_001)]}, "nouns: Tuple should have at most 20000 items"),
        ({"model": 3}, "there is no such model"),
        ({"colour": 1}, "colour: "),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    client: TestClient, colourful: Path, ask: dict[str, object], said: str
) -> None:
    response = client.post("/api/runs", json={"recording": upload(client, colourful)["id"], **ask})
    assert response.status_code == 422
    assert response.json()["error"].startswith(said)


def test_a_question_about_a_video_that_is_not_there_is_refused(client: TestClient) -> None:
    assert client.post("/api/runs", json={"recording": "x"}).status_code == 404
    assert client.post("/api/runs", content=b"{").status_code == 422
    assert client.post("/api/runs", content=b" " * 5_000_001).status_code == 413


def test_what_a_model_refuses_is_said_in_its_line(client: TestClient, colourful: Path, model: ColourPredictor) -> None:
    id = upload(client, colourful)["id"]
    path = service_of(client).recordings.get(id).path
    model.fault = ConfigError(f"{path}: the noun 'pan' is given twice; remove one")
    told = run(client, id)
    assert (told["state"], told["error"]) == ("failed", "walk.mp4: the noun 'pan' is given twice; remove one")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            OSError(28, "No space left on device"),
            "walk.mp4: the disk of the server is full; free some space and try again",
        ),
        (KeyError("x"), "egoshift itself failed (KeyError); the terminal of the server says where"),
    ],
)
def test_what_breaks_is_said_and_the_next_run_goes_on(
    client: TestClient,
    colourful: Path,
    model: ColourPredictor,
    capfd: pytest.CaptureFixture[str],
    fault: Exception,
    said: str,
) -> None:
    id = upload(client, colourful)["id"]
    model.fault = fault
    assert run(client, id)["error"] == said
    model.fault = None
    assert run(client, id)["state"] == "done"
    assert ("Traceback" in capfd.readouterr().err) == isinstance(fault, KeyError)


def test_runs_wait_in_the_order_in_which_they_came(client: TestClient, colourful: Path, model: ColourPredictor) -> None:
    id = upload(client, colourful)["id"]
    model.gate.clear()
    runs = [client.post("/api/runs", json={"recording": id}).json() for _ in range(3)]
    ahead = [client.get(f"/api/runs/{one['id']}").json()["ahead"] for one in runs]
    assert ahead == [0, 1, 2]
    model.gate.set()
    assert [ended(client, one["id"])["state"] for one in runs] == ["done"] * 3


def test_only_so_many_wait(opened: Opened, colourful: Path, model: ColourPredictor) -> None:
    client = opened(limits=Limits(most_waiting=1))
    id = upload(client, colourful)["id"]
    model.gate.clear()
    first = client.post("/api/runs", json={"recording": id}).json()
    while client.get(f"/api/runs/{first['id']}").json()["state"] == "waiting":
        pass
    client.post("/api/runs", json={"recording": id})
    refused = client.post("/api/runs", json={"recording": id})
    assert refused.status_code == 503
    assert refused.json()["error"] == "1 runs are waiting already; try again in a while"
    model.gate.set()


def test_a_cancelled_run_keeps_what_it_found(client: TestClient, colourful: Path, model: ColourPredictor) -> None:
    id = upload(client, colourful)["id"]
    model.gate.clear()
    first, second = (client.post("/api/runs", json={"recording": id}).json()["id"] for _ in range(2))
    while not client.get(f"/api/runs/{first}").json().get("done"):
        pass
    assert client.delete(f"/api/runs/{second}").json()["state"] == "cancelled"  # at once: it was only waiting
    client.delete(f"/api/runs/{first}")
    model.gate.set()
    told = ended(client, first)
    assert (told["state"], told["answered"]) == ("cancelled", True)
    timeline = client.get(f"/api/runs/{first}/answer").json()["timeline"]
    assert timeline["partial"]
    assert timeline["covered_s"] == 0.5
    assert client.get(f"/api/runs/{second}/answer").status_code == 409
    run(client, id)
    assert len(model.asked) == 2  # the cancelled one was never begun


def test_a_run_that_is_cancelled_before_it_found_anything_is_no_fault(
    client: TestClient, colourful: Path, model: ColourPredictor, capfd: pytest.CaptureFixture[str]
) -> None:
    model.fault = Stopped()
    told = run(client, upload(client, colourful)["id"])
    assert (told["state"], told["answered"], told["error"]) == ("cancelled", False, "")
    assert capfd.readouterr().err == ""


def test_a_removed_video_stops_its_run_and_leaves_nothing(
    client: TestClient, colourful: Path, model: ColourPredictor
) -> None:
    id = upload(client, colourful)["id"]
    model.gate.clear()
    first = client.post("/api/runs", json={"recording": id}).json()["id"]
    folder = service_of(client).recordings.get(id).folder
    while not client.get(f"/api/runs/{first}").json().get("done"):
        pass
    client.delete(f"/api/videos/{id}")
    model.gate.set()
    assert client.get(f"/api/runs/{first}").status_code == 404
    next_id = upload(client, colourful)["id"]
    assert run(client, next_id)["state"] == "done"
    assert not folder.exists()


def test_a_question_that_crosses_the_removal_of_its_video_is_refused(client: TestClient, colourful: Path) -> None:
    service, id = service_of(client), upload(client, colourful)["id"]
    recording = service.recordings.get(id)
    client.delete(f"/api/videos/{id}")
    with pytest.raises(RefusedError, match="this video is no longer here"):
        service.runs.submit(Ask(recording=id), recording)


def test_old_runs_of_a_video_are_forgotten(opened: Opened, colourful: Path) -> None:
    client = opened(limits=Limits(most_runs=2))
    id = upload(client, colourful)["id"]
    ids = [run(client, id)["id"] for _ in range(4)]
    assert [client.get(f"/api/runs/{one}").status_code for one in ids] == [404, 404, 200, 200]


def test_hand_crops_of_a_stretch_are_one_picture(client: TestClient, colourful: Path) -> None:
    import io

    from PIL import Image

    told = run(client, upload(client, colourful)["id"])
    response = client.get(f"/api/runs/{told['id']}/crops", params={"start": 2, "stop": 3.9})
    strip = Image.open(io.BytesIO(response.content))
    assert strip.size == (4 * 128, 128)
    assert all(strip.getpixel((64 + 128 * n, 64))[1] > 150 for n in range(4))  # type: ignore[index]


def test_a_video_that_can_no_longer_be_read_is_told_by_its_name(client: TestClient, colourful: Path) -> None:
    id = upload(client, colourful)["id"]
    told = run(client, id)
    service_of(client).recordings.get(id).path.unlink()
    for path in (f"/api/videos/{id}/frame", f"/api/runs/{told['id']}/crops?start=0&stop=1"):
        response = client.get(path)
        assert response.status_code == 422
        assert response.json()["error"].startswith("walk.mp4: there is no such video")


@pytest.mark.parametrize("format", ["json", "csv", "srt", "vtt", "eaf"])
def test_a_timeline_is_downloaded_under_the_videos_name(client: TestClient, colourful: Path, format: str) -> None:
    told = run(client, upload(client, colourful, "кухня.mp4")["id"], without=["audio"])
    response = client.get(f"/api/runs/{told['id']}/timeline.{format}")
    assert response.status_code == 200
    assert response.headers["content-disposition"].endswith(f"filename*=UTF-8''%D0%BA%D1%83%D1%85%D0%BD%D1%8F.{format}")
    assert str(service_of(client).folder) not in response.text
    assert str(Path.cwd()) not in response.text
    for colour in ("red", "green", "blue", "grey"):
        assert colour in response.text
    if format == "eaf":
        assert 'RELATIVE_MEDIA_URL="./кухня.mp4"' in response.text
    if format == "json":
        assert Timeline.model_validate_json(response.text).tracks["noun"][0].name == "red"


def test_an_unknown_format_is_refused(client: TestClient, colourful: Path) -> None:
    told = run(client, upload(client, colourful)["id"])
    assert client.get(f"/api/runs/{told['id']}/timeline.exe").status_code == 404


def test_a_server_that_ends_does_not_wait_for_a_run(opened: Opened, colourful: Path, model: ColourPredictor) -> None:
    client = opened()
    id = upload(client, colourful)["id"]
    model.gate = Event()  # never set: each frame takes ten seconds
    client.post("/api/runs", json={"recording": id})
    folder = service_of(client).folder
    service_of(client).runs._worker.join(0.2)
    model.gate.set()
    service_of(client).close()
    assert not service_of(client).runs._worker.is_alive()
    assert not folder.exists()
