import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from egoshift.app.samples import GENERATED, Samples, generate_video
from egoshift.errors import ConfigError
from egoshift.media import probe
from egoshift.world.vocabulary import ACTIVITIES
from tests.unit.app.conftest import Opened, service_of


@pytest.mark.parametrize("kind", GENERATED)
def test_a_generated_video_has_all_that_a_page_can_show(tmp_path: Path, kind: str) -> None:
    made = generate_video(tmp_path, kind, duration_s=12.0)
    assert probe(made.video).duration_s == pytest.approx(12.0)
    assert made.imu.is_file()
    assert made.hands.is_file()
    assert set(made.truth) == ({"verb", "noun", "action"} if kind == "home" else {"action"})
    actions = made.truth["action"]
    assert len(actions) >= 2
    assert all(0 <= action.start_s < action.stop_s <= 12.0 for action in actions)
    if kind == "home":
        for verb, noun, action in zip(made.truth["verb"], made.truth["noun"], actions, strict=True):
            assert action.name == f"{verb.name} {noun.name}"
    else:
        assert {action.name for action in actions} <= {activity.name for activity in ACTIVITIES}


def test_a_sample_is_generated_once_and_outlives_its_recordings(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    from egoshift.app import samples

    calls: list[Path] = []

    def generate(folder: Path, kind: str) -> object:
        calls.append(folder)
        return generate_video(folder, kind, duration_s=10.0)

    monkeypatch.setattr(samples, "generate_video", generate)
    client = opened()
    first = client.post("/api/samples/0").json()
    assert first["sensors"] == ["video", "audio", "imu"]
    assert set(first["truth"]) == {"verb", "noun", "action"}
    client.delete(f"/api/videos/{first['id']}")
    second = client.post("/api/samples/0").json()
    assert client.get(f"/api/videos/{second['id']}/file").status_code == 200
    assert len(calls) == 1
    assert calls[0].is_relative_to(service_of(client).folder)
    traces = client.get(f"/api/videos/{second['id']}/traces").json()
    assert set(traces["imu"]) == {"accelerometer", "gyroscope"}
    assert np.nanmax(np.array(traces["audio"], float)) > 0.01


def test_samples_of_a_folder_are_listed_by_name_and_stay(opened: Opened, colourful: Path, tmp_path: Path) -> None:
    for name in ("b.mp4", "a.MP4"):
        shutil.copy(colourful, tmp_path / name)
    (tmp_path / "notes.txt").write_text("no video")
    client = opened(samples=tmp_path)
    assert service_of(client).samples.names == ["a.MP4", "b.mp4"]
    told = client.post("/api/samples/1").json()
    assert told["name"] == "b.mp4"
    client.delete(f"/api/videos/{told['id']}")
    assert (tmp_path / "b.mp4").is_file()
    assert client.post("/api/samples/2").status_code == 404
    assert client.post("/api/samples/-1").status_code == 404


def test_a_broken_sample_is_said_without_its_folder(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"nothing")
    response = opened(samples=tmp_path).post("/api/samples/0")
    assert response.status_code == 422
    assert response.json()["error"].startswith("broken.mp4: ")
    assert str(tmp_path) not in response.json()["error"]


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no video"):
        Samples(tmp_path, tmp_path)


def test_a_sample_whose_name_is_not_utf_8_is_shown_as_well_as_can_be(
    opened: Opened, colourful: Path, tmp_path: Path
) -> None:
    try:
        shutil.copy(colourful, tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    except OSError:
        pytest.skip("this file system knows names in UTF-8 only")
    client = opened(samples=tmp_path)
    assert '"samples": ["caf.mp4"]' in client.get("/").text
    assert client.post("/api/samples/0").json()["name"] == "caf.mp4"


def test_what_lies_beside_a_sample_is_among_its_sensors(opened: Opened, colourful: Path, tmp_path: Path) -> None:
    shutil.copy(colourful, tmp_path / "walk.mp4")
    head = "component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z"
    lines = [head, *(f"0,{time},{time},0,0,0,0,9.8,0" for time in range(0, 8000, 5))]
    (tmp_path / "walk.imu.csv").write_text("\n".join(lines), encoding="utf-8")
    client = opened(samples=tmp_path)
    told = client.post("/api/samples/0").json()
    assert told["sensors"] == ["video", "audio", "imu"]
    assert set(client.get(f"/api/videos/{told['id']}/traces").json()["imu"]) == {"accelerometer", "gyroscope"}
    client.delete(f"/api/videos/{told['id']}")
    assert (tmp_path / "walk.imu.csv").is_file()
