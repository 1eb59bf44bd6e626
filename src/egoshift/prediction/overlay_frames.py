"""The frames of an overlay: recording above, panel below."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import Float32, UInt8

from egoshift.media.orientation import orientation
from egoshift.prediction.canvas import LIMITED_RANGE, Canvas, planes_of, shown_aspect
from egoshift.prediction.panel import Panel
from egoshift.prediction.timeline import Evidence, Prediction

FULL_FRAME = 0
"""Index into ``egoshift.media.ORIGINS``."""

LONE_BOX_S = 0.5
"""How long before and after its time a box is shown that has no neighbours."""


class OverlayFrames:
    """Draws one frame after another.

    Args:
        prediction: The recording and what was recognised in it.
        first: The recording's first frame, which tells its size, orientation and colours.
        aspect: How much wider than high the recording's pixels are, where it says so.
    """

    def __init__(self, prediction: Prediction, first: VideoFrame, aspect: Fraction | None):
        upright = orientation(prediction.path, first)
        width, height = (first.height, first.width) if upright.transpose else (first.width, first.height)
        size_px = min(max(round(min(width, height) / 27), 11), 48)
        self._panel = Panel(prediction, width + width % 2, size_px)
        self._canvas = Canvas(width, height, self._panel.height, upright)
        self._aspect = shown_aspect(aspect, upright)
        self._colours = (first.colorspace, first.color_primaries, first.color_trc)
        self._boxes = HandBoxAt(prediction.evidence)
        self._shown: tuple[UInt8[np.ndarray, "_ _ 3"], list[UInt8[np.ndarray, "_ _"]]] | None = None

    @property
    def notices(self) -> tuple[str, ...]:
        """Which of the characters drawn so far no font here has, and what else is wrong with words."""
        return self._panel.lettering.notices

    def add_stream(
        self, output: OutputContainer, rate_hz: Fraction, ticks_hz: int, options: Mapping[str, str]
    ) -> VideoStream:
        """The stream of an output that takes these frames; their colours mean what the recording's do."""
        stream = output.add_stream("libx264", rate=rate_hz.limit_denominator(10_000), options=dict(options))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = self._canvas.size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, ticks_hz)
        context.sample_aspect_ratio = self._aspect
        context.colorspace, context.color_primaries, context.color_trc = self._colours
        context.color_range = LIMITED_RANGE
        return stream

    def drawn(self, frame: VideoFrame, time_s: float) -> VideoFrame:
        """A new frame with everything in it; without a time stamp of its own.

        Args:
            frame: The recording's.
            time_s: When it is shown, from the first one on.
        """
        made = self._canvas.with_picture(frame)
        box = self._boxes.at(time_s)
        if box is not None:
            self._canvas.add_box(made, box)
        panel = self._panel.picture(time_s)
        if self._shown is None or self._shown[0] is not panel:
            self._shown = (panel, planes_of(panel, self._colours[0]))
        self._canvas.add_panel(made, self._shown[1], self._panel.strip_rows, self._panel.cursor(time_s))
        return made


class HandBoxAt:
    """Tells which hand box to draw when.

    Args:
        evidence: The numbers behind a timeline.
    """

    def __init__(self, evidence: Evidence):
        self._times_s, self._boxes, self._origins = evidence.hand_times_s, evidence.hand_boxes, evidence.hand_origins
        gaps_s = np.diff(self._times_s)
        self._reach_s = float(np.median(gaps_s)) * 0.75 if len(gaps_s) else LONE_BOX_S

    def at(self, time_s: float) -> Float32[np.ndarray, "4"] | None:
        """The box that the model looked at nearest to a time, if that is near and was found by looking for hands."""
        if not len(self._times_s):
            return None
        nearest = int(np.abs(self._times_s - time_s).argmin())
        if abs(self._times_s[nearest] - time_s) > self._reach_s or self._origins[nearest] == FULL_FRAME:
            return None
        return np.asarray(self._boxes[nearest])
