"""The pure parts of the cost curves and of the measurements of evaluation."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from benchmarks.cost_curves import CURVES, TITLES, exponent
from benchmarks.cost_plots import COLOURS, draw, spread, ticks
from benchmarks.cost_plots import CURVES as DRAWN
from benchmarks.evaluation import TARGETS, clip_table, looped, made_scores
from benchmarks.run import page

from egoshift.evaluation import outcomes_of
from egoshift.evaluation.bootstrap import Tally, draw_videos, measure


def curve(name: str, method: str, sizes: list[int]) -> dict[str, object]:
    costs = {"x": sizes, "time_ms": [2.0 * size for size in sizes], "MiB": [3.0 * size**2 for size in sizes]}
    facts = {"unit": "u", "bar": "reported", "machine": "m", "command": "c", "size": "s", "precision": "p"}
    return {"name": f"cost-{name}-{method}", "value": 2.0, "time_exponent": 1.0, "curve": name, "method": method} | (
        costs | facts
    )


def test_the_page_shows_curves_by_what_grows_and_the_least_exponent_first() -> None:
    lines = [
        curve("vocabulary", "with all logits", [10, 1000]),
        curve("classes", "CLIP-Adapter*", [10, 7099]),
        curve("classes", "X-MIC", [10, 100]) | {"value": 0.25},
        {"name": "gather", "value": 0.5, "unit": "GB/s", "bar": "a bar", "machine": "m", "command": "c"},
    ]
    ratios, curves = page(lines).split("## Cost curves")
    assert "cost-" not in ratios
    assert "| gather |" in ratios
    assert "](cost-curves.png)" in curves
    assert curves.endswith(
        "| classes | X-MIC | 100 | 1.00 | 0.25 |\n| classes | CLIP-Adapter\\* | 7,099 | 1.00 | 2.00 |\n"
        "| vocabulary | with all logits | 1,000 | 1.00 | 2.00 |\n"
    )
    assert "Cost curves" not in page(lines[-1:])


def test_every_curve_has_a_place_a_name_and_a_colour() -> None:
    assert tuple(CURVES) == DRAWN
    assert {TITLES[name] for methods in CURVES.values() for name in methods} == COLOURS.keys()


def test_exponents_are_those_of_the_last_three_points() -> None:
    assert exponent([1, 10, 20, 40], [1e9, 5 * 10**1.5, 5 * 20**1.5, 5 * 40**1.5]) == pytest.approx(1.5)


@pytest.mark.parametrize("places", [[0.5], [0.1, 0.11, 0.12, 0.9], [0.9, 0.1, 0.5, 0.52], [0.3] * 5])
def test_labels_are_far_enough_apart_in_the_order_of_the_curves(places: list[float]) -> None:
    moved = spread(places, 0.1)
    ordered = sorted(moved)
    assert all(second - first >= 0.1 - 1e-9 for first, second in pairwise(ordered))
    assert sorted(range(len(places)), key=lambda index: (places[index], index)) == sorted(
        range(len(places)), key=lambda index: moved[index]
    )
    assert sum(moved) == pytest.approx(sum(places))


def test_ticks_keep_their_distance() -> None:
    assert ticks([10, 30, 100, 150, 300]) == [10, 30, 100, 300]


def test_the_picture_is_written(tmp_path: Path) -> None:
    draw([curve("classes", "X-MIC", [10, 100]), curve("frames", "linear probe", [4, 16])], tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_the_loop_over_resamples_gives_the_numbers_of_all_at_once() -> None:
    outcomes = outcomes_of(made_scores(300, 9, 7))
    draws = draw_videos(7, 5, torch.Generator().manual_seed(1))
    for number, metrics in enumerate(looped(outcomes, draws)):
        for metric, value in metrics.items():
            assert measure(metric, Tally.of(outcomes[0]), draws)[number].item() == pytest.approx(value)  # type: ignore[arg-type]


def test_data_sets_are_cut_into_clips_of_their_own_frames() -> None:
    for target in TARGETS.values():
        table = clip_table(target)
        assert len(table) == target.clips
        assert table["video_id"].n_unique() == target.videos
        assert table.select("video_id", "start_s").n_unique() == target.clips
        assert table["noun"].max() == target.classes["noun"] - 1
