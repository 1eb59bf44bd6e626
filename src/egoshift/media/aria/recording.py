"""One Project Aria recording, read by the names of its sensors.

Facts: https://facebookresearch.github.io/projectaria_tools/docs/data_formats/aria_vrs. Everything is stamped by one
clock, the device's own, in nanoseconds. Seconds count here from the first picture, as the seconds of a video do;
without pictures, from the first stamp of all. Sensors start and stop at times of their own: ``spans`` says when, and
``common_span`` when all of some did.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from egoshift.errors import MediaError
from egoshift.media.aria.pictures import read_pictures
from egoshift.media.aria.readings import NANOSECONDS, AriaLabel, Described, Span, Waveform
from egoshift.media.aria.sound import SoundReader, stretches
from egoshift.media.aria.streams import MICROPHONES, Streams
from egoshift.media.aria.vrs import damage_named
from egoshift.media.container import media_error
from egoshift.media.inertial import Samples, Unit

_IMU_UNITS: Mapping[str, Unit] = {"accelerometer": "m/s^2", "gyroscope": "rad/s"}


class AriaRecording(Described):
    """A recording, open; use it in a ``with`` statement, or close it.

    Args:
        path: The ``.vrs`` file.

    Raises:
        ConfigError: The ``vrs`` package is not installed.
        MediaError: The file is missing, cut short, or no recording of Project Aria.
    """

    def __init__(self, path: Path):
        self._streams = Streams(path)
        settings = self._streams.settings
        try:
            with damage_named(path):
                rates_hz = {label: _rate_hz(one) for label, one in settings.items()}
                num_microphones = int(settings["mic"]["audio_channel_count"]) if "mic" in settings else 0
        except MediaError:
            self.close()
            raise
        super().__init__(path, self._streams.generation, self._streams.spans, rates_hz, num_microphones)

    def __enter__(self) -> "AriaRecording":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._streams.close()

    def common_span(self, labels: Sequence[AriaLabel]) -> Span:
        """From when to when all of some sensors recorded.

        Raises:
            MediaError: One of them recorded nothing, or they did not record at the same time.
        """
        for label in labels:
            self._streams.require(label)
        start_ns = max(self.spans[label].start_ns for label in labels)
        stop_ns = min(self.spans[label].stop_ns for label in labels)
        if stop_ns < start_ns:
            message = f"{' and '.join(labels)} did not record at the same time"
            raise media_error("no-common-time", self.path, message, "use them one at a time, or leave it out")
        return Span(start_ns, stop_ns)

    def inertial(
        self, label: AriaLabel, start_s: float | None = None, stop_s: float | None = None
    ) -> dict[str, Samples]:
        """What one IMU felt: ``accelerometer`` in m/s^2 and ``gyroscope`` in rad/s, in the IMU's own axes.

        Readings that the device marks as not valid, and those whose stamp is not after all before it, are left out and
        counted in ``defects`` (``invalid``, ``backwards``). One of the two of which nothing is left is absent: no key.

        Args:
            label: ``imu-left`` or ``imu-right``, whose rates differ (800 and 1000 Hz in the first generation).
            start_s: From when; by default from the start.
            stop_s: Until before when; by default until the end.

        Raises:
            MediaError: That IMU recorded nothing, or a record cannot be read.
        """
        assert label in ("imu-left", "imu-right"), "an IMU is asked for"
        self._streams.require(label)
        bounds = self._bounds(start_s, stop_s)
        with damage_named(self.path):
            times_ns, values_of = self._readings(label, *bounds)
        asked, late = _within(times_ns, *bounds), _comes_late(times_ns)
        found = {}
        for name, unit in _IMU_UNITS.items():
            values = values_of[name]
            valid = np.isfinite(values).all(axis=1)
            used = asked & valid & ~late
            if used.any():
                counts = {"invalid": int((asked & ~valid).sum()), "backwards": int((asked & valid & late).sum())}
                defects = {kind: count for kind, count in counts.items() if count}
                found[name] = Samples(name, ("x", "y", "z"), unit, self.seconds(times_ns[used]), values[used], defects)
        return found

    def sound(self, start_s: float | None = None, stop_s: float | None = None) -> tuple[Waveform, ...]:
        """What the microphones heard, a column a microphone: one waveform, or several where blocks are missing.

        Args:
            start_s: From when; by default from the start.
            stop_s: Until before when; by default until the end.

        Raises:
            MediaError: No sound was recorded, or a block of it cannot be decoded.
        """
        self._streams.require("mic")
        bounds = self._bounds(start_s, stop_s)
        blocks = []
        with damage_named(self.path):
            reader = SoundReader(self.path, self._streams.settings["mic"], MICROPHONES)
            for number in self._streams.numbers("mic", *bounds):
                times_ns, samples = reader.read(self._streams.record("mic", number))
                asked = _within(times_ns, *bounds)
                if asked.any():
                    blocks.append((times_ns[asked], samples[asked]))
            return stretches(blocks, reader.rate_hz, self.origin_ns)

    def pictures(
        self, start_s: float | None = None, stop_s: float | None = None
    ) -> Iterator[tuple[float, UInt8[np.ndarray, "height width 3"]]]:
        """The upright pictures of the RGB camera in order, each with its time in seconds.

        Args:
            start_s: From when; by default from the start.
            stop_s: Until before when; by default until the end.

        Raises:
            MediaError: No picture was recorded, or one cannot be decoded.
        """
        self._streams.require("camera-rgb")
        with damage_named(self.path):
            for time_ns, picture in read_pictures(self._streams, *self._bounds(start_s, stop_s)):
                yield (time_ns - self.origin_ns) / NANOSECONDS, picture

    def _readings(
        self, label: AriaLabel, start_ns: int | None, stop_ns: int | None
    ) -> tuple[Int64[np.ndarray, " stamps"], dict[str, Float64[np.ndarray, "stamps 3"]]]:
        """The stamps of an IMU's records, and what each says; NaN where it says that a reading is not valid."""
        numbers = self._streams.numbers(label, start_ns, stop_ns)
        times_ns = np.empty(len(numbers), dtype=np.int64)
        values = {name: np.full((len(numbers), 3), np.nan) for name in _IMU_UNITS}
        for place, number in enumerate(numbers):
            block = self._streams.record(label, number).metadata_blocks[0]
            times_ns[place] = block["capture_timestamp_ns"]
            for name in _IMU_UNITS:
                if block[f"{name}_valid"]:
                    values[name][place] = block[name]
        return times_ns, values

    def _bounds(self, start_s: float | None, stop_s: float | None) -> tuple[int | None, int | None]:
        """Seconds as stamps."""
        return (
            None if start_s is None else self.origin_ns + round(start_s * NANOSECONDS),
            None if stop_s is None else self.origin_ns + round(stop_s * NANOSECONDS),
        )


def _rate_hz(settings: Mapping[str, Any]) -> float:
    return float(settings["nominal_rate"] if "nominal_rate" in settings else settings["audio_sample_rate"])


def _within(
    times_ns: Int64[np.ndarray, " stamps"], start_ns: int | None, stop_ns: int | None
) -> Bool[np.ndarray, " stamps"]:
    late_enough = np.ones(len(times_ns), dtype=bool) if start_ns is None else times_ns >= start_ns
    return late_enough if stop_ns is None else late_enough & (times_ns < stop_ns)


def _comes_late(times_ns: Int64[np.ndarray, " stamps"]) -> Bool[np.ndarray, " stamps"]:
    """Which stamps are not after all before them."""
    highest = np.maximum.accumulate(times_ns)
    return np.concatenate([np.zeros(min(1, len(times_ns)), dtype=bool), times_ns[1:] <= highest[:-1]])
