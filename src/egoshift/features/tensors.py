"""Features that are already tensors as a source of batches."""

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.errors import DataError, Fault
from egoshift.features.batches import ALL, AbstractLabelledSource
from egoshift.records import Label


class TensorFeatures(AbstractLabelledSource):
    """Features that are already tensors: no store, no clips, no config.

    Where a tensor has more frames than are asked for, one frame per bin of its frame axis is given; otherwise all of
    its frames are, so one frame per sample is enough for anything.

    >>> source = TensorFeatures({"full": torch.zeros(3, 8, 2)}, {"verb": [0, 1, -1]})
    >>> source.batch(torch.tensor([2, 0]), num_frames=4).streams["full"].shape
    torch.Size([2, 4, 2])

    Args:
        streams: Per stream name, ``(n, frames, dim)`` or ``(n, dim)``; n is shared, frames and dims may differ.
        targets: Per kind of label, n class indices; -1 for unknown.
        groups: What each sample belongs to (its video), by which intervals are taken; none: each sample by itself.
        present: Per stream name, whether each sample has it; a stream that is not named here all samples have. What
            the features of a sample that lacks a stream hold is of no meaning, and may be NaN.

    Raises:
        DataError: A stream holds NaN or infinity, or lengths do not fit; names all that is wrong.
    """

    def __init__(
        self,
        streams: Mapping[str, Tensor],
        targets: Mapping[Label, Tensor | Sequence[int]] | None = None,
        groups: Sequence[str] | None = None,
        present: Mapping[str, Tensor] | None = None,
    ):
        here = {name: torch.as_tensor(values) for name, values in (present or {}).items()}
        given = {label: torch.as_tensor(values) for label, values in (targets or {}).items()}
        faults = _presence_faults(streams, here) or _stream_faults(streams, here)
        faults = faults or _label_faults(streams, given, groups)
        if faults:
            raise DataError(faults)
        num_samples = len(next(iter(streams.values())))
        self._streams = {name: value if value.ndim == 3 else value[:, None] for name, value in streams.items()}
        self._targets = {label: values.long() for label, values in given.items()}
        self._groups = tuple(str(row) for row in range(num_samples)) if groups is None else tuple(groups)
        self._present = here

    @property
    def dims(self) -> dict[str, int]:
        """Length of a feature, by stream."""
        return {name: value.shape[-1] for name, value in self._streams.items()}

    def batch(
        self,
        indices: Int[Tensor, " batch"],
        *,
        num_frames: int,
        generator: torch.Generator | None = None,
        share: slice = ALL,
    ) -> StreamBatch:
        """See ``AbstractFeatureSource.batch``."""
        if generator is None:
            positions = torch.full((len(indices), num_frames), 0.5, dtype=torch.float64)
        else:
            positions = torch.rand(
                len(indices), num_frames, generator=generator, dtype=torch.float64, device=generator.device
            )
        shares = (torch.arange(num_frames, device=positions.device) + positions) / num_frames
        own = indices[share]
        streams = {name: _take(value, own, shares[share]) for name, value in self._streams.items()}
        return StreamBatch(streams, *self._known(own))

    def with_targets(self, targets: Mapping[Label, Tensor | Sequence[int]]) -> "TensorFeatures":
        """The same features with other labels; arguments and errors are those of ``TensorFeatures``."""
        return TensorFeatures(self._streams, targets, self._groups, self._present)

    def subset(self, indices: Int[Tensor, " chosen"]) -> "TensorFeatures":
        """See ``AbstractFeatureSource.subset``."""
        chosen = copy(self)
        chosen._keep(indices)
        chosen._streams = {name: value[indices.to(value.device)] for name, value in self._streams.items()}
        return chosen


def _take(
    features: Float[Tensor, "n frames dim"], indices: Int[Tensor, " batch"], shares: Float[Tensor, "batch bins"]
) -> Float[Tensor, "batch _ dim"]:
    """One frame for each share of the frame axis, or all frames where there are no more than bins."""
    indices, num_frames = indices.to(features.device), features.shape[1]
    if num_frames <= shares.shape[1]:
        return features[indices].float()
    frames = (shares.to(features.device) * num_frames).long().clamp_(max=num_frames - 1)
    return features[indices[:, None], frames].float()


def _presence_faults(streams: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> list[Fault]:
    faults = []
    for name, values in present.items():
        place, remedy = Path(f"present {name!r}"), "give one boolean per row"
        expected = tuple(streams[name].shape[:1]) if name in streams else ()
        if name not in streams:
            found = f"is no stream; there are {', '.join(streams) or 'none'}"
            faults.append(Fault("unknown-stream", place, found, "name it as its stream"))
        elif values.dtype != torch.bool or tuple(values.shape) != expected:
            found = f"has shape {tuple(values.shape)} of {values.dtype}, expected {expected} of booleans"
            faults.append(Fault("wrong-presence", place, found, remedy))
    return faults


def _stream_faults(streams: Mapping[str, Tensor], present: Mapping[str, Bool[Tensor, " n"]]) -> list[Fault]:
    if not streams:
        return [Fault("no-streams", Path("streams"), "no stream given", "give at least one tensor of features")]
    faults = []
    lengths = {name: len(value) for name, value in streams.items() if value.ndim > 0}
    for name, value in streams.items():
        place = Path(f"stream {name!r}")
        if value.ndim not in (2, 3) or not value.is_floating_point():
            found = f"has shape {tuple(value.shape)} of {value.dtype}, expected (n, frames, dim) or (n, dim) of floats"
            faults.append(Fault("wrong-shape", place, found, "reshape or convert it"))
        elif len(rows := _not_finite(value, present.get(name))):
            found = f"row {rows[0]} holds NaN or infinity ({len(rows)} of {len(value)} rows do)"
            faults.append(Fault("not-finite", place, found, "leave those rows out or encode them again"))
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        faults.append(
            Fault("wrong-length", Path("streams"), f"rows differ: {found}", "give one row per sample in each")
        )
    return faults


def _not_finite(features: Tensor, present: Bool[Tensor, " n"] | None) -> Int[Tensor, " rows"]:
    """Rows with NaN or infinity, of samples that have the stream."""
    broken = ~torch.isfinite(features).flatten(1).all(1)
    return (broken if present is None else broken & present.to(broken.device)).nonzero()[:, 0]


def _label_faults(
    streams: Mapping[str, Tensor], targets: Mapping[Label, Tensor], groups: Sequence[str] | None
) -> list[Fault]:
    num_samples = len(next(iter(streams.values())))
    faults = []
    for label, values in targets.items():
        place = Path(f"targets {label!r}")
        if values.ndim != 1 or len(values) != num_samples:
            found = f"has shape {tuple(values.shape)}, expected ({num_samples},), one for each row of the streams"
            faults.append(Fault("wrong-length", place, found, "give one class index per row, -1 for unknown"))
        elif len(values) and (values.is_floating_point() or int(values.min()) < -1):
            found = f"holds {values.dtype} values down to {values.min()}, expected class indices, or -1 for unknown"
            faults.append(Fault("wrong-label", place, found, "give integers from 0, or -1"))
    if groups is not None and len(groups) != num_samples:
        found = f"has {len(groups)} entries, expected {num_samples}, one for each row of the streams"
        faults.append(Fault("wrong-length", Path("groups"), found, "give one group per row"))
    return faults
