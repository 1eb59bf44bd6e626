"""The data check: every fault of a data set and its media, found together before hours are spent."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from egoshift.datasets import DataCard, load_dataset
from egoshift.errors import DataError, Fault, MediaError
from egoshift.features.coverage import past_the_end
from egoshift.media import AbstractHandLocator, VideoInfo, open_hand_locator, probe
from egoshift.records import CLIP_SCHEMA, Dataset

_HEADERS_AT_ONCE = 8
_NO_CLIPS = pl.DataFrame(schema=CLIP_SCHEMA)


@dataclass(frozen=True)
class CheckReport:
    """What can be used of a data set, and everything that cannot.

    Attributes:
        clips: The usable clips: their video opens and they end within it. What ``extract`` encodes.
        clips_total: Clips in the annotation files, usable or not.
        videos: Header of each video that opens and that a usable clip lies in.
        videos_total: Videos that the clips name.
        unusable: Videos that cannot be used at all, and why.
        faults: Everything that is left out, and why.
    """

    clips: pl.DataFrame
    clips_total: int
    videos: Mapping[str, VideoInfo]
    videos_total: int
    unusable: Mapping[str, Fault]
    faults: tuple[Fault, ...]

    @property
    def clips_usable(self) -> int:
        """How many clips can be used."""
        return len(self.clips)

    @property
    def hours(self) -> float:
        """Length of the usable videos together."""
        return sum(info.duration_s for info in self.videos.values()) / 3600

    @property
    def counts(self) -> dict[str, int]:
        """Number of faults by kind, most frequent first."""
        return dict(Counter(fault.kind for fault in self.faults).most_common())


def check(
    data: DataCard | Dataset,
    *,
    locator: AbstractHandLocator | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Reads everything, opens every video's header, and reports all faults at once.

    Args:
        data: A data card (its annotations and its hand detections are read too) or a data set already read.
        locator: Hand detections to look every video up in; a data card brings its own.
        progress: Called with headers read and headers in all.
    """
    if isinstance(data, DataCard):
        try:
            card, data = data, load_dataset(data)
            locator = open_locator(card, data)
        except DataError as error:
            return CheckReport(_NO_CLIPS, 0, {}, 0, {}, error.faults)
        except MediaError as error:
            return CheckReport(_NO_CLIPS, 0, {}, 0, {}, (error.fault,))
    video_ids = sorted(set(data.clips["video_id"]))
    infos, missing = _headers(data, video_ids, progress)
    past_end = past_the_end(data.clips, {video_id: info.duration_s for video_id, info in infos.items()})
    unreadable = locator.faults(()) if locator is not None else ()  # of the detections as a whole
    undetected = _undetected(locator, list(infos)) if locator is not None and not unreadable else {}
    unusable = missing | (dict.fromkeys(infos, unreadable[0]) if unreadable else undetected)
    usable = ~pl.col("video_id").is_in(list(unusable)) & ~pl.col("index").is_in(list(past_end))
    clips = data.clips.with_row_index("index").filter(usable).drop("index")
    used = set(clips["video_id"])
    return CheckReport(
        clips,
        len(data.clips) if data.num_annotated is None else data.num_annotated,
        {video_id: info for video_id, info in infos.items() if video_id in used},
        len(video_ids),
        unusable,
        (*data.faults, *missing.values(), *unreadable, *undetected.values(), *past_end.values()),
    )


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


def _headers(
    dataset: Dataset, video_ids: Sequence[str], progress: Callable[[int, int], None] | None
) -> tuple[dict[str, VideoInfo], dict[str, Fault]]:
    """The header of each video that opens, and a fault for each that does not."""
    present = [video_id for video_id in video_ids if video_id in dataset.videos]
    faults = {video_id: _missing(dataset, video_id) for video_id in video_ids if video_id not in dataset.videos}
    infos = {}

    def header(video_id: str) -> VideoInfo | Fault:
        try:
            return probe(dataset.videos[video_id], dataset.frame_rates_hz.get(video_id))
        except MediaError as error:
            return error.fault

    with ThreadPoolExecutor(_HEADERS_AT_ONCE) as pool:
        for done, (video_id, found) in enumerate(zip(present, pool.map(header, present), strict=True), start=1):
            if isinstance(found, Fault):
                faults[video_id] = found
            else:
                infos[video_id] = found
            if progress is not None:
                progress(done, len(present))
    return infos, faults


def _undetected(locator: AbstractHandLocator, video_ids: Sequence[str]) -> dict[str, Fault]:
    """The fault of each video that has no hand detections."""
    return {video_id: fault for video_id in video_ids for fault in locator.faults([video_id])[:1]}


def _missing(dataset: Dataset, video_id: str) -> Fault:
    clips = dataset.clips.filter(pl.col("video_id") == video_id)
    found = f"no video {video_id!r} for {len(clips)} clips"
    return Fault("missing-video", Path(clips["file"][0]), found, "put it with the other videos", clips["row"][0])
