"""What the page says, and what it says where something is not there."""

import html as escaping
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from egoshift.evaluation import Provenance, Result
from egoshift.evaluation.result import Overlap
from egoshift.recipes.report import histories_of
from egoshift.recipes.reports import looks
from egoshift.recipes.reports.budget import Budget
from egoshift.recipes.reports.clips import Clip
from egoshift.recipes.reports.found import find_results
from egoshift.recipes.reports.moments import Moment
from egoshift.recipes.reports.page import page
from tests.unit.recipes.modalities.results import EXAMPLE, full_support, matrix, result
from tests.unit.recipes.results import made_up
from tests.unit.recipes.test_tensorboard import HISTORY

UNCLOSED = ("meta", "img", "wbr", "br")


def write(folder: Path, *results: Result) -> Path:
    for number, each in enumerate(results):
        each.write(folder / "results" / f"{number}.json")
    return folder


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in UNCLOSED:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def check_whole(text: str) -> None:
    """Every tag is closed, and nothing comes from elsewhere."""
    tags = Tags()
    tags.feed(text)
    assert (tags.open, tags.faults) == ([], [])
    assert "http" not in text
    assert not re.search(r"<script|src=\"(?!data:)|url\(|@import", text)


def test_a_page_of_both_kinds_of_results_is_whole_and_holds_all_parts(tmp_path: Path) -> None:
    one = [made_up("kitchen", test, history=HISTORY, selection="best") for test in ("kitchen", "home")]
    folder = write(tmp_path, *one)
    for number, each in enumerate((result(full_support()), result(matrix(), "few", examples=(EXAMPLE,)))):
        each.write(folder / "results" / f"several-{number}.json")
    text = page(*find_results([folder]))
    check_whole(text)
    titles = re.findall(r'<h2 id="[\w-]+">(.*?)</h2>', text)
    assert titles == ["Tables", "Classes", "Clips", "Any subset of modalities", "Training", "Reproduce", "Provenance"]
    assert text.count("<nav>") == 1
    assert text.count('href="#') == len(titles)
    assert "cut &lt;b&gt;onion&lt;/b&gt;" in text
    assert text.count("data:image/png") == 1 + 2 + 2 + 1 + 0  # overview, classes, confusions, curves, no sweep


def test_where_the_model_or_the_run_is_not_there_the_page_says_so_in_one_line(tmp_path: Path) -> None:
    folder = write(tmp_path, made_up("kitchen", "kitchen"), made_up("kitchen", "home"))
    text = escaping.unescape(page(*find_results([folder])))
    (note,) = re.findall(r"No clips are shown of (.*?)</p>", text)
    first, second = note.split("<br>")
    assert first == f"noun, kitchen: {folder / 'results' / '0.json'}: holds no run that this version reads."
    assert second.startswith("noun, home, trained on kitchen: ")
    assert text.count("does not hold its run as this version reads it, so nothing repeats it.") == 2
    assert 'class="commands"' not in text


def test_no_clips_are_shown_where_none_are_asked_for(tmp_path: Path) -> None:
    text = page(*find_results([write(tmp_path, made_up("kitchen", "home"))]), examples=0)
    assert "None were asked for" in text
    assert "No clips are shown" not in text


def test_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    found = find_results([write(tmp_path, made_up("kitchen", "kitchen"), made_up("kitchen", "home"))])
    whole, small = page(*found), page(*found, most_bytes=100_000)
    assert "Left out" not in whole
    assert "Left out, to keep the page below 0.1 MB: 2 confusion plots." in small
    assert len(small) < len(whole)
    assert len(whole) < 8_000_000


def test_a_budget_takes_what_fits_even_after_something_that_did_not() -> None:
    budget = Budget(10)
    assert budget.spend("123") == "123"
    assert [budget.take(text, "clips") for text in ("12345678", "12345", "ä", "x", "")] == [
        False,
        True,
        True,
        False,
        True,
    ]
    assert budget.left_out == "Left out, to keep the page below 1e-05 MB: 2 clips."


def test_versions_stand_once_and_results_each_on_a_line(tmp_path: Path) -> None:
    made = Provenance(versions={"torch": "2.13"}, command="egoshift evaluate <x>", created="2026-01-02T03:04:05")
    results = [made_up("kitchen", test, provenance=made) for test in ("kitchen", "home")]
    text = page(*find_results([write(tmp_path, *results)]))
    assert text.count("<p>torch 2.13</p>") == 1
    assert text.count("<code>egoshift evaluate &lt;x&gt;</code>") == 1
    assert text.count("<td>2026-01-02</td>") == 2


def test_a_reader_is_told_what_training_saw_of_the_tested_videos(tmp_path: Path) -> None:
    made = Provenance(overlap=Overlap(videos=2, clips=7))
    told, untold = (made_up("kitchen", "home", provenance=provenance) for provenance in (made, Provenance()))
    note = "training saw 2 of the tested videos (tested clips in them: 7; none at a moment that it saw)"
    assert note in page(*find_results([write(tmp_path / "told", told)]))
    assert note not in page(*find_results([write(tmp_path / "untold", untold)]))


def clip(**fields: object) -> Clip:
    moment = Moment(
        1.5, np.full((30, 40, 3), 200, np.uint8), True, (0.25, 0.5, 0.75, 1.0), np.zeros((15, 20, 3), np.uint8)
    )
    values = {
        "video": "v<1>",
        "start_s": 1.0,
        "stop_s": 2.0,
        "target": "cup & lid",
        "predicted": "pan",
        "guesses": (("pan", 0.75), ("cup & lid", 0.25)),
        "others": (("zero", "cup & lid"), ("hand", "pan")),
        "moments": (moment, Moment(1.75, moment.frame, True)),
    }
    return Clip(**(values | fields))  # type: ignore[arg-type]


def test_a_clip_shows_what_it_is_what_was_said_and_what_was_seen() -> None:
    text = looks.clip_part(clip())
    check_whole(text)
    assert '<span class="mark wrong">wrong</span> cup &amp; lid, taken for pan' in text
    assert "v&lt;1&gt;, 1.0 to 2.0 s" in text
    assert "left:25.0%;top:50.0%;width:50.0%;height:50.0%" in text
    assert text.count("hand crop at 1.50 s") == 1
    assert text.count("no hands found") == 1
    assert [found for found in re.findall(r"<output>(.*?)</output>", text)] == ["75%", "25%"]
    assert text.count('class="guess yes"') == 1
    assert "Others: zero cup &amp; lid ✓, hand pan ✗" in text
    assert '<span class="mark right">right</span> pan<' in looks.clip_part(clip(target="pan"))


def test_a_clip_without_frames_says_why() -> None:
    text = looks.clip_part(clip(moments=(), missing="v.mp4: no <video>", others=()))
    check_whole(text)
    assert "v.mp4: no &lt;video&gt;" in text
    assert "Others" not in text


def test_a_clip_of_a_model_without_hand_crops_has_frames_alone() -> None:
    moments = (Moment(1.5, np.zeros((30, 40, 3), np.uint8)),)
    text = looks.clip_part(clip(moments=moments))
    assert "crop" not in text
    assert text.count("<img") == 1


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_each_training_has_one_curve(seeds: tuple[int, ...]) -> None:
    results = [made_up("kitchen", test, seed=seed, history=HISTORY) for seed in seeds for test in ("kitchen", "home")]
    everything = [*results, made_up("home", "home")]
    names = list(histories_of((one, one.history) for one in everything))
    assert len(names) == len(seeds)
    assert names[0] == "xmic, noun, on kitchen" + (", seed 0" if len(seeds) > 1 else "")
