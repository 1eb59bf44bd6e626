"""Whatever a name says, the page shows it as a text, in a real browser."""

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from egoshift.app.service import Settings
from tests.fixtures.browser import served
from tests.fixtures.predictors import ColourPredictor
from tests.flows.app.conftest import DESKTOP, Site

SCRIPTS = (
    "<img src=x onerror=window.taken=1>",
    "<script>window.taken=1</script>",
    "\"><svg onload='window.taken=1'>",
    "javascript:window.taken=1",
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_class_is_shown_as_it_is_called(site: Site, script: str) -> None:
    site.open()
    site.page.fill("#nouns", "\n".join([script, "green", "blue", "grey"]))
    site.recognise()
    assert site.segments()[0] == script
    assert site.leading() == script
    site.seek(0.1)
    _is_untouched(site)


@pytest.mark.parametrize("script", SCRIPTS[:3])
def test_a_file_is_shown_as_it_is_called(site: Site, tmp_path: Path, script: str) -> None:
    name = script.replace("/", "") + ".mp4"
    shutil.copy(site.video, tmp_path / name)
    site.page.set_input_files("#file", tmp_path / name)
    expect(site.page.locator("#name")).to_have_text(name)
    site.recognise()
    expect(site.page.locator("#notices")).to_contain_text(name)
    broken = tmp_path / f"broken {name}"
    broken.write_bytes(b"nothing")
    site.page.set_input_files("#file", broken)
    expect(site.page.locator("#error")).to_contain_text(f"broken {name}: is not a video")
    _is_untouched(site)


def _is_untouched(site: Site) -> None:
    assert site.page.evaluate("window.taken") is None
    assert site.page.locator("img[src=x], svg[onload], body script").count() == 0


def test_models_and_samples_are_shown_as_they_are_called(browser: Browser, video: Path, tmp_path: Path) -> None:
    sample = "<img src=x onerror=window.taken=1>.mp4"
    shutil.copy(video, tmp_path / sample)
    name = "<script>window.taken=1<-script>"
    model = ColourPredictor()
    settings = Settings(models=(name, "two"), samples=tmp_path)
    with (
        served(settings, {name: model, "two": model}) as (address, _),
        browser.new_context(viewport=DESKTOP) as context,
    ):
        page = context.new_page()
        page.goto(address)
        page.get_by_role("button", name=sample).click()
        expect(page.locator("#name")).to_have_text(sample)
        expect(page.locator("#choice")).to_contain_text(name)
        assert page.evaluate("window.taken") is None
        facts = json.loads(page.locator("#start").text_content() or "")
        assert facts["models"][0] == name
