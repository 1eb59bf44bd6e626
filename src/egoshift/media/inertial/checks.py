"""What is suspicious about a sensor's readings, found without changing them.

The defects of a file (times that run backwards, empty cells, ...) are the reader's to name, row by row: they are in
``Recording.faults``, and counted in ``Samples.defects``. Here is what can only be seen of the readings together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from egoshift.errors import Fault
from egoshift.media.inertial.grid import MAX_GAP_S, rate_hz_of, runs, step_s
from egoshift.media.inertial.samples import Samples, Unit

LEAST_COVERAGE = 0.95
"""A sensor that is present for less of its video than this is reported."""

RATE_TOLERANCE = 0.02
"""How far a rate may be from the nominal one, as a share of it."""

GRAVITY_RANGE = (5.0, 20.0)
"""Between these, in m/s^2, lies the median length of what an accelerometer on a body reads."""

IN_G = (0.5, 2.0)
"""Between these it lies where the readings are in g."""

FASTEST_TURN = 20.0
"""Rotations whose quickest hundredth is above this, in rad/s (three turns a second), are suspected to be in deg/s."""

CLIPPING: Mapping[Unit, float] = {"m/s^2": 19.0, "rad/s": 2.1}
"""Sensors clip at 2 g and 125 deg/s or more; below these, in their units, equal readings are rest."""

CLIPPED_RUN = 3
"""So many equal readings in a row at a channel's extreme are clipped."""


@dataclass(frozen=True)
class Finding:
    """One thing that is suspicious about one sensor of one video.

    Attributes:
        kind: A short constant name to count by.
        sensor: Which sensor.
        count: How many readings, gaps or axes it is about.
        message: What was found and what was expected.
        remedy: What to do about it.
    """

    kind: str
    sensor: str
    count: int
    message: str
    remedy: str

    def fault(self, path: Path) -> Fault:
        """The finding as a fault of a file."""
        return Fault(self.kind, path, f"{self.sensor}: {self.message}", self.remedy)


@dataclass(frozen=True)
class SensorReport:
    """What there is of one sensor in one video.

    Attributes:
        sensor: Which sensor.
        num_readings: How many can be used; 0 for an absent sensor, whose other attributes are then 0 or none.
        start_s: The first, in seconds of the video.
        stop_s: The last.
        rate_hz: Readings a second, gaps left out; none where no two belong together.
        coverage: The share of the video at which the sensor is present, 0 to 1.
        num_gaps: How often it is interrupted.
        longest_gap_s: The longest interruption.
        defects: How many readings of the file had each kind of defect.
        findings: What is suspicious.
    """

    sensor: str
    num_readings: int = 0
    start_s: float | None = None
    stop_s: float | None = None
    rate_hz: float | None = None
    coverage: float = 0.0
    num_gaps: int = 0
    longest_gap_s: float = 0.0
    defects: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def examine(
    samples: Samples, duration_s: float, *, nominal_hz: float | None = None, max_gap_s: float = MAX_GAP_S
) -> SensorReport:
    """Counts and findings of one sensor.

    Args:
        samples: Its readings.
        duration_s: The length of the video.
        nominal_hz: The rate it should have; by default none is expected.
        max_gap_s: See ``grid.gap_limit_s``.
    """
    times_s = samples.times_s
    steps = np.diff(times_s)
    gaps_s = [times_s[start] - times_s[start - 1] for start, _ in runs(times_s, max_gap_s)[1:]]
    report = SensorReport(
        sensor=samples.name,
        num_readings=len(times_s),
        start_s=float(times_s[0]),
        stop_s=float(times_s[-1]),
        rate_hz=rate_hz_of(times_s, max_gap_s),
        coverage=coverage(samples, duration_s, max_gap_s),
        num_gaps=len(gaps_s),
        longest_gap_s=float(max(gaps_s, default=0.0)),
        defects=samples.defects,
    )
    if not len(steps):
        message = f"one reading only, at {times_s[0]:.3f} s"
        findings = [Finding("one-reading", samples.name, 1, message, "replace the file if the sensor was on")]
    else:
        findings = [*_of_times(report, duration_s, nominal_hz), *_of_values(samples)]
    return replace(report, findings=tuple(findings))


def examine_all(
    sensors: Mapping[str, Samples], layout: Sequence[str], duration_s: float, *, nominal_hz: float | None = None
) -> dict[str, SensorReport]:
    """A report for each sensor that there could be; that a sensor is absent in a video is no finding."""
    return {
        name: examine(sensors[name], duration_s, nominal_hz=nominal_hz) if name in sensors else SensorReport(name)
        for name in layout
    }


def absent_everywhere(reports: Sequence[Mapping[str, SensorReport]]) -> tuple[Finding, ...]:
    """A finding for each sensor that no video has."""
    names = {name: None for video in reports for name in video}
    remedy = "leave it out of the sensors asked for, or check where its files lie"
    return tuple(
        Finding("absent-everywhere", name, len(reports), f"none of {len(reports)} videos has a reading", remedy)
        for name in names
        if all(name not in video or not video[name].num_readings for video in reports)
    )


