"""Drawing on coded pictures: planes of luminance and of colour, painted without a way through RGB.

The recording's numbers are kept as they are, so nothing shifts its colours, and a frame costs one copy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.video.frame import VideoFrame
from jaxtyping import Float32, UInt8

from egoshift.media.orientation import Orientation

Plane = UInt8[np.ndarray, "_ _"]

SHARES = (1, 2, 2)
"""By how much each plane of yuv420p is smaller than the picture."""

BOX_YUV = (210, 16, 146)
"""A yellow, whichever matrix a player takes."""

CURSOR_YUV = (235, 128, 128)
LIMITED_RANGE = 1
"""FFmpeg's code for luminance from 16 to 235."""

MATRICES = {1: "ITU709", 9: "BT2020", 10: "BT2020"}
"""FFmpeg's codes for the matrices that video of high definition has; all other is ITU-R 601's."""


@dataclass(frozen=True)
class Canvas:
    """Where the recording and the panel stand in an overlaid frame.

    Attributes:
        width: Of the recording upright, in pixels.
        height: Of the recording upright.
        panel_height: Of the panel below; even.
        upright: How stored pictures are turned.
    """

    width: int
    height: int
    panel_height: int
    upright: Orientation

    @property
    def top(self) -> int:
        """The row at which the panel begins."""
        return self.height + self.height % 2

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames, which H.264 wants even: an odd edge is doubled."""
        return self.width + self.width % 2, self.top + self.panel_height

    def with_picture(self, frame: VideoFrame) -> VideoFrame:
        """A new frame with the recording's picture upright, and nothing yet below it."""
        stored = (self.height, self.width) if self.upright.transpose else (self.width, self.height)
        plain = frame.reformat(*stored, format="yuv420p", dst_color_range=LIMITED_RANGE)
        made = VideoFrame(*self.size, "yuv420p")
        for source, target, share in zip(_planes(plain), _planes(made), SHARES, strict=True):
            turned = source.T if self.upright.transpose else source
            turned = turned[:: -1 if self.upright.mirror_rows else 1, :: -1 if self.upright.mirror_columns else 1]
            (rows, columns), end = turned.shape, self.top // share
            target[:rows, :columns] = turned
            target[:rows, columns:] = target[:rows, columns - 1 : columns]
            target[rows:end] = target[rows - 1 : rows]
        return made

    def add_panel(self, frame: VideoFrame, panel: list[Plane], rows: slice, columns: slice) -> None:
        """Put a panel below the picture, and the cursor on these of its rows and columns, all even."""
        for target, part, value, share in zip(_planes(frame), panel, CURSOR_YUV, SHARES, strict=True):
            below = target[self.top // share :]
            below[:] = part
            below[rows.start // share : rows.stop // share, columns.start // share : columns.stop // share] = value

    def add_box(self, frame: VideoFrame, box: Float32[np.ndarray, "4"]) -> None:
        """Draw the outline of a box, given as shares of the recording's width and height."""
        thick = 2 * max(1, round(min(self.width, self.height) / 360))
        sides = np.array([self.width, self.height, self.width, self.height])
        # On even pixels, so that the planes of colour, which are half as fine, meet that of luminance.
        left, top, right, bottom = (2 * np.floor(np.clip(box, 0, 1) * sides / 2)).astype(int).tolist()
        for target, value, share in zip(_planes(frame), BOX_YUV, SHARES, strict=True):
            outer = target[: self.top // share][top // share : bottom // share, left // share : right // share]
            inner = outer[thick // share : -(thick // share), thick // share : -(thick // share)].copy()
            outer[:] = value
            outer[thick // share : -(thick // share), thick // share : -(thick // share)] = inner


def planes_of(picture: UInt8[np.ndarray, "height width 3"], matrix: int) -> list[Plane]:
    """The planes of an RGB picture of even sides, by a recording's matrix of colours (FFmpeg's code)."""
    frame = VideoFrame.from_ndarray(picture, format="rgb24")
    colours = MATRICES.get(matrix, "ITU601")
    frame = frame.reformat(format="yuv420p", dst_colorspace=colours, dst_color_range=LIMITED_RANGE)
    return [plane.copy() for plane in _planes(frame)]


def shown_aspect(aspect: Fraction | None, upright: Orientation) -> Fraction:
    """How much wider than high a pixel is to be shown, once upright; 1 where the file does not say."""
    if not aspect or aspect <= 0:
        return Fraction(1)
    return 1 / aspect if upright.transpose else aspect


def _planes(frame: VideoFrame) -> Iterator[Plane]:
    """The planes of a yuv420p frame, to be read and written in place."""
    for plane in frame.planes:
        whole = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
        yield whole.reshape(-1, plane.line_size)[: plane.height, : plane.width]
