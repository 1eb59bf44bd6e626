"""All streams of a recording that a model reads, and its windows as samples."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Float32, Float64, Int64, UInt8

from egoshift.classifier import AbstractClassifier, AbstractSubsetClassifier
from egoshift.encoders import PIXELS, SIGNAL, SignalSpec, sensor_of
from egoshift.errors import ConfigError, DataError, Fault
from egoshift.features import (
    AbstractFeatureSource,
    JoinedFeatures,
    SignalFeatures,
    Store,
    StoredFeatures,
    View,
)
from egoshift.features.recordings import read_recordings
from egoshift.fusion import Fusion, Unimodal
from egoshift.prediction.recording import Recording
from egoshift.prediction.scan import RECORDING
from egoshift.prediction.segments import Spans
from egoshift.recipes.run import StreamRef
from egoshift.records import CLIP_SCHEMA, Dataset

Crops = tuple[Float64[np.ndarray, " crops"], Float32[np.ndarray, "crops 4"], UInt8[np.ndarray, " crops"]]


@dataclass(frozen=True)
class PredictProgress:
    """How far a prediction is.

    Attributes:
        stage: What is being done, such as ``"video by egoworld"``.
        done: Of that, in frames or windows.
        total: In all of that.
        frames_per_s: How many of them a second; 0 before the first.
        seconds_left: Estimate for this stage; none before the first.
    """

    stage: str
    done: int
    total: int
    frames_per_s: float = 0.0
    seconds_left: float | None = None


OnPredict = Callable[[PredictProgress], None]


@dataclass(frozen=True)
class Hands:
    """Where hands were seen.

    Attributes:
        path: Detections, or a palm detector's model; by default a table of boxes beside the recording.
        format: How they are laid out; a name of ``egoshift.media.HAND_LOCATORS``.
    """

    path: Path | None = None
    format: str | None = None


@dataclass
class Features:
    """What was encoded of one recording.

    Attributes:
        recording: Which.
        streams: Per stream that is stored, its store and view.
        signals: Streams that are a sensor's own signal, which the model encodes.
        state: Per stream, whether it is used or why it is missing.
        notices: What a person should know.
        stopped: Whether encoding was interrupted.
    """

    recording: Recording
    streams: dict[str, tuple[Store, View]] = field(default_factory=dict)
    signals: list[str] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    stopped: bool = False

    def in_memory(self) -> "Features":
        """The same, with no file behind it."""
        return replace(self, streams={name: (store.in_memory(), view) for name, (store, view) in self.streams.items()})

    def crops(self) -> Crops:
        """When and where the hand view looked, and where each box came from; nothing without a hand view."""
        for store, view in self.streams.values():
            if view == "hand":
                return store.times(RECORDING), np.array(store.hand_boxes), np.array(store.hand_origins)
        return np.zeros(0), np.zeros((0, 4), np.float32), np.zeros(0, np.uint8)

    def source(
        self, classifier: AbstractClassifier, windows: Spans
    ) -> tuple[AbstractFeatureSource, Int64[np.ndarray, " read"]]:
        """The windows that can be read as samples for a classifier, and which ones they are.

        Raises:
            ConfigError: None of its streams is there.
            DataError: No window can be read.
        """
        clips = _clips(self.recording, windows)
        reads = classifier.required_streams
        streams = {name: self.streams[name] for name in reads if name in self.streams}
        any_of_them = isinstance(classifier, AbstractSubsetClassifier)
        sources: list[AbstractFeatureSource] = []
        if streams:
            stored = self._stored(streams, clips, optional=tuple(streams) if any_of_them else ())
            sources, clips = [stored], stored.clips
        for name in (name for name in reads if name in self.signals):
            signal = self._signal(classifier, name, clips, keep_absent=any_of_them and len(reads) > 1)
            if signal is not None:
                sources, clips = [*sources, signal], signal.clips
        if not sources:
            place = self.recording.path
            raise ConfigError(f"{place}: none of {', '.join(reads)} can be read of it; give another recording")
        source = sources[0] if len(sources) == 1 else JoinedFeatures(sources)
        rows = np.array([int(name) for name in clips["clip_id"]], dtype=np.int64)
        # A window may lie where every sensor has a gap.
        there = torch.stack([source.present.get(name, torch.ones(len(source)) > 0) for name in source.streams]).any(0)
        if there.all():
            return source, rows
        return source.subset(there.nonzero()[:, 0]), rows[there.numpy()]

    def _stored(
        self, streams: dict[str, tuple[Store, View]], clips: pl.DataFrame, optional: tuple[str, ...]
    ) -> StoredFeatures:
        try:
            return StoredFeatures(streams, clips, optional=optional)
        except DataError:  # a fault for every window
            first_s, last_s = min(clips["start_s"].to_list()), max(clips["stop_s"].to_list())
            message = f"nothing can be read of what is asked for, {first_s:g} to {last_s:g} s"
            remedy = "ask for another part of it, or give it undamaged"
            raise DataError([Fault("unreadable-recording", self.recording.path, message, remedy)]) from None

    def _signal(
        self, classifier: AbstractClassifier, name: str, clips: pl.DataFrame, *, keep_absent: bool
    ) -> SignalFeatures | None:
        """A sensor's own signal; None where it cannot be read and the classifier can do without."""
        spec, dataset = _spec(classifier, name), self._dataset(clips)
        try:
            return SignalFeatures(dataset, clips, spec, keep_absent=keep_absent)
        except DataError as error:
            if not keep_absent:
                raise
            faults = read_recordings(dataset, [RECORDING], spec, None)[2]
            self.state[name] = f"missing: {faults.get(RECORDING, error.faults[-1]).message}"
            return None

    def _dataset(self, clips: pl.DataFrame) -> Dataset:
        rate_hz, sensors = self.recording.frame_rate_hz, {RECORDING: self.recording.sensors}
        rates = {} if rate_hz is None else {RECORDING: rate_hz}
        return Dataset(self.recording.path.name, clips, {}, {}, rates, sensors=sensors)


def sensor_read(ref: StreamRef) -> str:
    """The sensor that a stream is made of."""
    if ref.encoder.startswith(SIGNAL):
        return ref.encoder.removeprefix(SIGNAL)
    return sensor_of(ref.encoder.removeprefix(PIXELS)) or "video"


def _spec(classifier: AbstractClassifier, stream: str) -> SignalSpec:
    """The windows that a classifier's own encoder of a signal reads."""
    if isinstance(classifier, Unimodal):
        return classifier.spec
    assert isinstance(classifier, Fusion), "only these read signals"
    return classifier.signal_encoders[stream].spec


def _clips(recording: Recording, windows: Spans) -> pl.DataFrame:
    rows = [
        (str(number), RECORDING, start_s, stop_s, "test", None, None, None, str(recording.path), None)
        for number, (start_s, stop_s) in enumerate(windows.tolist())
    ]
    return pl.DataFrame(rows, schema=CLIP_SCHEMA, orient="row")
