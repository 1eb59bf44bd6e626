"""What a recording says of itself, and what it gives beside the readings of a sensor."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32, Int64

AriaLabel = Literal["camera-rgb", "mic", "imu-left", "imu-right"]
"""The sensors that are read, by the names of the device's calibration."""

LABELS: tuple[AriaLabel, ...] = get_args(AriaLabel)

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Waveform:
    """Sound without a gap.

    Attributes:
        start_s: When the first sample was taken, in seconds of the recording.
        sample_rate_hz: Samples a second.
        samples: A column a channel; full scale is 1.
    """

    start_s: float
    sample_rate_hz: int
    samples: Float32[np.ndarray, "samples channels"]

    @property
    def stop_s(self) -> float:
        """When the last sample ends."""
        return self.start_s + len(self.samples) / self.sample_rate_hz


@dataclass(frozen=True)
class Span:
    """From when to when, on the device's clock.

    Attributes:
        start_ns: The first stamp.
        stop_ns: The last stamp.
    """

    start_ns: int
    stop_ns: int

    @property
    def duration_s(self) -> float:
        """How long it is."""
        return (self.stop_ns - self.start_ns) / NANOSECONDS


class Described:
    """What a recording says of itself.

    Attributes:
        path: The file.
        generation: 1 or 2.
        spans: From when to when each sensor recorded, by its name; a sensor that recorded nothing is no key.
        rates_hz: Readings, samples or pictures a second that the device was set to, for the same sensors.
        num_microphones: How many there are; 0 where no sound was recorded.
        origin_ns: The device's time at 0 s.
    """

    def __init__(
        self,
        path: Path,
        generation: int,
        spans: Mapping[AriaLabel, Span],
        rates_hz: Mapping[AriaLabel, float],
        num_microphones: int,
    ):
        self.path, self.generation, self.spans = path, generation, spans
        self.rates_hz, self.num_microphones = rates_hz, num_microphones
        starts = {label: span.start_ns for label, span in spans.items()}
        self.origin_ns = starts.get("camera-rgb", min(starts.values()))

    def seconds(self, stamps_ns: Int64[np.ndarray, " stamps"]) -> np.ndarray:
        """Seconds of the recording from stamps of the device's clock; exact to a nanosecond."""
        return (stamps_ns - self.origin_ns) / NANOSECONDS
