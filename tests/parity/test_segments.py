"""Windows, smoothing, joint actions and merging against slow, obvious twins, and what must hold of any track."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from egoshift.prediction import segments as subject
from egoshift.prediction.segments import actions_of, smoothed, steps_of, track_of, windows_of
from egoshift.prediction.timeline import BACKGROUND, Segment


def shares(steps: int, classes: int, seed: int, gaps: tuple[int, ...] = ()) -> np.ndarray:
    """Probabilities of several classes, NaN at the steps that could not be read."""
    values = np.random.default_rng(seed).dirichlet(np.ones(classes), steps).astype(np.float32)
    values[list(gaps)] = np.nan
    return values


def slow_smoothed(given_: np.ndarray, num_steps: int) -> list[list[float]]:
    rows = given_.tolist()
    means = []
    for place, row in enumerate(rows):
        near = [rows[k] for k in range(place - num_steps // 2, place + num_steps // 2 + 1) if 0 <= k < len(rows)]
        near = [one for one in near if not any(math.isnan(value) for value in one)]
        gap = any(math.isnan(value) for value in row)
        means.append([math.nan if gap else sum(one[c] for one in near) / len(near) for c in range(len(row))])
    return means


def slow_track(
    steps: np.ndarray, given_: np.ndarray, names: list[str], threshold: float, top_k: int, merge: bool
) -> list[tuple[float, float, str, list[tuple[str, float]]]]:
    """Steps one by one, each added to the segment before it where that has its name and ends where it begins."""
    found: list[dict[str, Any]] = []

    def add(name: str, start: float, stop: float, rows: list[tuple[float, list[float]]]) -> None:
        if merge and found and found[-1]["name"] == name and math.isclose(found[-1]["stop"], start):
            found[-1]["stop"] = stop
            found[-1]["rows"] += rows
        else:
            found.append({"start": start, "stop": stop, "name": name, "rows": rows})

    for (start, stop), row in zip(steps.tolist(), given_.tolist(), strict=True):
        if not any(math.isnan(value) for value in row):
            best = max(range(len(row)), key=lambda c: (row[c], -c))
            add(names[best], start, stop, [(stop - start, row)])
    sure, found = found, []
    for one in sure:
        length = sum(weight for weight, _ in one["rows"])
        highest = max(sum(weight * row[c] for weight, row in one["rows"]) / length for c in range(len(names)))
        add(one["name"] if highest >= threshold else BACKGROUND, one["start"], one["stop"], one["rows"])
    told = []
    for one in found:
        length = sum(weight for weight, _ in one["rows"])
        means = [sum(weight * row[c] for weight, row in one["rows"]) / length for c in range(len(names))]
        order = sorted(range(len(names)), key=lambda c: (-means[c], c))[:top_k]
        told.append((one["start"], one["stop"], one["name"], [(names[c], means[c]) for c in order]))
    return told


def same(ours: tuple[Segment, ...], theirs: list[tuple[float, float, str, list[tuple[str, float]]]]) -> None:
    assert len(ours) == len(theirs)
    for segment, (start_s, stop_s, name, guesses) in zip(ours, theirs, strict=True):
        assert (segment.start_s, segment.stop_s) == pytest.approx((start_s, stop_s), abs=1e-6)
        assert segment.name == name
        assert [guess.name for guess in segment.guesses] == [guess for guess, _ in guesses]
        assert [guess.confidence for guess in segment.guesses] == pytest.approx([one for _, one in guesses], abs=1e-6)


@pytest.mark.parametrize("num_steps", [1, 3, 5, 41])
@pytest.mark.parametrize("gaps", [(), (0,), (3, 4, 5), (11,), tuple(range(12))])
def test_smoothing_is_the_mean_of_the_neighbours_that_could_be_read(num_steps: int, gaps: tuple[int, ...]):
    values = shares(12, 4, seed=1, gaps=gaps)
    np.testing.assert_allclose(smoothed(values, num_steps), slow_smoothed(values, num_steps), atol=1e-6)


@pytest.mark.parametrize("cells", [1, 25, 36])
def test_smoothing_some_classes_at_a_time_changes_nothing(cells: int, monkeypatch: pytest.MonkeyPatch):
    values = shares(12, 7, seed=4, gaps=(5,))
    expected = smoothed(values, 3)
    monkeypatch.setattr(subject, "CELLS_AT_ONCE", cells)
    np.testing.assert_array_equal(smoothed(values, 3), expected)


def test_smoothing_of_long_recordings_stays_within_what_a_probability_can_be():
    values = np.zeros((40_000, 2), np.float32)
    values[:, 0] = 1
    values[20_000:] = (1e-8, 1 - 1e-8)
    found = smoothed(values, 5)
    assert found.min() >= 0
    assert found.max() <= 1
    np.testing.assert_allclose(found[30_000], values[30_000], atol=1e-7)


@pytest.mark.parametrize("threshold", [0.0, 0.45, 0.7, 1.0])
@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("gaps", [(), (0, 1), (7, 30, 31), (59,)])
def test_tracks_are_what_adding_step_by_step_gives(threshold: float, merge: bool, gaps: tuple[int, ...]):
    values = smoothed(shares(60, 3, seed=2, gaps=gaps), 5 if threshold < 0.7 else 1)
    steps = steps_of(29.7, 0.5)
    names = ["cut", "stir", "wash"]
    ours = track_of(steps, values, names, threshold=threshold, top_k=2, merge=merge)
    same(ours, slow_track(steps, values, names, threshold, 2, merge))
    assert threshold == 1 or len({segment.name for segment in ours}) > 1, "the case is not one of a single class"


def test_a_step_counts_by_its_length_where_neighbours_become_one():
    steps = np.array([[0.0, 3.0], [3.0, 4.0]])
    (segment,) = track_of(steps, np.array([[0.9, 0.1], [0.5, 0.5]], np.float32), ["cut", "stir"])
    assert segment.confidence == pytest.approx((3 * 0.9 + 0.5) / 4)


def test_equally_likely_classes_are_told_in_their_order_and_the_one_that_leads_first():
    steps = np.array([[0.0, 1.0], [1.0, 2.0]])
    even = np.full((2, 4), 0.25, np.float32)
    (segment,) = track_of(steps, even, ["d", "c", "b", "a"], top_k=3)
    assert [guess.name for guess in segment.guesses] == ["d", "c", "b"]
    assert segment.name == "d"


def test_more_guesses_than_classes_are_all_classes():
    (segment,) = track_of(np.array([[0.0, 1.0]]), np.array([[0.2, 0.8]], np.float32), ["a", "b"], top_k=9)
    assert [guess.name for guess in segment.guesses] == ["b", "a"]


@pytest.mark.parametrize("top_k", [1, 2, 5])
def test_without_valid_pairs_actions_are_the_best_verbs_with_the_best_nouns(top_k: int):
    verbs, nouns = shares(20, 4, 3, gaps=(5,)), shares(20, 6, 4, gaps=(9,))
    pairs, joint = actions_of(verbs, nouns, None, top_k)
    expected = set()
    for verb_row, noun_row in zip(verbs.tolist(), nouns.tolist(), strict=True):
        if any(map(math.isnan, (*verb_row, *noun_row))):
            continue
        for verb in sorted(range(4), key=lambda c: -verb_row[c])[:top_k]:
            expected |= {(verb, noun) for noun in sorted(range(6), key=lambda c: -noun_row[c])[:top_k]}
    assert [tuple(pair) for pair in pairs.tolist()] == sorted(expected)
    for column, (verb, noun) in enumerate(pairs.tolist()):
        np.testing.assert_allclose(joint[:, column], verbs[:, verb] * nouns[:, noun], rtol=1e-6)
    assert np.isnan(joint[[5, 9]]).all()
    read = np.isfinite(joint).all(1)
    assert read.sum() == 18
    best = (verbs[read].max(1) * nouns[read].max(1)).tolist()
    np.testing.assert_allclose(
        joint[read].max(1), best, rtol=1e-6, err_msg="the likeliest pair of a step is among them"
    )


def test_the_likeliest_pairs_stay_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch):
    verbs, nouns = shares(30, 8, 5, gaps=(3,)), shares(30, 9, 6)
    every, joint = actions_of(verbs, nouns, None, 5)
    monkeypatch.setattr(subject, "MOST_ACTIONS", 10)
    pairs, few = actions_of(verbs, nouns, None, 5)
    highest = {tuple(pair): np.nanmax(joint[:, column]) for column, pair in enumerate(every.tolist())}
    assert len(every) > 10
    assert [tuple(pair) for pair in pairs.tolist()] == sorted(sorted(highest, key=lambda pair: -highest[pair])[:10])
    assert few.shape == (30, 10)


def test_valid_pairs_share_out_all_of_the_probability():
    verbs, nouns = shares(7, 3, 7, gaps=(2,)), shares(7, 4, 8)
    valid = [(2, 1), (0, 0), (0, 3), (2, 1)]
    pairs, joint = actions_of(verbs, nouns, valid, 5)
    assert pairs.tolist() == [[0, 0], [0, 3], [2, 1]]
    for step in range(7):
        if step == 2:
            assert np.isnan(joint[step]).all()
            continue
        products = [float(verbs[step, verb]) * float(nouns[step, noun]) for verb, noun in pairs.tolist()]
        assert joint[step].tolist() == pytest.approx([one / sum(products) for one in products], rel=1e-5)


def test_valid_pairs_that_are_all_impossible_stay_so():
    verbs, nouns = np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32)
    _, joint = actions_of(verbs, nouns, [(1, 0)], 5)
    assert joint.tolist() == [[0.0]]


@given(st.floats(0.02, 4000), st.floats(0.05, 3600))
def test_steps_cover_a_recording_without_a_sliver(duration_s: float, stride_s: float):
    stride_s = max(min(stride_s, duration_s), duration_s / 5000)
    steps = steps_of(duration_s, stride_s)
    assert steps[0, 0] == 0
    assert steps[-1, 1] == duration_s
    np.testing.assert_array_equal(steps[1:, 0], steps[:-1, 1])
    lengths = np.diff(steps, axis=1)[:, 0]
    np.testing.assert_allclose(lengths[:-1], stride_s, rtol=1e-6)
    assert 0.0999 * stride_s < lengths[-1] < 1.1001 * stride_s


@given(st.floats(0.05, 600), st.floats(0.05, 600), st.floats(0.05, 60))
def test_windows_are_around_their_steps_and_within_the_recording(duration_s: float, window_s: float, stride_s: float):
    stride_s = max(min(stride_s, duration_s), duration_s / 2000)
    steps = steps_of(duration_s, stride_s)
    windows = windows_of(steps, window_s, duration_s)
    for (start, stop), (first, last) in zip(steps.tolist(), windows.tolist(), strict=True):
        slow = (start + stop) / 2 - window_s / 2
        slow = max(0.0, min(slow, duration_s - window_s))
        assert first == pytest.approx(slow, abs=1e-9)
        assert last == pytest.approx(min(duration_s, slow + window_s), abs=1e-9)
        assert 0 <= first < last <= duration_s


@st.composite
def tracks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, float, int]:
    num_steps, num_classes = draw(st.integers(1, 30)), draw(st.integers(1, 5))
    raw = draw(arrays(np.float64, (num_steps, num_classes), elements=st.floats(0, 1, width=32)))
    values = ((raw + 1e-3) / (raw + 1e-3).sum(1, keepdims=True)).astype(np.float32)
    values[draw(arrays(bool, num_steps))] = np.nan
    stride_s = draw(st.floats(0.05, 5))
    steps = steps_of(num_steps * stride_s, stride_s)
    return steps, values, draw(st.floats(0, 1)), draw(st.integers(1, 6))


@given(tracks(), st.booleans())
def test_any_track_covers_exactly_what_was_read(track: tuple[np.ndarray, np.ndarray, float, int], merge: bool):
    steps, values, threshold, top_k = track
    names = [f"class {number}" for number in range(values.shape[1])]
    segments = track_of(steps, values, names, threshold=threshold, top_k=top_k, merge=merge)
    read = np.isfinite(values).all(1)
    assert sum(one.stop_s - one.start_s for one in segments) == pytest.approx(
        float(np.diff(steps[read], axis=1).sum()), abs=1e-4
    )
    for number, (start_s, stop_s) in enumerate(steps.tolist()):
        middle = (start_s + stop_s) / 2
        over = [one for one in segments if one.start_s <= middle < one.stop_s]
        assert len(over) == int(read[number]), "a gap stays a gap, and nothing is told twice"
        if over:
            assert over[0].name in (BACKGROUND, names[int(values[number].argmax())])
    for one in segments:
        confidences = [guess.confidence for guess in one.guesses]
        assert all(0 <= value <= 1 for value in confidences)
        assert len(one.guesses) == min(top_k, len(names))
        assert confidences == sorted(confidences, reverse=True)
        assert one.is_background or one.guesses[0].name == one.name
        assert one.is_background == (one.confidence < threshold) or one.confidence == pytest.approx(threshold)
    for first, second in pairwise(segments):
        assert first.stop_s <= second.start_s
        if merge and first.stop_s == second.start_s:
            assert first.name != second.name
