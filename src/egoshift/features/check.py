"""The data check: every fault of a data set and its media, found together before hours are spent."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from egoshift.datasets import DataCard, SensorCoverage, load_dataset, sensor_coverage
from egoshift.errors import DataError, Fault, MediaError
from egoshift.features.coverage import past_the_end
from egoshift.features.sensor_check import SensorCheck
from egoshift.features.sensor_readings import SensorReadings
from egoshift.media import AbstractHandLocator, VideoInfo, open_hand_locator, probe
from egoshift.records import CLIP_SCHEMA, Dataset

_HEADERS_AT_ONCE = 8
_NO_CLIPS = pl.DataFrame(schema=CLIP_SCHEMA)


@dataclass(frozen=True)
class CheckReport:
    """What can be used of a data set, and everything that cannot.

    Attributes:
        clips: The clips whose video can be used: it opens and they end within it. What ``extract`` encodes.
        clips_total: Clips in the annotation files, usable or not.
        videos: Header of each video that opens and that a usable clip lies in.
        videos_total: Videos that the clips name.
        unusable: Videos that cannot be used, and why; the recording may have other sensors.
        faults: Everything that is left out, and why.
        clips_without_video: Clips of recordings without a video that can be used, but with another sensor that can;
            ``clips`` has none of them.
        sensors: How many recordings have a file of each sensor; empty for a data set of videos alone.
        readings: What each sensor recorded; empty where that was not asked for.
        warnings: What is odd about the sensors, but used as it is.
    """

    clips: pl.DataFrame
    clips_total: int
    videos: Mapping[str, VideoInfo]
    videos_total: int
    unusable: Mapping[str, Fault]
    faults: tuple[Fault, ...]
    clips_without_video: int = 0
    sensors: tuple[SensorCoverage, ...] = ()
    readings: tuple[SensorReadings, ...] = ()
    warnings: tuple[Fault, ...] = ()

    @property
    def clips_usable(self) -> int:
        """How many clips can be used, by their video or by another sensor."""
        return len(self.clips) + self.clips_without_video

    @property
    def hours(self) -> float:
        """Length of the usable videos together."""
        return sum(info.duration_s for info in self.videos.values()) / 3600

    @property
    def counts(self) -> dict[str, int]:
        """Number of faults by kind, most frequent first."""
        return dict(Counter(fault.kind for fault in self.faults).most_common())

    @property
    def warning_counts(self) -> dict[str, int]:
        """Number of warnings by kind, most frequent first."""
        return dict(Counter(warning.kind for warning in self.warnings).most_common())


def check(
    data: DataCard | Dataset,
    *,
    locator: AbstractHandLocator | None = None,
    read_detections: bool = True,
    read_sensors: bool = False,
    desync: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Reads everything, opens every video's header, and reports all faults at once.

    The clips of a recording whose video cannot be used, but of which another sensor can, stay.

    Args:
        data: A data card (its annotations and its hand detections are read too) or a data set already read.
        locator: Hand detections to look every video up in; a data card brings its own.
        read_detections: Whether to read each video's detections, or only to see that they are there.
        read_sensors: Whether to read the files of all sensors, or only to see that they are there.
        desync: Whether to estimate how far the clock of each gyroscope is from its video's, which decodes the video;
            only with ``read_sensors``.
        progress: Called with how many headers, detections and recordings were read, and how many there are.
    """
    unreadable: tuple[Fault, ...] = ()  # of the detections as a whole
    if isinstance(data, Dataset):
        dataset = data
    else:
        try:
            dataset = load_dataset(data)
            locator = open_locator(data, dataset)
        except DataError as error:
            return CheckReport(_NO_CLIPS, 0, {}, 0, {}, error.faults)
        except MediaError as error:
            unreadable = (error.fault,)
    if locator is not None:
        unreadable = locator.faults(())
    video_ids = sorted(set(dataset.clips["video_id"]))
    present = [video_id for video_id in video_ids if video_id in dataset.videos]
    absent = [
        video_id for video_id in video_ids if video_id not in dataset.videos and not dataset.sensors.get(video_id)
    ]
    missing = {video_id: _missing(dataset, video_id) for video_id in absent}
    read = locator if locator is not None and not unreadable else None
    steps = len(present) * (2 if read is not None and read_detections else 1)
    reads_sensors = read_sensors and bool(dataset.sensors)
    tick = _Ticker(progress, steps + (len(video_ids) if reads_sensors else 0))
    infos, unopened = _headers(dataset, present, tick)
    undetected = {} if read is None else _undetected(read, infos, tick if read_detections else None)
    left_out = missing | unopened | undetected
    unusable = left_out | (dict.fromkeys(infos, unreadable[0]) if unreadable else {})
    sensors = SensorCheck(dataset, infos, unopened, desync=desync)
    if reads_sensors:
        sensors.read(tick)
        others: Mapping[str, Collection[str]] = sensors.usable
    else:
        others = {video_id: _other_files(dataset, video_id) for video_id in video_ids}
    past_end = past_the_end(dataset.clips, {video_id: info.duration_s for video_id, info in sensors.infos.items()})
    faults = (*dataset.faults, *unreadable, *left_out.values(), *past_end.values(), *sensors.faults)
    report = _report(dataset, infos, unusable, past_end, faults, {video for video in others if others[video]})
    return replace(report, readings=sensors.readings(), warnings=sensors.warnings)


