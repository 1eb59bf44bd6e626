import math
from dataclasses import replace

import numpy as np
import pytest

from egoshift.world.head import METRES_PER_PIXEL, PIXELS_PER_RADIAN, Head
from egoshift.world.imu import ACCELERATION_NOISE, GRAVITY, ROTATION_NOISE, feel, measure
from egoshift.world.script import Script, write_script
from egoshift.world.style import HOME_STYLE, KITCHEN_STYLE, Style


@pytest.fixture(scope="module")
def script() -> Script:
    return write_script("v", "100", "train", HOME_STYLE, 40.0, (3, 1, 1))


class Swinging(Head):
    """Turns and is shifted as sines of one frequency, so that all is known."""

    hertz = 2.0

    def gaze(self, times_s: np.ndarray) -> np.ndarray:
        waves = np.sin(2 * math.pi * self.hertz * times_s)
        return np.stack([440 + 20 * waves, 250 + 10 * waves], axis=1)

    def shift(self, times_s: np.ndarray) -> np.ndarray:
        waves = np.sin(2 * math.pi * self.hertz * times_s)
        return np.stack([3 * waves, 5 * waves], axis=1)


def test_the_gyroscope_integrates_back_to_where_the_head_looks(script: Script) -> None:
    head = Head(script)
    felt = feel(head)
    gaze = head.gaze(felt.times_s) / PIXELS_PER_RADIAN
    up = felt.acceleration / np.linalg.norm(felt.acceleration, axis=1, keepdims=True)
    looked_right = -np.cumsum((felt.rotation * up).sum(1)) / 200
    looked_down = -np.cumsum(felt.rotation[:, 0]) / 200
    assert np.ptp(gaze[:, 0]) > 0.8
    np.testing.assert_allclose(looked_right, gaze[:, 0] - gaze[0, 0], atol=0.05)
    np.testing.assert_allclose(looked_down, gaze[:, 1] - gaze[0, 1], atol=0.005)


def test_a_swing_is_felt_in_the_axes_that_are_said(script: Script) -> None:
    felt = feel(Swinging(script))
    omega, times = 2 * math.pi * Swinging.hertz, felt.times_s
    pitch = math.radians(HOME_STYLE.look_down_deg) + 10 * np.sin(omega * times) / PIXELS_PER_RADIAN
    right_rate = 20 * omega * np.cos(omega * times) / PIXELS_PER_RADIAN
    pushed = -(omega**2) * np.sin(omega * times) * METRES_PER_PIXEL
    rotation = np.stack([-right_rate / 2, -right_rate * np.cos(pitch), -right_rate * np.sin(pitch)], axis=1)
    acceleration = np.stack([3 * pushed, -5 * pushed + GRAVITY * np.cos(pitch), GRAVITY * np.sin(pitch)], axis=1)
    np.testing.assert_allclose(felt.rotation, rotation, atol=0.01)  # the low-pass takes a thousandth
    np.testing.assert_allclose(felt.acceleration, acceleration, atol=0.01)


def test_what_is_faster_than_half_the_rate_does_not_come_back_as_slow_motion(script: Script) -> None:
    head = Swinging(script)
    head.hertz = 198.0  # readings 200 times a second would see it swing twice a second
    felt = feel(head)
    folded = (2 * math.pi * 198) * 20 / PIXELS_PER_RADIAN
    assert np.abs(felt.rotation[:, 1:]).max() < 0.001 * folded


@pytest.mark.parametrize("style", [KITCHEN_STYLE, HOME_STYLE])
def test_a_head_at_rest_feels_gravity_alone_from_where_the_camera_points(style: Style) -> None:
    script = write_script("v", "100", "train", replace(style, sway=0.0), 30.0, (3, 2, 2))
    first = replace(script.actions[0], verb="take", start_s=1.0, stop_s=3.0)
    last = replace(script.actions[1], verb="take", start_s=26.0, stop_s=28.0)
    felt = feel(Head(replace(script, actions=(first, last))))
    rest = felt.acceleration[(felt.times_s > 5) & (felt.times_s < 12)]
    np.testing.assert_allclose(np.linalg.norm(rest, axis=1), 9.81, atol=1e-6)
    down_deg = np.degrees(np.arctan2(rest[:, 2], rest[:, 1])).mean()
    assert down_deg == pytest.approx(style.look_down_deg + math.degrees(first.glance[1] / PIXELS_PER_RADIAN), abs=0.1)


def test_quick_work_is_felt_more_than_taking() -> None:
    script = write_script("v", "100", "train", HOME_STYLE, 150.0, (0, 2, 2))
    felt = measure(script)
    energy: dict[str, list[float]] = {}
    for action in script.actions:
        inside = (felt.times_s > action.start_s) & (felt.times_s < action.stop_s)
        quick = np.convolve(np.linalg.norm(felt.acceleration[inside], axis=1), [0.05] * 20, mode="valid")
        energy.setdefault(action.verb, []).append(float(np.diff(quick).var()))
    mean = {verb: np.mean(values) for verb, values in energy.items()}
    assert mean["shake"] > 3 * mean["take"]
    assert mean["cut"] > 3 * mean["take"]


def test_readings_are_what_is_felt_with_a_bias_of_the_video_and_white_noise(script: Script) -> None:
    errors = {}
    for rate_hz in (200.0, 100.0):
        felt, read = feel(Head(script), rate_hz), measure(script, rate_hz)
        np.testing.assert_array_equal(felt.times_s, read.times_s)
        assert len(read.times_s) == 40 * rate_hz
        for name, noise in (("acceleration", ACCELERATION_NOISE), ("rotation", ROTATION_NOISE)):
            error = getattr(read, name) - getattr(felt, name)
            np.testing.assert_allclose(error.std(0), noise, rtol=0.06)
            assert abs(np.corrcoef(error[:-1, 0], error[1:, 0])[0, 1]) < 0.05
            errors[name, rate_hz] = error.mean(0)
    for name, noise in (("acceleration", ACCELERATION_NOISE), ("rotation", ROTATION_NOISE)):
        assert np.abs(errors[name, 200.0]).max() > 3 * noise / math.sqrt(8000)
        np.testing.assert_allclose(errors[name, 200.0], errors[name, 100.0], atol=5 * noise / math.sqrt(4000))


def test_the_same_seed_gives_the_same_readings_and_another_gives_others(script: Script) -> None:
    first, again = measure(script), measure(script)
    assert first.acceleration.tobytes() == again.acceleration.tobytes()
    assert first.rotation.tobytes() == again.rotation.tobytes()
    other = measure(replace(script, seed=(9, 9, 9, 3)))
    assert not np.allclose(first.acceleration, other.acceleration, atol=0.01)
