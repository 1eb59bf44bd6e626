"""What any sensor recorded, whatever file it lies in: one way to read for every layout of a ``SensorFile``.

Times are seconds of the recording: from the first frame shown, or from the start of the recording where it has none.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from egoshift.errors import Fault
from egoshift.media.aria import LABELS, AriaLabel, AriaRecording
from egoshift.media.aria.apart import RecordingApart, open_recording, open_track
from egoshift.media.container import media_error
from egoshift.media.inertial import GlassesArchive, Recording, Samples
from egoshift.media.inertial.apart import LAYOUTS, read_tables
from egoshift.media.motion import RATE_HZ, Frame, spaced_frames
from egoshift.media.sound import Sound, SoundInfo, gathered, probe_sound
from egoshift.media.soundpass import SoundPass
from egoshift.media.video import VideoInfo, probe
from egoshift.records import SensorFile

EDGE_S = 0.5
"""So much before its start a cut recording keeps of the longer one's readings: the low-pass of the grid needs some."""

_DEFECTS = {
    "invalid": ("that the device marks as not valid", "left out"),
    "backwards": ("whose stamp is not after all before it", "left out"),
}


class SensorReader:
    """Reads the files of sensors; use it in a ``with`` statement, or close it. For one thread.

    An archive of many recordings is opened once, and so is an Aria recording whose sensors are asked for one after the
    other.
    """

    def __init__(self) -> None:
        self._archives: dict[Path, GlassesArchive] = {}
        self._aria: AriaRecording | RecordingApart | None = None
        self._open = ExitStack()

    def __enter__(self) -> "SensorReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes what is open."""
        self._open.close()
        self._archives.clear()
        if self._aria is not None:
            self._aria.close()
            self._aria = None

    def inertial(self, file: SensorFile) -> Recording:
        """The readings of a body-worn sensor, in SI units and in order of time, and what was wrong with the file.

        A file may hold more than one sensor: an IMU has ``accelerometer`` and ``gyroscope``, an entry of ClassyGlass
        all of its four, WEAR an accelerometer on each limb.

        Args:
            file: Of the layout ``ego4d``, ``epic``, ``gopro``, ``wear``, ``aria`` (of which ``part`` is the IMU) or
                ``classyglass``.

        Raises:
            DataError: A table or an archive cannot be read.
            MediaError: An Aria recording cannot be read, or its IMU recorded nothing.
            ConfigError: It is an Aria recording, and the ``vrs`` package is not installed.
        """
        assert file.layout != "av", "a video has no inertial readings"
        if file.layout in LAYOUTS:
            recording = read_tables(file)
        elif file.layout == "aria":
            recording = _with_faults(file.path, self._recording(file.path).inertial(_label(file)))
        else:
            recording = self._archive(file.path).recording(int(file.part))
        return _cut(recording, file.begin_s) if file.begin_s else recording

    def sound_info(self, file: SensorFile) -> SoundInfo | None:
        """What the sound of a file of the layout ``av`` or ``aria`` is; None where it holds none.

        Raises:
            MediaError: The file cannot be read.
            ConfigError: It is an Aria recording, and the ``vrs`` package is not installed.
        """
        assert file.layout in ("av", "aria"), "sound is in a video, a sound file or an Aria recording"
        if file.layout == "av":
            return probe_sound(file.path)
        recording = self._recording(file.path)
        if "mic" not in recording.spans:
            return None
        start_s, last_s = recording.seconds(np.array([recording.spans["mic"].start_ns, recording.spans["mic"].stop_ns]))
        rate_hz = round(recording.rates_hz["mic"])
        stop_s = float(last_s) + 1 / rate_hz
        codec = "pcm" if recording.generation == 1 else "opus"
        return SoundInfo(file.path, float(start_s), stop_s, rate_hz, recording.num_microphones, 1, codec)

    def video_info(self, file: SensorFile, frame_rate_hz: float | None = None) -> VideoInfo:
        """What the pictures of a file of the layout ``av`` or ``aria`` are.

        Args:
            file: Which.
            frame_rate_hz: Frames per second of a folder of frames.

        Raises:
            MediaError: The file cannot be read, or holds no pictures.
            ConfigError: It is an Aria recording, and the ``vrs`` package is not installed.
        """
        assert file.layout in ("av", "aria"), "pictures are in a video, a folder of frames or an Aria recording"
        if file.layout == "av":
            return probe(file.path, frame_rate_hz)
        recording = self._recording(file.path)
        picture = next((picture for _, picture in recording.pictures()), None)
        if picture is None:
            raise media_error("no-sensor", file.path, "has no picture that can be decoded", "leave the video out")
        rate_hz, span = recording.rates_hz["camera-rgb"], recording.spans["camera-rgb"]
        height, width = picture.shape[:2]
        codec, turned = ("mjpeg", 90) if recording.generation == 1 else ("hevc", 0)
        return VideoInfo(file.path, span.duration_s + 1 / rate_hz, width, height, rate_hz, None, turned, codec)

    def spaced_frames(self, file: SensorFile, info: VideoInfo, stop_s: float) -> Iterator[tuple[float, Frame]]:
        """About ten pictures a second of the first ``stop_s`` seconds, each with its time, for ``motion_energy``.

        Args:
            file: Of the layout ``av`` or ``aria``.
            info: What ``video_info`` says of it.
            stop_s: Until when.

        Raises:
            MediaError: A picture cannot be decoded.
        """
        if file.layout == "av":
            return spaced_frames(info, stop_s)
        pictures = self._recording(file.path).pictures(0.0, stop_s)
        return islice(pictures, 0, None, max(1, round(info.rate_hz / RATE_HZ)))

    def _archive(self, path: Path) -> GlassesArchive:
        if path not in self._archives:
            self._archives[path] = self._open.enter_context(GlassesArchive(path))
        return self._archives[path]

    def _recording(self, path: Path) -> AriaRecording | RecordingApart:
        if self._aria is None or self._aria.path != path:
            if self._aria is not None:
                self._aria.close()
                self._aria = None
            self._aria = open_recording(path)
        return self._aria


