import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egoshift.errors import Fault, MediaError
from egoshift.recipes import modalities
from egoshift.recipes.modalities.examples import MOST_EXAMPLES, data_uri
from tests.unit.recipes.modalities.results import EXAMPLE, full_support, matrix, result, sweep

COLOURS = {"clip-0": (250, 30, 30), "clip-1": (30, 250, 30), "clip-3": (30, 30, 250)}


def squares(clip_id):
    """Three frames, darker and darker; none of other clips."""
    if clip_id not in COLOURS:
        return []
    return [np.full((40, 60, 3), COLOURS[clip_id], np.uint8) // (number + 1) for number in range(3)]


@pytest.fixture
def results():
    return [
        result(full_support(), sweep=tuple(sweep())),
        result(matrix(), "mmg_few_shot", examples=(EXAMPLE, EXAMPLE.model_copy(update={"predicted": 0}))),
    ]


def pictures(page):
    """The middle pixel of every JPEG of a page."""
    found = []
    for text in re.findall(r"data:image/jpeg;base64,([^\"]+)", page):
        image = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))
        found.append(tuple(int(part) for part in image[image.shape[0] // 2, image.shape[1] // 2]))
    return found


def test_the_page_holds_tables_plot_and_examples_and_nothing_from_elsewhere(results):
    page = modalities.html(results, {"kitchen": squares})
    assert page.count("<table>") == len(modalities.tables(results)) == 4
    assert page.count("data:image/png;base64,") == 1
    assert "http" not in page
    assert "<script" not in page
    assert "cut &lt;b&gt;onion&lt;/b&gt;" in page
    assert "<b>onion" not in page
    assert page.count("<details") == 2


def test_every_tag_is_closed(results):
    open_tags: list[str] = []

    class Check(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "img", "wbr"):
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Check().feed(modalities.html(results, {"kitchen": squares}, reported=True))
    assert not open_tags


def test_an_example_shows_the_query_thrice_and_each_class_once(results):
    shown = pictures(modalities.html(results, {"kitchen": squares}))
    assert len(shown) == 2 * (3 + 2), "the third class has no video"
    wanted = [
        squares("clip-0")[0],
        squares("clip-0")[1],
        squares("clip-0")[2],
        squares("clip-1")[1],
        squares("clip-3")[1],
    ]
    assert np.abs(np.array(shown[:5]) - np.array([frame[0, 0].astype(int) for frame in wanted])).max() <= 4


def test_an_example_says_what_is_right_and_what_was_predicted(results):
    page = modalities.html(results, {"kitchen": squares})
    wrong, right = page.split('<section class="example">')[1:]
    assert "It is <strong>wash pan</strong>, and was taken for <strong>cut" in wrong
    assert "Seen by <strong>audio+imu</strong>, compared with support clips seen by <strong>video</strong>" in wrong
    first, second, third = wrong.split("<figure class=")[1:]
    assert "true class" in first
    assert "predicted" not in first
    assert "predicted" in second
    assert "no video to show" in third
    assert "It is <strong>wash pan</strong>, and was taken for it." in right
    assert "predicted" in right.split("<figure class=")[1]


def test_missing_and_broken_videos_are_said_in_words(results):
    def broken(clip_id):
        raise MediaError(Fault("cannot-decode", Path("a.mp4"), "is no video", "give another"))

    page = modalities.html(results, {"home": squares})
    assert "No frames are shown: the videos of kitchen were not given" in page
    assert pictures(page) == []
    page = modalities.html(results, {"kitchen": broken})
    assert page.count("its video cannot be read") == 2 * (1 + 3)
    assert "is no video" in page


def test_long_lists_of_examples_are_cut_and_it_is_said(results):
    many = result(matrix(), "mmg_few_shot", examples=(EXAMPLE,) * 40)
    page = modalities.html([many])
    assert page.count('<section class="example">') == MOST_EXAMPLES
    assert f"The first {MOST_EXAMPLES} of 40 examples." in page


def test_reported_numbers_are_on_the_page_only_when_asked(results):
    assert "reported" not in modalities.html(results)
    assert "reported 37.07" in modalities.html(results, reported=True)


def test_frames_are_small_pictures():
    assert len(data_uri(np.zeros((120, 160, 3), np.uint8))) < 2000
