"""Extraction: videos in, a finished feature store out; resumable at any kill, with the same bytes in the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from egoshift.encoders import AbstractImageEncoder
from egoshift.errors import Fault
from egoshift.features.manifest import View
from egoshift.features.plan import FramePlan
from egoshift.features.store import Store
from egoshift.media.hands import AbstractHandLocator
from egoshift.records import Dataset


@dataclass(frozen=True)
class ExtractProgress:
    """How far extraction is.

    Attributes:
        videos_done: Videos in the store, among those wanted.
        videos_total: Videos wanted.
        frames_done: Frame times encoded, among those wanted.
        frames_total: Frame times wanted.
        frames_per_s: Frame times encoded per second in this call; 0 before the first.
        clips_per_s: The same as clips: how many clips' worth of frames per second.
        seconds_left: Estimate; none before the first frames are done.
    """

    videos_done: int
    videos_total: int
    frames_done: int
    frames_total: int
    frames_per_s: float
    clips_per_s: float
    seconds_left: float | None


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
        notices: What a person should know: a video re-encoded because its file changed.
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
) -> ExtractReport:
    """Encodes the frames that the clips of a data set need, once, into a store at ``out``.

    May be killed at any moment; the same call goes on from the last finished video, and the finished store has the
    same bytes as if it had never been disturbed. Called with more videos or clips, it adds to the store.

    Args:
        dataset: Which clips, in which videos.
        encoder: The frozen tower. On a CPU, ``encode`` is called from several threads.
        out: Folder of the store; made where missing.
        plan: Which times; by default a grid of 4 frames a second.
        views: ``("full",)`` or ``("full", "hand")``.
        locator: Where the hands are; needed for the hand view.
        batch_size: Images per call of the encoder.
        progress: Called after every batch.

    Raises:
        StoreError: The store at ``out`` was made with other settings, is damaged, or is being written by another
            process.
        DataError: No clip can be used.
    """
    raise NotImplementedError
