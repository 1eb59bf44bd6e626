from itertools import pairwise

import numpy as np
import pytest

from egoshift.world.head import TREMOR, TURN_S, Head
from egoshift.world.script import Script, write_script
from egoshift.world.style import HOME_STYLE, KITCHEN_STYLE


@pytest.fixture(scope="module")
def script() -> Script:
    return write_script("v", "P01", "train", KITCHEN_STYLE, 60.0, (3, 1, 1))


def test_the_eye_is_gaze_plus_shift_and_the_same_every_time(script: Script) -> None:
    times = np.linspace(0, 60, 400)
    head = Head(script)
    np.testing.assert_array_equal(head.eye(times), head.gaze(times) + head.shift(times))
    np.testing.assert_array_equal(head.eye(times), Head(script).eye(times))
    np.testing.assert_array_equal(head.eye(times)[7:8], head.eye(times[7:8]))


def test_the_head_rests_on_one_place_during_an_action_and_turns_in_between(script: Script) -> None:
    head = Head(script)
    for number, action in enumerate(script.actions):
        last = head.turns[number] if number < len(head.turns) else script.duration_s
        first = head.turns[number - 1] if number else 0.0
        inside = np.linspace(max(action.start_s, first + TURN_S), min(action.stop_s, last - TURN_S), 50)
        assert np.ptp(head.gaze(inside), axis=0).max() < 6 * TREMOR + 1e-6
    places = [action.place for action in script.actions]
    moved = [abs(a - b) for a, b in pairwise(places)]
    turned = np.abs(head.gaze(head.turns + TURN_S) - head.gaze(head.turns - TURN_S))[:, 0]
    assert np.corrcoef(moved, turned)[0, 1] > 0.95


def test_quick_work_of_the_hands_shakes_the_head_more_than_reaching() -> None:
    script = write_script("v", "100", "train", HOME_STYLE, 300.0, (0, 2, 2))
    head = Head(script)
    quick: dict[str, list[float]] = {}
    for action in script.actions:
        times = np.arange(action.start_s + 0.3, action.stop_s - 0.3, 0.01)
        speed = np.diff(head.shift(times), axis=0) / 0.01
        quick.setdefault(action.verb, []).append(float(np.abs(np.diff(speed, axis=0)).mean()))
    shaken = {verb: float(np.mean(values)) for verb, values in quick.items()}
    assert shaken["shake"] > 2 * shaken["take"]
    assert shaken["cut"] > 2 * shaken["move"]
