"""The page in a real browser: opened, asked, taken along, closed."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from egoshift.app.service import Settings
from tests.fixtures.browser import served
from tests.flows.app.conftest import DESKTOP, Site
from tests.flows.conftest import Command


def test_a_video_becomes_a_timeline(site: Site) -> None:
    site.open()
    site.page.fill("#nouns", "red, green\nblue\ngrey\nblue")
    site.recognise()
    assert site.model.asked[-1]["nouns"] == ("red", "green", "blue", "grey")
    assert site.model.asked[-1]["verbs"] is None
    site.page.click("[data-sensor=audio]")
    expect(site.page.locator("#said")).to_contain_text("Without Sound")
    assert site.segments() == ["red", "green", "blue", "grey"]


def test_switching_a_sensor_off_shows_what_changes(site: Site) -> None:
    site.open()
    site.recognise()
    site.page.click("[data-sensor=audio]")
    expect(site.page.locator("#said")).to_have_text("Without Sound, 25% of the time gets another noun.")
    expect(site.page.locator("[data-sensor=audio]")).to_have_attribute("aria-checked", "false")
    assert site.model.asked[-1]["without"] == ("audio",)
    site.page.click("[data-sensor=video]")
    expect(site.page.locator("#error")).to_contain_text("One sensor must stay on.")
    site.page.click("[data-sensor=audio]")
    expect(site.page.locator("#said")).to_be_empty()
    assert not site.model.asked[-1]["without"]


@pytest.mark.parametrize("format", ["json", "csv", "srt", "vtt", "eaf"])
def test_a_timeline_is_taken_along(site: Site, format: str) -> None:
    site.open()
    site.recognise()
    with site.page.expect_download() as download:
        site.page.get_by_role("link", name=f"Download {format.upper()}").click()
    assert download.value.suggested_filename == f"walk.{format}"
    text = Path(download.value.path()).read_text("utf-8")
    assert "red" in text
    if format == "json":
        assert json.loads(text)["video"] == "walk.mp4"


def test_a_broken_file_is_one_line_and_the_next_one_works(site: Site, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(site.video.read_bytes()[:2000])
    site.page.set_input_files("#file", broken)
    expect(site.page.locator("#error")).to_contain_text("broken.mp4: ")
    assert str(site.service.folder) not in (site.page.locator("#error").text_content() or "")
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(6_000_000))
    site.page.set_input_files("#file", large)
    expect(site.page.locator("#error")).to_contain_text("large.mp4: is 6 MB, and this page takes 5 MB.")
    site.open()
    expect(site.page.locator("#error")).to_be_hidden()


def test_a_dropped_file_is_opened(site: Site) -> None:
    content = list(site.video.read_bytes())
    transfer = site.page.evaluate_handle(
        """(bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "dropped.mp4", { type: "video/mp4" }));
          return transfer;
        }""",
        content,
    )
    site.page.dispatch_event("#drop", "dragover", {"dataTransfer": transfer})
    expect(site.page.locator("#drop")).to_have_class("over")
    site.page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    expect(site.page.locator("#name")).to_have_text("dropped.mp4")


def test_of_two_dropped_files_one_stays(site: Site) -> None:
    with site.page.expect_response("**/api/videos?name=walk.mp4") as first:
        site.page.set_input_files("#file", site.video)
        site.page.evaluate("document.querySelector('#file').dispatchEvent(new Event('change'))")
    assert first.value.status == 200
    expect(site.page.locator("#sending")).to_be_hidden()
    for _ in range(100):
        if len(list(site.service.folder.rglob("video*"))) == 1 and site.page.locator("#workspace").is_visible():
            return
        site.page.wait_for_timeout(50)
    raise AssertionError("the other video is still there")


def test_an_imu_table_that_comes_late_does_not_bring_a_closed_video_back(site: Site, tmp_path: Path) -> None:
    def answer_late(route: Route) -> None:
        (told,) = [held.told() for held in site.service.recordings._held.values()]
        site.page.click("#close")
        route.fulfill(json=told)

    site.open()
    (tmp_path / "imu.csv").write_text("taken as it is", encoding="utf-8")
    site.page.route("**/imu?name=*", answer_late)
    with site.page.expect_response("**/imu?name=*"):
        site.page.set_input_files("#imu-file", tmp_path / "imu.csv")
    site.page.wait_for_timeout(300)
    expect(site.page.locator("#welcome")).to_be_visible()
    expect(site.page.locator("#error")).to_be_hidden()


def test_a_cancelled_run_shows_what_it_found(site: Site) -> None:
    site.open()
    site.model.gate.clear()
    site.page.click("#recognise")
    expect(site.page.locator("#progress")).to_contain_text("frames/s")
    expect(site.page.locator("#progress")).to_contain_text("left")
    site.page.click("#cancel")
    site.model.gate.set()
    expect(site.page.locator("#workspace.answered")).to_be_visible()
    expect(site.page.locator("#notices")).to_contain_text("Partial: up to 0:0")


def test_a_run_that_fails_says_why(site: Site) -> None:
    site.open()
    site.model.fault = RuntimeError("broken")
    site.page.click("#recognise")
    expect(site.page.locator("#error")).to_contain_text("egoshift itself failed (RuntimeError)")
    expect(site.page.locator("#progress")).to_be_hidden()


def test_a_second_person_waits_and_is_told(browser: Browser, site: Site) -> None:
    site.open()
    site.model.gate.clear()
    site.page.click("#recognise")
    expect(site.page.locator("#progress")).to_contain_text("Reading")
    with browser.new_context(viewport=DESKTOP) as context:
        second = context.new_page()
        second.goto(site.address)
        second.set_input_files("#file", site.video)
        second.click("#recognise")
        expect(second.locator("#progress")).to_contain_text("1 before you")
        site.model.gate.set()
        expect(second.locator("#workspace.answered")).to_be_visible()
    expect(site.page.locator("#workspace.answered")).to_be_visible()


def test_a_closed_page_leaves_nothing_behind(site: Site) -> None:
    site.open()
    assert [path.name for path in site.service.folder.rglob("video*")] == ["video.mp4"]
    site.page.goto("about:blank")
    for _ in range(100):
        if not list(site.service.folder.rglob("video*")):
            return
        site.page.wait_for_timeout(50)
    raise AssertionError("the video is still there")


def test_without_a_model_a_video_can_be_looked_at(browser: Browser, video: Path) -> None:
    with served(Settings()) as (address, _), browser.new_context(viewport=DESKTOP) as context:
        page = context.new_page()
        page.goto(address)
        page.set_input_files("#file", video)
        expect(page.locator("#choice")).to_have_text("Start with `egoshift app --model DIR` to recognise actions.")
        expect(page.locator("#recognise")).to_be_disabled()
        expect(page.locator("#timeline canvas")).not_to_have_attribute("height", "26")  # the sound is drawn
        expect(page.get_by_role("tab")).to_have_count(0)


def test_a_trained_model_answers_on_the_page(
    browser: Browser, egoshift: Command, own_world: Path, tower: Path, tmp_path: Path
) -> None:
    card, run = own_world / "kitchen.yaml", tmp_path / "xmic"
    assert egoshift("extract", card, "--encoder", tower).code == 0
    options = ("--on", card, "--encoder", tower, "--set", "fit.epochs=1", "--out", run)
    assert egoshift("train", "xmic", *options).code == 0
    settings = Settings(models=(str(run),))
    with served(settings) as (address, _), browser.new_context(viewport=DESKTOP) as context:
        page = context.new_page()
        page.goto(address)
        page.get_by_role("button", name="Sample at home").click()
        page.fill("#nouns", "cup\nknife\nplate", timeout=60_000)
        page.click("#recognise")
        expect(page.locator("#workspace.answered")).to_be_visible(timeout=60_000)
        page.click("#segments summary")
        said = page.locator("#segments td:nth-child(2)").all_text_contents()
        assert said
        assert all(any(text.endswith(f" {noun}") for noun in ("cup", "knife", "plate")) for text in said)
        expect(page.locator("#moment img")).to_be_visible()
        assert page.locator("#error").is_hidden()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--results", "nowhere"], "--results nowhere: is no folder; give the one that `egoshift evaluate` wrote into"),
        (["--samples", "nowhere"], "nowhere: holds no video"),
        (["--host", "203.0.113.1"], "cannot listen at 203.0.113.1, port 8600"),
    ],
)
def test_what_the_page_cannot_start_with_is_named_in_one_line(
    egoshift: Command, arguments: list[str], message: str
) -> None:
    answer = egoshift("app", *arguments)
    assert answer.code == 1
    assert answer.out == ""
    assert answer.lines[-1].startswith(message)
