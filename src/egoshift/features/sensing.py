"""Extraction of a sensor's features: windows around a grid of times, encoded once, into a store like any other."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch

from egoshift.encoders import SignalTower
from egoshift.errors import DataError, Fault, MediaError
from egoshift.features.draft import Draft
from egoshift.features.extract import ExtractReport, notices
from egoshift.features.lock import writing
from egoshift.features.manifest import Manifest, library_versions
from egoshift.features.parts import Rows, recover, writing_to
from egoshift.features.plan import FramePlan
from egoshift.features.progress import ExtractProgress, Meter
from egoshift.features.recordings import LEAST_PRESENT, Signal, clip_rows, read_signal, windows_of
from egoshift.features.store import feature_dtype
from egoshift.features.wanted import Wanted, wanted_videos
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
        progress: Called after every batch.

    Raises:
        StoreError: The store at ``out`` was made with other settings, is damaged, or is being written by another
            process.
        DataError: No clip can be used; names every fault.
    """
    started_s = time.monotonic()
    sensor = tower.card.signal.sensor
    plan = plan or FramePlan(rate_hz=WINDOWS_A_SECOND)
    settings = Manifest(encoder=tower.card, views=("window",), plan=plan, libraries=library_versions())
    files = {video: own[sensor] for video, own in dataset.sensors.items() if sensor in own}
    clips = dataset.clips.filter(pl.col("video_id").is_in(list(files)))
    with writing_to(out), writing(out):
        recover(out)
        draft = Draft.begin(out, settings)
        wanted = wanted_videos(clips, _recordings(clips, files), plan, draft.kept())
        meter = Meter(wanted, 1, progress)
        failed = _encode_all(draft, wanted, files, dataset.frame_rates_hz, tower, batch_size, meter)
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
        notices=notices(wanted),
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


def _encode_all(
    draft: Draft,
    wanted: Sequence[Wanted],
    files: Mapping[str, SensorFile],
    frame_rates_hz: Mapping[str, float],
    tower: SignalTower,
    batch_size: int,
    meter: Meter,
) -> dict[str, Fault]:
    """Encodes what is missing, one recording after the other, and gives the faults of those that cannot be read."""
    failed: dict[str, Fault] = {}
    todo = [video for video in wanted if len(video.missing_s)]
    if todo:
        draft.open()
    with SensorReader() as reader:
        for video in todo:
            name = video.video_id
            try:
                signal = read_signal(files[name], tower.card.signal, frame_rates_hz.get(name), reader)
                rows = _encoded(signal, video, tower, batch_size, meter)
            except (MediaError, DataError) as error:
                failed[name] = error.fault if isinstance(error, MediaError) else error.faults[0]
                meter.failed(name)
                continue
            draft.add(video, rows)
            meter.finished()
    return failed


def _encoded(signal: Signal, video: Wanted, tower: SignalTower, batch_size: int, meter: Meter) -> Rows:
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
        meter.encoded(video.video_id, len(own))
    if not np.isfinite(features).all():
        message = "the encoder gave NaN, or more than float16 holds"
        raise MediaError(
            Fault("not-finite", video.info.path, message, "train the encoder again, or leave this file out")
        )
    return {"times": video.missing_s, "window": features, "present": present}
