"""One recording: how long it is, which sensors it has in its file and beside it, and where its hands were seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from egoshift.errors import ConfigError, DataError, Fault, MediaError
from egoshift.media import (
    AbstractHandLocator,
    HandBoxes,
    SensorReader,
    VideoInfo,
    open_hand_locator,
    probe,
    probe_sound,
)
from egoshift.media.hands import FULL_FRAME
from egoshift.records import SensorFile, SensorLayout

SOUND_SUFFIXES = (".wav", ".flac", ".m4a", ".mp3", ".ogg")
"""What sound beside a recording may be called: ``walk.wav`` beside ``walk.mp4``."""

IMU_SUFFIX, HANDS_SUFFIX = ".imu.csv", ".hands.csv"
"""What an IMU's table and a table of hand boxes beside a recording are called: ``walk.imu.csv`` beside ``walk.mp4``."""

LONGEST_S = 24 * 3600.0


@dataclass(frozen=True)
class Recording:
    """A recording and what it has.

    Attributes:
        path: The file, or folder of numbered frames.
        duration_s: From the first frame shown to the end of the last; without pictures, of the sound or the readings.
        info: Its pictures; None where it has none.
        sensors: By sensor (``"video"``, ``"audio"``, ``"imu"``), where it lies.
        frame_rate_hz: Of a folder of numbered frames.
        missing: Why there is no such sensor, by sensor; those that were not looked for are absent.
    """

    path: Path
    duration_s: float
    info: VideoInfo | None
    sensors: Mapping[str, SensorFile]
    frame_rate_hz: float | None
    missing: Mapping[str, str]


def open_recording(
    path: Path,
    beside: Mapping[str, Path] | None = None,
    without: Sequence[str] = (),
    *,
    imu_layout: SensorLayout = "ego4d",
    frame_rate_hz: float | None = None,
) -> Recording:
    """A recording with its sensors: pictures and sound of its file, and what lies beside it.

    Args:
        path: A video or sound file, or a folder of numbered frames.
        beside: Files of sensors that lie elsewhere, by sensor; by default those named after the recording.
        without: Sensors to do as if they were not there.
        imu_layout: How the table of the IMU is laid out.
        frame_rate_hz: Of a folder of numbered frames.

    Raises:
        MediaError: There is no such file, or it has neither pictures nor sound.
        ConfigError: A sensor has no such name, or there is nothing to recognise something in.
    """
    beside = dict(beside or {})
    for name in (*beside, *without):
        if name not in ("video", "audio", "imu"):
            raise ConfigError(f"sensor {name!r} is unknown; name video, audio or imu")
    for name, file in beside.items():
        if not file.exists():
            raise MediaError(
                Fault("missing-file", file, f"no such file for {name}", "correct the path, or leave it out")
            )
    info, why = _pictures(path, frame_rate_hz)
    sensors: dict[str, SensorFile] = {} if info is None else {"video": SensorFile(path, "av")}
    sound = beside.get("audio") or _sound_of(path)
    if sound is not None:
        sensors["audio"] = SensorFile(sound, "av")
    imu = beside.get("imu") or _beside(path, IMU_SUFFIX)
    if imu is not None:
        sensors["imu"] = SensorFile(imu, imu_layout)
    if not sensors and why is not None:
        raise why
    missing = {
        "video": "" if why is None else why.fault.message,
        "audio": "no sound in the file or beside it",
        "imu": f"no table of readings {recording_id(path)}{IMU_SUFFIX} beside the file",
    }
    missing |= dict.fromkeys(without, "switched off")
    sensors = {name: file for name, file in sensors.items() if name not in without}
    if not sensors:
        raise ConfigError(f"{path}: all sensors that it has are switched off; leave one on")
    duration_s = info.duration_s if info is not None else _length(sensors)
    if duration_s <= 0:
        raise MediaError(Fault("empty-video", path, "is 0 s long", "give a recording with something in it"))
    if duration_s > LONGEST_S:
        message = f"is {duration_s / 3600:.1f} hours long, which no camera records in one go"
        raise MediaError(Fault("too-long", path, message, "its header is wrong: write it anew, or cut it"))
    absent = {name: reason for name, reason in missing.items() if name not in sensors}
    return Recording(path, duration_s, info, sensors, frame_rate_hz, absent)


