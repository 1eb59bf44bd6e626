"""All streams of a recording that a predictor reads, encoded or found in the cache."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from egoshift.classifier import AbstractClassifier
from egoshift.encoders import SIGNAL, sensor_of
from egoshift.errors import ConfigError, DataError, MediaError
from egoshift.features import ExtractProgress, View
from egoshift.prediction.features import Features, Hands, OnPredict, PredictProgress, sensor_read
from egoshift.prediction.recording import Recording, hands_of
from egoshift.prediction.scan import Scanned, Stopped, scan_pictures, scan_sensor
from egoshift.prediction.towers import Towers
from egoshift.recipes.run import StreamRef

PICTURES_A_SECOND, WINDOWS_A_SECOND = 4.0, 2.0
"""How many frames, and how many windows of another sensor, are encoded of a second."""


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
        KeyboardInterrupt: Interrupted before anything was finished.
    """
    found = Features(recording)
    optional = {name for classifier in classifiers for name in classifier.optional_streams}
    needed = {name for classifier in classifiers for name in classifier.required_streams}
    read = {name: ref for name, ref in streams.items() if name in needed}
    # What is missing is said before hours are spent on what is there.
    for name, ref in read.items():
        sensor = sensor_read(ref)
        if sensor not in recording.sensors:
            why = recording.missing[sensor]
            if name not in optional:
                raise ConfigError(
                    f"{recording.path}: the model reads {sensor}, which is not there ({why}); give it, or take a model "
                    "that can do without"
                )
            found.state[name] = f"missing: {why}"
    scans: dict[str, Scanned] = {}
    for name, ref in read.items():
        if name in found.state:
            continue
        if ref.encoder.startswith(SIGNAL):
            found.signals.append(name)
            found.state[name] = "used"
            continue
        try:
            if ref.encoder not in scans:
                if found.stopped:
                    raise Stopped  # what was interrupted is not begun anew with the next encoder
                tell = _teller(f"{sensor_read(ref)} by {Path(ref.encoder).name}", progress, stop)
                scans[ref.encoder] = _scan(found, ref.encoder, read, towers, folder, hands, tell)
        except (MediaError, DataError) as error:
            if name not in optional or len(recording.sensors) == 1:
                raise
            fault = error.fault if isinstance(error, MediaError) else error.faults[0]
            found.state[name] = f"missing: {fault.message}"
        except (KeyboardInterrupt, Stopped) as error:
            if isinstance(error, KeyboardInterrupt) and not scans:
                raise
            found.stopped, found.state[name] = True, "missing: interrupted before it was read"
        else:
            found.streams[name] = (scans[ref.encoder].store, ref.view)
            found.state[name] = "used"
            found.stopped = found.stopped or scans[ref.encoder].stopped
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
