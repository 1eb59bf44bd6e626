"""Project Aria: what real recordings here do not show (lost blocks, readings that are not valid), on a made reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egoshift.errors import MediaError
from egoshift.media.aria import AriaRecording, Span
from egoshift.media.aria.sound import stretches

START_NS = 7_385_790_546_396
PATH = Path("made.vrs")


@dataclass
class Record:
    metadata_blocks: Sequence[Mapping[str, Any]]
    timestamp: float = 0.0
    audio_blocks: Sequence[np.ndarray] = ()
    image_blocks: Sequence[np.ndarray] = ()
    image_specs: Sequence[Any] = ()


@dataclass
class Found:
    records: Sequence[Record]

    def __getitem__(self, number: int) -> Record:
        return self.records[number]

    def get_timestamp_list(self) -> list[float]:
        return [record.timestamp for record in self.records]


@dataclass
class Reader:
    """As much of the vrs package's reader as is used: a configuration and data records a stream."""

    streams: Mapping[str, tuple[Mapping[str, Any], Sequence[Record]]]
    device: str = "Aria"
    closed: bool = False
    file_tags: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.file_tags = {"device_type": self.device}

    @property
    def stream_ids(self) -> set[str]:
        return set(self.streams)

    def get_stream_info(self, stream: str) -> dict[str, int]:
        place = sorted(self.streams).index(stream)
        return {"data_records_count": len(self.streams[stream][1]), "first_configuration_record_index": place}

    def __getitem__(self, number: int) -> Record:
        return Record([self.streams[sorted(self.streams)[number]][0]])

    def filtered_by_fields(self, *, stream_ids: str, record_types: str) -> Found:
        assert record_types == "data"
        return Found(self.streams[stream_ids][1])

    def close(self) -> None:
        self.closed = True


def imu(device: int, stamps: Sequence[int], *, first: float = 0.0, invalid: Sequence[int] = ()) -> Any:
    """An IMU that felt ``first``, ``first + 1`` and so on along x, and ten times that about it."""
    records = []
    for place, stamp in enumerate(stamps):
        felt = first + place
        block = {
            "capture_timestamp_ns": START_NS + stamp,
            "accelerometer": [felt, 0.0, 9.8],
            "gyroscope": [10 * felt, 0.0, 0.0],
            "accelerometer_valid": place not in invalid,
            "gyroscope_valid": True,
        }
        records.append(Record([block], (START_NS + stamp) / 1e9))
    return {"device_id": device, "nominal_rate": 1000.0}, records


