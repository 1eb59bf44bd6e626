"""Project Aria recordings: four real ones, against what an independent reader took out of them."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egoshift.errors import ConfigError, MediaError
from egoshift.media.aria import LABELS, AriaLabel, AriaRecording, streams
from egoshift.media.aria.vrs import open_vrs

IMUS: tuple[AriaLabel, ...] = ("imu-left", "imu-right")


@dataclass(frozen=True)
class Real:
    """A recording and what it must hold.

    Attributes:
        file: Its name.
        extracted: The name of what was taken out of it.
        generation: Of the glasses.
        size: Height and width of its pictures.
        sound: Channels and rate of its sound, where it has sound.
    """

    file: str
    extracted: str
    generation: int
    size: tuple[int, int]
    sound: tuple[int, int] | None


REAL = (
    Real("recording.vrs", "aea_recording.npz", 1, (1408, 1408), (7, 48_000)),
    Real("video.vrs", "adt_video.npz", 1, (1408, 1408), None),
    Real("aria_unit_test_timecode_sequence_calib.vrs", "gen1_unit_test.npz", 1, (1408, 1408), None),
    Real("aria_gen2_unit_test_sequence_with_bluetooth.vrs", "gen2_unit_test.npz", 2, (1512, 2016), (8, 16_000)),
)
WITH_SOUND = tuple(real for real in REAL if real.sound)


@pytest.fixture(scope="module")
def folder(assets: Path) -> Path:
    pytest.importorskip("pyvrs", reason='the vrs package is not installed; pip install "egoshift[aria]"')
    return assets / "aria"


@pytest.fixture
def opened(folder: Path, request: pytest.FixtureRequest) -> Iterator[AriaRecording]:
    with AriaRecording(folder / "vrs" / request.param.file) as recording:
        yield recording


def expected(folder: Path, real: Real) -> dict[str, np.ndarray]:
    with np.load(folder / "extracted" / real.extracted) as arrays:
        return dict(arrays)


def each(*recordings: Real) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("real", "opened"), [(one, one) for one in recordings], indirect=["opened"])


def stamps(recording: AriaRecording, times_s: np.ndarray) -> np.ndarray:
    """Seconds of the recording back on the device's clock."""
    return np.round(np.asarray(times_s) * 1e9).astype(np.int64) + recording.origin_ns


@each(*REAL)
@pytest.mark.parametrize("label", IMUS)
def test_inertial_readings_and_stamps_are_those_of_the_other_reader(
    real: Real, opened: AriaRecording, folder: Path, label: AriaLabel
) -> None:
    name, arrays = label.replace("-", "_"), expected(folder, real)
    found = opened.inertial(label)
    assert set(found) == {"accelerometer", "gyroscope"}
    for sensor, unit, columns in (("accelerometer", "m/s^2", [0, 1, 2]), ("gyroscope", "rad/s", [3, 4, 5])):
        samples = found[sensor]
        assert (samples.name, samples.axes, samples.unit, samples.defects) == (sensor, ("x", "y", "z"), unit, {})
        assert np.array_equal(stamps(opened, samples.times_s), arrays[f"{name}_t_ns"])
        assert np.array_equal(samples.values, arrays[name][:, columns])


@each(*REAL)
def test_the_labels_are_those_of_the_devices_calibration(real: Real, opened: AriaRecording, folder: Path) -> None:
    reader = open_vrs(folder / "vrs" / real.file)
    listed = [one["Label"] for one in json.loads(reader.file_tags["calib_json"])["ImuCalibrations"]]
    numbers = {label: int(opened._streams.settings[label]["device_id"]) & 255 for label in IMUS}
    assert {label: listed.index(label) for label in IMUS} == numbers
    reader.close()


def test_the_stream_ids_of_the_two_imus_are_exchanged_between_the_generations(folder: Path) -> None:
    ids = {}
    for real in REAL:
        with AriaRecording(folder / "vrs" / real.file) as recording:
            ids[real.generation] = recording._streams._ids["imu-left"], recording._streams._ids["imu-right"]
    assert ids == {1: ("1202-2", "1202-1"), 2: ("1202-1", "1202-2")}


@each(*WITH_SOUND)
def test_sound_and_stamps_are_those_of_the_other_reader(real: Real, opened: AriaRecording, folder: Path) -> None:
    assert real.sound is not None
    arrays = expected(folder, real)
    (waveform,) = opened.sound()
    assert (waveform.samples.shape[1], waveform.sample_rate_hz) == real.sound
    # Blocks were decoded from Opus to whole numbers by the other reader, to shares of full scale here.
    tolerance = 0.0 if real.generation == 1 else 0.51 / 32768
    assert np.abs(waveform.samples - arrays["mic"]).max() <= tolerance
    steps_s = np.arange(len(waveform.samples)) / waveform.sample_rate_hz
    assert np.abs(stamps(opened, waveform.start_s + steps_s) - arrays["mic_t_ns"]).max() < 10_000
    assert stamps(opened, np.array(waveform.start_s)) == arrays["mic_t_ns"][0] == opened.spans["mic"].start_ns
    assert opened.spans["mic"].stop_ns == arrays["mic_t_ns"][-1]


