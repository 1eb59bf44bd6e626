"""Extraction of a sensor's features: windows around a grid of times, encoded once, into a store like any other."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from egoshift.encoders import SignalTower
from egoshift.errors import DataError, Fault, MediaError
from egoshift.features.assembly import recover
from egoshift.features.draft import Draft
from egoshift.features.extract import ExtractReport, notices
from egoshift.features.jobs import Encoded, Event, Failed, Finished
from egoshift.features.layout import feature_dtype
from egoshift.features.lock import writing
from egoshift.features.manifest import Manifest, library_versions
from egoshift.features.missing import encode_missing
from egoshift.features.parts import writing_to
from egoshift.features.plan import FramePlan
from egoshift.features.progress import ExtractProgress, Meter
from egoshift.features.recordings import LEAST_PRESENT, Signal, clip_rows, read_signal, windows_of
from egoshift.features.source import Source
from egoshift.features.wanted import Wanted, wanted_videos
from egoshift.features.work import AbstractWork, Workers
from egoshift.media import SensorReader
from egoshift.records import Dataset, SensorFile

WINDOWS_A_SECOND = 2.0
"""Of the grid unless another rate is asked for: windows are longer than frames are."""


@dataclass(frozen=True)
class _Recording:
    """A sensor's file; it counts as long as the clips say, since a sensor may stop before the video does."""

    path: Path
    duration_s: float


def extract_sensor(
    dataset: Dataset,
    tower: SignalTower,
    out: Path,
    *,
    plan: FramePlan | None = None,
    batch_size: int = 64,
    progress: Callable[[ExtractProgress], None] | None = None,
    workers: Workers | None = None,
    wait: bool = False,
) -> ExtractReport:
    """Encodes windows around the times that the clips of a data set need, once, into a store at ``out``.

    Resumable as ``extract`` is. A row is stored for every time; where less than half of its window was recorded it is
    zero and marked absent. Recordings without the sensor are not in the store; one that cannot be read is named in
    ``faults``, and the others go on.

    Args:
        dataset: Which clips, and where the recordings of the sensor lie.
        tower: The frozen encoder.
        out: Folder of the store; made where missing.
        plan: Which times are the middles of windows; by default a grid of ``WINDOWS_A_SECOND``.
        batch_size: Windows per call of the encoder; the same for equal bytes.
        progress: Called after every batch; with workers, about once a second for each.
        workers: Processes to encode in; none encodes in this one.
        wait: Whether to wait while another process writes this store.

    Raises:
        StoreError: The store at ``out`` was made with other settings, is damaged, or is being written by another
            process.
        DataError: No clip can be used; names every fault.
        ConfigError: There are no such workers, or they cannot reach the files; the features would not fit on the disk.
    """
    started_s = time.monotonic()
    sensor = tower.card.signal.sensor
    plan = plan or FramePlan(rate_hz=WINDOWS_A_SECOND)
    settings = Manifest(encoder=tower.card, views=("window",), plan=plan, libraries=library_versions())
    files = {video: own[sensor] for video, own in dataset.sensors.items() if sensor in own}
    clips = dataset.clips.filter(pl.col("video_id").is_in(list(files)))
    with writing_to(out), writing(out, wait=wait):
        recover(out)
        draft = Draft.begin(out, settings)

        def source_of(video_id: str) -> Source:
            return Source.of_sensor(files[video_id], dataset.frame_rates_hz.get(video_id))

        wanted = wanted_videos(clips, _recordings(clips, files), plan, draft.kept(), source_of)
        draft.check_space(wanted)
        meter = Meter(wanted, 1, progress)
        work = SensorWork(tower, files, dataset.frame_rates_hz, batch_size)
        failed = encode_missing(draft, wanted, work, meter, workers)
        faults = (*dataset.faults, *failed.values())
        store = draft.finish({video.video_id for video in wanted}, failed, (*faults, *_nothing(clips, sensor, dataset)))
    todo = [video for video in wanted if len(video.missing_s)]
    return ExtractReport(
        store,
        videos_total=len(wanted),
        videos_encoded=len(todo) - len(failed),
        videos_kept=len(wanted) - len(todo),
        frames_encoded=meter.frames_encoded,
        clips_total=len(dataset.clips),
        clips_usable=len(clips.filter(~pl.col("video_id").is_in(list(failed)))),
        seconds=time.monotonic() - started_s,
        faults=faults,
        notices=(*draft.notices, *notices(wanted, failed)),
    )


