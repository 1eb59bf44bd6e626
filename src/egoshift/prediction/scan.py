"""A recording becomes features: encoded once, piece by piece, into a cache that outlives an interruption.

The pictures of a recording are cut into pieces, each of which is a "video" of an ordinary feature store: what is
finished stays, pieces are decoded side by side, and where one cannot be decoded, only the part of it that is damaged is
left out. In memory the pieces are one recording again.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from egoshift.encoders import AbstractImageEncoder, SignalTower
from egoshift.errors import DataError, Fault, MediaError
from egoshift.features import ExtractProgress, FramePlan, Store, View, extract, extract_sensor
from egoshift.features.draft import Draft
from egoshift.features.extract import make_settings
from egoshift.features.manifest import Manifest, library_versions
from egoshift.files import plain
from egoshift.media.identity import identity
from egoshift.prediction.recording import HandsOf, Recording
from egoshift.records import CLIP_SCHEMA, Dataset

RECORDING = "recording"
"""The id of the recording in stores of it alone."""

PIECE_S = 30.0
"""How much of a recording an interruption can cost."""

SPLINTER_S = 2.0
"""What is left out of a piece that cannot be decoded: as many of its parts of this length as are damaged."""

OnScan = Callable[[ExtractProgress], None]


class Stopped(Exception):  # noqa: N818 - asked for, not an error
    """Raised by a caller's progress to stop; what is finished is kept."""


@dataclass(frozen=True)
class Scanned:
    """The features of a recording by one encoder.

    Attributes:
        store: Under the id ``RECORDING``, as far as they reach.
        faults: What could not be read.
        stopped: Whether it was interrupted, so that something is missing at the end.
    """

    store: Store
    faults: tuple[Fault, ...] = ()
    stopped: bool = False


