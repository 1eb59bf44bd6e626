"""What a recording gives beside the readings of a sensor: a stretch of sound, and from when to when there is any."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

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
