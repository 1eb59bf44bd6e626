"""Which way is up: the display matrix with which cameras note how they were held."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from jaxtyping import UInt8

from egoshift.media.container import REENCODE, media_error


@dataclass(frozen=True)
class Orientation:
    """How to turn stored pictures upright: first exchange rows and columns, then mirror either axis.

    Attributes:
        transpose: Exchange rows and columns.
        mirror_rows: Then turn the order of the rows round.
        mirror_columns: Then turn the order of the columns round.
    """

    transpose: bool = False
    mirror_rows: bool = False
    mirror_columns: bool = False

    @property
    def degrees(self) -> int:
        """The clockwise turn in it: 0, 90, 180 or 270."""
        if self.transpose:
            return 270 if self.mirror_rows else 90
        return 180 if self.mirror_rows and self.mirror_columns else 0

    def apply(
        self, picture: UInt8[np.ndarray, "height width 3"]
    ) -> UInt8[np.ndarray, "upright_height upright_width 3"]:
        """The picture upright."""
        turned = picture.transpose(1, 0, 2) if self.transpose else picture
        turned = turned[:: -1 if self.mirror_rows else 1, :: -1 if self.mirror_columns else 1]
        return np.ascontiguousarray(turned)


def orientation(path: Path, frame: VideoFrame) -> Orientation:
    """How the display matrix of the file wants its frames turned.

    The matrix sends the stored point (x, y) to (a x + c y, b x + d y), y pointing down.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(data, SideData):
        return Orientation()
    matrix = np.frombuffer(bytes(data), dtype=np.int32)
    a, b, c, d = (int(value) for value in matrix[[0, 1, 3, 4]])
    if max(abs(a), abs(d)) * 1000 < min(abs(b), abs(c)):
        return Orientation(transpose=True, mirror_rows=b < 0, mirror_columns=c < 0)
    if max(abs(b), abs(c)) * 1000 < min(abs(a), abs(d)):
        return Orientation(mirror_rows=d < 0, mirror_columns=a < 0)
    message = f"is to be shown turned by {round(math.degrees(math.atan2(b, a)))} degrees, which is no quarter turn"
    raise media_error("unsupported-rotation", path, message, REENCODE)