def _report(
    dataset: Dataset,
    infos: Mapping[str, VideoInfo],
    unusable: Mapping[str, Fault],
    past_end: Mapping[int, Fault],
    faults: tuple[Fault, ...],
    others: Collection[str],
) -> CheckReport:
    """The report, given which recordings have a sensor other than ``video`` that can be used."""
    has_video = pl.col("video_id").is_in(list(dataset.videos.keys() - unusable.keys()))
    within = dataset.clips.with_row_index("index").filter(~pl.col("index").is_in(list(past_end))).drop("index")
    found = within.filter(has_video | pl.col("video_id").is_in(list(others)))
    clips = found.filter(has_video)
    used = set(clips["video_id"])
    return CheckReport(
        clips=clips,
        clips_total=len(dataset.clips) if dataset.num_annotated is None else dataset.num_annotated,
        videos={video_id: info for video_id, info in infos.items() if video_id in used},
        videos_total=dataset.clips["video_id"].n_unique(),
        unusable=unusable,
        faults=faults,
        clips_without_video=len(found) - len(clips),
        sensors=sensor_coverage(dataset),
    )


def _other_files(dataset: Dataset, video_id: str) -> set[str]:
    """The sensors of a recording that lie in another file than the video that FFmpeg reads, or have no such video."""
    files = dataset.sensors.get(video_id, {})
    return {name for name, file in files.items() if file.path != dataset.videos.get(video_id)}


def open_locator(card: DataCard, dataset: Dataset) -> AbstractHandLocator | None:
    """The hand locator that a data card describes; none where it describes none.

    Raises:
        MediaError: The detections cannot be read.
    """
    if card.hands is None or card.hands_format is None:
        return None
    return open_hand_locator(
        card.hands_format,
        card.hands,
        hand_threshold=card.hand_threshold,
        object_threshold=card.object_threshold,
        frame_rate_hz=card.frame_rate_hz or dataset.frame_rates_hz,
    )


class _Ticker:
    """Counts up, for those who want to know."""

    def __init__(self, progress: Callable[[int, int], None] | None, total: int):
        self._progress, self._done, self._total = progress, 0, total

    def __call__(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


def _headers(
    dataset: Dataset, video_ids: Sequence[str], tick: Callable[[], None]
) -> tuple[dict[str, VideoInfo], dict[str, Fault]]:
    """The header of each video that opens, and the fault of each that does not."""
    infos: dict[str, VideoInfo] = {}
    faults: dict[str, Fault] = {}

    def header(video_id: str) -> VideoInfo | Fault:
        try:
            return probe(dataset.videos[video_id], dataset.frame_rates_hz.get(video_id))
        except MediaError as error:
            return error.fault

    with ThreadPoolExecutor(_HEADERS_AT_ONCE) as pool:
        for video_id, found in zip(video_ids, pool.map(header, video_ids), strict=True):
            if isinstance(found, Fault):
                faults[video_id] = found
            else:
                infos[video_id] = found
            tick()
    return infos, faults


def _undetected(
    locator: AbstractHandLocator, infos: Mapping[str, VideoInfo], tick: Callable[[], None] | None
) -> dict[str, Fault]:
    """The fault of each video whose hand detections are not there or, if that is asked for, cannot be used."""
    faults = {}
    for video_id, info in infos.items():
        found = list(locator.faults([video_id]))
        if not found and tick is not None:
            black = np.zeros((info.height, info.width, 3), np.uint8)
            try:
                locator.locate(video_id, np.zeros(1), [black], info)
            except MediaError as error:
                found = [error.fault]
        if found:
            faults[video_id] = found[0]
        if tick is not None:
            tick()
    return faults


def _missing(dataset: Dataset, video_id: str) -> Fault:
    clips = dataset.clips.filter(pl.col("video_id") == video_id)
    found = f"no video {video_id!r} for {len(clips)} clips"
    return Fault("missing-video", Path(clips["file"][0]), found, "put it with the other videos", clips["row"][0])
