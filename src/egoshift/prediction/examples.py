"""Labelled segments of a person's own recordings, as samples for a model that is already trained."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from egoshift.classifier import AbstractClassifier, StreamBatch
from egoshift.datasets import DataCard, load_dataset
from egoshift.errors import DataError, Fault, MediaError
from egoshift.features import TensorFeatures
from egoshift.features.batches import ALL, AbstractLabelledSource, clip_targets
from egoshift.features.coverage import past_the_end
from egoshift.prediction.features import Features, Hands
from egoshift.prediction.recording import open_recording
from egoshift.prediction.scan import default_cache
from egoshift.records import Dataset, Label

FRAMES_A_SEGMENT = 32
"""Of a segment at least so many of its frames are kept: training draws among them."""

Encode = Callable[..., Features]
"""``Predictor.features``."""


class SegmentFeatures(AbstractLabelledSource):
    """Segments as tensors: of a stream of frames those that are asked for, of a sensor's own signal the whole window.

    Args:
        frames: Per stream of stored features, ``(segments, frames, dim)``.
        windows: Per stream that is a signal, ``(segments, rows, numbers in a row)``; NaN where a row is absent.
        targets: Per kind of label, class indices; -1 for unknown.
        groups: The recording of each segment.
        present: Per stream that some segments lack, which ones have it.
    """

    def __init__(
        self,
        frames: Mapping[str, Float[Tensor, "n _ _"]],
        windows: Mapping[str, Float[Tensor, "n _ _"]],
        targets: Mapping[Label, Int[Tensor, " n"]],
        groups: Sequence[str],
        present: Mapping[str, Bool[Tensor, " n"]],
    ):
        here = {name: values for name, values in present.items() if name in frames}
        self._frames = TensorFeatures(frames, groups=groups, present=here) if frames else None
        self._windows = dict(windows)
        self._targets, self._groups, self._present = dict(targets), tuple(groups), dict(present)

    @property
    def dims(self) -> dict[str, int]:
        """Length of a feature, or of a row of a signal, by stream."""
        dims = {} if self._frames is None else self._frames.dims
        return dims | {name: value.shape[-1] for name, value in self._windows.items()}

    def batch(
        self,
        indices: Int[Tensor, " batch"],
        *,
        num_frames: int,
        generator: torch.Generator | None = None,
        share: slice = ALL,
    ) -> StreamBatch:
        """See ``AbstractFeatureSource.batch``; ``num_frames`` has no meaning for signals."""
        own = indices[share]
        streams = {name: value[own.to(value.device)] for name, value in self._windows.items()}
        if self._frames is not None:
            streams |= self._frames.batch(indices, num_frames=num_frames, generator=generator, share=share).streams
        return StreamBatch(streams, *self._known(own))

    def subset(self, indices: Int[Tensor, " chosen"]) -> "SegmentFeatures":
        """See ``AbstractFeatureSource.subset``."""
        chosen = copy(self)
        chosen._keep(indices)
        chosen._frames = None if self._frames is None else self._frames.subset(indices)
        chosen._windows = {name: value[indices.to(value.device)] for name, value in self._windows.items()}
        return chosen

    def with_targets(self, targets: Mapping[Label, Int[Tensor, " n"]]) -> "SegmentFeatures":
        """The same segments with other labels."""
        chosen = copy(self)
        chosen._targets = dict(targets)
        return chosen


@dataclass(frozen=True)
class Examples:
    """Labelled segments whose recordings have been encoded.

    Attributes:
        path: The table they come from.
        clips: The segments, columns ``CLIP_SCHEMA``, of recordings that could be read.
        names: Per kind of label the classes of the segments.
        features: Per recording, what was encoded.
        faults: Rows and recordings that were left out, and why.
    """

    path: Path
    clips: pl.DataFrame
    names: dict[Label, tuple[str, ...]]
    features: dict[str, Features]
    faults: tuple[Fault, ...]

    def samples(self, classifier: AbstractClassifier, labels: Sequence[Label], num_frames: int = 16) -> SegmentFeatures:
        """The segments as tensors, in the order of ``clips``; those a classifier can read nothing of are refused.

        Args:
            classifier: What reads them.
            labels: Which kinds of label to give as targets.
            num_frames: How many frames it reads of each.

        Raises:
            DataError: Nothing can be read of a segment.
        """
        # An odd number to a bin: the one in its middle is the frame that a prediction looks at.
        kept = num_frames * (2 * (FRAMES_A_SEGMENT // (2 * num_frames)) + 1)
        parts, places = [], []
        numbered = self.clips.with_row_index("place")
        for (video,), group in numbered.group_by("video_id", maintain_order=True):
            spans = group.select("start_s", "stop_s").to_numpy()
            source, rows = self.features[str(video)].source(classifier, spans)
            if len(rows) < len(spans):
                lost = group.row(int(np.setdiff1d(np.arange(len(spans)), rows)[0]), named=True)
                message = f"nothing can be read of {lost['start_s']:g} to {lost['stop_s']:g} s of {video}"
                raise DataError([Fault("unreadable-segment", self.path, message, "leave it out", lost["row"])])
            parts.append(source.batch(torch.arange(len(source)), num_frames=kept))
            places += group["place"].to_list()
        order = torch.tensor(places).argsort()
        streams: dict[str, Tensor] = {}
        present: dict[str, Bool[Tensor, " n"]] = {}
        # Of a sensor that a recording lacks there is nothing to stack, and a place must be held for it.
        for name in dict.fromkeys(name for part in parts for name in part.streams):
            like = next(part.streams[name] for part in parts if name in part.streams)
            held = [
                part.streams.get(name, like.new_zeros(len(next(iter(part.streams.values()))), *like.shape[1:]))
                for part in parts
            ]
            there = [
                part.present.get(name, torch.full((len(block),), name in part.streams))
                for part, block in zip(parts, held, strict=True)
            ]
            streams[name], present[name] = torch.cat(held)[order], torch.cat(there)[order]
        signals = {name for features in self.features.values() for name in features.signals}
        return SegmentFeatures(
            {name: value for name, value in streams.items() if name not in signals},
            {name: value for name, value in streams.items() if name in signals},
            clip_targets(self.clips, labels),
            self.clips["video_id"].to_list(),
            {name: there for name, there in present.items() if not bool(there.all())},
        )


def read_examples(
    path: Path,
    videos: Path | None,
    encode: Encode,
    *,
    hands: Hands | None = None,
    cache: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Examples:
    """Segments of a CSV file ``video,start,stop,verb,noun,action``, with their recordings encoded.

    Args:
        path: The CSV file; see ``egoshift.datasets.folder``.
        videos: The folder of the recordings; by default that of the CSV file.
        encode: What encodes a recording.
        hands: Where hands were seen, in all of the recordings.
        cache: Where features are kept; by default in the user's cache.
        progress: Called with a recording's name, how many are done and how many there are.

    Raises:
        DataError: The table cannot be read, or none of its recordings.
    """
    card = DataCard(name=path.stem, format="folder", annotations=path, videos=videos or path.parent)
    dataset = load_dataset(card)
    found, faults = dict[str, Features](), list(dataset.faults)
    names = dataset.clips["video_id"].unique(maintain_order=True).to_list()
    for number, video in enumerate(names):
        if progress is not None:
            progress(video, number, len(names))
        try:
            found[video] = encode(open_recording(dataset.videos[video]), hands, cache=cache or default_cache())
        except MediaError as error:
            faults.append(error.fault)
        except DataError as error:
            faults += error.faults
    clips = dataset.clips.filter(pl.col("video_id").is_in(list(found)))
    late = past_the_end(clips, {video: features.recording.duration_s for video, features in found.items()})
    faults += late.values()
    clips = clips.filter(~pl.int_range(pl.len()).is_in(list(late)))
    if clips.is_empty():
        raise DataError(faults or [Fault("no-clips", path, "holds no segment that can be used", "add some")])
    return Examples(path, clips, _vocabularies(dataset), found, tuple(faults))


def _vocabularies(dataset: Dataset) -> dict[Label, tuple[str, ...]]:
    return {label: vocabulary.names for label, vocabulary in dataset.vocabularies.items()}
