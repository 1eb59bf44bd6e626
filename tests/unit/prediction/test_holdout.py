"""What is measured on was never taught: not under another name, and not as part of another segment."""

import shutil
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.datasets.overlap import TOLERANCE_S
from egoshift.errors import ConfigError
from egoshift.prediction.examples import Examples
from egoshift.prediction.features import Features
from egoshift.prediction.holdout import held_out
from egoshift.prediction.recording import Recording
from tests.fixtures.videos import write_video

Segments = list[tuple[str, float, float]]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("recordings")
    paths = {name: write_video(folder / f"{name}.mp4", 3, 10) for name in "abcde"}
    return paths | {"again": Path(shutil.copy(paths["a"], folder / "again.mp4"))}


def examples_of(segments: Segments, recordings: dict[str, Path]) -> Examples:
    clips = pl.DataFrame(
        segments, schema={"video_id": pl.String, "start_s": pl.Float64, "stop_s": pl.Float64}, orient="row"
    )
    features = {name: Features(Recording(path, 20.0, None, {}, None, {})) for name, path in recordings.items()}
    return Examples(Path("own.csv"), clips, {}, features, ())


segments = st.lists(
    st.tuples(st.sampled_from(["a", "b", "again"]), st.integers(0, 30), st.integers(1, 5)).map(
        lambda one: (one[0], one[1] / 2, (one[1] + one[2]) / 2)
    ),
    min_size=4,
    max_size=14,
)


def drawn(segments: Segments, recordings: dict[str, Path], seed: int) -> torch.Tensor | None:
    """What is held out; none where the segments are refused."""
    try:
        return held_out(examples_of(segments, recordings), 0.3, seed)[0]
    except ConfigError:
        return None


@settings(max_examples=60)
@given(segments, st.integers(0, 3))
def test_no_segment_held_out_shares_a_moment_with_one_taught_on(
    recordings: dict[str, Path], segments: Segments, seed: int
) -> None:
    mask = drawn(segments, recordings, seed)
    if mask is None:
        return
    sides = list(zip(segments, mask.tolist(), strict=True))
    assert 2 <= int(mask.sum()) < len(mask)
    for ((video, start, stop), held), ((other, begin, end), also) in product(sides, sides):
        same = {video, other} <= {"a", "again"} or video == other
        assert held == also or not same or min(stop, end) - max(start, begin) <= TOLERANCE_S


def test_segments_that_are_apart_are_drawn_one_by_one(recordings: dict[str, Path]) -> None:
    apart: Segments = [("a", float(k), k + 1.0) for k in range(10)]
    mask, words = held_out(examples_of(apart, recordings), 0.3, 5)
    assert set(mask.nonzero()[:, 0].tolist()) == set(np.random.default_rng(5).permutation(10)[:3].tolist())
    assert words == "3 segments that it was not taught on, of the same recordings"


def test_a_recording_under_two_names_is_held_out_whole(recordings: dict[str, Path]) -> None:
    rows: Segments = [(video, 0.0, 1.0) for video in ("a", "again", "b", "c", "d", "e")]
    for seed in range(6):
        mask, words = held_out(examples_of(rows, recordings), 0.3, seed)
        assert bool(mask[0]) == bool(mask[1])
        assert "2 recordings" in words


def test_segments_that_all_overlap_are_refused(recordings: dict[str, Path]) -> None:
    chained: Segments = [("a", float(k), k + 1.5) for k in range(6)]
    with pytest.raises(ConfigError, match=r"own\.csv: its segments overlap each other"):
        held_out(examples_of(chained, recordings), 0.3, 0)
    assert held_out(examples_of([*chained, ("b", 0.0, 1.0)], recordings), 0.3, 0)[0].any()
