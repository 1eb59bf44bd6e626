"""What one sensor recorded in one recording, and what it recorded in all of a data set."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import polars as pl

from egoshift.media.inertial import Desync


@dataclass(frozen=True)
class SensorReadings:
    """What one sensor recorded in all of a data set.

    Attributes:
        sensor: Its name in the data set; ``"imu accelerometer"`` for one of several in the same file.
        recordings: Recordings of which it can be used.
        recordings_total: Recordings that clips lie in.
        clips: Clips of recordings of which it can be used.
        clips_total: All clips.
        coverage: The share of the clips' time at which it is present, 0 to 1. Sound counts from its first to its last
            sample; gaps within it are not looked for.
        rate_hz: Readings, samples or pictures a second: the median of the recordings; none where there is no rate.
        lowest_hz: The lowest of a recording.
        highest_hz: The highest of a recording.
        channels: The numbers of channels of sound that occur.
        num_gaps: How often it is interrupted, in all recordings together.
        longest_gap_s: The longest interruption.
        findings: In how many recordings something of each kind is odd.
        desync_s: By how much its clock is later than the video's: the median of those recordings for which it could be
            told; none where it was not asked for, or could not be told.
        num_desync: For how many recordings it could be told.
    """

    sensor: str
    recordings: int
    recordings_total: int
    clips: int
    clips_total: int
    coverage: float
    rate_hz: float | None = None
    lowest_hz: float | None = None
    highest_hz: float | None = None
    channels: tuple[int, ...] = ()
    num_gaps: int = 0
    longest_gap_s: float = 0.0
    findings: Mapping[str, int] = field(default_factory=dict)
    desync_s: float | None = None
    num_desync: int = 0


@dataclass(frozen=True)
class Found:
    """What one sensor recorded in one recording.

    Attributes:
        video: The recording.
        spans: From when to when it is present, in seconds.
        rate_hz: Readings, samples or pictures a second; none where there is no rate.
        channels: Of sound.
        gaps: How often it is interrupted, and the longest time in seconds.
        odd: The kinds of what is odd about it.
        desync: How far its clock is from the video's, where that could be told.
    """

    video: str
    spans: Sequence[tuple[float, float]]
    rate_hz: float | None
    channels: int | None = None
    gaps: tuple[int, float] = (0, 0.0)
    odd: tuple[str, ...] = ()
    desync: Desync | None = None


def summary(name: str, found: Sequence[Found], clips: pl.DataFrame) -> SensorReadings:
    """One sensor over all recordings.

    Args:
        name: The sensor.
        found: What it recorded in each recording that has it.
        clips: All clips, columns ``CLIP_SCHEMA``.
    """
    rates_hz = [one.rate_hz for one in found if one.rate_hz is not None]
    lags_s = [one.desync.lag_s for one in found if one.desync is not None]
    spans = {one.video: one.spans for one in found}
    covered_s = total_s = 0.0
    for video, start_s, stop_s in clips.select("video_id", "start_s", "stop_s").iter_rows():
        total_s += stop_s - start_s
        covered_s += sum(max(0.0, min(stop_s, b) - max(start_s, a)) for a, b in spans.get(video, ()))
    return SensorReadings(
        sensor=name,
        recordings=len(spans),
        recordings_total=clips["video_id"].n_unique(),
        clips=int(clips["video_id"].is_in(list(spans)).sum()),
        clips_total=len(clips),
        coverage=min(1.0, covered_s / total_s) if total_s else 0.0,
        rate_hz=median(rates_hz) if rates_hz else None,
        lowest_hz=min(rates_hz, default=None),
        highest_hz=max(rates_hz, default=None),
        channels=tuple(sorted({one.channels for one in found if one.channels is not None})),
        num_gaps=sum(one.gaps[0] for one in found),
        longest_gap_s=max((one.gaps[1] for one in found), default=0.0),
        findings=dict(Counter(kind for one in found for kind in dict.fromkeys(one.odd)).most_common()),
        desync_s=median(lags_s) if lags_s else None,
        num_desync=len(lags_s),
    )
