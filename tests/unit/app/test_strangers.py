"""The real server against requests of somebody who wants what is not theirs, or wants it to fall."""

import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from egoshift.app.limits import Limits
from egoshift.app.service import Service, Settings
from tests.fixtures.browser import served
from tests.fixtures.predictors import ColourPredictor
from tests.fixtures.wire import Answer, Wire, ask, told

Site = tuple[str, Service]
OUTSIDE = b"root:x:0:0"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, colourful: Path) -> Iterator[Site]:
    limits = Limits(each_requests_a_s=100_000, max_mb=5)
    samples = tmp_path_factory.mktemp("samples")
    (samples / "kitchen.mp4").write_bytes(colourful.read_bytes())
    (samples.parent / "secret.mp4").write_bytes(OUTSIDE)
    settings = Settings(models=("colours",), samples=samples, limits=limits, isolate=False)
    with served(settings, {"colours": ColourPredictor()}) as served_site:
        yield served_site


@pytest.fixture
def id(site: Site, colourful: Path) -> Iterator[str]:
    id = told(ask(site[0], "POST", "/api/videos?name=walk.mp4", colourful.read_bytes()))["id"]
    yield id
    ask(site[0], "DELETE", f"/api/videos/{id}")


def run_of(address: str, recording: str, **more: object) -> str:
    """A run that is done."""
    question = json.dumps({"recording": recording, **more}).encode()
    run = str(told(ask(address, "POST", "/api/runs", question))["id"])
    while (state := told(ask(address, "GET", f"/api/runs/{run}"))["state"]) != "done":
        assert state in ("waiting", "loading", "running")
    return run


def is_nothing(answer: Answer) -> bool:
    return answer.status in (400, 404, 405, 422) and OUTSIDE not in answer.body


CLIMBS = [
    "..",
    "%2e%2e",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%252f..%252fetc%252fpasswd",
    "....//....//etc/passwd",
    "..%5c..%5cetc%5cpasswd",
    "%c0%ae%c0%ae%c0%afetc",
    "%00",
    "%2fetc%2fpasswd",
    "../secret.mp4",
    "~root",
    "file:%2f%2f%2fetc%2fpasswd",
    "kitchen.mp4",
]


@pytest.mark.parametrize("climb", CLIMBS)
def test_no_parameter_of_any_route_leads_out(site: Site, id: str, climb: str) -> None:
    address = site[0]
    run = run_of(address, id)
    for method, target in (
        ("GET", f"/{climb}"),
        ("GET", f"/app.js/{climb}"),
        ("GET", f"/page/{climb}"),
        ("GET", f"/api/models/{climb}"),
        ("POST", f"/api/samples/{climb}"),
        ("GET", f"/api/videos/{climb}/file"),
        ("GET", f"/api/videos/{id}/{climb}"),
        ("GET", f"/api/videos/{id}/file/{climb}"),
        ("GET", f"/api/videos/{id}%2f{climb}/file"),
        ("GET", f"/api/runs/{climb}/answer"),
        ("GET", f"/api/runs/{run}/timeline.{climb}"),
        ("GET", f"/api/runs/{run}/timeline.json/{climb}"),
        ("POST", f"/api/videos/{climb}/imu?name=imu.csv"),
    ):
        assert is_nothing(ask(address, method, target)), (method, target)
    assert ask(address, "GET", f"/api/videos/{id}/file", headers={"range": "bytes=0-3"}).status == 206


@pytest.mark.parametrize("climb", CLIMBS)
def test_no_name_of_a_file_leads_out(site: Site, colourful: Path, climb: str) -> None:
    address, service = site
    given = told(ask(address, "POST", f"/api/videos?name={climb}.mp4", colourful.read_bytes()))
    assert "/" not in given["name"]
    assert "\\" not in given["name"]
    kept = [path for path in service.folder.rglob("*") if path.is_file()]
    assert {path.name for path in kept} <= {"video", "video.mp4"}
    ask(address, "DELETE", f"/api/videos/{given['id']}")


