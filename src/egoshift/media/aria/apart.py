"""A recording that a child process reads, where media is read in one: ``vrs`` dies of some damaged files."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from egoshift.errors import Fault, MediaError
from egoshift.isolation import ask, is_isolated, stream
from egoshift.media.aria.readings import AriaLabel, Described, Span
from egoshift.media.aria.recording import AriaRecording
from egoshift.media.aria.track import TOLD_PIECES, AriaTrack
from egoshift.media.aria.vrs import require_vrs
from egoshift.media.container import is_picture
from egoshift.media.inertial import Samples
from egoshift.media.inertial.apart import samples_of, told_samples
from egoshift.media.soundapart import ChildTrack
from egoshift.remote import whole


class RecordingApart(Described):
    """Gives of IMUs and pictures what ``AriaRecording`` gives.

    Args:
        path: The ``.vrs`` file.

    Raises:
        ConfigError: The ``vrs`` package is not installed.
        MediaError: The file is missing, cut short, or no recording of Project Aria; or reading it crashed.
    """

    def __init__(self, path: Path):
        require_vrs()
        whole(path)  # what has the keys to an object store is this process
        told = ask(path, f"{__name__}:told_description")
        spans = {label: Span(*span) for label, span in told["spans"].items()}
        super().__init__(path, told["generation"], spans, told["rates_hz"], told["num_microphones"])

    def close(self) -> None:
        """Nothing: the child closes the file after each question."""

    def inertial(self, label: AriaLabel) -> dict[str, Samples]:
        """See ``AriaRecording.inertial``."""
        found = {}
        for told, columns in stream(self.path, f"{__name__}:told_inertial", label):
            samples = samples_of(told, columns)
            if samples is None:
                raise self._strange("readings")
            found[samples.name] = samples
        return found

    def pictures(
        self, start_s: float | None = None, stop_s: float | None = None
    ) -> Iterator[tuple[float, UInt8[np.ndarray, "height width 3"]]]:
        """See ``AriaRecording.pictures``."""
        with closing(stream(self.path, f"{__name__}:told_pictures", start_s, stop_s)) as pieces:
            for told, picture in pieces:
                if picture is None or not is_picture(picture):
                    raise self._strange("a picture")
                yield float(told["time_s"]), picture

    def _strange(self, wanted: str) -> MediaError:
        message = f"reading it crashed: what came is not {wanted}"
        return MediaError(Fault("decoder-crash", self.path, message, "copy it from the device again, or leave it out"))


def open_recording(path: Path) -> AriaRecording | RecordingApart:
    """A recording, read here or in a child; see there for errors."""
    return RecordingApart(path) if is_isolated() else AriaRecording(path)


def open_track(path: Path) -> AriaTrack | ChildTrack:
    """The sound of a recording, read here or in a child; see there for errors."""
    if not is_isolated():
        return AriaTrack(path)
    require_vrs()
    return ChildTrack(path, TOLD_PIECES)


def told_description(path: str) -> Iterator[tuple[dict[str, Any], None]]:
    """What a child tells of a recording."""
    with AriaRecording(Path(path)) as recording:
        spans = {label: [span.start_ns, span.stop_ns] for label, span in recording.spans.items()}
        yield (
            {
                "generation": recording.generation,
                "spans": spans,
                "rates_hz": dict(recording.rates_hz),
                "num_microphones": recording.num_microphones,
            },
            None,
        )


def told_inertial(path: str, label: AriaLabel) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """What a child tells of an IMU: each sensor; see ``told_samples``."""
    with AriaRecording(Path(path)) as recording:
        for samples in recording.inertial(label).values():
            yield told_samples(samples)


def told_pictures(
    path: str, start_s: float | None, stop_s: float | None
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """What a child tells of pictures: each with its time."""
    with AriaRecording(Path(path)) as recording:
        for time_s, picture in recording.pictures(start_s, stop_s):
            yield {"time_s": time_s}, picture
