"""Means and spreads gathered over videos, stored, and applied."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from egoshift.errors import CheckpointError, ConfigError
from egoshift.media.inertial import Gridded, from_json, no_statistics, standardised, statistics_of

LAYOUT = {"a": 2, "b": 1}
CHANNELS = ("a.0", "a.1", "b.0")


def video(seed: int, num_times: int = 50, absent: float = 0.3) -> Gridded:
    generator = torch.Generator().manual_seed(seed)
    values = 5 + torch.randn(num_times, 3, generator=generator) * torch.tensor([1.0, 1e-3, 1e4])
    present = torch.rand(num_times, 2, generator=generator) >= absent
    values[~present[:, [0, 0, 1]]] = math.nan
    return Gridded(200.0, LAYOUT, values, present)


@settings(max_examples=20, deadline=None)
@given(seeds=st.lists(st.integers(0, 1000), min_size=1, max_size=6), cut=st.integers(0, 6))
def test_gathering_in_any_parts_equals_taking_all_at_once(seeds: list[int], cut: int) -> None:
    videos = [video(seed) for seed in seeds]
    values = torch.cat([one.values for one in videos]).double().numpy()
    halves = []
    for part in (videos[:cut], videos[cut:]):
        gathered = no_statistics(CHANNELS)
        for one in part:
            gathered = gathered.merged(statistics_of(one))
        halves.append(gathered)
    found = halves[0].merged(halves[1])
    assert list(found.counts) == (~np.isnan(values)).sum(axis=0).tolist()
    np.testing.assert_allclose(found.means, np.nanmean(values, axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.stds, np.nanstd(values, axis=0), rtol=1e-9)


def test_absence_counts_for_nothing() -> None:
    nothing = video(0, absent=1.1)
    assert statistics_of(nothing) == no_statistics(CHANNELS)
    assert statistics_of(video(1)).merged(statistics_of(nothing)) == statistics_of(video(1))


def test_large_offsets_do_not_swallow_small_spreads() -> None:
    values = (100_000 + 0.25 * torch.tensor([1.0, -1.0]).repeat(5000))[:, None]
    one = Gridded(7.0, {"p": 1}, values, torch.ones(10_000, 1, dtype=torch.bool))
    found = statistics_of(one).merged(statistics_of(one))
    assert (found.counts, found.means) == ((20_000,), (100_000.0,))
    assert found.stds == (0.25,)


def test_they_are_stored_as_json_exactly() -> None:
    gathered = statistics_of(video(3)).merged(statistics_of(video(4)))
    assert from_json(json.loads(json.dumps(gathered.to_json()))) == gathered


@pytest.mark.parametrize(
    "stored", [{}, {"channels": "abc"}, {"channels": ["a"], "counts": [1, 2], "means": [0.0], "squares": [0.0]}]
)
def test_something_else_than_statistics_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match="the stored statistics of sensors cannot be read"):
        from_json(stored)


def test_training_data_become_of_mean_0_and_spread_1_and_absence_stays() -> None:
    one = video(5, num_times=500)
    found = standardised(one.values, one.channels, statistics_of(one))
    assert found.dtype == torch.float32
    assert torch.equal(found.isnan(), one.values.isnan())
    np.testing.assert_allclose(np.nanmean(found.numpy(), axis=0), 0, atol=2e-4)  # 5 +- 0.001 in single precision
    np.testing.assert_allclose(np.nanstd(found.numpy(), axis=0), 1, atol=1e-3)
    windows = standardised(one.values.reshape(10, 50, 3), one.channels, statistics_of(one))
    torch.testing.assert_close(windows.reshape(500, 3), found, equal_nan=True)


def test_a_channel_that_never_varied_is_only_shifted() -> None:
    still = Gridded(1.0, {"p": 1}, torch.full((4, 1), 7.0), torch.ones(4, 1, dtype=torch.bool))
    found = standardised(torch.tensor([[7.0], [9.0]]), ("p.0",), statistics_of(still))
    assert found.tolist() == [[0.0], [2.0]]


def test_a_sensor_that_training_never_had_is_refused_where_it_is_present() -> None:
    only_first = video(6)
    only_first.values[:, 2] = math.nan
    gathered = statistics_of(only_first)
    standardised(only_first.values, CHANNELS, gathered)
    with pytest.raises(ConfigError, match=r"no training video had b\.0, so it cannot be standardised"):
        standardised(video(7).values, CHANNELS, gathered)
    with pytest.raises(ConfigError, match=r"the model was trained on a\.0, a\.1, b\.0"):
        standardised(torch.zeros(3, 1), ("b.0",), gathered)
