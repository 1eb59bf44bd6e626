"""Which stream of a recording is which sensor, and the records of one sensor.

A sensor is known by the kind of its device and its device number, with the generation. The ids of streams say nothing:
those of the left and the right IMU are exchanged between the generations.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from egoshift.errors import MediaError
from egoshift.isolation import beat
from egoshift.media.aria.readings import LABELS, NANOSECONDS, AriaLabel, Span
from egoshift.media.aria.vrs import damage_named, open_vrs
from egoshift.media.container import FETCH_AGAIN, media_error

GENERATIONS = {"Aria": 1, "Oatmeal": 2}
"""By what a recording calls its device."""

_CAMERA, _IMU, MICROPHONES = 214, 1202, 231
_IMUS: Mapping[tuple[int, int], AriaLabel] = {
    (1, 0): "imu-right",
    (1, 1): "imu-left",
    (2, 0x10100): "imu-left",
    (2, 0x10101): "imu-right",
}
"""By generation and device number; the last byte is the IMU's place in the list of the device's calibration."""

_LEAD_S = 1.0
"""How much before an asked time is read as well: what is stamped then can stand in a record that starts earlier."""


LONGEST_S = 7 * 86_400.0
"""No recording is longer; a stamp that says so is damaged."""


class Streams:
    """A recording by its sensors.

    Args:
        path: The ``.vrs`` file.

    Attributes:
        path: The file.
        generation: 1 or 2.
        settings: The configuration of each sensor that recorded anything.
        spans: From when to when it did.

    Raises:
        ConfigError: The ``vrs`` package is not installed.
        MediaError: The file is missing, cut short, or no recording of Project Aria.
    """

    def __init__(self, path: Path):
        self.path = path
        self._reader = open_vrs(path)
        self._data: dict[AriaLabel, tuple[Any, np.ndarray]] = {}
        try:
            with damage_named(path):
                self.generation = self._generation()
                self._ids = self._labelled()
                self.settings = {label: self._setting(stream) for label, stream in self._ids.items()}
                self.spans = {label: self._span(label) for label in self._ids}
        except MediaError:
            self.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        self._reader.close()

    def require(self, label: AriaLabel) -> None:
        """Raises a MediaError where a sensor recorded nothing."""
        if label not in self._ids:
            message = f"has nothing of {label}, only of {', '.join(self._ids)}"
            raise media_error("no-sensor", self.path, message, "count the sensor as absent, or give another recording")

    def times_s(self, label: AriaLabel) -> np.ndarray:
        """When each record of a sensor starts, on the device's clock."""
        return self._found(label)[1]

    def record(self, label: AriaLabel, number: int) -> Any:
        """One record of a sensor, counted from 0."""
        beat()
        try:
            return self._found(label)[0][number]
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            message = f"record {number} of {label} cannot be read ({reason})"
            raise media_error("damaged-recording", self.path, message, FETCH_AGAIN) from None

    def numbers(self, label: AriaLabel, start_ns: int | None, stop_ns: int | None) -> range:
        """The records of a sensor with all that is stamped in ``[start_ns, stop_ns)``, and some before them."""
        times_s = self.times_s(label)
        start = 0 if start_ns is None else int(np.searchsorted(times_s, start_ns / NANOSECONDS - _LEAD_S))
        stop = len(times_s) if stop_ns is None else int(np.searchsorted(times_s, stop_ns / NANOSECONDS, "right"))
        return range(start, stop)

    def _span(self, label: AriaLabel) -> Span:
        first, last = (_stamps(self.record(label, number)) for number in (0, len(self.times_s(label)) - 1))
        span = Span(first[0], last[-1])
        if not 0 <= span.duration_s <= LONGEST_S:
            message = f"says that {label} recorded for {span.duration_s:g} s"
            raise media_error("damaged-recording", self.path, message, FETCH_AGAIN)
        return span

    def _found(self, label: AriaLabel) -> tuple[Any, np.ndarray]:
        if label not in self._data:
            self.require(label)
            found = self._reader.filtered_by_fields(stream_ids=self._ids[label], record_types="data")
            self._data[label] = found, np.asarray(found.get_timestamp_list(), dtype=np.float64)
        return self._data[label]

    def _generation(self) -> int:
        device = self._reader.file_tags.get("device_type", "")
        if device not in GENERATIONS:
            message = f"was recorded by {device or 'an unnamed device'!r}, not by Project Aria's glasses"
            raise media_error("not-a-recording", self.path, message, f"give one of {' or '.join(GENERATIONS)}")
        return GENERATIONS[device]

    def _labelled(self) -> dict[AriaLabel, str]:
        """The stream of each sensor that recorded anything, in the order of ``LABELS``."""
        found: dict[AriaLabel, str] = {}
        for stream in sorted(self._reader.stream_ids):
            label = self._label(stream)
            if label is None or not self._reader.get_stream_info(stream)["data_records_count"]:
                continue
            if label in found:
                message = f"has two streams of {label}, {found[label]} and {stream}"
                raise media_error("ambiguous-sensor", self.path, message, "leave it out")
            found[label] = stream
        if not found:
            message = f"has nothing of {', '.join(LABELS)}"
            raise media_error("no-sensors", self.path, message, "leave it out, or give a recording that has")
        return {label: found[label] for label in LABELS if label in found}

    def _label(self, stream: str) -> AriaLabel | None:
        kind = int(stream.partition("-")[0])
        if kind == _IMU:
            return _IMUS.get((self.generation, int(self._setting(stream)["device_id"])))
        return {_CAMERA: LABELS[0], MICROPHONES: LABELS[1]}.get(kind)

    def _setting(self, stream: str) -> Mapping[str, Any]:
        number = self._reader.get_stream_info(stream).get("first_configuration_record_index")
        if number is None:
            message = f"has no settings of its stream {stream}"
            raise media_error("damaged-recording", self.path, message, FETCH_AGAIN)
        settings: Mapping[str, Any] = self._reader[number].metadata_blocks[0]
        return settings


def _stamps(record: Any) -> list[int]:
    block = record.metadata_blocks[0]
    return list(block["capture_timestamps_ns"]) if "capture_timestamps_ns" in block else [block["capture_timestamp_ns"]]
