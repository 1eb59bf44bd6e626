"""Project Aria recordings, of both generations: sound, inertial readings and pictures on one clock."""

from egoshift.media.aria.readings import LABELS, AriaLabel, Span, Waveform
from egoshift.media.aria.recording import AriaRecording
from egoshift.media.aria.track import AriaTrack

__all__ = ["LABELS", "AriaLabel", "AriaRecording", "AriaTrack", "Span", "Waveform"]