def _pictures(path: Path, frame_rate_hz: float | None) -> tuple[VideoInfo | None, MediaError | None]:
    if path.suffix.lower() in SOUND_SUFFIXES and path.is_file():
        return None, MediaError(Fault("no-video", path, "holds no pictures", "give a video"))
    try:
        return probe(path, frame_rate_hz), None
    except MediaError as error:
        if error.fault.kind in ("missing-file", "missing-video", "unreadable-file") or not path.exists():
            raise
        return None, error


def _sound_of(path: Path) -> Path | None:
    """The recording itself where it has sound; else a sound file of its name."""
    if path.is_file():
        try:
            if probe_sound(path) is not None:
                return path
        except MediaError:
            return None  # its pictures may be sound; that the sound is not is told when it is missing
    return next((found for suffix in SOUND_SUFFIXES if (found := _beside(path, suffix)) is not None), None)


def recording_id(path: Path) -> str:
    """A file's name without its suffix, whichever that is; the name of a folder of frames."""
    return path.name if path.is_dir() else path.stem


def _beside(path: Path, suffix: str) -> Path | None:
    found = path.parent / f"{recording_id(path)}{suffix}"
    return found if found.is_file() and found != path else None


def _length(sensors: Mapping[str, SensorFile]) -> float:
    """How long a recording without pictures is."""
    ends = []
    if "audio" in sensors:
        sound = probe_sound(sensors["audio"].path)
        ends.append(0.0 if sound is None else sound.stop_s)
    if "imu" in sensors:
        with SensorReader() as reader:
            readings = reader.inertial(sensors["imu"]).sensors
        ends += [float(samples.times_s[-1]) for samples in readings.values() if len(samples.times_s)]
    return max(ends, default=0.0)


class HandsOf(AbstractHandLocator):
    """The hands of one recording, whatever part of it is asked for; without detections, the whole frame.

    Args:
        recording: Which.
        locator: Where its hands are; none shows whole frames, as where no hand is seen.
    """

    def __init__(self, recording: Path, locator: AbstractHandLocator | None):
        self._id, self._locator = recording_id(recording), locator

    @property
    def description(self) -> dict[str, object]:
        """See ``AbstractHandLocator.description``."""
        return {"kind": "whole frame"} if self._locator is None else self._locator.description

    def locate(
        self,
        video_id: str,
        times_s: Float[np.ndarray, " times"],
        frames: Sequence[UInt8[np.ndarray, "_ _ 3"]],
        info: VideoInfo,
    ) -> HandBoxes:
        """See ``AbstractHandLocator.locate``; ``video_id`` has no meaning."""
        if self._locator is None:
            boxes = np.tile(np.array(FULL_FRAME, np.float32), (len(times_s), 1))
            return HandBoxes(boxes, np.zeros(len(times_s), np.uint8))
        return self._locator.locate(self._id, times_s, frames, info)

    def faults(self, video_ids: Sequence[str]) -> tuple[Fault, ...]:
        """See ``AbstractHandLocator.faults``."""
        if self._locator is None:
            return ()
        return self._locator.faults([self._id] if video_ids else ())

    def fingerprint(self, video_id: str) -> str:
        """See ``AbstractHandLocator.fingerprint``; ``video_id`` has no meaning."""
        return "" if self._locator is None else self._locator.fingerprint(self._id)


def hands_of(recording: Recording, path: Path | None, format: str | None) -> tuple[HandsOf, bool]:
    """The hands of a recording, and whether anything is known of them.

    Args:
        recording: Which.
        path: Detections, or a palm detector's model; by default a table of boxes beside the recording.
        format: How they are laid out; by default ``palm`` for an ONNX model, else ``boxes``.

    Raises:
        DataError: They say nothing of this recording.
        MediaError: They cannot be read.
    """
    path = path or _beside(recording.path, HANDS_SUFFIX)
    if path is None:
        return HandsOf(recording.path, None), False
    locator = open_hand_locator(
        format or ("palm" if path.suffix.lower() == ".onnx" else "boxes"), path, frame_rate_hz=recording.frame_rate_hz
    )
    hands = HandsOf(recording.path, locator)
    if faults := hands.faults([""]):
        raise DataError(faults)
    return hands, True


__all__ = ["HandsOf", "Recording", "hands_of", "open_recording", "recording_id"]
