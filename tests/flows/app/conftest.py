"""The page in a real browser, opened."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from egoshift.app.limits import Limits
from egoshift.app.service import Service, Settings
from tests.fixtures.browser import find_chromium, served
from tests.fixtures.predictors import ColourPredictor, write_colourful
from tests.unit.recipes.results import made_up

DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)


@dataclass
class Site:
    """A page in the browser, the server behind it, and all that went wrong in the page."""

    page: Page
    address: str
    service: Service
    model: ColourPredictor
    other: ColourPredictor
    video: Path
    faults: list[str] = field(default_factory=list)

    def open(self) -> None:
        self.page.set_input_files("#file", self.video)
        expect(self.page.locator("#name")).to_have_text(self.video.name)
        expect(self.page.locator("#nouns")).to_be_visible()

    def recognise(self) -> None:
        self.page.click("#recognise")
        expect(self.page.locator("#workspace.answered")).to_be_visible()
        expect(self.page.locator("#progress")).to_be_hidden()

    def until(self, script: str) -> None:
        """Wait for a condition; Playwright's own way needs ``eval``, which the page's policy forbids."""
        for _ in range(400):
            if self.page.evaluate(script):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never: {script}")

    def seek(self, share: float) -> None:
        box = self.page.locator("#timeline canvas").bounding_box()
        assert box is not None
        self.page.locator("#timeline canvas").click(position={"x": share * box["width"], "y": 12})

    def time_s(self) -> float:
        return float(self.page.locator("#timeline").get_attribute("aria-valuenow") or "nan")

    def leading(self, label: str = "noun", side: int = 0) -> str:
        first = self.page.locator("#moment .side").nth(side).locator(f"ol[aria-label={label}] li").first
        return (first.locator("span").text_content() or "").strip()

    def segments(self) -> list[str]:
        if not self.page.locator("#segments[open]").count():
            self.page.click("#segments summary")
        return self.page.locator("#segments td:nth-child(2)").all_text_contents()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium on the path and none named by EGOSHIFT_CHROMIUM")
    with sync_playwright() as playwright:
        # Its sandbox needs rights that containers seldom give; only our own page is opened.
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red, green, blue, grey, two seconds each; the second with a beep."""
    return write_colourful(tmp_path_factory.mktemp("videos") / "walk.mp4")


@pytest.fixture
def site(browser: Browser, video: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The page, opened; whatever its script or its content policy complains about fails the test."""
    wanted = getattr(request, "param", {})
    (tmp_path / "results").mkdir()
    made_up("home", "home").write(tmp_path / "results" / "within.json")
    model, other = ColourPredictor(), ColourPredictor(name="other", offset=90.0)
    settings = Settings(models=("one", "two"), results=(tmp_path,), limits=Limits(max_mb=5))
    with (
        served(settings, {"one": model, "two": other}) as (address, service),
        browser.new_context(**{"viewport": DESKTOP, **wanted}) as context,
    ):
        site = Site(context.new_page(), address, service, model, other, video)
        site.page.set_default_timeout(20_000)
        site.page.on("pageerror", lambda error: site.faults.append(str(error)))
        site.page.on("console", lambda said: site.faults.append(said.text) if said.type == "error" else None)
        site.page.goto(address)
        yield site
        assert [fault for fault in site.faults if "Failed to load resource" not in fault] == []