def _recordings(clips: pl.DataFrame, files: Mapping[str, SensorFile]) -> dict[str, _Recording]:
    ends = dict(clips.group_by("video_id").agg(pl.max("stop_s")).iter_rows())
    return {video: _Recording(files[video].path, stop_s) for video, stop_s in ends.items()}


def _nothing(clips: pl.DataFrame, sensor: str, dataset: Dataset) -> tuple[Fault, ...]:
    """The fault of a data set without the sensor, for the case that nothing is stored."""
    if len(clips):
        return ()
    remedy = "add its files, or leave the sensor out"
    return (Fault("absent-sensor", Path(dataset.name), f"no recording has {sensor}", remedy),)


@dataclass(frozen=True)
class SensorWork(AbstractWork):
    """Encoding the windows of recordings, one recording after the other.

    Attributes:
        tower: The frozen encoder.
        files: Where each recording lies.
        frame_rates_hz: Of folders of numbered frames.
        batch_size: Windows per call of the encoder.
    """

    tower: SignalTower
    files: Mapping[str, SensorFile]
    frame_rates_hz: Mapping[str, float]
    batch_size: int

    @property
    def device(self) -> torch.device:
        """Where the encoder runs."""
        return self.tower.encoder.mean.device

    def run(self, videos: Sequence[Wanted], room: Path) -> Generator[Event, None, None]:
        """Encodes, and says of each recording whether it could be read; a recording's signal lies in memory whole."""
        with SensorReader() as reader:
            for video in videos:
                name = video.video_id
                try:
                    spec = self.tower.card.signal
                    signal = read_signal(self.files[name], spec, self.frame_rates_hz.get(name), reader)
                    rows = yield from _encoded(signal, video, self.tower, self.batch_size)
                except (MediaError, DataError) as error:
                    yield Failed(name, error.fault if isinstance(error, MediaError) else error.faults[0])
                else:
                    yield Finished(name, rows)


def _encoded(
    signal: Signal, video: Wanted, tower: SignalTower, batch_size: int
) -> Generator[Encoded, None, Mapping[str, npt.NDArray[np.generic]]]:
    spec = tower.card.signal
    centres = clip_rows(video.missing_s, spec)
    features = np.zeros((len(centres), tower.card.dim), feature_dtype(tower.card))
    present = np.zeros(len(centres), np.uint8)
    for start in range(0, len(centres), batch_size):
        own = centres[start : start + batch_size]
        padded = torch.cat([own, own.new_zeros(batch_size - len(own))])
        first, stop = padded.new_zeros(batch_size), padded.new_full((batch_size,), max(1, len(signal.rows)))
        if len(signal.rows):
            windows, share = windows_of(signal, first, stop, padded, spec)
            there = (share >= LEAST_PRESENT).numpy()[: len(own)]
            given = tower.encode(windows)[: len(own)].numpy()
            present[start : start + len(own)] = there
            with np.errstate(over="ignore"):  # refused below
                features[start : start + len(own)] = np.where(there[:, None], given, 0)
        yield Encoded(video.video_id, len(own))
    if not np.isfinite(features).all():
        message = "the encoder gave NaN, or more than float16 holds"
        raise MediaError(
            Fault("not-finite", video.info.path, message, "train the encoder again, or leave this file out")
        )
    return {"times": video.missing_s, "window": features, "present": present}