def mic(starts: Sequence[int], samples: np.ndarray, rate_hz: int = 1000) -> Any:
    """Blocks of equal length that start at the given stamps."""
    records = []
    for start, block in zip(starts, np.split(samples, len(starts)), strict=True):
        stamps = START_NS + start + np.arange(len(block)) * (1_000_000_000 // rate_hz)
        records.append(Record([{"capture_timestamps_ns": stamps.tolist()}], stamps[0] / 1e9, [block]))
    return {"audio_sample_rate": rate_hz, "audio_channel_count": samples.shape[1]}, records


def opened(monkeypatch: pytest.MonkeyPatch, reader: Reader) -> AriaRecording:
    monkeypatch.setattr("egoshift.media.aria.streams.open_vrs", lambda _: reader)
    return AriaRecording(PATH)


MS = 1_000_000


@pytest.mark.parametrize(
    ("device", "numbers"),
    [("Aria", {"imu-right": 0, "imu-left": 1}), ("Oatmeal", {"imu-left": 65792, "imu-right": 65793})],
)
@pytest.mark.parametrize("ids", [("1202-1", "1202-2"), ("1202-2", "1202-1"), ("1202-7", "1202-3")])
def test_imus_are_told_apart_by_device_and_number_whatever_their_stream_is_called(
    monkeypatch: pytest.MonkeyPatch, device: str, numbers: Mapping[str, int], ids: tuple[str, str]
) -> None:
    left, right = imu(numbers["imu-left"], [0, MS], first=1), imu(numbers["imu-right"], [0, MS], first=5)
    recording = opened(monkeypatch, Reader({ids[0]: left, ids[1]: right}, device))
    felt = [recording.inertial(label)["gyroscope"].values[0, 0] for label in ("imu-left", "imu-right")]
    assert felt == [10, 50]


def test_readings_that_are_not_valid_or_run_backwards_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = [0, MS, 3 * MS, 2 * MS, 3 * MS, 4 * MS]
    recording = opened(monkeypatch, Reader({"1202-1": imu(0, stamps, invalid=[1])}))
    found = recording.inertial("imu-right")
    assert found["accelerometer"].values[:, 0].tolist() == [0, 2, 5]
    assert found["accelerometer"].times_s.tolist() == [0, 0.003, 0.004]
    assert found["accelerometer"].defects == {"invalid": 1, "backwards": 2}
    assert found["gyroscope"].values[:, 0].tolist() == [0, 10, 20, 50]
    assert found["gyroscope"].defects == {"backwards": 2}


def test_a_sensor_of_which_nothing_is_valid_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = opened(monkeypatch, Reader({"1202-1": imu(0, [0, MS], invalid=[0, 1])}))
    assert set(recording.inertial("imu-right")) == {"gyroscope"}
    assert recording.inertial("imu-right", 5.0, 6.0) == {}


def test_blocks_in_a_row_are_one_waveform_and_a_lost_block_begins_another(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.arange(24, dtype=np.int16).reshape(12, 2) * 1024
    recording = opened(monkeypatch, Reader({"231-1": mic([0, 4 * MS, 12 * MS], samples)}))
    first, second = recording.sound()
    assert (first.start_s, first.stop_s, second.start_s) == (0.0, 0.008, 0.012)
    assert np.array_equal(np.concatenate([first.samples, second.samples]), samples / np.float32(32768))
    (part,) = recording.sound(0.0025, 0.0055)
    assert part.start_s == 0.003
    assert np.array_equal(part.samples, first.samples[3:6])


def test_a_clock_that_drifts_begins_a_waveform_before_it_is_a_millisecond_off() -> None:
    # Blocks of 10 ms that really last 10.2 ms: the sixth starts a millisecond late, the seventh more than that.
    blocks = [(START_NS + k * 10_200_000 + np.arange(10) * MS, np.full((10, 1), k, np.float32)) for k in range(12)]
    found = stretches(blocks, 1000, START_NS)
    assert [len(one.samples) for one in found] == [60, 60]
    assert [one.start_s for one in found] == [0.0, pytest.approx(6 * 0.0102)]


def test_sound_of_another_form_or_length_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, records = mic([0], np.zeros((4, 2), np.int16))
    records[0].audio_blocks = [np.zeros((3, 2), np.int16)]
    with pytest.raises(
        MediaError, match=r"made\.vrs: a block of sound is \(3, 2\) in samples and channels, expected \(4, 2\)"
    ):
        opened(monkeypatch, Reader({"231-1": (settings, records)})).sound()
    settings["audio_format"] = 7
    with pytest.raises(MediaError, match=r"made\.vrs: its sound is in a form \(7\) that is not known; leave"):
        opened(monkeypatch, Reader({"231-1": (settings, records)})).sound()


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        (Reader({"1202-1": imu(0, [0])}, "Quest"), "was recorded by 'Quest', not by Project Aria's glasses"),
        (Reader({"1202-1": imu(0, [])}), "has nothing of camera-rgb, mic, imu-left, imu-right"),
        (Reader({"1202-1": imu(9, [0])}), "has nothing of camera-rgb"),
        (Reader({"1202-1": imu(0, [0]), "1202-2": imu(0, [0])}), "two streams of imu-right, 1202-1 and 1202-2"),
    ],
)
def test_a_recording_of_another_device_or_without_sensors_is_refused_and_closed(
    monkeypatch: pytest.MonkeyPatch, reader: Reader, message: str
) -> None:
    with pytest.raises(MediaError, match=message) as caught:
        opened(monkeypatch, reader)
    assert str(caught.value).count("\n") == 0
    assert reader.closed


def test_sensors_that_did_not_record_together_have_no_common_span(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader({"1202-1": imu(0, [0, MS]), "1202-2": imu(1, [5 * MS, 6 * MS])})
    recording = opened(monkeypatch, reader)
    assert recording.common_span(["imu-left"]) == Span(START_NS + 5 * MS, START_NS + 6 * MS)
    assert recording.origin_ns == START_NS
    with pytest.raises(MediaError, match="imu-left and imu-right did not record at the same time"):
        recording.common_span(["imu-left", "imu-right"])
