"""The recordings of one sensor in memory, as rows on a grid, and windows of them: what sensor encoders are trained on.

A log-mel takes 51 KB a second of sound, an IMU 5 KB, pictures of 72 pixels 62 KB at 4 a second.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float, Float64, Int64, Shaped
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.encoders.preprocess import prepare
from egoshift.encoders.signal import SignalSpec, frame_card
from egoshift.errors import DataError, Fault, MediaError
from egoshift.features.batches import AbstractFeatureSource
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
from egoshift.records import Dataset, Label, SensorFile

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


class SignalFeatures(AbstractFeatureSource):
    """Windows of one sensor's recordings, for encoders that are trained on them.

    A sample is one window of its clip: for evaluation around the clip's middle; for training anywhere inside the clip,
    or around it where it is the shorter one. ``num_frames`` has no meaning.

    Args:
        dataset: Where the recordings lie.
        clips: Clips with columns ``CLIP_SCHEMA``.
        spec: What a window is.
        labels: Which kinds of label to give as targets; a missing label is -1.
        keep_absent: Whether clips without the sensor stay, marked as such (``present``).
        progress: Called with how many recordings were read, and how many there are.

    Attributes:
        clips: The clips in whose middle the sensor is present; row i is sample i.

    Raises:
        DataError: There is none; names every clip that was left out.
    """

    clips: pl.DataFrame

    def __init__(
        self,
        dataset: Dataset,
        clips: pl.DataFrame,
        spec: SignalSpec,
        labels: Sequence[Label] = (),
        *,
        keep_absent: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ):
        self._spec = spec
        videos = sorted(set(clips["video_id"]))
        self._signal, spans, faults = _read_all(dataset, videos, spec, progress)
        kept, dropped = _present(clips, self._signal, spans, faults, spec)
        chosen = np.ones(len(clips), dtype=bool) if keep_absent and kept.any() else kept
        self.clips = clips.filter(pl.Series(chosen, dtype=pl.Boolean))
        self._present = torch.from_numpy(kept[chosen])
        self._dropped = () if keep_absent else tuple(dropped)
        if self.clips.is_empty():
            place = Path(clips["file"][0]) if len(clips) else Path(dataset.name)
            remedy = "give a data set that has this sensor, or leave it out"
            raise DataError([*dropped[:20], Fault("absent-sensor", place, f"no clip has {spec.sensor}", remedy)])
        nowhere = (0, 1)
        self._spans = torch.tensor([spans.get(video, nowhere) for video in self.clips["video_id"]], dtype=torch.int64)
        self._times_s = torch.from_numpy(self.clips.select("start_s", "stop_s").to_numpy().astype(np.float64))
        self._targets = {
            label: torch.from_numpy(self.clips[label].fill_null(-1).to_numpy().astype(np.int64)) for label in labels
        }
        self._groups = tuple(self.clips["video_id"].to_list())

    @property
    def dims(self) -> dict[str, int]:
        """Numbers in a row."""
        return {self._spec.sensor: self._spec.row_dim}

    @property
    def targets(self) -> dict[Label, Tensor]:
        """Class index of each clip by kind of label; -1 where it is not annotated."""
        return dict(self._targets)

    @property
    def groups(self) -> tuple[str, ...]:
        """The video of each clip."""
        return self._groups

    @property
    def present(self) -> dict[str, Bool[Tensor, " n"]]:
        """In the middle of which clips the sensor is present."""
        return {self._spec.sensor: self._present}

    @property
    def spans(self) -> Float64[Tensor, "n 2"]:
        """From when to when each clip lasts, in seconds of its video."""
        return self._times_s

    @property
    def dropped(self) -> tuple[Fault, ...]:
        """One fault for each clip without the sensor, unless these were to be kept."""
        return self._dropped

    def batch(
        self, indices: Int64[Tensor, " batch"], *, num_frames: int, generator: torch.Generator | None = None
    ) -> StreamBatch:
        """See ``AbstractFeatureSource.batch``; a stream ``(batch, rows, numbers in a row)``, NaN where absent."""
        del num_frames
        indices = indices.cpu()
        start_s, stop_s = self._times_s[indices].unbind(1)
        centre_s = (start_s + stop_s) / 2
        if generator is not None:
            room = (stop_s - start_s - self._spec.window_s).abs()
            drawn = torch.rand(len(indices), generator=generator, dtype=torch.float64, device=generator.device).cpu()
            centre_s = centre_s + (drawn - 0.5) * room
        first, stop = self._spans[indices].unbind(1)
        centres = first + (centre_s * self._spec.rate_hz).round().long()
        windows, _ = windows_of(self._signal, first, stop, centres, self._spec)
        targets = {label: values[indices] for label, values in self._targets.items()}
        here = self._present[indices]
        return StreamBatch({self._spec.sensor: windows}, {self._spec.sensor: here}, targets)

    def subset(self, indices: Int64[Tensor, " chosen"]) -> "SignalFeatures":
        """See ``AbstractFeatureSource.subset``."""
        indices = indices.cpu()
        chosen = copy(self)
        chosen.clips = self.clips[indices.numpy()]
        chosen._spans, chosen._times_s = self._spans[indices], self._times_s[indices]
        chosen._present = self._present[indices]
        chosen._targets = {label: values[indices] for label, values in self._targets.items()}
        chosen._groups = tuple(self._groups[row] for row in indices.tolist())
        return chosen


def _read_all(
    dataset: Dataset, videos: Sequence[str], spec: SignalSpec, progress: Callable[[int, int], None] | None
) -> tuple[Signal, dict[str, tuple[int, int]], dict[str, Fault]]:
    """All recordings one after the other, the rows of each, and why there is none of some."""
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


def _present(
    clips: pl.DataFrame,
    signal: Signal,
    spans: Mapping[str, tuple[int, int]],
    faults: Mapping[str, Fault],
    spec: SignalSpec,
) -> tuple[Bool[np.ndarray, " clips"], list[Fault]]:
    """Which clips have the sensor in their middle, and a fault for each other."""
    kept, dropped = np.zeros(len(clips), dtype=bool), []
    for index, row in enumerate(clips.iter_rows(named=True)):
        share = 0.0
        if row["video_id"] in spans:
            first, stop = spans[row["video_id"]]
            centre = first + round((row["start_s"] + row["stop_s"]) / 2 * spec.rate_hz)
            share = _share(signal, first, stop, centre, spec)
        kept[index] = share >= LEAST_PRESENT
        if not kept[index]:
            why = faults.get(row["video_id"])
            found = f"clip {row['clip_id']}: {spec.sensor} is absent" + (f" ({why.kind})" if why else "")
            remedy = "nothing to do where the sensor was off"
            dropped.append(Fault("sensor-absent", Path(row["file"]), found, remedy, row["row"]))
    return kept, dropped


def _share(signal: Signal, first: int, stop: int, centre: int, spec: SignalSpec) -> float:
    """Which share of a window is present."""
    if spec.rows == "frames":
        return 1.0
    begin = centre - spec.num_rows // 2
    inside = signal.present[max(first, begin) : max(first, min(stop, begin + spec.num_rows))]
    return int(inside.sum()) / spec.num_rows


def clip_rows(times_s: Float64[np.ndarray, " times"], spec: SignalSpec) -> Int64[Tensor, " times"]:
    """The row of each time in a recording."""
    return torch.from_numpy(np.rint(times_s * spec.rate_hz).astype(np.int64))
