import base64
import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from egoshift.recipes.modalities import collect, plots, sweep_plot
from egoshift.recipes.plots import png_text
from tests.unit.recipes.modalities.results import ALL, full_support, result, sweep


@pytest.fixture
def drawn(monkeypatch):
    """The figure behind a plot."""
    figures: list[Figure] = []

    def keep(figure: Figure) -> str:
        figures.append(figure)
        return png_text(figure)

    monkeypatch.setattr(plots, "png_text", keep)

    def draw(*results):
        (collection,) = collect(results)
        image = Image.open(io.BytesIO(base64.b64decode(sweep_plot(collection) or "")))
        assert np.asarray(image.convert("L")).std() > 5
        return figures[-1]

    return draw


def test_one_run_has_a_line_for_each_missing_modality_and_one_for_any(drawn):
    (axis,) = drawn(result(full_support(), sweep=tuple(sweep()))).axes
    assert [line.get_label() for line in axis.lines] == ["video", "audio", "imu", "any"]
    video = axis.lines[0]
    assert list(video.get_xdata()) == [0, 25, 50, 75, 100]
    assert list(video.get_ydata()) == [60, 52.5, 45, 37.5, 30]
    band = axis.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (27, 63)
    assert axis.get_ylim()[0] == 0


def test_several_runs_have_a_panel_for_each_missing_modality(drawn):
    runs = [result(full_support(), name, sweep=tuple(sweep(first=first))) for name, first in (("a", 60), ("b", 50))]
    figure = drawn(*runs, result(full_support(), "without a sweep"))
    assert [axis.get_title(loc="left") for axis in figure.axes] == [
        "video missing", "audio missing", "imu missing", "any missing"
    ]  # fmt: skip
    assert all(len(axis.lines) == 2 for axis in figure.axes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_panels_that_are_not_needed_are_not_shown(drawn):
    four = (*ALL, "gaze")
    runs = [result(full_support(four), name, modalities=four, sweep=tuple(sweep(four))) for name in "ab"]
    assert [axis.get_visible() for axis in drawn(*runs).axes] == [True] * 5 + [False]


def test_seeds_are_one_line_with_a_band_over_them(drawn):
    seeds = [result(full_support(), seed=seed, sweep=tuple(sweep(first=60 + seed))) for seed in (0, 2)]
    (axis,) = drawn(*seeds).axes
    assert axis.lines[0].get_ydata()[0] == 61
    band = axis.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(61 + 12.7062, abs=1e-3)


def test_unknown_intervals_have_no_band_and_no_sweep_no_plot(drawn):
    bare = tuple(point.model_copy(update={"low": None, "high": None}) for point in sweep())
    (axis,) = drawn(result(full_support(), sweep=bare)).axes
    assert len(axis.collections) == 0
    (collection,) = collect([result(full_support())])
    assert sweep_plot(collection) is None


def test_the_same_numbers_give_the_same_file():
    (collection,) = collect([result(full_support(), sweep=tuple(sweep()))])
    assert sweep_plot(collection) == sweep_plot(collection)