def read_inertial(file: SensorFile) -> Recording:
    """What ``SensorReader.inertial`` reads, for one file."""
    with SensorReader() as reader:
        return reader.inertial(file)


def sound_pass(
    file: SensorFile,
    start_s: float = 0.0,
    stop_s: float | None = None,
    *,
    sample_rate_hz: int = 16_000,
    channel: int | None = None,
) -> SoundPass:
    """The sound of a ``SensorFile`` a little at a time, as one channel on the clock of its pictures; see ``SoundPass``.

    Args:
        file: Of the layout ``av``, or ``aria``, whose channels are the microphones.
        start_s: Where to begin.
        stop_s: Where to end; None for the end of the sound.
        sample_rate_hz: Samples a second to give.
        channel: Which channel to take; None for the mean of all.

    Raises:
        MediaError: The times are none.
    """
    assert file.layout in ("av", "aria"), "sound is in a video, a sound file or an Aria recording"
    opened = open_track if file.layout == "aria" else None
    return SoundPass(file.path, start_s, stop_s, sample_rate_hz=sample_rate_hz, channel=channel, opened=opened)


def read_sound_file(
    file: SensorFile,
    start_s: float = 0.0,
    stop_s: float | None = None,
    *,
    sample_rate_hz: int = 16_000,
    channel: int | None = None,
) -> Sound:
    """A stretch of what ``sound_pass`` gives, in memory; arguments and errors are those of ``read_sound``."""
    reading = sound_pass(file, start_s, stop_s, sample_rate_hz=sample_rate_hz, channel=channel)
    return gathered(reading)


def _label(file: SensorFile) -> AriaLabel:
    for label in LABELS:
        if label == file.part:
            return label
    raise AssertionError(f"{file.part!r} is no part of an Aria recording")


def _with_faults(path: Path, sensors: Mapping[str, Samples]) -> Recording:
    """The counts of what was left out as faults, as readers of tables give them."""
    faults = [
        Fault(kind, path, f"{name}: {count} readings {_DEFECTS[kind][0]}", _DEFECTS[kind][1])
        for name, samples in sensors.items()
        for kind, count in samples.defects.items()
    ]
    return Recording(sensors, tuple(faults))


def _cut(recording: Recording, begin_s: float) -> Recording:
    """The readings from ``begin_s`` on, which becomes 0; a sensor without readings there is absent."""
    sensors = {}
    for name, samples in recording.sensors.items():
        times_s = samples.times_s - begin_s
        kept = times_s >= -EDGE_S
        if kept.any():
            sensors[name] = replace(samples, times_s=times_s[kept], values=samples.values[kept])
    return Recording(sensors, recording.faults)
