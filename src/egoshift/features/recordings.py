"""A sensor's recordings as rows on a grid, and windows of them.

A log-mel takes 51 KB a second of sound, an IMU 5 KB, pictures of 72 pixels 62 KB at 4 a second.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, Shaped
from torch import Tensor

from egoshift.encoders.preprocess import prepare
from egoshift.encoders.signal import SignalSpec, frame_card
from egoshift.errors import DataError, Fault, MediaError
from egoshift.media import (
    SensorReader,
    frames_present,
    log_mel,
    probe,
    read_frames,
    read_inertial,
    read_sound_file,
)
from egoshift.media.inertial import onto_grid
from egoshift.records import Dataset, SensorFile

LEAST_PRESENT = 0.5
"""A window of which less than this share is present counts as absent."""


@dataclass(frozen=True)
class Signal:
    """One sensor's recording.

    Attributes:
        rows: Row k is that of ``k / rate_hz`` seconds of the video; whatever it holds where absent.
        present: Whether it was recorded.
    """

    rows: Shaped[Tensor, "rows *row"]
    present: Bool[Tensor, " rows"]


def read_signal(
    file: SensorFile, spec: SignalSpec, frame_rate_hz: float | None = None, reader: SensorReader | None = None
) -> Signal:
    """A recording as rows.

    Args:
        file: Where it lies.
        spec: What its rows are.
        frame_rate_hz: Of a folder of numbered frames.
        reader: What reads tables and archives, for many files; none opens this one alone.

    Raises:
        MediaError: A video or its sound cannot be read.
        DataError: A table of readings cannot be read.
    """
    if spec.rows == "frames":
        duration_s = probe(file.path, frame_rate_hz).duration_s
        times_s = np.arange(max(1, int(duration_s * spec.rate_hz))) / spec.rate_hz
        card = frame_card(spec.size)
        pictures = [prepare(frame, card) for _, frame in read_frames(file.path, times_s, frame_rate_hz)]
        return Signal(torch.stack(pictures), torch.ones(len(pictures), dtype=torch.bool))
    if spec.rows == "log-mel":
        sound = read_sound_file(file)
        mel = log_mel(torch.from_numpy(sound.samples)[None], num_bins=spec.num_mels)[0]
        return Signal(mel, frames_present(torch.from_numpy(sound.mask)[None])[0])
    sensors = (read_inertial(file) if reader is None else reader.inertial(file)).sensors
    wanted = {name: sensors[name] for name in spec.layout if name in sensors}
    stop_s = max((float(samples.times_s[-1]) for samples in wanted.values()), default=0.0)
    gridded = onto_grid(wanted, stop_s + 1 / spec.rate_hz, layout=spec.layout, rate_hz=spec.rate_hz)
    return Signal(gridded.values, gridded.present.any(1))


def windows_of(
    signal: Signal,
    first: Int64[Tensor, " windows"],
    stop: Int64[Tensor, " windows"],
    centres: Int64[Tensor, " windows"],
    spec: SignalSpec,
) -> tuple[Float[Tensor, "windows rows flat"], Float[Tensor, " windows"]]:
    """Windows of rows around some, and which share of each is present.

    Pictures beyond the recording's ends repeat the last one there; anything else is absent beyond them.

    Args:
        signal: One recording, or several one after the other.
        first: The first row of each window's recording.
        stop: One after its last.
        centres: The row in the middle of each window, which may lie beyond them.
        spec: What the rows are.
    """
    asked = centres[:, None] - spec.num_rows // 2 + torch.arange(spec.num_rows)
    rows = asked.clamp(first[:, None], stop[:, None] - 1)
    values = signal.rows[rows].float().flatten(2)
    if spec.rows == "frames":
        return values, torch.ones(len(values))
    present = signal.present[rows] & (asked == rows)
    return values.masked_fill_(~present[:, :, None], torch.nan), present.float().mean(1)


def clip_rows(times_s: Float64[np.ndarray, " times"], spec: SignalSpec) -> Int64[Tensor, " times"]:
    """The row of each time in a recording."""
    return torch.from_numpy(np.rint(times_s * spec.rate_hz).astype(np.int64))


def read_recordings(
    dataset: Dataset, videos: Sequence[str], spec: SignalSpec, progress: Callable[[int, int], None] | None
) -> tuple[Signal, dict[str, tuple[int, int]], dict[str, Fault]]:
    """All recordings of some videos one after the other, the rows of each, and why there is none of some.

    Args:
        dataset: Where the recordings lie.
        videos: Whose.
        spec: What the rows are.
        progress: Called with how many recordings were read, and how many there are.
    """
    found: list[Signal] = []
    spans: dict[str, tuple[int, int]] = {}
    faults: dict[str, Fault] = {}
    first = 0
    with SensorReader() as reader:
        for number, video in enumerate(videos, start=1):
            file = dataset.sensors.get(video, {}).get(spec.sensor)
            if file is not None:
                try:
                    signal = read_signal(file, spec, dataset.frame_rates_hz.get(video), reader)
                except MediaError as error:
                    faults[video] = error.fault
                except DataError as error:
                    faults[video] = error.faults[0]
                else:
                    if len(signal.rows):
                        found.append(signal)
                        spans[video] = (first, first + len(signal.rows))
                        first += len(signal.rows)
            if progress is not None:
                progress(number, len(videos))
    if not found:
        return Signal(torch.empty(0, *spec.row_shape), torch.empty(0, dtype=torch.bool)), spans, faults
    whole = Signal(torch.cat([one.rows for one in found]), torch.cat([one.present for one in found]))
    return whole, spans, faults
