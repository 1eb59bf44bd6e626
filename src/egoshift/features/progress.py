"""How far extraction is, and how long it will take."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from egoshift.features.wanted import Wanted


@dataclass(frozen=True)
class ExtractProgress:
    """How far extraction is.

    Attributes:
        videos_done: Videos in the store, among those wanted.
        videos_total: Videos wanted.
        frames_done: Frame times in the store or encoded, among those wanted.
        frames_total: Frame times wanted.
        frames_per_s: Frame times encoded per second in this call; 0 before the first.
        clips_per_s: The same in clips: at this rate, so many clips' frames are encoded per second.
        seconds_left: Estimate; none before the first frames are done.
    """

    videos_done: int
    videos_total: int
    frames_done: int
    frames_total: int
    frames_per_s: float
    clips_per_s: float
    seconds_left: float | None


class Meter:
    """Counts what is done; videos that fail are taken out of what is to be done.

    Args:
        wanted: What is to be done.
        num_views: Rows that each frame time becomes.
        report: Called with the state after each change; none to count quietly.
    """

    def __init__(
        self, wanted: Sequence[Wanted], num_views: int, report: Callable[[ExtractProgress], None] | None = None
    ):
        self._wanted = {video.video_id: video for video in wanted}
        self._num_views = num_views
        self._report = report
        self._rows: Counter[str] = Counter()
        self._videos_kept = sum(len(video.missing_s) == 0 for video in wanted)
        self._videos_encoded = 0
        self._started_s = time.monotonic()

    @property
    def frames_encoded(self) -> int:
        """Frame times encoded since the start, of videos that have not failed."""
        return self._rows.total() // self._num_views

    def encoded(self, video_id: str, num_rows: int) -> None:
        """Some rows (of any view) of a video were encoded."""
        if video_id in self._wanted:  # a batch may come back after its video has failed
            self._rows[video_id] += num_rows
            self._tell()

    def finished(self) -> None:
        """A video was stored."""
        self._videos_encoded += 1
        self._tell()

    def failed(self, video_id: str) -> None:
        """A video will not be stored."""
        self._rows.pop(video_id, None)
        self._wanted.pop(video_id)
        self._tell()

    def _tell(self) -> None:
        if self._report is not None:
            self._report(self.progress(time.monotonic() - self._started_s))

    def progress(self, elapsed_s: float) -> ExtractProgress:
        """The state after so many seconds."""
        encoded = self.frames_encoded
        total = sum(len(video.asked_s) for video in self._wanted.values())
        missing = sum(len(video.missing_s) for video in self._wanted.values())
        clips = sum(video.num_clips for video in self._wanted.values())
        rate = encoded / elapsed_s if elapsed_s > 0 else 0.0
        return ExtractProgress(
            videos_done=self._videos_kept + self._videos_encoded,
            videos_total=len(self._wanted),
            frames_done=total - missing + encoded,
            frames_total=total,
            frames_per_s=rate,
            clips_per_s=rate * clips / total if total else 0.0,
            seconds_left=(missing - encoded) / rate if rate else None,
        )
