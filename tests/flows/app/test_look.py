"""How the page looks and handles in a real browser: seeking, comparing, phones, light and dark, the keyboard."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fixtures.videos import write_video
from tests.flows.app.conftest import PHONE, Site


def test_the_page_takes_two_requests_and_none_elsewhere(browser: Browser, site: Site) -> None:
    asked: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(site.address, wait_until="networkidle")
        expect(page.locator("#takes")).to_contain_text("up to 5 MB and 30 minutes")
    assert asked == [f"{site.address}/", f"{site.address}/app.js"]


def test_seeking_by_click_drag_and_keys_moves_video_playhead_and_bars(site: Site) -> None:
    site.open()
    site.page.click("[data-sensor=audio]")
    site.recognise()
    for share, colour in ((0.3, "green"), (0.6, "blue"), (0.1, "red")):
        site.seek(share)
        assert site.time_s() == pytest.approx(8 * share, abs=0.1)
        assert site.leading() == colour
        site.until(f"Math.abs(document.querySelector('video').currentTime - {8 * share}) < 0.15")
    box = site.page.locator("#timeline canvas").bounding_box()
    assert box is not None
    site.page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 60)
    site.page.mouse.down()
    site.page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 60, steps=4)
    assert site.leading() == "grey"
    site.page.mouse.up()
    site.page.focus("#timeline")
    for key, time_s in (("Home", 0), ("ArrowRight", 0.5), ("Shift+ArrowRight", 5.5), ("PageUp", 4), ("PageUp", 2)):
        site.page.keyboard.press(key)
        assert site.time_s() == pytest.approx(time_s, abs=0.05)
    said = site.page.locator("#timeline").get_attribute("aria-valuetext")
    assert said is not None
    assert said.startswith("0:02.0, green ")
    site.page.keyboard.press("End")
    assert site.time_s() == pytest.approx(8, abs=0.05)


def test_the_playhead_follows_the_playing_video(site: Site) -> None:
    site.open()
    site.recognise()
    site.page.focus("#timeline")
    site.page.keyboard.press(" ")
    site.until("Number(document.querySelector('#timeline').ariaValueNow) > 0.4")
    site.page.keyboard.press(" ")
    site.until("document.querySelector('video').paused")


def test_a_video_that_the_browser_cannot_play_is_shown_frame_by_frame(site: Site, tmp_path: Path) -> None:
    frames = [np.full((64, 96, 3), colour, np.uint8) for colour in (250, 10) for _ in range(40)]
    site.video = write_video(tmp_path / "archive.mkv", frames, 10, codec="ffv1", b_frames=0)
    site.open()
    expect(site.page.locator("#unplayable")).to_be_visible()
    for share, low, high in ((0.2, 200, 255), (0.8, 0, 60)):
        site.seek(share)
        expect(site.page.locator("#still")).to_have_attribute("alt", f"Frame at 0:0{8 * share:.1f}")
        site.until("document.querySelector('#still').complete")
        assert low <= site.page.evaluate(_GREY) <= high
    site.recognise()
    assert site.leading()


def test_two_models_stand_side_by_side(site: Site) -> None:
    site.open()
    site.page.select_option("#other", "1")
    site.page.click("[data-sensor=audio]")
    site.recognise()
    expect(site.page.locator("#said")).to_contain_text("Both name the same noun in ")
    site.seek(0.3)
    assert (site.leading(side=0), site.leading(side=1)) == ("green", "grey")
    assert site.page.locator("#moment h2").all_text_contents() == ["one", "two"]
    expect(site.page.get_by_role("link", name="Download CSV")).to_have_count(2)


def test_names_in_any_writing_stay_text(site: Site) -> None:
    names = ["مقلاة", "🍳", "<img src=x onerror=alert(1)>", "grey"]
    site.open()
    site.page.fill("#nouns", "\n".join(names))
    site.page.click("[data-sensor=audio]")
    site.recognise()
    assert site.segments() == names
    assert site.page.locator("#workspace img[src=x]").count() == 0


def test_results_have_a_tab_of_their_own(site: Site) -> None:
    site.page.get_by_role("tab", name="Video").focus()
    site.page.keyboard.press("ArrowRight")
    results = site.page.frame_locator("#results iframe")
    expect(results.get_by_role("heading", name="Overview")).to_be_visible(timeout=30_000)
    expect(site.page.locator("#main")).to_be_hidden()
    site.page.get_by_role("tab", name="Video").click()
    expect(site.page.locator("#drop")).to_be_visible()


@pytest.mark.parametrize("site", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True)
def test_text_can_be_read_in_light_and_dark(site: Site) -> None:
    site.open()
    site.recognise()
    for selector in ("#name", "#said", "#moment h3", "#moment li b", "#downloads a", "#setup summary", "#recognise"):
        assert _contrast(site.page, selector) >= 4.5, selector


@pytest.mark.parametrize("site", [{"viewport": PHONE, "is_mobile": True, "has_touch": True}], indirect=True)
def test_a_phone_shows_all_of_it(site: Site) -> None:
    def widths() -> tuple[int, int]:
        wide = site.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        return wide[0], wide[1]

    assert widths()[0] <= PHONE["width"]
    site.open()
    assert widths()[0] <= PHONE["width"]
    site.page.select_option("#other", "1")
    site.recognise()
    assert widths()[0] <= PHONE["width"]
    for button in site.page.locator("button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 40


def test_the_keyboard_alone_suffices(site: Site) -> None:
    def reach(selector: str) -> None:
        for _ in range(40):
            site.page.keyboard.press("Tab")
            if site.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                width = site.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
                assert width == "2px", f"the focus on {selector} is not seen"
                return
        raise AssertionError(f"{selector} cannot be reached")

    reach("#choose")
    site.open()
    reach("#recognise")
    site.page.keyboard.press("Enter")
    expect(site.page.locator("#workspace.answered")).to_be_visible()
    reach("#timeline")
    site.page.keyboard.press("PageDown")
    assert site.time_s() > 0
    reach("#segments summary")
    site.page.keyboard.press("Enter")
    assert site.segments()


_GREY = """() => {
  const still = document.querySelector("#still");
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").drawImage(still, 0, 0);
  return canvas.getContext("2d").getImageData(20, 20, 1, 1).data[0];
}"""
"""How bright the frame is that is shown."""


def _contrast(page: Page, selector: str) -> float:
    """The WCAG 2 contrast of an element's text with what lies behind it."""
    ink, paper = page.locator(selector).first.evaluate(
        """(element) => {
          const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
          const ink = numbers(getComputedStyle(element).color);
          let behind = element;
          while (numbers(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
          return [ink, numbers(getComputedStyle(behind).backgroundColor)];
        }"""
    )

    def luminance(colour: list[float]) -> float:
        parts = [value / 255 for value in colour[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(ink), luminance(paper)))
    return (light + 0.05) / (dark + 0.05)
