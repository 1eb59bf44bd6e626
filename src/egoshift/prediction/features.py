"""All streams of a recording that a model reads, and its windows as samples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float32, Float64, Int64, UInt8

from egoshift.classifier import AbstractClassifier, AbstractSubsetClassifier
from egoshift.encoders import PIXELS, SIGNAL, SignalSpec, sensor_of
from egoshift.errors import ConfigError, DataError, MediaError
from egoshift.features import (
    AbstractFeatureSource,
    ExtractProgress,
    JoinedFeatures,
    SignalFeatures,
    Store,
    StoredFeatures,
    View,
)
from egoshift.fusion import Fusion, Unimodal
from egoshift.prediction.recording import Recording, hands_of
from egoshift.prediction.scan import RECORDING, Scanned, Stopped, scan_pictures, scan_sensor
from egoshift.prediction.segments import Spans
from egoshift.prediction.towers import Towers
from egoshift.recipes.run import StreamRef
from egoshift.records import CLIP_SCHEMA, Dataset

PICTURES_A_SECOND, WINDOWS_A_SECOND = 4.0, 2.0
"""How many frames, and how many windows of another sensor, are encoded of a second."""

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
            stored = StoredFeatures(streams, clips, optional=tuple(streams) if any_of_them else ())
            sources, clips = [stored], stored.clips
        for name in (name for name in reads if name in self.signals):
            keep = any_of_them and len(reads) > 1
            signal = SignalFeatures(self._dataset(clips), clips, _spec(classifier, name), keep_absent=keep)
            sources, clips = [*sources, signal], signal.clips
        if not sources:
            place = self.recording.path
            raise ConfigError(f"{place}: none of {', '.join(reads)} can be read of it; give another recording")
        rows = np.array([int(name) for name in clips["clip_id"]], dtype=np.int64)
        return (sources[0] if len(sources) == 1 else JoinedFeatures(sources)), rows

    def _dataset(self, clips: pl.DataFrame) -> Dataset:
        rate_hz, sensors = self.recording.frame_rate_hz, {RECORDING: self.recording.sensors}
        rates = {} if rate_hz is None else {RECORDING: rate_hz}
        return Dataset(self.recording.path.name, clips, {}, {}, rates, sensors=sensors)


def gather(
    recording: Recording,
    streams: Mapping[str, StreamRef],
    classifiers: Sequence[AbstractClassifier],
    towers: Towers,
    folder: Path,
    *,
    hands: Hands,
    progress: OnPredict | None = None,
    stop: Callable[[], bool] | None = None,
) -> Features:
    """All streams of a recording that its sensors allow, encoded or from the cache.

    Args:
        recording: Which.
        streams: Where each stream comes from.
        classifiers: What reads them.
        towers: What encodes them.
        folder: The recording's folder in the cache.
        hands: Where hands were seen.
        progress: Called after every batch.
        stop: Asked after every batch; True ends the work, and what is done is given.

    Raises:
        MediaError: A sensor that a classifier needs cannot be read.
        ConfigError: A sensor that a classifier needs is not there.
    """
    found = Features(recording)
    optional = {name for classifier in classifiers for name in classifier.optional_streams}
    needed = {name for classifier in classifiers for name in classifier.required_streams}
    scans: dict[str, Scanned] = {}
    for name, ref in streams.items():
        if name not in needed:
            continue
        sensor = sensor_read(ref)
        if sensor not in recording.sensors:
            why = recording.missing[sensor]
            if name not in optional:
                raise ConfigError(
                    f"{recording.path}: the model reads {sensor}, which is not there ({why}); give it, or take a model "
                    "that can do without"
                )
            found.state[name] = f"missing: {why}"
        elif ref.encoder.startswith(SIGNAL):
            found.signals.append(name)
            found.state[name] = "used"
        else:
            try:
                if ref.encoder not in scans:
                    tell = _teller(f"{sensor} by {Path(ref.encoder).name}", progress, stop)
                    scans[ref.encoder] = _scan(found, ref.encoder, streams, towers, folder, hands, tell)
            except (MediaError, DataError) as error:
                if name not in optional or len(recording.sensors) == 1:
                    raise
                fault = error.fault if isinstance(error, MediaError) else error.faults[0]
                found.state[name] = f"missing: {fault.message}"
            else:
                found.streams[name] = (scans[ref.encoder].store, ref.view)
                found.state[name] = "used"
    found.stopped = any(scan.stopped for scan in scans.values())
    found.notices += [str(fault) for scan in scans.values() for fault in scan.faults]
    return found


def _scan(
    found: Features,
    encoder: str,
    streams: Mapping[str, StreamRef],
    towers: Towers,
    folder: Path,
    hands: Hands,
    progress: Callable[[ExtractProgress], None],
) -> Scanned:
    recording, sensor = found.recording, sensor_of(encoder)
    if sensor is not None:
        tower = towers.sensor(encoder)
        return scan_sensor(recording, sensor, tower, folder, rate_hz=WINDOWS_A_SECOND, progress=progress)
    asked = {ref.view for ref in streams.values() if ref.encoder == encoder}
    views: tuple[View, ...] = tuple(view for view in ("full", "hand") if view in asked)
    locator, known = hands_of(recording, hands.path, hands.format)
    if "hand" in views and not known:
        found.notices.append("no hand detections: hand crops are whole frames, as where no hand is seen")
    return scan_pictures(
        recording,
        towers.image(encoder),
        folder,
        views=views,
        hands=locator,
        rate_hz=PICTURES_A_SECOND,
        progress=progress,
    )


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


def _teller(
    stage: str, progress: OnPredict | None, stop: Callable[[], bool] | None
) -> Callable[[ExtractProgress], None]:
    """Passes progress on, and ends the work where that is asked for."""

    def tell(state: ExtractProgress) -> None:
        if progress is not None:
            left_s = state.seconds_left
            progress(PredictProgress(stage, state.frames_done, state.frames_total, state.frames_per_s, left_s))
        if stop is not None and stop():
            raise Stopped

    return tell
