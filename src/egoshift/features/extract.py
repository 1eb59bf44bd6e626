"""Extraction: videos in, a finished feature store out; resumable at any kill, with the same bytes in the end."""

import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from egoshift.encoders import AbstractImageEncoder
from egoshift.errors import ConfigError, DataError, Fault, MediaError
from egoshift.features.arithmetic import FAR, measure_error
from egoshift.features.assembly import recover
from egoshift.features.check import check
from egoshift.features.draft import Draft
from egoshift.features.jobs import Event, Job
from egoshift.features.lock import writing
from egoshift.features.manifest import FeatureError, Manifest, View, library_versions
from egoshift.features.missing import encode_missing
from egoshift.features.parts import writing_to
from egoshift.features.pipeline import Pipeline
from egoshift.features.plan import FramePlan
from egoshift.features.progress import ExtractProgress, Meter
from egoshift.features.source import Source
from egoshift.features.store import Store
from egoshift.features.wanted import Wanted, wanted_videos
from egoshift.features.work import AbstractWork, Workers
from egoshift.media import AbstractHandLocator, VideoInfo, read_frames
from egoshift.records import Dataset


@dataclass(frozen=True)
class ExtractReport:
    """What extraction did and what it left out.

    Attributes:
        store: The finished store.
        videos_total: Videos wanted.
        videos_encoded: Videos of which this call encoded frames.
        videos_kept: Videos that were complete before.
        frames_encoded: Frame times that this call encoded.
        clips_total: Clips in the annotation files.
        clips_usable: Clips that the store covers.
        seconds: How long this call took.
        faults: Everything that was left out: of the annotations, of the media, of the encoding.
        notices: What a person should know: a video encoded again because its file, its hand detections or how it is
            read changed; features far from those of float32.
        error: How far they are; none where it was not measured, or where there is nothing to measure.
    """

    store: Store
    videos_total: int
    videos_encoded: int
    videos_kept: int
    frames_encoded: int
    clips_total: int
    clips_usable: int
    seconds: float
    faults: tuple[Fault, ...]
    notices: tuple[str, ...]
    error: FeatureError | None = None


def extract(
    dataset: Dataset,
    encoder: AbstractImageEncoder,
    out: Path,
    *,
    plan: FramePlan | None = None,
    views: Sequence[View] = ("full",),
    locator: AbstractHandLocator | None = None,
    batch_size: int = 16,
    progress: Callable[[ExtractProgress], None] | None = None,
    workers: Workers | None = None,
    compare: bool = True,
    wait: bool = False,
) -> ExtractReport:
    """Encodes the frames that the clips of a data set need, once, into a store at ``out``.

    May be killed at any moment; the same call goes on from the last finished video, and the finished store has the
    same bytes as if it had never been disturbed. Called with more videos or clips, it adds to the store. A video that
    cannot be read or encoded is named in ``faults``, and the others go on.

    Args:
        dataset: Which clips, in which videos.
        encoder: The frozen tower. On a CPU, ``encode`` is called from several threads at once. At a given batch size,
            features of an image must not depend on the images beside it.
        out: Folder of the store; made where missing.
        plan: Which times; by default a grid of 4 frames a second.
        views: ``("full",)`` or ``("full", "hand")``.
        locator: Where the hands are; needed for the hand view. Called from several threads at once, from each for one
            video at a time.
        batch_size: Images per call of the encoder.
        progress: Called after every batch; with workers, about once a second for each.
        workers: Processes to encode in; none encodes in this one.
        compare: Whether the first frames are encoded in float32 too, to know the error of a faster arithmetic; see
            ``measure_error``. Only where it is not known of this store yet.
        wait: Whether to wait while another process writes this store.

    Raises:
        StoreError: The store at ``out`` was made with other settings, is damaged, or is being written by another
            process.
        DataError: No clip can be used; names every fault.
        ConfigError: There are no such workers, or they cannot reach the files; the features would not fit on the disk.
    """
    started_s = time.monotonic()
    settings = make_settings(encoder, plan or FramePlan(), tuple(views), locator)
    with writing_to(out), writing(out, wait=wait):
        recover(out)
        draft = Draft.begin(out, settings)
        found = check(dataset, locator=locator if "hand" in settings.views else None, read_detections=False)

        def source_of(video_id: str) -> Source:
            seen = "" if locator is None or "hand" not in settings.views else locator.fingerprint(video_id)
            return Source.of_pictures(found.videos[video_id], seen)

        wanted = wanted_videos(found.clips, found.videos, settings.plan, draft.kept(), source_of)
        draft.check_space(wanted)
        meter = Meter(wanted, len(settings.views), progress)
        work = FrameWork(encoder, settings.views, locator, batch_size, found.videos, dataset.frame_rates_hz)
        if compare:
            note_error(draft, work, wanted)
        failed = encode_missing(draft, wanted, work, meter, workers)
        faults = (*found.faults, *failed.values())
        store = draft.finish({video.video_id for video in wanted}, {**found.unusable, **failed}, faults)
    num_todo = sum(len(video.missing_s) > 0 for video in wanted)
    covered = found.clips.filter(~pl.col("video_id").is_in(list(failed)))
    return ExtractReport(
        store,
        videos_total=found.videos_total,
        videos_encoded=num_todo - len(failed),
        videos_kept=len(wanted) - num_todo,
        frames_encoded=meter.frames_encoded,
        clips_total=found.clips_total,
        clips_usable=len(covered),
        seconds=time.monotonic() - started_s,
        faults=faults,
        notices=(*draft.notices, *notices(wanted, failed, draft.error)),
        error=draft.error,
    )


