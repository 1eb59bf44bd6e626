"""One way to read every layout: the same readings and samples as the layout's own reader gives."""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from egoshift.errors import DataError, MediaError
from egoshift.media import SensorReader, probe_sound, read_inertial, read_sound, read_sound_file, sound_pass
from egoshift.media.aria import track
from egoshift.media.inertial import read_ego4d_imu
from egoshift.records import SensorFile
from egoshift.world.files.sensors import write_ego4d, write_epic
from egoshift.world.script import Script, write_script
from egoshift.world.style import HOME_STYLE, KITCHEN_STYLE
from tests.fixtures.sounds import melody_heard, write_sound
from tests.fixtures.videos import write_video
from tests.unit.media.inertial.test_glasses import ALL, arrays, write

GEN1, GEN2 = "recording.vrs", "aria_gen2_unit_test_sequence_with_bluetooth.vrs"


def script(video: str, style: object = HOME_STYLE) -> Script:
    return write_script(video, "P01", "train", style, 10.0, (0, 1, 1))  # type: ignore[arg-type]


def test_ego4ds_table_is_read(tmp_path: Path) -> None:
    write_ego4d(tmp_path, script("v1"))
    found = read_inertial(SensorFile(tmp_path / "imu" / "v1.csv", "ego4d"))
    assert list(found.sensors) == ["accelerometer", "gyroscope"]
    assert found.sensors["gyroscope"].times_s[0] == 0


def test_a_recording_that_was_cut_from_a_longer_one_begins_at_its_own_zero(tmp_path: Path) -> None:
    write_ego4d(tmp_path, script("v1"))
    path = tmp_path / "imu" / "v1.csv"
    whole, cut = read_ego4d_imu(path), read_inertial(SensorFile(path, "ego4d", begin_s=4.0))
    for name, samples in cut.sensors.items():
        kept = whole.sensors[name].times_s >= 3.5
        np.testing.assert_allclose(samples.times_s, whole.sensors[name].times_s[kept] - 4.0)
        assert np.array_equal(samples.values, whole.sensors[name].values[kept])
    assert read_inertial(SensorFile(path, "ego4d", begin_s=400.0)).sensors == {}


def test_epics_two_tables_are_read_as_one_recording(tmp_path: Path) -> None:
    write_epic(tmp_path, script("P01_101", KITCHEN_STYLE))
    found = read_inertial(SensorFile(tmp_path / "P01" / "meta_data", "epic", "P01_101"))
    assert list(found.sensors) == ["accelerometer", "gyroscope"]
    assert read_inertial(SensorFile(tmp_path / "P01" / "meta_data", "epic", "P01_999")).sensors == {}


def test_a_gopros_tables_are_read_singly_or_from_their_folder(tmp_path: Path) -> None:
    write_epic(tmp_path, script("P01_101", KITCHEN_STYLE))
    folder = tmp_path / "P01" / "meta_data"
    both = read_inertial(SensorFile(folder, "gopro"))
    assert sorted(both.sensors) == ["accelerometer", "gyroscope"]
    assert list(read_inertial(SensorFile(folder / "P01_101-gyro.csv", "gopro")).sensors) == ["gyroscope"]
    with pytest.raises(DataError, match=r"P01: holds no table \(\.csv\); put the recording's tables there"):
        read_inertial(SensorFile(tmp_path / "P01", "gopro"))


def test_wears_table_is_read(tmp_path: Path) -> None:
    limbs = ("right_arm", "right_leg", "left_leg", "left_arm")
    header = ["sbj_id", *(f"{limb}_acc_{axis}" for limb in limbs for axis in "xyz"), "label"]
    path = tmp_path / "sbj_0.csv"
    row = ["0", *["0.1", "0.9", "0.2"] * 4, "null"]
    path.write_text("".join(",".join(line) + "\n" for line in (header, row, row, row)))
    found = read_inertial(SensorFile(path, "wear"))
    assert list(found.sensors) == [f"{limb}_accelerometer" for limb in limbs]
    assert found.sensors["left_leg_accelerometer"].times_s.tolist() == [0.0, 0.02, 0.04]


def test_entries_of_an_archive_are_read_from_one_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = arrays(), {name: 2 * array for name, array in arrays().items() if name != "pre"}
    path = write(tmp_path, [one, other], ALL[:3])
    load = Mock(wraps=np.load)
    monkeypatch.setattr(np, "load", load)
    with SensorReader() as reader:
        found = [reader.inertial(SensorFile(path, "classyglass", str(index))) for index in (0, 1, 0)]
        with pytest.raises(DataError, match="has no recording 2, only 0 to 1"):
            reader.inertial(SensorFile(path, "classyglass", "2"))
    assert load.call_count == 1
    assert [list(one.sensors) for one in found][1] == ["accelerometer", "gyroscope", "magnetometer"]
    np.testing.assert_allclose(found[1].sensors["accelerometer"].values, 2 * found[0].sensors["accelerometer"].values)
    np.testing.assert_array_equal(found[2].sensors["gyroscope"].values, found[0].sensors["gyroscope"].values)


