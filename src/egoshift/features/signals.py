"""Windows of one sensor's recordings: what sensor encoders are trained on."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.encoders.signal import SignalSpec
from egoshift.errors import DataError, Fault
from egoshift.features.batches import ALL, AbstractLabelledSource, clip_targets
from egoshift.features.recordings import LEAST_PRESENT, Signal, read_recordings, windows_of
from egoshift.records import Dataset, Label


class SignalFeatures(AbstractLabelledSource):
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
        self._signal, spans, faults = read_recordings(dataset, videos, spec, progress)
        kept, dropped = _present(clips, self._signal, spans, faults, spec)
        chosen = np.ones(len(clips), dtype=bool) if keep_absent and kept.any() else kept
        self.clips = clips.filter(pl.Series(chosen, dtype=pl.Boolean))
        self._present = {spec.sensor: torch.from_numpy(kept[chosen])}
        self._dropped = () if keep_absent else tuple(dropped)
        if self.clips.is_empty():
            place = Path(clips["file"][0]) if len(clips) else Path(dataset.name)
            remedy = "give a data set that has this sensor, or leave it out"
            raise DataError([*dropped[:20], Fault("absent-sensor", place, f"no clip has {spec.sensor}", remedy)])
        nowhere = (0, 1)
        self._spans = torch.tensor([spans.get(video, nowhere) for video in self.clips["video_id"]], dtype=torch.int64)
        self._times_s = torch.from_numpy(self.clips.select("start_s", "stop_s").to_numpy().astype(np.float64))
        self._targets = clip_targets(self.clips, labels)
        self._groups = tuple(self.clips["video_id"].to_list())

    @property
    def dims(self) -> dict[str, int]:
        """Numbers in a row."""
        return {self._spec.sensor: self._spec.row_dim}

    @property
    def spans(self) -> Float64[Tensor, "n 2"]:
        """From when to when each clip lasts, in seconds of its video."""
        return self._times_s

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that its clips are of."""
        return tuple(sorted(self.clips["split"].drop_nulls().unique()))

    @property
    def dropped(self) -> tuple[Fault, ...]:
        """One fault for each clip without the sensor, unless these were to be kept."""
        return self._dropped

    def batch(
        self,
        indices: Int64[Tensor, " batch"],
        *,
        num_frames: int,
        generator: torch.Generator | None = None,
        share: slice = ALL,
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
        indices, centre_s = indices[share], centre_s[share]
        first, stop = self._spans[indices].unbind(1)
        centres = first + (centre_s * self._spec.rate_hz).round().long()
        windows, _ = windows_of(self._signal, first, stop, centres, self._spec)
        return StreamBatch({self._spec.sensor: windows}, *self._known(indices))

    def subset(self, indices: Int64[Tensor, " chosen"]) -> "SignalFeatures":
        """See ``AbstractFeatureSource.subset``."""
        indices = indices.cpu()
        chosen = copy(self)
        chosen._keep(indices)
        chosen.clips = self.clips[indices.numpy()]
        chosen._spans, chosen._times_s = self._spans[indices], self._times_s[indices]
        return chosen


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
