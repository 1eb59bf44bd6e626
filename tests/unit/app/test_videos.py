import os
import stat
from collections.abc import Iterator
from pathlib import Path

import anyio
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from starlette.types import Message

from egoshift.app.limits import Limits
from tests.fixtures.videos import write_audio
from tests.unit.app.conftest import Opened, service_of, upload


def files_of(client: TestClient) -> list[Path]:
    return [path for path in service_of(client).folder.rglob("*") if path.is_file()]


def test_an_uploaded_video_is_told_what_it_is(client: TestClient, colourful: Path) -> None:
    told = upload(client, colourful)
    assert told.pop("id")
    assert told == {
        "name": "walk.mp4",
        "duration_s": pytest.approx(8.0),
        "width": 96,
        "height": 64,
        "sensors": ["video", "audio"],
        "truth": {},
    }


def test_what_is_uploaded_can_be_entered_by_nobody_else(client: TestClient, colourful: Path) -> None:
    upload(client, colourful)
    folder = service_of(client).folder
    (file,) = files_of(client)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "name", ["../../../tmp/evil.mp4", "/etc/cron.d/evil", "a\x00b.mp4", "..\\evil.mp4", "x.mp4/../y"]
)
def test_no_given_name_reaches_the_disk(client: TestClient, colourful: Path, name: str) -> None:
    upload(client, colourful, name)
    (file,) = files_of(client)
    assert file.name in ("video", "video.mp4")
    assert file.parent.parent == service_of(client).folder