def test_the_sound_of_a_video_is_that_of_the_file(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mkv", melody_heard(2, 48_000), codec="flac", pictures_s=2.0)
    file = SensorFile(path, "av")
    expected, found = read_sound(path, 0.5, 1.5), read_sound_file(file, 0.5, 1.5)
    np.testing.assert_array_equal(found.samples, expected.samples)
    assert found.present == expected.present
    with SensorReader() as reader:
        assert reader.sound_info(file) == probe_sound(path)
        silent = SensorFile(write_video(tmp_path / "b.mp4", 10), "av")
        assert reader.sound_info(silent) is None
        assert reader.video_info(silent).num_frames == 10
    with pytest.raises(MediaError, match="holds no sound"):
        read_sound_file(silent)


@pytest.fixture(scope="module")
def vrs(assets: Path) -> Path:
    pytest.importorskip("pyvrs", reason='the vrs package is not installed; pip install "egoshift[aria]"')
    return assets / "aria" / "vrs"


@pytest.mark.parametrize("name", [GEN1, GEN2])
def test_an_aria_recordings_sound_is_one_channel_on_the_clock_of_its_pictures(vrs: Path, name: str) -> None:
    from egoshift.media.aria import AriaRecording

    file = SensorFile(vrs / name, "aria", "mic")
    with AriaRecording(file.path) as recording:
        waveforms = recording.sound()
    end_s = waveforms[-1].stop_s
    whole = read_sound_file(file)
    assert whole.sample_rate_hz == 16_000
    assert len(whole.samples) == pytest.approx(end_s * 16_000, abs=2)
    assert sum(stop - first for first, stop in whole.present) == pytest.approx(
        sum(one.stop_s - max(0.0, one.start_s) for one in waveforms) * 16_000, abs=2 * len(waveforms)
    )
    # At the sound's own rate the samples are the mean of the microphones, where the grid meets them within a step.
    longest = max(waveforms, key=lambda one: len(one.samples))
    rate_hz = longest.sample_rate_hz
    native = read_sound_file(file, sample_rate_hz=rate_hz)
    mean = longest.samples.mean(axis=1)
    first = round(longest.start_s * rate_hz)
    shown = slice(max(0, first), min(first + len(mean), len(native.samples)))
    np.testing.assert_allclose(native.samples[shown], mean[shown.start - first : shown.stop - first], atol=1e-5)
    one = read_sound_file(file, sample_rate_hz=rate_hz, channel=2)
    expected = longest.samples[shown.start - first : shown.stop - first, 2]
    np.testing.assert_allclose(one.samples[shown], expected, atol=1e-5)


@pytest.mark.parametrize("name", [GEN1, GEN2])
def test_a_stretch_of_an_aria_recordings_sound_is_that_of_the_whole(vrs: Path, name: str) -> None:
    file = SensorFile(vrs / name, "aria", "mic")
    whole = read_sound_file(file)
    stop_s = len(whole.samples) / 16_000
    start_s = round(stop_s / 3, 2)
    part = read_sound_file(file, start_s, start_s + 0.1)
    begin = round(start_s * 16_000)
    # Opus goes on from what was before, of which a stretch has the second before it.
    np.testing.assert_allclose(part.samples, whole.samples[begin : begin + 1600], atol=1e-3)
    assert sum(len(block.samples) for block in sound_pass(file, 0.0, 0.25).blocks()) <= 4000
    longer = read_sound_file(file, 0.0, stop_s + 1)
    np.testing.assert_allclose(longer.samples[: len(whole.samples)], whole.samples, atol=1e-5)
    assert longer.present[-1][1] == len(whole.samples), "after the end it is absent"


@pytest.mark.parametrize("name", [GEN1, GEN2])
def test_it_matters_not_how_much_of_an_aria_recording_is_read_at_once(
    vrs: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SensorFile(vrs / name, "aria", "mic")
    whole = read_sound_file(file)
    monkeypatch.setattr(track, "PIECE_S", 0.07)
    parts = read_sound_file(file)
    assert parts.present == whole.present
    np.testing.assert_allclose(parts.samples, whole.samples, atol=1e-3)


def test_what_an_aria_recording_is(vrs: Path) -> None:
    with SensorReader() as reader:
        for name, size, codec in ((GEN1, (1408, 1408), "pcm"), (GEN2, (1512, 2016), "opus")):
            path = vrs / name
            sound, video = (
                reader.sound_info(SensorFile(path, "aria", "mic")),
                reader.video_info(SensorFile(path, "aria", "camera-rgb")),
            )
            assert (video.height, video.width) == size
            assert sound is not None
            assert sound.codec == codec
            assert sound.stop_s - sound.start_s == pytest.approx(video.duration_s, abs=1.5)
            left = reader.inertial(SensorFile(path, "aria", "imu-left"))
            assert list(left.sensors) == ["accelerometer", "gyroscope"]
            assert len(list(reader.spaced_frames(SensorFile(path, "aria", "camera-rgb"), video, 0.5))) >= 1
        assert reader.sound_info(SensorFile(vrs / "video.vrs", "aria", "mic")) is None
