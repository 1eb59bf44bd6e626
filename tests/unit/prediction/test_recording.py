"""What a recording has, in its file and beside it, and what cannot be one."""

import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from egoshift.errors import ConfigError, DataError, EgoshiftError, MediaError
from egoshift.media.hands import FULL_FRAME
from egoshift.prediction.recording import hands_of, open_recording
from tests.fixtures.multimodal import write_inertial
from tests.fixtures.sounds import melody_heard, write_sound
from tests.fixtures.videos import index_frame, write_frames, write_video


def write_imu(path: Path, duration_s: float = 2.0) -> Path:
    return write_inertial(path, lambda times: np.zeros((len(times), 6)), (np.arange(duration_s * 50) / 50).tolist())


def write_hdr(path: Path) -> Path:
    """Ten bits, BT.2020 primaries, the PQ transfer curve."""
    with av.open(str(path), "w") as container:
        quiet = "log-level=none:pools=none:frame-threads=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
        stream = container.add_stream("libx265", rate=10, options={"x265-params": quiet, "preset": "ultrafast"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p10le"
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(index_frame(index), format="rgb24").reformat(format="yuv420p10le")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_sound_in_the_file_is_found(tmp_path: Path):
    path = write_video(tmp_path / "walk.mp4", 20, 10, audio=True)
    write_sound(tmp_path / "walk.wav", melody_heard(1.0, 16_000), 16_000)
    found = open_recording(path)
    assert {name: file.path for name, file in found.sensors.items()} == {"video": path, "audio": path}
    assert found.duration_s == pytest.approx(2.0), "of the pictures, though the sound goes on"
    assert found.missing == {"imu": "no table of readings walk.imu.csv beside the file"}


def test_what_lies_beside_is_found(tmp_path: Path):
    path = write_video(tmp_path / "walk.mp4", 20, 10)
    sound = write_sound(tmp_path / "walk.wav", melody_heard(1.0, 16_000), 16_000)
    imu = write_imu(tmp_path / "walk.imu.csv")
    write_imu(tmp_path / "other.imu.csv")
    found = open_recording(path, imu_layout="wear")
    assert {name: file.path for name, file in found.sensors.items()} == {"video": path, "audio": sound, "imu": imu}
    assert found.sensors["imu"].layout == "wear"
    assert found.missing == {}


def test_files_that_lie_elsewhere_come_before_those_that_are_found(tmp_path: Path):
    path = write_video(tmp_path / "walk.mp4", 20, 10, audio=True)
    write_imu(tmp_path / "walk.imu.csv")
    sound = write_sound(tmp_path / "microphone.wav", melody_heard(1.0, 16_000), 16_000)
    imu = write_imu(tmp_path / "elsewhere.csv")
    found = open_recording(path, {"audio": sound, "imu": imu})
    assert (found.sensors["audio"].path, found.sensors["imu"].path) == (sound, imu)


def test_switched_off_is_as_if_it_were_not_there(tmp_path: Path):
    path = write_video(tmp_path / "walk.mp4", 20, 10, audio=True)
    found = open_recording(path, without=["video"])
    assert set(found.sensors) == {"audio"}
    assert found.missing["video"] == "switched off"
    assert found.duration_s == pytest.approx(2.0)
    with pytest.raises(ConfigError, match="all sensors that it has are switched off"):
        open_recording(path, without=["video", "audio"])


@pytest.mark.parametrize("given", [{"beside": {"gaze": Path("x")}}, {"without": ["sound"]}])
def test_a_sensor_that_is_none_is_refused(tmp_path: Path, given: dict[str, Any]):
    path = write_video(tmp_path / "walk.mp4", 20, 10)
    with pytest.raises(ConfigError, match="is unknown; name video, audio or imu"):
        open_recording(path, **given)


def test_a_sensor_file_that_is_not_there_is_named(tmp_path: Path):
    path = write_video(tmp_path / "walk.mp4", 20, 10)
    with pytest.raises(MediaError, match=r"elsewhere\.csv: no such file for imu; correct the path"):
        open_recording(path, {"imu": tmp_path / "elsewhere.csv"})


@pytest.mark.parametrize("name", ["walk.wav", "walk.MKA", "walk.mp4"])
def test_a_recording_may_be_sound_alone(tmp_path: Path, name: str):
    path = write_sound(
        tmp_path / name, melody_heard(3.0, 16_000), 16_000, codec="aac" if "mp4" in name else "pcm_s16le"
    )
    assert open_recording(path).missing["imu"] == "no table of readings walk.imu.csv beside the file"
    imu = write_imu(tmp_path / "walk.imu.csv")
    found = open_recording(path)
    assert {name: file.path for name, file in found.sensors.items()} == {"audio": path, "imu": imu}
    assert found.info is None
    assert found.duration_s == pytest.approx(3.0, abs=0.1)
    assert found.missing["video"].startswith("holds no ")


def write_nothing_heard(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    return path


def test_what_lasts_no_time_is_refused_in_one_line(tmp_path: Path):
    with pytest.raises(MediaError) as error:
        open_recording(write_nothing_heard(tmp_path / "nothing.wav"))
    assert "\n" not in str(error.value)
    assert "nothing.wav" in str(error.value)
    path = tmp_path / "empty.mp4"
    path.write_bytes(b"")
    with pytest.raises(MediaError, match=r"empty\.mp4"):
        open_recording(path)


def test_a_single_frame_is_a_short_recording(tmp_path: Path):
    assert 0 < open_recording(write_video(tmp_path / "one.mp4", 1, 10)).duration_s <= 0.2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no such video"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_text("not a video"), "is not a video that FFmpeg knows"),
    ],
    ids=["missing", "empty", "text"],
)
def test_what_is_no_recording_is_named_in_one_line(tmp_path: Path, make, message: str):
    path = tmp_path / "walk.mp4"
    make(path)
    with pytest.raises(EgoshiftError) as error:
        open_recording(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert message in text
    assert "; " in text, "a remedy follows"
    assert "\n" not in text


def test_a_picture_is_no_recording(tmp_path: Path):
    from PIL import Image

    path = tmp_path / "walk.png"
    Image.fromarray(index_frame(3)).save(path)
    with pytest.raises(MediaError, match="single picture"):
        open_recording(path)


def test_hours_are_possible_and_days_are_not(tmp_path: Path):
    long = write_video(tmp_path / "long.mkv", 3, times_s=[0, 1, 6 * 3600.0])
    assert open_recording(long).duration_s == pytest.approx(6 * 3600, rel=1e-3)
    longer = write_video(tmp_path / "longer.mkv", 3, times_s=[0, 1, 30 * 3600.0])
    with pytest.raises(MediaError, match=r"longer\.mkv: is 30\.0 hours long.*its header is wrong"):
        open_recording(longer)


def test_portrait_is_measured_as_shown(tmp_path: Path):
    found = open_recording(write_video(tmp_path / "portrait.mp4", 10, 10, rotation=90))
    assert found.info is not None
    assert (found.info.width, found.info.height, found.info.rotation_deg) == (96, 64, 90)
    tall = write_video(tmp_path / "tall.mp4", [index_frame(k, (64, 96)) for k in range(10)], 10)
    info = open_recording(tall).info
    assert info is not None
    assert (info.width, info.height) == (64, 96)


def test_many_frames_a_second_and_many_bits_a_pixel_are_read(tmp_path: Path):
    fast = open_recording(write_video(tmp_path / "fast.mp4", 240, 240))
    assert fast.info is not None
    assert fast.info.rate_hz == pytest.approx(240)
    assert fast.duration_s == pytest.approx(1.0)
    deep = open_recording(write_hdr(tmp_path / "hdr.mp4"))
    assert deep.info is not None
    assert deep.info.codec == "hevc"
    assert deep.duration_s == pytest.approx(1.0)


def test_frames_have_their_sensors_beside_the_folder(tmp_path: Path):
    folder = write_frames(tmp_path / "walk", range(1, 21))
    imu = write_imu(tmp_path / "walk.imu.csv")
    found = open_recording(folder, frame_rate_hz=10)
    assert {name: file.path for name, file in found.sensors.items()} == {"video": folder, "imu": imu}
    assert found.duration_s == pytest.approx(2.0)


BOXES = "video,time_s,left,top,right,bottom\n{0},0.0,0.1,0.2,0.5,0.6\n{0},1.9,0.1,0.2,0.5,0.6\n"


def located(recording, path: Path | None = None, format: str | None = None) -> tuple[list[list[float]], bool]:
    hands, known = hands_of(recording, path, format)
    times_s = np.array([0.0, 1.9])
    frames = [index_frame(0), index_frame(1)]
    return hands.locate("0000000000", times_s, frames, recording.info).boxes.tolist(), known


def test_hands_beside_the_recording_are_found_whatever_piece_is_asked_for(tmp_path: Path):
    recording = open_recording(write_video(tmp_path / "walk.mp4", 20, 10))
    assert located(recording) == ([list(FULL_FRAME)] * 2, False)
    (tmp_path / "walk.hands.csv").write_text(BOXES.format("walk"))
    boxes, known = located(recording)
    assert known
    np.testing.assert_allclose(boxes, [[0.1, 0.2, 0.5, 0.6]] * 2, atol=1e-6)


def test_hands_of_another_recording_are_refused(tmp_path: Path):
    recording = open_recording(write_video(tmp_path / "walk.mp4", 20, 10))
    path = tmp_path / "boxes.csv"
    path.write_text(BOXES.format("run"))
    with pytest.raises(DataError, match=r"boxes\.csv.*walk"):
        located(recording, path)
    path.write_text("left,top\n1,2\n")
    with pytest.raises(EgoshiftError, match=r"boxes\.csv"):
        located(recording, path)
    with pytest.raises(MediaError, match="no such file or folder of hand detections"):
        located(recording, tmp_path / "nowhere.csv")
    with pytest.raises(ConfigError, match="no hand detections of format 'hoa'"):
        located(recording, path, "hoa")


def test_without_hands_the_whole_frame_is_told(tmp_path: Path):
    recording = open_recording(write_video(tmp_path / "walk.mp4", 20, 10))
    hands, _ = hands_of(recording, None, None)
    assert hands.description == {"kind": "whole frame"}
    assert hands.faults(["0000000000"]) == ()
