"""Folders of numbered frames, as EPIC-KITCHENS ships its videos: ``frame_0000000001.jpg`` and so on.

Frame number k is shown from (k - 1) / rate to k / rate seconds: numbers start at 1, as EPIC-KITCHENS documents. A
folder that holds a frame 0 is taken to start there.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image, UnidentifiedImageError

from egoshift.errors import MediaError
from egoshift.isolation import is_isolated, stream
from egoshift.media.container import is_picture, media_error
from egoshift.remote import whole

FRAME_NAME = re.compile(r"(?P<prefix>.*?)(?P<number>\d+)\.(?:jpe?g|png|webp|bmp)", re.IGNORECASE)

PICTURES = ("JPEG", "PNG", "WEBP", "BMP")
"""What a frame may be, whatever its name says; Pillow knows others, some of which it has other programs read."""

MOST_RANGES = 5
"""How many gaps an error lists before it counts the rest."""


class FrameFolder:
    """A folder of numbered frames, listed.

    Args:
        path: The folder.
        frame_rate_hz: Frames per second; files of single frames do not carry it.

    Raises:
        MediaError: There are no frames, their names do not make one series, or the rate is not given.
    """

    def __init__(self, path: Path, frame_rate_hz: float | None):
        self.path = path
        self._files = self._list()
        if frame_rate_hz is None or not frame_rate_hz > 0:
            message = f"a folder of frames needs its frame rate, which is given as {frame_rate_hz}"
            raise media_error("missing-frame-rate", path, message, "state frame_rate_hz in the data card")
        self.rate_hz = Fraction(frame_rate_hz).limit_denominator(1001)
        self._first = 0 if 0 in self._files else 1
        self.num_frames = max(self._files) - self._first + 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first frame there is."""
        told, _ = _picture(self._files[min(self._files)], is_whole=False)
        return told["width"], told["height"]

    def check_complete(self) -> None:
        """Raise a MediaError that lists the missing frames, if any are missing."""
        if missing := self._missing():
            raise self._missing_error(missing, "")

    def frames_shown(
        self, times_s: Float64[np.ndarray, " times"]
    ) -> Iterator[tuple[int, UInt8[np.ndarray, "height width 3"]]]:
        """The frames shown at ascending times; see ``egoshift.media.read_frames``."""
        number, picture = -1, np.empty((0, 0, 3), np.uint8)
        for index, time_s in enumerate(times_s.tolist()):
            wanted = self._number(time_s)
            if wanted != number:
                number, picture = wanted, self._read(wanted, time_s)
            yield index, picture

    def _list(self) -> dict[int, Path]:
        try:
            matches = {file: FRAME_NAME.fullmatch(file.name) for file in self.path.iterdir()}
        except OSError as error:
            message = f"the folder cannot be read: {error.strerror}"
            raise media_error("unreadable-file", self.path, message, "check its permissions and the disk") from None
        series = [(int(match["number"]), match["prefix"], file) for file, match in matches.items() if match]
        if not series:
            message = f"holds no numbered frames among its {len(matches)} files"
            remedy = "give a folder with files such as frame_0000000001.jpg"
            raise media_error("no-frames", self.path, message, remedy)
        files = {number: file for number, _, file in series}
        prefixes = sorted({prefix for _, prefix, _ in series})
        if len(prefixes) > 1 or len(files) < len(series):
            what = (
                f"names beginning {', '.join(map(repr, prefixes[:3]))}" if len(prefixes) > 1 else "numbers given twice"
            )
            message = f"its frames do not make one series: {what}"
            raise media_error("mixed-frames", self.path, message, "keep one series of frames in a folder")
        return files

    def _number(self, time_s: float) -> int:
        """The number of the frame shown at a time; the last stays for one frame's time beyond the end."""
        frame = int(Fraction(round(time_s * 1e9), 10**9) * self.rate_hz + Fraction(1, 100))
        if frame > self.num_frames:
            end_s = self.num_frames / float(self.rate_hz)
            message = f"there is no frame at {time_s:.3f} s: its {self.num_frames} frames end at {end_s:.3f} s"
            remedy = "correct the time or the frame rate, or give the whole video"
            raise media_error("time-past-end", self.path, message, remedy)
        return self._first + min(frame, self.num_frames - 1)

    def _read(self, number: int, time_s: float) -> UInt8[np.ndarray, "height width 3"]:
        if number not in self._files:
            raise self._missing_error(self._missing(), f"the frame shown at {time_s:.3f} s is missing: ")
        _, picture = _picture(self._files[number], is_whole=True)
        assert picture is not None
        return picture

    def _missing(self) -> list[tuple[int, int]]:
        """The gaps in the numbering, as first and last number missing."""
        numbers = [self._first - 1, *sorted(self._files)]
        return [(a + 1, b - 1) for a, b in pairwise(numbers) if b - a > 1]

    def _missing_error(self, gaps: list[tuple[int, int]], opening: str) -> MediaError:
        listed = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in gaps[:MOST_RANGES])
        more = f" and {len(gaps) - MOST_RANGES} more gaps" if len(gaps) > MOST_RANGES else ""
        count = sum(b - a + 1 for a, b in gaps)
        message = f"{opening}{count} of {self.num_frames} frames are missing (numbers {listed}{more})"
        return media_error("missing-frames", self.path, message, "unpack or download the frames again")


def _picture(file: Path, *, is_whole: bool) -> tuple[dict[str, Any], UInt8[np.ndarray, "height width 3"] | None]:
    """What a frame's head says, and its pixels if they are asked for."""
    whole(file)  # what has the keys to an object store is this process
    told = stream(file, f"{__name__}:told_picture", is_whole) if is_isolated() else told_picture(str(file), is_whole)
    ((said, picture),) = told
    if picture is not None and not is_picture(picture):
        raise _undecodable(file, ValueError("decoding gave what is no picture"))
    return said, picture


def told_picture(
    path: str, is_whole: bool
) -> Iterator[tuple[dict[str, Any], UInt8[np.ndarray, "height width 3"] | None]]:
    """What a child tells of a frame: its width and height, and its pixels if they are asked for."""
    file = Path(path)
    try:
        # Of a file, Pillow makes room for as much as a damaged head announces; here there is no more than there is.
        with Image.open(BytesIO(file.read_bytes()), formats=PICTURES) as image:
            picture = np.asarray(image.convert("RGB")) if is_whole else None
            said = {"width": image.width, "height": image.height}
    except Exception as error:  # of each kind of file that Pillow reads, damage is another kind of error
        raise _undecodable(file, error) from None
    yield said, picture


def _undecodable(file: Path, error: Exception) -> MediaError:
    is_none = isinstance(error, UnidentifiedImageError)  # which names an object of this program, not the file
    reason = f"none of {', '.join(PICTURES)}" if is_none else (str(error) or type(error).__name__).splitlines()[0]
    message = f"the frame cannot be decoded ({reason})"
    return media_error("undecodable-frame", file, message, "unpack or download it again")