@pytest.mark.parametrize("path", ["/api/videos/..%2f..%2fetc/file", "/api/videos/../../etc/passwd", "/%2e%2e/app.js/x"])
def test_no_path_leads_out(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_ids_cannot_be_guessed(client: TestClient, colourful: Path) -> None:
    ids = {upload(client, colourful)["id"] for _ in range(3)}
    assert len(ids) == 3
    assert min(map(len, ids)) >= 20


@pytest.mark.parametrize("announced", [True, False])
def test_too_large_a_file_is_refused_and_leaves_nothing(opened: Opened, colourful: Path, announced: bool) -> None:
    client = opened(limits=Limits(max_mb=0.01))
    content = colourful.read_bytes() * 20
    response = client.post("/api/videos?name=big.mp4", content=content if announced else iter([content]))
    assert response.status_code == 413
    assert response.json()["error"].startswith("big.mp4: is ")
    assert response.json()["error"].endswith("and this page takes 0.01 MB; cut it, or raise --max-mb")
    assert files_of(client) == []


def test_too_long_a_video_is_refused_and_leaves_nothing(opened: Opened, colourful: Path) -> None:
    client = opened(limits=Limits(max_minutes=0.1))
    response = client.post("/api/videos?name=walk.mp4", content=colourful.read_bytes())
    assert response.status_code == 413
    assert response.json()["error"].startswith("walk.mp4: is 0.1 minutes long, and this page takes 0.1; cut it")
    assert files_of(client) == []


def test_a_file_that_is_no_video_is_refused_in_one_line(client: TestClient, tmp_path: Path) -> None:
    sound = write_audio(tmp_path / "sound.mp4")
    for name, content in (("notes.mp4", b"no video at all"), ("sound.mp4", sound.read_bytes()), ("none.mp4", b"")):
        response = client.post("/api/videos", params={"name": name}, content=content)
        assert response.status_code == 422
        error = response.json()["error"]
        assert error.startswith(f"{name}: ")
        assert "\n" not in error
        assert str(service_of(client).folder) not in error
    assert files_of(client) == []


def test_a_full_disk_is_said(client: TestClient, colourful: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = Path.open

    def full(path: Path, mode: str = "r", *more: object) -> object:
        if mode == "xb":
            raise OSError(28, os.strerror(28))
        return real_open(path, mode, *more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    response = client.post("/api/videos?name=walk.mp4", content=colourful.read_bytes())
    assert response.status_code == 507
    assert response.json()["error"] == "walk.mp4: the disk of the server is full; free some space and try again"


def test_there_is_room_for_so_many_videos_only(opened: Opened, colourful: Path) -> None:
    client = opened(limits=Limits(most_recordings=2))
    first = upload(client, colourful)
    assert client.post("/api/videos?name=broken.mp4", content=b"broken").status_code == 422  # frees its place
    upload(client, colourful)
    refused = client.post("/api/videos?name=walk.mp4", content=colourful.read_bytes())
    assert refused.status_code == 503
    assert refused.json()["error"] == "all 2 places are taken; try again later"
    client.delete(f"/api/videos/{first['id']}")
    upload(client, colourful)


@pytest.mark.parametrize(
    ("asked", "status", "first", "stop"),
    [
        (None, 200, 0, None),
        ("bytes=0-99", 206, 0, 100),
        ("bytes=100-", 206, 100, None),
        ("bytes=-50", 206, -50, None),
        ("bytes=99999999-", 416, None, None),
    ],
)
def test_the_video_is_played_in_ranges(
    client: TestClient, colourful: Path, asked: str | None, status: int, first: int | None, stop: int | None
) -> None:
    id = upload(client, colourful)["id"]
    response = client.get(f"/api/videos/{id}/file", headers={} if asked is None else {"range": asked})
    assert response.status_code == status
    if first is None:
        return
    assert response.content == colourful.read_bytes()[first:stop]
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["accept-ranges"] == "bytes"
    if status == 206:
        begin = first % len(colourful.read_bytes())
        assert response.headers["content-range"].startswith(f"bytes {begin}-{begin + len(response.content) - 1}/")


def test_the_frame_at_a_time_is_shown(client: TestClient, colourful: Path) -> None:
    import io

    id = upload(client, colourful)["id"]
    for time_s, channel in ((0.5, 0), (2.5, 1), (4.5, 2)):
        response = client.get(f"/api/videos/{id}/frame", params={"t": time_s})
        assert response.headers["content-type"] == "image/jpeg"
        mean = np.asarray(Image.open(io.BytesIO(response.content))).mean(axis=(0, 1))
        assert mean.argmax() == channel
    assert client.get(f"/api/videos/{id}/frame?t=1e9").status_code == 200
    assert client.get(f"/api/videos/{id}/frame?t=nan").status_code == 422


def test_a_removed_video_is_gone_from_disk_and_page(client: TestClient, colourful: Path) -> None:
    for leave in ("delete", "beacon"):
        id = upload(client, colourful)["id"]
        if leave == "delete":
            client.delete(f"/api/videos/{id}")
        else:
            client.post(f"/api/videos/{id}/leave")
        assert files_of(client) == []
        gone = client.get(f"/api/videos/{id}/file")
        assert gone.status_code == 404
        assert gone.json()["error"] == "this video is no longer here; open the video again"
        assert client.delete(f"/api/videos/{id}").status_code == 200  # twice is no fault


def test_a_video_nobody_asks_for_is_removed(opened: Opened, colourful: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = opened(limits=Limits(keep_minutes=10))
    old, seen = upload(client, colourful)["id"], upload(client, colourful)["id"]
    recordings = service_of(client).recordings
    for id in (old, seen):
        recordings.get(id).seen_s -= 11 * 60
    recordings.get(seen)
    recordings.remove_old()
    assert client.get(f"/api/videos/{old}/traces").status_code == 404
    assert client.get(f"/api/videos/{seen}/traces").status_code == 200
    assert len(files_of(client)) == 1


def test_everything_is_removed_when_the_server_ends(opened: Opened, colourful: Path) -> None:
    client = opened()
    upload(client, colourful)
    folder = service_of(client).folder
    assert folder.exists()
    client.__exit__(None, None, None)
    assert not folder.exists()
    client.__enter__()  # the fixture ends it again


def test_the_table_of_an_imu_is_added(client: TestClient, colourful: Path) -> None:
    id = upload(client, colourful)["id"]
    lines = ["component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z"]
    lines += [f"0,{time},{time},0,0,0,0,{9.8 + (time == 4000)},0" for time in range(0, 8000, 5)]
    refused = client.post(f"/api/videos/{id}/imu?name=imu.exe", content=b"x")
    assert refused.status_code == 422
    assert refused.json()["error"] == "imu.exe: is no table; give the IMU's readings as .csv"
    added = client.post(f"/api/videos/{id}/imu?name=imu.csv", content="\n".join(lines).encode())
    assert added.json()["sensors"] == ["video", "audio", "imu"]
    traces = client.get(f"/api/videos/{id}/traces").json()
    values = traces["imu"]["accelerometer"]["values"]
    assert traces["imu"]["accelerometer"]["unit"] == "m/s^2"
    assert np.argmax([value or 0 for value in values]) == len(values) // 2


def test_a_second_table_and_an_unreadable_one_are_refused_and_leave_nothing(
    client: TestClient, colourful: Path
) -> None:
    id = upload(client, colourful)["id"]
    head = "component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z"
    for content, said in (
        (b"a,b\n1,2\n", "imu.csv, row 1: column 'component_idx' is missing"),
        (b"\xff\xfe", "imu.csv: not a CSV file (not UTF-8)"),
        (head.encode() + b"\n", "imu.csv: holds no readings; give another"),
        (b"", "imu.csv: is empty; choose another"),
    ):
        refused = client.post(f"/api/videos/{id}/imu?name=imu.csv", content=content)
        assert refused.status_code == 422
        assert refused.json()["error"].startswith(said)
        assert str(service_of(client).folder) not in refused.text
    good = "\n".join([head, *(f"0,{time},{time},0,0,0,0,9.8,0" for time in range(0, 8000, 5))]).encode()
    assert client.post(f"/api/videos/{id}/imu?name=imu.csv", content=good).status_code == 200
    again = client.post(f"/api/videos/{id}/imu?name=imu.csv", content=good)
    assert again.status_code == 409
    assert again.json()["error"] == "this video has an IMU table already; open it again to give another"
    assert sorted(path.suffix for path in files_of(client)) == [".csv", ".mp4"]


def test_a_table_may_be_a_fifth_as_large_as_a_video(opened: Opened, colourful: Path) -> None:
    size_mb = colourful.stat().st_size / 1e6
    client = opened(limits=Limits(max_mb=2 * size_mb))
    id = upload(client, colourful)["id"]
    refused = client.post(f"/api/videos/{id}/imu?name=imu.csv", content=colourful.read_bytes())
    assert refused.status_code == 413
    text = f"and this page takes tables of {0.4 * size_mb:g} MB; cut it, or raise --max-mb"
    assert refused.json()["error"].startswith("imu.csv: is ")
    assert refused.json()["error"].endswith(text)
    assert len(files_of(client)) == 1


def test_a_list_of_files_is_no_video(client: TestClient, colourful: Path) -> None:
    # The first names itself, which FFmpeg would open until no file of the server could be opened any more.
    for content in (b"ffconcat version 1.0\nfile video.mp4\n", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"):
        response = client.post("/api/videos?name=list.mp4", content=content)
        assert response.status_code == 422
        assert response.json()["error"].startswith("list.mp4: is no")
        assert "Too many open files" not in response.text
    assert files_of(client) == []
    upload(client, colourful)


def test_a_place_that_cannot_be_made_is_said_and_taken_by_nobody(
    opened: Opened, colourful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opened(limits=Limits(most_recordings=1))
    with monkeypatch.context() as full:
        full.setattr(Path, "mkdir", _full)
        response = client.post("/api/videos?name=walk.mp4", content=colourful.read_bytes())
        assert response.status_code == 507
        assert response.json()["error"] == "the video: the disk of the server is full; free some space and try again"
    upload(client, colourful)


def _full(path: Path, mode: int = 0o777) -> None:
    raise OSError(28, os.strerror(28))


def test_who_leaves_while_sending_leaves_nothing_and_no_traceback(
    client: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    coming: Iterator[Message] = iter(
        [{"type": "http.request", "body": b"begun", "more_body": True}, {"type": "http.disconnect"}]
    )
    said: list[Message] = []

    async def receive() -> Message:
        return next(coming)

    async def send(message: Message) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/videos",
        "query_string": b"name=walk.mp4",
        "headers": [(b"host", b"127.0.0.1")],
    }
    anyio.run(client.app, scope, receive, send)
    assert said[0]["status"] == 400
    assert capfd.readouterr().err == ""
    assert files_of(client) == []
