"""What an inertial sensor on the head feels: the same motion that moves the picture, as rates and forces.

Axes are the camera's: x to the wearer's right, y up through the top of the picture, z back towards the wearer. Rates
are positive by the right hand: nodding down is negative about x, looking to the right negative about the vertical.
The accelerometer gives specific force, so at rest it reads 9.81 m/s^2 upwards, shared between y and z as the camera
looks down.

Two simplifications: the head turns about the sensor itself, so turning alone causes no acceleration; and its shifts
are taken along the sensor's axes, whose own turning meanwhile is left out.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from egoshift.world.head import METRES_PER_PIXEL, PIXELS_PER_RADIAN, Head
from egoshift.world.room import centre_of
from egoshift.world.script import Script

GRAVITY = 9.81
RATE_HZ = 200.0

FINE = 8
"""How many times finer than the sensor's rate its motion is followed."""

ACCELERATION_NOISE, ROTATION_NOISE = 0.05, 0.004
"""Standard deviation of each reading's noise, in m/s^2 and rad/s."""

ACCELERATION_BIAS, ROTATION_BIAS = 0.1, 0.01
"""Standard deviation of what a sensor is off by throughout a video, in m/s^2 and rad/s."""

Axes = Float64[np.ndarray, "times 3"]


@dataclass(frozen=True)
class Inertial:
    """The readings of one video.

    Attributes:
        times_s: When each was taken, in seconds of the video.
        acceleration: Specific force along x, y and z, in m/s^2.
        rotation: Rates about x, y and z, in rad/s.
    """

    times_s: Float64[np.ndarray, " times"]
    acceleration: Axes
    rotation: Axes


def measure(script: Script, rate_hz: float = RATE_HZ) -> Inertial:
    """What the sensor writes down: what it feels, with this video's bias and every reading's noise.

    Args:
        script: What happens in the video.
        rate_hz: Readings per second; the same video at another rate has the same bias.
    """
    felt = feel(Head(script), rate_hz)
    rng = np.random.default_rng([*script.seed, 6])
    biases = rng.normal(0, ACCELERATION_BIAS, 3), rng.normal(0, ROTATION_BIAS, 3)
    shape = felt.rotation.shape
    return Inertial(
        times_s=felt.times_s,
        acceleration=felt.acceleration + biases[0] + rng.normal(0, ACCELERATION_NOISE, shape),
        rotation=felt.rotation + biases[1] + rng.normal(0, ROTATION_NOISE, shape),
    )


def feel(head: Head, rate_hz: float = RATE_HZ) -> Inertial:
    """What a sensor without faults would read.

    Args:
        head: The motion of the head.
        rate_hz: Readings per second, from the start of the video to its end.
    """
    script = head.script
    step_s = 1 / (rate_hz * FINE)
    times_s = np.arange(round(script.duration_s * rate_hz)) / rate_hz
    reach = 3 * FINE  # the low-pass and the differences look this far around a reading
    fine_s = (np.arange(len(times_s) * FINE + 2 * reach) - reach) * step_s
    gaze, shift = _smoothed(head.gaze(fine_s)), _smoothed(head.shift(fine_s))
    inner = slice(reach, reach + len(times_s) * FINE, FINE)
    turning = np.gradient(gaze, step_s, axis=0)[inner] / PIXELS_PER_RADIAN
    pushing = np.gradient(np.gradient(shift, step_s, axis=0), step_s, axis=0)[inner] * METRES_PER_PIXEL
    pitch = pitch_down(head, times_s)
    zero, up_y, up_z = np.zeros_like(pitch), np.cos(pitch), np.sin(pitch)
    return Inertial(
        times_s=times_s,
        acceleration=np.stack([pushing[:, 0], -pushing[:, 1] + GRAVITY * up_y, GRAVITY * up_z], axis=1),
        rotation=np.stack([zero - turning[:, 1], -turning[:, 0] * up_y, -turning[:, 0] * up_z], axis=1),
    )


def pitch_down(head: Head, times_s: Float64[np.ndarray, " times"]) -> Float64[np.ndarray, " times"]:
    """How far below the horizon the head looks, in radians; on the middle of a place it is the style's."""
    lower: Float64[np.ndarray, " times"] = (head.gaze(times_s)[:, 1] - centre_of(0)[1]) / PIXELS_PER_RADIAN
    return math.radians(head.script.style.look_down_deg) + lower


def _smoothed(track: np.ndarray) -> np.ndarray:
    """Twice a moving average over two readings' time.

    It takes out what is quicker than half the rate, as a sensor's own low-pass does. Without it, a blow that is over
    between two readings would be missed or doubled by chance, and its overtones would be folded into slow motion.
    """
    kernel = np.ones(2 * FINE) / (2 * FINE)
    kernel = np.convolve(kernel, kernel)
    half = len(kernel) // 2
    padded = np.pad(track, ((half, half), (0, 0)), mode="reflect", reflect_type="odd")
    return np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=1)
