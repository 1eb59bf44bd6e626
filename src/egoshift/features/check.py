"""The data check: every fault of a data set and its media, found together before hours are spent."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from egoshift.datasets import DataCard
from egoshift.errors import Fault
from egoshift.media.hands import AbstractHandLocator
from egoshift.media.video import VideoInfo
from egoshift.records import Dataset


@dataclass(frozen=True)
class CheckReport:
    """What can be used of a data set, and everything that cannot.

    Attributes:
        clips: The usable clips: their video opens and they end within it. What ``extract`` encodes.
        clips_total: Clips in the annotation files, usable or not.
        videos: Header of each video that opens and that a usable clip lies in.
        videos_total: Videos that the annotations name.
        faults: Everything that is left out, and why.
    """

    clips: pl.DataFrame
    clips_total: int
    videos: Mapping[str, VideoInfo]
    videos_total: int
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
    raise NotImplementedError