def test_what_is_of_one_user_cannot_be_found_by_another(site: Site, id: str, colourful: Path) -> None:
    address, service = site
    run = run_of(address, id)
    other = "127.0.0.2"
    for listing in ("/api/videos", "/api/runs", "/api/videos/", "/api/runs/", "/api", "/files", "/openapi.json"):
        answer = ask(address, "GET", listing, source=other)
        assert answer.status in (404, 405)
        assert id.encode() not in answer.body
    page = ask(address, "GET", "/", source=other).body
    assert id.encode() not in page
    assert b"walk.mp4" not in page
    assert b"walk.mp4" not in ask(address, "GET", "/api/models/0", source=other).body
    theirs = told(ask(address, "POST", "/api/videos?name=b.mp4", colourful.read_bytes(), source=other))["id"]
    for wrong in (theirs, id[:-1], id + "A", id.swapcase(), id[::-1], "*", "%25", ""):
        assert ask(address, "GET", f"/api/runs/{wrong}/timeline.json", source=other).status == 404
        assert ask(address, "GET", f"/api/runs/{wrong}/answer", source=other).status == 404
        assert wrong == theirs or ask(address, "GET", f"/api/videos/{wrong}/file", source=other).status == 404
    ids = {id, run, theirs}
    assert len(ids) == 3
    assert all(re.fullmatch(r"[\w-]{22}", one) for one in ids)  # 16 bytes of the system's random source
    ask(address, "DELETE", f"/api/videos/{theirs}")
    assert run not in service.folder.as_posix()


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/api/videos?name=a.mp4"),
        ("POST", "/api/samples/0"),
        ("POST", "/api/runs"),
        ("DELETE", "/api/videos/x"),
        ("POST", "/api/videos/x/leave"),
        ("POST", "/api/videos/x/imu?name=a.csv"),
        ("DELETE", "/api/runs/x"),
        ("PUT", "/api/runs/x"),
        ("PATCH", "/"),
    ],
)
def test_a_page_of_another_site_can_change_nothing(site: Site, method: str, target: str) -> None:
    address = site[0]
    form = {"content-type": "application/x-www-form-urlencoded"}  # what a form sends without asking first
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": address.replace("127.0.0.1", "127.0.0.2")},
        {"origin": f"{address}.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:1"},
    ):
        answer = ask(address, method, target, b"recording=x", {**form, **headers})
        assert answer.status == 403
        assert answer.error == "only the page of this server itself may ask for that"


def test_no_other_site_is_let_in_by_asking_first(site: Site) -> None:
    preflight = {
        "origin": "https://evil.example",
        "access-control-request-method": "DELETE",
        "access-control-request-headers": "content-type",
        "access-control-request-private-network": "true",
    }
    for target in ("/", "/api/runs", "/api/videos/x/file"):
        for method in ("OPTIONS", "GET"):
            answer = ask(site[0], method, target, headers=preflight)
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8600", "127.0.0.1.evil.example", "localhost.evil.example"]
)
def test_a_name_that_was_bent_to_this_machine_is_refused_everywhere(site: Site, id: str, host: str) -> None:
    for target in ("/", "/app.js", "/api/models/0", f"/api/videos/{id}/file", f"/api/videos/{id}/traces"):
        answer = ask(site[0], "GET", target, headers={"host": host, "x-forwarded-host": "127.0.0.1"})
        assert answer.status == 403
        assert answer.error.startswith("this server does not go by the name")


def test_a_second_host_and_a_line_within_a_header_are_refused(site: Site) -> None:
    with Wire(site[0]) as wire:
        wire.send(f"GET / HTTP/1.1\r\nhost: {wire.host}\r\nhost: evil.example\r\n\r\n".encode())
        assert wire.answer().status == 400


