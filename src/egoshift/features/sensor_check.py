"""What the sensors of a data set really recorded: how much of the clips, at what rates, with which gaps and oddities.

What costs readings or a whole sensor is a fault. What is odd, but used as it is, is a warning: a unit that is probably
another, a channel that never changes, sound that does not last as long as the pictures.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from egoshift.errors import ConfigError, DataError, Fault, MediaError
from egoshift.features.sensor_readings import Found, SensorReadings, summary
from egoshift.media import SensorReader, SoundInfo, VideoInfo, motion_energy
from egoshift.media.inertial import (
    Desync,
    Finding,
    Recording,
    Samples,
    desync_finding,
    estimate_desync,
    examine,
    present_spans,
)
from egoshift.records import Dataset, SensorFile

LENGTH_TOLERANCE_S = 0.25
"""Sound may begin later, or end elsewhere, than the pictures by so much: more than any coding fills up."""

DESYNC_S = 300.0
"""So much of a recording is decoded to compare its pictures with its gyroscope."""

LEAST_CORRELATION, LEAST_CONFIDENCE = 0.55, 0.25
"""Below these, it cannot be told how far pictures and gyroscope are apart. Of 53 videos of EgoWorld whose clocks agree
(23 of 10 s, 30 of 28 to 48 s), the 43 above them are within 0.1 s; the six found wrong reach 0.46 and 0.18."""

_EDGE_S = 0.5


class SensorCheck:
    """Reads the sensors of a data set, one recording after the other.

    Args:
        dataset: With its sensors.
        infos: The header of each video that can be used.
        unusable: The other videos, whose faults are known.
        desync: Whether to compare pictures and gyroscope, for which the video is decoded.

    Attributes:
        infos: The headers, and those of recordings that FFmpeg does not read.
        usable: The sensors that can be used, by recording, other than a video that FFmpeg reads.
        faults: Everything that is left out, and why.
        warnings: What is odd, but used.
    """

    def __init__(
        self, dataset: Dataset, infos: Mapping[str, VideoInfo], unusable: Iterable[str], *, desync: bool = False
    ):
        self._dataset, self._unusable, self._desync = dataset, frozenset(unusable), desync
        self.infos = dict(infos)
        self.usable: dict[str, set[str]] = defaultdict(set)
        self._faults: dict[Fault, None] = {}  # a file of several sensors is at fault once
        self._warnings: dict[Fault, None] = {}
        self._found: dict[str, list[Found]] = {}
        self._ends_s = dict(dataset.clips.group_by("video_id").agg(pl.col("stop_s").max()).iter_rows())
        self._last: tuple[SensorFile, Recording] | None = None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Everything that is left out, and why."""
        return tuple(self._faults)

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What is odd, but used."""
        return tuple(self._warnings)

    def read(self, tick: Callable[[], None]) -> None:
        """Reads everything; ``tick`` is called after each recording."""
        with SensorReader() as reader:
            for video in sorted(self._ends_s):
                for name, file in self._dataset.sensors.get(video, {}).items():
                    try:
                        self._read(reader, video, name, file)
                    except DataError as error:
                        self._faults |= dict.fromkeys(error.faults)
                    except MediaError as error:
                        # A video that does not open was named once; its sound is lost with it.
                        if video not in self._unusable or file.path != self._dataset.videos.get(video):
                            self._faults[error.fault] = None
                    except ConfigError as error:  # a package is not installed; other recordings need it not
                        message, _, remedy = str(error).partition("; ")
                        self._faults[Fault("missing-package", file.path, message, remedy)] = None
                tick()

    def readings(self) -> tuple[SensorReadings, ...]:
        """What was read, by sensor."""
        return tuple(summary(name, found, self._dataset.clips) for name, found in self._found.items())

    def _read(self, reader: SensorReader, video: str, name: str, file: SensorFile) -> None:
        if name == "video":
            if video in self._unusable:
                return
            if video not in self.infos:
                self.infos[video] = reader.video_info(file, self._dataset.frame_rates_hz.get(video))
            info = self.infos[video]
            self._add(name, Found(video, [(0.0, info.duration_s)], info.rate_hz))
            if video not in self._dataset.videos:
                self.usable[video].add(name)
        elif file.layout == "av" or name == "audio":
            self._add_sound(video, name, file, reader.sound_info(file))
        else:
            self._add_inertial(reader, video, name, file)

    def _add(self, name: str, found: Found) -> None:
        self._found.setdefault(name, []).append(found)

    def _add_sound(self, video: str, name: str, file: SensorFile, sound: SoundInfo | None) -> None:
        if sound is None:
            fault = Fault("no-sound", file.path, "holds no sound", "the sensor counts as absent; give the right file")
            self._faults[fault] = None
            return
        odd = [] if video not in self.infos else _odd_lengths(name, file.path, sound, self.infos[video].duration_s)
        self._warnings |= dict.fromkeys(odd)
        span = (sound.start_s, sound.stop_s)
        kinds = tuple(fault.kind for fault in odd)
        self._add(name, Found(video, [span], sound.sample_rate_hz, sound.num_channels, odd=kinds))
        self.usable[video].add(name)

    def _add_inertial(self, reader: SensorReader, video: str, name: str, file: SensorFile) -> None:
        if self._last is None or self._last[0] != file:
            self._last = file, reader.inertial(file)
        recording = self._last[1]
        # That an archive lacks an array is told where its recordings are listed.
        left_out = [fault for fault in recording.faults if fault.kind != "missing-array"]
        if file.layout == "classyglass":
            left_out = [_told_of(video, fault) for fault in left_out]
        self._faults |= dict.fromkeys(left_out)
        duration_s = self.infos[video].duration_s if video in self.infos else self._ends_s[video]
        for part, samples in recording.sensors.items():
            if file.layout == "classyglass" and part != name:
                continue
            within = _before(samples, duration_s) if file.begin_s else samples
            if within is not None:
                desync = self._desync_of(reader, video, within) if part == "gyroscope" and self._desync else None
                self._add_samples(video, name, file, within, duration_s, desync)

    def _add_samples(
        self, video: str, name: str, file: SensorFile, samples: Samples, duration_s: float, desync: Desync | None
    ) -> None:
        report = examine(samples, duration_s)
        if report.num_readings == 1:
            remedy = "the sensor counts as absent; replace the file if it was on"
            self._faults |= {replace(_fault(one, video, file), remedy=remedy): None for one in report.findings}
            return
        apart = desync_finding(samples, desync)
        findings = [*report.findings, *([] if apart is None else [apart])]
        self._warnings |= {_fault(one, video, file): None for one in findings}
        found = Found(
            video,
            present_spans(samples),
            report.rate_hz,
            gaps=(report.num_gaps, report.longest_gap_s),
            odd=tuple(one.kind for one in findings),
            desync=desync,
        )
        self._add(name if samples.name == name else f"{name} {samples.name}", found)
        self.usable[video].add(name)

    def _desync_of(self, reader: SensorReader, video: str, gyroscope: Samples) -> Desync | None:
        file = self._dataset.sensors[video].get("video")
        if file is None or video not in self.infos:
            return None
        try:
            times_s, motion = motion_energy(reader.spaced_frames(file, self.infos[video], DESYNC_S))
        except MediaError as error:  # pictures that cannot be decoded say nothing of the gyroscope
            self._faults[error.fault] = None
            return None
        found = estimate_desync(gyroscope.times_s, gyroscope.values, times_s, motion)
        is_sure = found and found.correlation >= LEAST_CORRELATION and found.confidence >= LEAST_CONFIDENCE
        return found if is_sure else None


def _fault(finding: Finding, video: str, file: SensorFile) -> Fault:
    """A finding, with the recording that it is about where the file is about more than one."""
    path = file.files[finding.sensor == "gyroscope"] if file.layout == "epic" else file.path
    fault = finding.fault(path)
    return _told_of(video, fault) if file.layout == "classyglass" or file.begin_s else fault


def _told_of(video: str, fault: Fault) -> Fault:
    return replace(fault, message=f"{video}: {fault.message}")


def _odd_lengths(name: str, path: Path, sound: SoundInfo, duration_s: float) -> list[Fault]:
    """A warning where sound and pictures do not begin, or do not end, together."""
    found = []
    if sound.start_s > LENGTH_TOLERANCE_S:
        message = f"{name}: begins at {sound.start_s:.3f} s of the video"
        found.append(Fault("starts-late", path, message, "clips before that do without it"))
    apart_s = sound.stop_s - duration_s
    if abs(apart_s) > LENGTH_TOLERANCE_S:
        message = f"{name}: ends at {sound.stop_s:.3f} s, the video at {duration_s:.3f} s"
        remedy = "what goes beyond the video is not used" if apart_s > 0 else "clips after that do without it"
        remedy += "; check that they belong together"
        found.append(Fault("ends-late" if apart_s > 0 else "ends-early", path, message, remedy))
    return found


def _before(samples: Samples, stop_s: float) -> Samples | None:
    """The readings of a recording that was cut from a longer one; none where there are none."""
    kept = samples.times_s <= stop_s + _EDGE_S
    return replace(samples, times_s=samples.times_s[kept], values=samples.values[kept]) if kept.any() else None
