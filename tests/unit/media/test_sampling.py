from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.media import bin_centres, exact_times, grid_times, random_in_bins

quick = settings(deadline=None, max_examples=50)
windows = st.lists(
    st.tuples(st.floats(0, 1000), st.floats(0.01, 20)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    min_size=1,
    max_size=6,
)


def slow_bin_centres(start: float, stop: float, num_frames: int) -> list[float]:
    edges = [start + (stop - start) * index / num_frames for index in range(num_frames + 1)]
    return [(left + right) / 2 for left, right in pairwise(edges)]


def slow_grid_times(clips: list[tuple[float, float]], rate_hz: float) -> list[float]:
    chosen = set()
    for start, stop in clips:
        candidates = range(int(start * rate_hz) - 2, int(stop * rate_hz) + 3)
        inside = [k for k in candidates if start * rate_hz - 1e-6 <= k < stop * rate_hz - 1e-6]
        if not inside:
            centre = (start + stop) / 2
            inside = [
                min((k for k in candidates if k <= stop * rate_hz + 1e-6), key=lambda k: abs(k / rate_hz - centre))
            ]
        chosen.update(inside)
    return sorted(k / rate_hz for k in chosen)


@quick
@given(windows, st.integers(1, 20))
def test_bin_centres_agree_with_a_loop_over_bins(clips: list[tuple[float, float]], num_frames: int) -> None:
    starts, stops = np.array(clips).T
    expected = [slow_bin_centres(start, stop, num_frames) for start, stop in clips]
    np.testing.assert_allclose(bin_centres(starts, stops, num_frames), expected, rtol=1e-12)
    np.testing.assert_array_equal(
        bin_centres(starts[0], stops[0], num_frames), bin_centres(starts, stops, num_frames)[0]
    )


@quick
@given(windows, st.integers(1, 20), st.integers(0, 2**31))
def test_random_times_lie_one_in_each_bin(clips: list[tuple[float, float]], num_frames: int, seed: int) -> None:
    starts, stops = np.array(clips).T
    times = random_in_bins(starts, stops, num_frames, torch.Generator().manual_seed(seed))
    edges = starts[:, None] + np.arange(num_frames + 1) * (stops - starts)[:, None] / num_frames
    assert times.shape == (len(clips), num_frames)
    assert np.all(edges[:, :-1] - 1e-9 <= times)
    assert np.all(times <= edges[:, 1:] + 1e-9)


def test_random_times_follow_the_generator_and_fill_their_bins_evenly() -> None:
    first = random_in_bins(np.zeros(4000), np.full(4000, 8.0), 4, torch.Generator().manual_seed(1))
    again = random_in_bins(np.zeros(4000), np.full(4000, 8.0), 4, torch.Generator().manual_seed(1))
    np.testing.assert_array_equal(first, again)
    within = first - 2.0 * np.arange(4)
    np.testing.assert_allclose(within.mean(axis=0), 1.0, atol=0.05)  # six standard errors
    np.testing.assert_allclose(within.std(axis=0), 2 / np.sqrt(12), atol=0.05)
    assert abs(np.corrcoef(within[:, 0], within[:, 1])[0, 1]) < 0.1  # bins are drawn independently


def test_one_clip_gives_one_row_of_random_times() -> None:
    assert random_in_bins(1.0, 2.0, 16, torch.Generator().manual_seed(0)).shape == (16,)


@quick
@given(windows, st.sampled_from([0.5, 1.0, 4.0, 5.0, 29.97]))
def test_grid_times_agree_with_a_loop_over_clips(clips: list[tuple[float, float]], rate_hz: float) -> None:
    starts, stops = np.array(clips).T
    np.testing.assert_array_equal(grid_times(starts, stops, rate_hz), slow_grid_times(clips, rate_hz))


def test_overlapping_clips_share_their_grid_times() -> None:
    np.testing.assert_array_equal(grid_times([0.0, 0.5, 9.9], [1.0, 1.5, 10.0], 2.0), [0.0, 0.5, 1.0, 10.0])


def test_a_clip_between_two_grid_times_gets_the_nearest_but_none_after_its_end() -> None:
    np.testing.assert_array_equal(grid_times([3.1], [3.3], 1.0), [3.0])
    np.testing.assert_array_equal(grid_times([9.6], [9.8], 1.0), [9.0])
    np.testing.assert_array_equal(grid_times([9.6], [10.0], 1.0), [10.0])


def test_grid_times_are_not_lost_to_rounding() -> None:
    tenths = np.arange(100) / 10
    np.testing.assert_array_equal(grid_times(tenths, tenths + 0.1, 10.0), tenths)


@quick
@given(windows, st.integers(1, 20))
def test_exact_times_hold_every_bin_centre_once(clips: list[tuple[float, float]], num_frames: int) -> None:
    starts, stops = np.array(clips).T
    times = exact_times(np.concatenate([starts, starts]), np.concatenate([stops, stops]), num_frames)
    assert sorted({float(time) for time in bin_centres(starts, stops, num_frames).ravel()}) == times.tolist()


def test_a_clip_that_ends_before_it_starts_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="ends no earlier than it starts"):
        bin_centres(2.0, 1.0, 4)
    with pytest.raises(AssertionError, match="ends no earlier than it starts"):
        grid_times([2.0], [1.0], 4.0)
    with pytest.raises(AssertionError, match="positive rate"):
        grid_times([1.0], [2.0], 0.0)