def default_cache() -> Path:
    """Where features of recordings are kept: ``egoshift/predict`` in the user's folder for caches."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser() / "egoshift" / "predict"


@contextmanager
def cache_of(recording: Recording, cache: Path | None) -> Iterator[Path]:
    """The folder of a recording's features: named after its file's content, so that a changed file has another.

    So has a folder of numbered frames at another rate, which shows other frames at the same times.

    Args:
        recording: Which.
        cache: Where such folders are; none takes a folder that is removed afterwards.
    """
    if cache is None:
        with tempfile.TemporaryDirectory(prefix="egoshift-") as temporary:
            yield Path(temporary)
        return
    path = recording.path
    num_bytes, fingerprint = identity(path)
    rate = f"-{recording.frame_rate_hz}hz" if recording.frame_rate_hz is not None and path.is_dir() else ""
    folder = cache / f"{plain(path.stem)[:40]}-{fingerprint}-{num_bytes}{rate}"
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


def scan_pictures(
    recording: Recording,
    encoder: AbstractImageEncoder,
    folder: Path,
    *,
    views: Sequence[View],
    hands: HandsOf,
    rate_hz: float,
    batch_size: int = 8,
    progress: OnScan | None = None,
) -> Scanned:
    """Features of the pictures at every ``1 / rate_hz`` seconds.

    Args:
        recording: Which; it has pictures.
        encoder: The frozen tower.
        folder: The recording's folder in the cache.
        views: Whole frames, hand crops or both.
        hands: Where the hands are.
        rate_hz: Frames a second.
        batch_size: Pictures per call of the encoder.
        progress: Called after every batch; what it raises ends the scan.

    Raises:
        MediaError: Nothing of it can be decoded.
        KeyboardInterrupt: Interrupted before the first piece was finished.
    """
    plan = FramePlan(rate_hz=rate_hz)
    settings = make_settings(encoder, plan, tuple(views), hands)
    out = folder / _store_name(encoder.card.id, settings, hands.fingerprint(RECORDING) if "hand" in views else "")
    out.mkdir(parents=True, exist_ok=True)

    def run(clips: pl.DataFrame, report: OnScan | None = progress) -> tuple[Fault, ...]:
        return extract(
            _dataset(recording, clips),
            encoder,
            out,
            plan=plan,
            views=views,
            locator=hands if "hand" in views else None,
            batch_size=batch_size,
            progress=report,
            compare=False,  # a scan is made for one prediction, which must not wait for float32
        ).faults

    asked = _pieces(recording, 0.0, recording.duration_s, PIECE_S)
    stopped, faults = False, tuple[Fault, ...]()
    try:
        faults = _run_whole(run, asked)
        if faults:
            missing = asked.filter(~_is_kept(out, settings))
            splinters = [_splinters(recording, row) for row in missing.iter_rows(named=True)]
            asked = pl.concat([asked.join(missing, "clip_id", "anti"), *splinters])
            faults = _run_whole(run, asked)
    except (KeyboardInterrupt, Stopped):
        stopped = True
        kept = asked.filter(_is_kept(out, settings))
        if kept.is_empty():
            raise
        run(kept, None)
    if not (out / "manifest.json").exists():
        raise MediaError(faults[0])
    return Scanned(Store.open(out).as_one(RECORDING, recording.duration_s), faults, stopped)


def scan_sensor(
    recording: Recording,
    sensor: str,
    tower: SignalTower,
    folder: Path,
    *,
    rate_hz: float,
    batch_size: int = 32,
    progress: OnScan | None = None,
) -> Scanned:
    """Features of windows of a sensor around every ``1 / rate_hz`` seconds.

    Raises:
        DataError: Nothing of it can be read.
    """
    plan = FramePlan(rate_hz=rate_hz)
    settings = Manifest(encoder=tower.card, views=("window",), plan=plan, libraries=library_versions())
    out = folder / _store_name(tower.card.id, settings)
    out.mkdir(parents=True, exist_ok=True)
    whole = _pieces(recording, 0.0, recording.duration_s, recording.duration_s).with_columns(video_id=pl.lit(RECORDING))
    dataset = replace(_dataset(recording, whole), sensors={RECORDING: {sensor: recording.sensors[sensor]}})
    report = extract_sensor(dataset, tower, out, plan=plan, batch_size=batch_size, progress=progress)
    return Scanned(report.store, report.faults)


def _run_whole(run: Callable[[pl.DataFrame], tuple[Fault, ...]], clips: pl.DataFrame) -> tuple[Fault, ...]:
    """The faults of an extraction, also of one that left nothing."""
    try:
        return run(clips)
    except DataError as error:
        return error.faults


def _pieces(recording: Recording, start_s: float, stop_s: float, piece_s: float) -> pl.DataFrame:
    """A stretch as clips, each in a video of its own name, in the order of their names."""
    number = max(1, round((stop_s - start_s) / piece_s))
    edges = [start_s + (stop_s - start_s) * k / number for k in range(number + 1)]
    rows = [
        (name, name, first, last, "test", None, None, None, str(recording.path), None)
        for first, last in pairwise(edges)
        for name in [f"{round(first * 1000):010d}"]  # milliseconds, 115 days: names sort as times do
    ]
    return pl.DataFrame(rows, schema=CLIP_SCHEMA, orient="row")


def _splinters(recording: Recording, piece: Mapping[str, Any]) -> pl.DataFrame:
    parts = _pieces(recording, piece["start_s"], piece["stop_s"], SPLINTER_S)
    # Not the piece's own name: it would be taken for the piece.
    return parts.with_columns(clip_id=pl.col("clip_id") + ".", video_id=pl.col("video_id") + ".")


def _dataset(recording: Recording, clips: pl.DataFrame) -> Dataset:
    ids = clips["video_id"].to_list()
    rates = {} if recording.frame_rate_hz is None else dict.fromkeys(ids, recording.frame_rate_hz)
    return Dataset(recording.path.name, clips, {}, dict.fromkeys(ids, recording.path), rates)


def _is_kept(out: Path, settings: Manifest) -> pl.Expr:
    """Which pieces have been finished."""
    return pl.col("video_id").is_in(list(Draft.begin(out, settings).kept()))


def _store_name(encoder: str, settings: Manifest, hands: str = "") -> str:
    """A folder for each way to encode, so that another encoder, rate or detector never finds the wrong features.

    Nor do other hand detections, where a fingerprint of them is given.
    """
    values = settings.settings() | ({"hands": hands} if hands else {})
    text = json.dumps(values, sort_keys=True)
    return f"{plain(encoder)[-40:].strip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