@dataclass(frozen=True)
class FrameWork(AbstractWork):
    """Encoding the frames of videos.

    Attributes:
        encoder: The frozen tower.
        views: What to encode of each frame.
        locator: Where the hands are, for the hand view.
        batch_size: Images per call of the encoder.
        videos: The header of each video.
        frame_rates_hz: Of folders of numbered frames.
    """

    encoder: AbstractImageEncoder
    views: tuple[View, ...]
    locator: AbstractHandLocator | None
    batch_size: int
    videos: Mapping[str, VideoInfo]
    frame_rates_hz: Mapping[str, float]

    @property
    def device(self) -> torch.device:
        """Where the encoder runs."""
        return self.encoder.device

    def run(self, videos: Sequence[Wanted], room: Path) -> Generator[Event, None, None]:
        """Decodes and encodes at the same time; see ``Pipeline``."""
        jobs = [
            Job(name, self.videos[name], video.missing_s, self.frame_rates_hz.get(name))
            for name, video in ((video.video_id, video) for video in videos)
        ]
        return Pipeline(self.encoder, self.views, self.locator, self.batch_size, room).run(jobs)

    def first_frames(self, videos: Sequence[Wanted]) -> Iterator[npt.NDArray[np.uint8]]:
        """The frames at the missing times, one video after another; what cannot be decoded is told of elsewhere."""
        for video in (video for video in videos if len(video.missing_s)):
            rate_hz = self.frame_rates_hz.get(video.video_id)
            with suppress(MediaError):
                for _, frame in read_frames(self.videos[video.video_id].path, video.missing_s, rate_hz, threads=1):
                    yield frame


def make_settings(
    encoder: AbstractImageEncoder, plan: FramePlan, views: tuple[View, ...], locator: AbstractHandLocator | None
) -> Manifest:
    """The manifest of a store that holds nothing yet.

    Raises:
        ConfigError: The hand view without a locator, or views that are none.
        DataError: The hand detections cannot be read.
    """
    if not views or len(set(views)) != len(views) or set(views) - set(get_args(View)):
        raise ConfigError(f"views: got {', '.join(views) or 'none'}; give full, or full and hand")
    if "hand" in views and locator is None:
        raise ConfigError(
            "views: the hand view needs hand detections; name them in the data card (hands, hands_format)"
        )
    hand = None
    if "hand" in views and locator is not None:
        if unreadable := locator.faults(()):
            raise DataError(unreadable)
        hand = locator.description
    in_order = tuple(view for view in get_args(View) if view in views)
    libraries = library_versions(encoder.card.runtime)
    values = {"encoder": encoder.card, "views": in_order, "plan": plan, "hand": hand, "libraries": libraries}
    return Manifest.model_validate(values)


def note_error(draft: Draft, work: FrameWork, wanted: Sequence[Wanted]) -> None:
    """Measures the error of the encoder's arithmetic before the first rows are written, where it is not known yet."""
    if draft.error is None and any(len(video.missing_s) for video in wanted):
        error = measure_error(work.encoder, work.first_frames(wanted), work.batch_size)
        if error is not None:
            draft.note_error(error)


def notices(wanted: Sequence[Wanted], failed: Collection[str], error: FeatureError | None = None) -> tuple[str, ...]:
    """What a person should know: each video of another source than before, and what of it changed; a large error."""
    far = () if error is None or error.mean <= FAR else (_far(error),)
    return far + tuple(
        f"{video.info.path}: {video.change} {video.video_id!r} before; "
        + ("it cannot be encoded, and what was stored stays" if video.video_id in failed else "it was encoded again")
        for video in wanted
        if video.replaced
    )


def _far(error: FeatureError) -> str:
    return (
        f"features are far from float32: 1 - cosine is {error.mean:.1g} on average over {error.frames} frames, "
        f"more than {FAR:g}; extract into another folder with precision float32 and runtime torch"
    )