def coverage(samples: Samples, duration_s: float, max_gap_s: float = MAX_GAP_S) -> float:
    """The share of a video, 0 to 1, within runs of readings and half a step around them."""
    spans = present_spans(samples, max_gap_s)
    covered_s = sum(max(0.0, min(stop_s, duration_s) - max(start_s, 0.0)) for start_s, stop_s in spans)
    return min(1.0, covered_s / duration_s) if duration_s > 0 else 0.0


def present_spans(samples: Samples, max_gap_s: float = MAX_GAP_S) -> list[tuple[float, float]]:
    """From when to when a sensor is present: its runs of readings, and half a step around them."""
    times_s = samples.times_s
    half_s = (step_s(times_s) or 0.0) / 2
    return [
        (float(times_s[start]) - half_s, float(times_s[stop - 1]) + half_s) for start, stop in runs(times_s, max_gap_s)
    ]


def _of_times(report: SensorReport, duration_s: float, nominal_hz: float | None) -> list[Finding]:
    found = []
    if report.coverage < LEAST_COVERAGE:
        message = f"present for {report.coverage:.0%} of the video ({report.start_s:.1f} to {report.stop_s:.1f} s"
        message += f" of {duration_s:.1f} s)"
        remedy = "clips in the rest do without it; replace the file if it was cut short"
        found.append(Finding("low-coverage", report.sensor, report.num_readings, message, remedy))
    if report.num_gaps:
        gaps = f"{report.num_gaps} gap{'s' if report.num_gaps > 1 else ''}"
        message = f"{gaps}, the longest of {report.longest_gap_s:.2f} s"
        found.append(Finding("gaps", report.sensor, report.num_gaps, message, "the sensor counts as absent there"))
    if nominal_hz and report.rate_hz and abs(report.rate_hz / nominal_hz - 1) > RATE_TOLERANCE:
        message = f"{report.rate_hz:.1f} readings a second, expected {nominal_hz:g}"
        remedy = "check the unit of the times, and that the file belongs to this video"
        found.append(Finding("wrong-rate", report.sensor, report.num_readings, message, remedy))
    return found


def _of_values(samples: Samples) -> list[Finding]:
    found = []
    values = samples.values
    still = [axis for axis, spread in zip(samples.axes, np.ptp(values, axis=0), strict=True) if spread == 0]
    if still:
        message = f"the same value in all {len(values)} readings of axis {', '.join(still)}"
        found.append(Finding("constant", samples.name, len(still), message, "leave the sensor out of this video"))
    twins = [
        f"{samples.axes[one]} and {samples.axes[other]}"
        for one in range(len(samples.axes))
        for other in range(one + 1, len(samples.axes))
        if samples.axes[one] not in still and np.array_equal(values[:, one], values[:, other])
    ]
    if twins:
        message = f"axes {', '.join(twins)} are equal in every reading: one was written twice"
        found.append(Finding("equal-axes", samples.name, len(twins), message, "fetch or export the file again"))
    clipped = _num_clipped(samples)
    if clipped:
        message = f"{clipped} readings at the end of the sensor's range, {CLIPPED_RUN} and more in a row"
        found.append(Finding("clipped", samples.name, clipped, message, "strong motion is cut off there"))
    return found + _of_units(samples)


def _num_clipped(samples: Samples) -> int:
    """Readings in runs of equal ones at a channel's extreme, where that is too far out to be rest."""
    floor = CLIPPING.get(samples.unit)
    if floor is None:
        return 0
    clipped = np.zeros(len(samples.values), dtype=bool)
    for column in samples.values.T:
        for extreme in (column.min(), column.max()):
            if abs(extreme) >= floor:
                edges = np.flatnonzero(np.diff(np.concatenate([[False], column == extreme, [False]]).astype(np.int8)))
                for start, stop in edges.reshape(-1, 2):
                    clipped[start:stop] |= stop - start >= CLIPPED_RUN
    return int(clipped.sum())


def _of_units(samples: Samples) -> list[Finding]:
    norms = np.linalg.norm(samples.values, axis=1)
    median, quick = float(np.median(norms)), float(np.percentile(norms, 99))
    if samples.unit == "m/s^2" and not GRAVITY_RANGE[0] <= median <= GRAVITY_RANGE[1]:
        message = f"the median acceleration is {median:.3g} m/s^2, expected about 9.8"
        in_g = IN_G[0] <= median <= IN_G[1]
        message += ": it is probably in g" if in_g else ""
        remedy = "say that it is in g" if in_g else "check the unit, and whether gravity was taken out"
        return [Finding("suspicious-unit", samples.name, len(norms), message, remedy)]
    if samples.unit == "rad/s" and quick > FASTEST_TURN:
        message = f"one reading in a hundred is above {quick:.3g} rad/s, which no head is: it is probably in deg/s"
        return [Finding("suspicious-unit", samples.name, len(norms), message, "say that it is in deg/s")]
    return []
