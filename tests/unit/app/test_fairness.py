"""One client of several cannot take the server for itself."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from egoshift.app.clients import client_at
from egoshift.app.limits import Limits
from egoshift.app.pace import Budget
from egoshift.app.runs import fair_place
from egoshift.app.service import Service, Settings
from tests.fixtures.browser import served
from tests.fixtures.predictors import ColourPredictor
from tests.fixtures.wire import Answer, Wire, ask, told

FIRST, SECOND = "127.0.0.1", "127.0.0.2"


@pytest.fixture
def model() -> ColourPredictor:
    return ColourPredictor()


@pytest.fixture
def site(model: ColourPredictor) -> Iterator[tuple[str, Service]]:
    limits = Limits(
        each_recordings=3, each_uploads=2, each_waiting=2, most_waiting=3, each_requests=6, each_requests_a_s=10_000
    )
    with served(Settings(models=("colours",), limits=limits, isolate=False), {"colours": model}) as served_site:
        yield served_site
        model.gate.set()


def test_one_client_sends_so_many_videos_at_a_time_and_the_others_go_on(
    site: tuple[str, Service], colourful: Path
) -> None:
    address = site[0]
    held = [Wire(address, FIRST) for _ in range(2)]
    for wire in held:
        wire.begin("POST", "/api/videos?name=slow.mp4", {"content-length": "1000"})
        wire.send(b"begun")
    until_s = time.monotonic() + 20
    while len(list(site[1].folder.glob("*/video*"))) < 2:
        assert time.monotonic() < until_s
        time.sleep(0.01)
    refused = ask(address, "POST", "/api/videos?name=b.mp4", colourful.read_bytes(), source=FIRST)
    assert refused.status == 429
    assert refused.error == "2 of your files are on their way; wait for one of them"
    assert int(refused.headers["retry-after"]) > 0
    assert ask(address, "POST", "/api/videos?name=b.mp4", colourful.read_bytes(), source=SECOND).status == 200
    for wire in held:
        wire.socket.close()
    while list(site[1].folder.glob("*/video")) or len(list(site[1].folder.glob("*/video*"))) > 1:
        assert time.monotonic() < until_s, "what was given up is still there"
        time.sleep(0.01)
    assert ask(address, "POST", "/api/videos?name=b.mp4", colourful.read_bytes(), source=FIRST).status == 200


def test_one_client_holds_so_many_videos(site: tuple[str, Service], colourful: Path) -> None:
    address = site[0]
    ids = [
        told(ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=FIRST))["id"]
        for _ in range(3)
    ]
    refused = ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=FIRST)
    assert (refused.status, refused.error) == (429, "3 of your videos are open; close one first")
    assert ask(address, "POST", "/api/samples/0", source=FIRST).status == 429
    assert ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=SECOND).status == 200
    spoofed = {"x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9"}
    assert ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), spoofed, FIRST).status == 429
    ask(address, "DELETE", f"/api/videos/{ids[0]}", source=FIRST)
    assert ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=FIRST).status == 200


def test_one_client_has_so_many_runs_waiting_and_they_take_turns(
    site: tuple[str, Service], colourful: Path, model: ColourPredictor
) -> None:
    address = site[0]
    model.gate.clear()
    mine, theirs = (
        told(ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=source))["id"]
        for source in (FIRST, SECOND)
    )

    def submit(recording: str, source: str):
        return ask(address, "POST", "/api/runs", json.dumps({"recording": recording}).encode(), source=source)

    first = told(submit(mine, FIRST))["id"]
    until_s = time.monotonic() + 30
    while told(ask(address, "GET", f"/api/runs/{first}"))["state"] == "waiting":
        assert time.monotonic() < until_s
    waiting = [told(submit(mine, FIRST))["id"] for _ in range(2)]
    refused = submit(mine, FIRST)
    assert (refused.status, refused.error) == (429, "2 of your runs are waiting already")
    assert int(refused.headers["retry-after"]) > 0
    other = told(submit(theirs, SECOND))
    assert other["ahead"] == 2  # the one at work and the first that waits, not both that wait
    full = submit(theirs, SECOND)
    assert full.status == 503
    assert int(full.headers["retry-after"]) > 0
    ahead = [told(ask(address, "GET", f"/api/runs/{one}"))["ahead"] for one in waiting]
    assert ahead == [1, 3]


def test_one_client_asks_so_often() -> None:
    answers: list[Answer] = []
    with served(Settings(limits=Limits(each_requests_a_s=2), isolate=False), {}) as (address, _):
        with Wire(address, FIRST) as wire:
            while not answers or (answers[-1].status != 429 and len(answers) < 500):
                wire.begin("GET", "/api/models/7")
                answers.append(wire.answer())
        assert len(answers) > 2 * Budget.BURST_S
        assert answers[-1].error == "too many requests; try again in a moment"
        assert answers[-1].headers["retry-after"] == "1"
        assert ask(address, "GET", "/", source=SECOND).status == 200


def test_one_client_asks_so_much_at_once(site: tuple[str, Service]) -> None:
    held = [Wire(site[0], FIRST) for _ in range(6)]
    for wire in held:
        wire.begin("POST", "/api/runs", {"content-length": "5"})  # and never comes to its point
    until_s = time.monotonic() + 20
    while (refused := ask(site[0], "GET", "/", source=FIRST)).status != 429:
        assert time.monotonic() < until_s
    assert refused.error == "too many requests at once; try again in a moment"
    assert ask(site[0], "GET", "/", source=SECOND).status == 200
    for wire in held:
        wire.socket.close()
    while ask(site[0], "GET", "/", source=FIRST).status != 200:
        assert time.monotonic() < until_s


def test_a_budget_is_what_a_slow_twin_counts() -> None:
    now_s = [0.0]
    budget = Budget(10.0, lambda: now_s[0])
    spent: list[float] = []
    steps = [0.0] * 60 + [0.05] * 60 + [0.2] * 20 + [100.0] + [0.0] * 60
    for step in steps:
        now_s[0] += step
        # A bucket that holds forty and gets ten a second, filled anew from all that was ever taken out of it.
        left, before_s = 40.0, 0.0
        for taken_s in spent:
            left = min(40.0, left + 10.0 * (taken_s - before_s)) - 1
            before_s = taken_s
        left = min(40.0, left + 10.0 * (now_s[0] - before_s))
        wait_s = budget.wait_s("a")
        if left >= 1 - 1e-9:
            assert wait_s == 0
            spent.append(now_s[0])
        else:
            assert wait_s == pytest.approx((1 - left) / 10)
    assert budget.wait_s("b") == 0


def test_a_budget_does_not_remember_every_client_there_ever_was() -> None:
    now_s = [0.0]
    budget = Budget(10.0, lambda: now_s[0])
    for number in range(30_000):
        now_s[0] += 0.001
        budget.wait_s(str(number))
    assert len(budget._empty_s) < 15_000


def test_owners_take_turns_whatever_the_order_in_which_they_came() -> None:
    import random

    chance = random.Random(0)
    for _ in range(100):
        queue: list[tuple[str, int]] = []
        for number in range(12):
            owner = chance.choice("aaab" if number < 8 else "abc")
            queue.insert(fair_place([one for one, _ in queue], owner), (owner, number))
        turns = [sum(before == owner for before, _ in queue[:place]) for place, (owner, _) in enumerate(queue)]
        assert turns == sorted(turns)
        for owner in "abc":
            numbers = [number for one, number in queue if one == owner]
            assert numbers == sorted(numbers)


def test_a_client_is_an_address_or_a_network_of_ipv6() -> None:
    assert client_at("::ffff:192.0.2.7") == client_at("192.0.2.7")
    assert client_at("2001:db8::1") == client_at("2001:db8::ffff:1") != client_at("2001:db8:0:1::1")
    assert client_at("fe80::1%eth0") == client_at("fe80::2%eth0")
    assert client_at("") == ""


def test_frames_are_made_a_few_at_a_time(site: tuple[str, Service], colourful: Path, monkeypatch) -> None:
    from egoshift.app import pictures

    at_once, most, gate = [0], [0], Event()

    def slow(path: Path, time_s: float) -> bytes:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        gate.wait(0.2)
        at_once[0] -= 1
        return b"x"

    monkeypatch.setattr(pictures, "frame_jpeg", slow)
    address = site[0]
    id = told(ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=FIRST))["id"]
    sources = (FIRST, SECOND)
    threads = [
        Thread(target=ask, args=(address, "GET", f"/api/videos/{id}/frame?t=1"), kwargs={"source": sources[n % 2]})
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 < most[0] <= 4


TABLE = b"component_idx,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z\n0,0,1,1,1,1,1,9\n"


def sending_table(address: str, id: str, source: str = FIRST) -> Wire:
    """A connection on which all but the last bytes of a table have come."""
    wire = Wire(address, source)
    wire.begin("POST", f"/api/videos/{id}/imu?name=imu.csv", {"content-length": str(len(TABLE))})
    wire.send(TABLE[:-5])
    return wire


def last_answer(wire: Wire) -> Answer:
    """The answer that ends a connection."""
    with wire:
        return wire.answer()


def tables_of(service: Service, number: int) -> list[Path]:
    """The tables on the disk, once there are so many."""
    until_s = time.monotonic() + 20
    while len(found := list(service.folder.glob("*/imu*"))) != number:
        assert time.monotonic() < until_s, found
        time.sleep(0.01)
    return found


def test_of_tables_sent_at_once_one_is_taken_and_kept(site: tuple[str, Service], colourful: Path) -> None:
    address, service = site
    id = told(ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=FIRST))["id"]
    wires = [sending_table(address, id)]
    tables_of(service, 1)
    wires += [sending_table(address, id, source) for source in (FIRST, SECOND, SECOND)]
    time.sleep(0.2)
    for wire in wires:
        try:
            wire.send(TABLE[-5:])
        except ConnectionError:
            pass  # it is refused already
    answers = [last_answer(wire) for wire in wires]
    assert [answer.status for answer in answers] == [200, 409, 409, 409]
    assert answers[1].error == "an IMU table of this video is on its way; wait for it"
    assert tables_of(service, 1) == [service.recordings.get(id).sensors["imu"]]


def test_a_table_that_fails_or_never_ends_frees_its_place(site: tuple[str, Service], colourful: Path) -> None:
    address, service = site
    id = told(ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=FIRST))["id"]
    target = f"/api/videos/{id}/imu?name=imu.csv"
    assert ask(address, "POST", target, b"a,b\n1,2\n").status == 422
    wire = sending_table(address, id)
    tables_of(service, 1)
    wire.socket.close()
    tables_of(service, 0)
    assert ask(address, "POST", target, TABLE).status == 200


def test_tables_count_with_the_videos_that_a_client_sends(site: tuple[str, Service], colourful: Path) -> None:
    address, service = site
    ids = [
        told(ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=SECOND))["id"]
        for _ in range(3)
    ]
    held = [sending_table(address, id) for id in ids[:2]]
    tables_of(service, 2)
    for target in ("/api/videos?name=b.mp4", f"/api/videos/{ids[2]}/imu?name=imu.csv"):
        refused = ask(address, "POST", target, TABLE, source=FIRST)
        assert (refused.status, refused.error) == (429, "2 of your files are on their way; wait for one of them")
        assert int(refused.headers["retry-after"]) > 0
    assert ask(address, "POST", f"/api/videos/{ids[2]}/imu?name=imu.csv", TABLE, source=SECOND).status == 200
    for wire in held:
        wire.send(TABLE[-5:])
        assert last_answer(wire).status == 200
    assert ask(address, "POST", "/api/videos?name=b.mp4", colourful.read_bytes(), source=FIRST).status == 200


def test_a_table_of_a_video_that_is_removed_meanwhile_is_kept_by_nobody(
    site: tuple[str, Service], colourful: Path
) -> None:
    address, service = site
    id = told(ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=FIRST))["id"]
    wire = sending_table(address, id)
    tables_of(service, 1)
    ask(address, "DELETE", f"/api/videos/{id}", source=FIRST)
    wire.send(TABLE[-5:])
    answer = last_answer(wire)
    assert (answer.status, answer.error) == (404, "this video is no longer here; open the video again")
    assert [path for path in service.folder.rglob("*") if path.is_file()] == []
    assert list(service.folder.iterdir()) == []


def test_tables_are_looked_through_a_few_at_a_time_while_videos_are_sent(
    colourful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from egoshift.app.routes import videos

    at_once, most, gate = [0], [0], Event()

    def slow(path: Path, name: str) -> None:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        gate.wait(30)
        at_once[0] -= 1

    monkeypatch.setattr(videos, "check_inertial", slow)
    sources = [f"127.0.0.{number}" for number in range(2, 12)]
    with served(Settings(isolate=False), {}) as (address, _):
        ids = [
            told(ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=source))["id"]
            for source in sources
        ]
        senders = [
            Thread(target=ask, args=(address, "POST", f"/api/videos/{id}/imu?name=a.csv", b"x"), kwargs={"source": one})
            for id, one in zip(ids, sources, strict=True)
        ]
        try:
            for sender in senders:
                sender.start()
            until_s = time.monotonic() + 20
            while at_once[0] < 2:
                assert time.monotonic() < until_s
                time.sleep(0.01)
            answer = ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=FIRST)
            assert answer.status == 200
        finally:
            gate.set()
            for sender in senders:
                sender.join()
    assert most[0] == Limits().most_checking == 2


def test_who_waits_for_a_drawing_holds_nothing_that_others_need(
    colourful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from egoshift.app import traces

    drawing, gate = [0], Event()

    def slow(recording: object) -> dict[str, object]:
        drawing[0] += 1
        gate.wait(30)
        return {}

    monkeypatch.setattr(traces, "traces", slow)
    settings = Settings(isolate=False, limits=Limits(each_requests=100, each_requests_a_s=10_000))
    with served(settings, {}) as (address, _):
        id = told(ask(address, "POST", "/api/videos?name=a.mp4", colourful.read_bytes(), source=FIRST))["id"]
        waiting = [Wire(address, FIRST) for _ in range(60)]
        try:
            for wire in waiting:
                wire.begin("GET", f"/api/videos/{id}/traces")
            until_s = time.monotonic() + 20
            while drawing[0] < 4:
                assert time.monotonic() < until_s
                time.sleep(0.01)
            begun_s = time.monotonic()
            assert ask(address, "GET", f"/api/videos/{id}/file", source=SECOND).status == 200
            assert time.monotonic() - begun_s < 15
            assert drawing[0] == 4
        finally:
            gate.set()
            for wire in waiting:
                wire.socket.close()