@pytest.mark.parametrize(
    "name",
    [
        "a%0d%0aset-cookie:%20x=1.mp4",
        "a%0aset-cookie:x.mp4",
        "a%22;filename=%22evil.exe.mp4",
        "%E2%80%AEgpj.mp4",
        "a%E2%80%A8b.mp4",
        "%F0%9F%8D%B3.mp4",
        "%ED%A0%80.mp4",
        "a" * 5000 + ".mp4",
    ],
)
def test_no_name_of_a_file_becomes_a_header(site: Site, colourful: Path, name: str) -> None:
    address = site[0]
    given = told(ask(address, "POST", f"/api/videos?name={name}", colourful.read_bytes()))
    assert len(given["name"]) <= 120
    assert given["name"].isprintable()
    run = run_of(address, given["id"])
    for format in ("csv", "json", "eaf"):
        answer = ask(address, "GET", f"/api/runs/{run}/timeline.{format}")
        assert answer.status == 200
        assert "set-cookie" not in answer.headers
        stem = r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*"
        said = rf"""attachment; filename="timeline\.{format}"; filename\*=UTF-8''{stem}\.{format}"""
        assert re.fullmatch(said, answer.headers["content-disposition"])
    ask(address, "DELETE", f"/api/videos/{given['id']}")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"recording":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"recording": "x", "threshold": NaN}',
        b'{"recording": "x", "threshold": Infinity}',
        b'{"recording": "x", "threshold": -Infinity}',
        b'{"recording": "x", "threshold": 1e999}',
        b'{"recording": "x", "model": ' + b"9" * 10_000 + b"}",
        b'{"recording": "x", "model": 1e400}',
        b'{"recording": "x", "without": "' + b"y" * 100_000 + b'"}',
        b'{"recording": "x", "nouns": [' + b'"a",' * 30_000 + b'"a"]}',
        b'{"recording": "x", "nouns": ["' + b"a" * 300 + b'"]}',
        b'{"recording": "x", "recording": "y", "__proto__": {}}',
        b"\xff\xfe\x00",
        b'"\\ud800"',
        b"null",
        b"",
    ],
    ids=range(17),
)
def test_no_question_is_too_deep_too_large_or_too_strange(site: Site, body: bytes) -> None:
    answer = ask(site[0], "POST", "/api/runs", body, {"content-type": "application/json"})
    assert answer.status == 422
    assert len(answer.body) < 2000
    assert "\n" not in answer.error


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e400", "-1e308", "0x1", "%00", "9" * 5000, ""])
def test_no_number_of_a_request_is_too_strange(site: Site, id: str, number: str) -> None:
    address = site[0]
    run = run_of(address, id)
    for target in (
        f"/api/videos/{id}/frame?t={number}",
        f"/api/runs/{run}/crops?start={number}&stop=1",
        f"/api/runs/{run}/crops?start=0&stop={number}",
        f"/api/models/{number}",
    ):
        assert ask(address, "GET", target).status in (200, 404, 422), target
    assert ask(address, "POST", f"/api/samples/{number}").status in (404, 405, 422)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=0-0,1-1,2-2", 416),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 4000, 2)), 416),
        ("bytes=0-," * 500, 416),
        ("bytes=5-2", 400),
        ("bytes=-0", None),
        ("bytes=0-99999999999999999999999999", 206),
        ("bytes=-99999999999999999999999999", 206),
        ("bytes=99999999999999999999999999-", 416),
        ("bytes=--5", None),
        ("bytes=", None),
        ("lines=0-5", None),
        ("bytes=\xb2-\xb3", None),
    ],
)
def test_no_range_is_too_strange(site: Site, id: str, colourful: Path, asked: str, status: int | None) -> None:
    answer = ask(site[0], "GET", f"/api/videos/{id}/file", headers={"range": asked})
    assert answer.status == status if status is not None else answer.status in (200, 206, 400, 416)
    assert len(answer.body) <= colourful.stat().st_size