@each(*REAL)
def test_pictures_are_upright_and_those_of_the_other_reader(real: Real, opened: AriaRecording, folder: Path) -> None:
    arrays = expected(folder, real)
    pictures = list(opened.pictures())
    assert np.array_equal(stamps(opened, np.array([time_s for time_s, _ in pictures])), arrays["rgb_t_ns"])
    for number, (_, picture) in enumerate(pictures):
        assert picture.shape == (*real.size, 3)
        # The other reader's were made upright, half as large, and coded anew.
        other = np.asarray(Image.open(io.BytesIO(arrays[f"rgb_jpg_{number}"].tobytes())).convert("RGB"), np.float64)
        halves = picture.reshape(real.size[0] // 2, 2, real.size[1] // 2, 2, 3).mean(axis=(1, 3))
        if real.generation == 2:  # less than half as large there
            small = Image.fromarray(picture).resize((other.shape[1], other.shape[0]), Image.Resampling.BOX)
            halves = np.asarray(small, np.float64)
        assert halves.shape == other.shape
        assert np.abs(halves - other).mean() < 4
        assert np.abs(halves[::-1, ::-1] - other).mean() > 20


@each(*REAL)
def test_seconds_count_from_the_first_picture_and_sensors_are_there_or_not(real: Real, opened: AriaRecording) -> None:
    assert opened.generation == real.generation
    assert set(opened.spans) == set(opened.rates_hz) == set(LABELS) - (set() if real.sound else {"mic"})
    assert opened.origin_ns == opened.spans["camera-rgb"].start_ns
    common = opened.common_span(list(opened.spans))
    for span in opened.spans.values():
        assert span.start_ns <= common.start_ns < common.stop_ns <= span.stop_ns
    if real.sound is None:
        for ask in (opened.sound, lambda: opened.common_span(["mic", "imu-left"])):
            with pytest.raises(MediaError, match=r"\.vrs: has nothing of mic, only of camera-rgb, imu-left, imu-right"):
                ask()


@each(*WITH_SOUND)
def test_a_part_is_the_same_as_in_the_whole(real: Real, opened: AriaRecording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_LEAD_S", 0.1)  # so that not all of these short recordings is read
    start_s, stop_s = 0.15, 0.2
    for label in IMUS:
        whole, part = opened.inertial(label)["gyroscope"], opened.inertial(label, start_s, stop_s)["gyroscope"]
        asked = (whole.times_s >= start_s) & (whole.times_s < stop_s)
        assert 30 < asked.sum() < 60
        assert np.array_equal(part.values, whole.values[asked])
    (whole_sound,), (sound,) = opened.sound(), opened.sound(start_s, stop_s)
    first = round((sound.start_s - whole_sound.start_s) * sound.sample_rate_hz)
    assert start_s <= sound.start_s < start_s + 1 / sound.sample_rate_hz
    assert abs(len(sound.samples) - (stop_s - start_s) * sound.sample_rate_hz) <= 1
    difference = np.abs(sound.samples - whole_sound.samples[first : first + len(sound.samples)]).max()
    # What a decoder of Opus does not know of the time before fades: 129 / 32768 after 20 ms, 1.6 / 32768 after 100.
    assert difference <= (0.0 if real.generation == 1 else 2 / 32768)
    all_pictures = dict(opened.pictures())
    pictures = dict(opened.pictures(start_s, stop_s))
    assert list(pictures) == [time_s for time_s in all_pictures if start_s <= time_s < stop_s] != []
    for time_s, picture in pictures.items():
        assert np.array_equal(picture, all_pictures[time_s])


@pytest.mark.parametrize("real", REAL)
@pytest.mark.parametrize("share", [0.00001, 0.0005, 0.003, 0.02, 0.1, 0.5, 0.9, 0.99, 0.99999])
def test_a_recording_that_was_cut_short_is_told_in_one_line(
    tmp_path: Path, folder: Path, real: Real, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    content = (folder / "vrs" / real.file).read_bytes()
    path = tmp_path / "cut.vrs"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(MediaError, match="cut short") as caught:
        AriaRecording(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.endswith("; download or copy it again")
    assert "\n" not in text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such recording; check the path"),
        (b"", r"the recording is empty \(0 bytes\)"),
        (b"\0\0\0\x18ftypmp42" * 20, "is not a VRS file; give a Project Aria recording"),
        (b"VisionRe" + b"\0" * 72, "has no index: its recording was broken off, or it was cut short"),
    ],
)
def test_what_is_no_recording_is_told_in_one_line(
    tmp_path: Path, folder: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "a.vrs"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=message) as caught:
        AriaRecording(path)
    assert "\n" not in str(caught.value)


def test_without_the_vrs_package_the_remedy_is_its_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyvrs.reader", None)
    with pytest.raises(ConfigError, match=r'need the vrs package; run: pip install "egoshift\[aria\]"'):
        AriaRecording(tmp_path / "a.vrs")


@each(REAL[0])
def test_reading_writes_nothing_to_the_terminal(
    real: Real, opened: AriaRecording, capfd: pytest.CaptureFixture[str]
) -> None:
    opened.inertial("imu-left")
    opened.sound()
    with AriaRecording(opened.path):
        pass
    print("heard", file=sys.stderr)
    assert capfd.readouterr() == ("", "heard\n")