def test_nothing_is_unpacked(site: Site) -> None:
    import gzip

    bomb = gzip.compress(bytes(50_000_000))
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
        for target in ("/api/runs", "/api/videos?name=a.mp4"):
            answer = ask(site[0], "POST", target, bomb, {"content-encoding": coding})
            assert answer.status == 415
            assert answer.error == "nothing is unpacked here; send it as it is"


def test_a_spreadsheet_works_nothing_out(site: Site, id: str) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)"]
    run = run_of(site[0], id, nouns=names, verbs=["=cmd|' /C calc'!A0", "b", "c", "plain"], without=["audio"])
    text = ask(site[0], "GET", f"/api/runs/{run}/timeline.csv").body.decode()
    cells = [cell for line in text.splitlines() for cell in line.replace('"', "").split(",")]
    assert "'=1+1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "-"))]
    assert "plain" in cells
    segments = json.loads(ask(site[0], "GET", f"/api/runs/{run}/timeline.json").body)["tracks"]["noun"]
    assert segments[0]["name"] == "=1+1"  # in all other formats a name stays what it is


def bomb(side: int) -> bytes:
    """A video of one picture of so many pixels a side, all alike, in a few kilobytes."""
    import av

    packed = io.BytesIO()
    Image.new("1", (side, side)).save(packed, "PNG")
    file = io.BytesIO()
    with av.open(file, "w", format="mov") as container:
        stream = container.add_stream("png", rate=1)
        stream.width = stream.height = 16  # the header does not say how large it is
        stream.pix_fmt = "rgb24"
        for time in range(2):
            packet = av.Packet(packed.getvalue())
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, time * 1000, time * 1000, True
            container.mux(packet)
    return file.getvalue()


def test_a_picture_that_unfolds_is_refused_by_its_size(site: Site) -> None:
    content = bomb(8000)
    assert len(content) < 200_000
    answer = ask(site[0], "POST", "/api/videos?name=bomb.mov", content)
    assert answer.status == 413
    assert answer.error == "bomb.mov: is of 8000 x 8000 pixels, and this page takes 40 million; make it smaller"


def test_lengths_that_a_header_claims_are_not_believed(site: Site, colourful: Path) -> None:
    whole = colourful.read_bytes()
    for atom in (b"mvhd", b"mdhd", b"tkhd"):
        place = whole.index(atom)
        claimed = whole[: place + 16] + b"\x7f\xff\xff\xff" * 3 + whole[place + 28 :]
        answer = ask(site[0], "POST", "/api/videos?name=claims.mp4", claimed)
        assert answer.status in (200, 413, 422)
        if answer.status == 200:
            given = told(answer)
            assert given["duration_s"] < 60 * 30
            ask(site[0], "DELETE", f"/api/videos/{given['id']}")
        else:
            assert answer.error.startswith("claims.mp4: ")


def test_what_is_uploaded_is_for_this_user_alone(site: Site, id: str) -> None:
    run_of(site[0], id)
    for path in [site[1].folder, *site[1].folder.rglob("*")]:
        assert path.stat().st_uid == os.getuid()
    assert site[1].folder.stat().st_mode & 0o077 == 0
    for folder in site[1].folder.iterdir():
        assert folder.stat().st_mode & 0o077 == 0


def test_no_error_names_a_place_of_the_server(site: Site, id: str) -> None:
    address, service = site
    for method, target, body in (
        ("POST", "/api/videos?name=a.mp4", b"nothing"),
        ("POST", f"/api/videos/{id}/imu?name=a.csv", b"nothing"),
        ("GET", f"/api/videos/{id}/frame?t=7.99999", b""),
        ("POST", "/api/runs", json.dumps({"recording": id, "without": ["smell"]}).encode()),
    ):
        answer = ask(address, method, target, body)
        assert str(service.folder).encode() not in answer.body
        assert os.getcwd().encode() not in answer.body
