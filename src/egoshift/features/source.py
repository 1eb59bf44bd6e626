"""What the rows of a video are made of, and whether what is stored was made of the same."""

import math
from dataclasses import dataclass

from egoshift.features.manifest import VideoEntry
from egoshift.media import VideoInfo
from egoshift.media.identity import identity, identity_of
from egoshift.records import SensorFile


@dataclass(frozen=True)
class Source:
    """What the rows of a video are made of, as far as that is told apart.

    Attributes:
        num_bytes: Size of the file now.
        fingerprint: Of the file now.
        read_as: How a sensor's file is read; empty for pictures.
        frames_s: How long a folder of frames is; none of other files. With as many frames as before, another length
            is another frame rate, which shows other frames at the same times.
        hands: Fingerprint of the hand detections; empty without the hand view, and where the settings of the store tell
            of them.
    """

    num_bytes: int
    fingerprint: str
    read_as: str = ""
    frames_s: float | None = None
    hands: str = ""

    @classmethod
    def of_pictures(cls, info: VideoInfo, hands: str = "") -> "Source":
        """Of a video file, or a folder of frames.

        Args:
            info: Its header.
            hands: Fingerprint of its hand detections.
        """
        return cls(*identity(info.path), frames_s=info.duration_s if info.path.is_dir() else None, hands=hands)

    @classmethod
    def of_sensor(cls, file: SensorFile, frame_rate_hz: float | None = None) -> "Source":
        """Of a sensor's file, of which a part may be read, or which may lie in a longer one.

        Args:
            file: The file.
            frame_rate_hz: Of a folder of frames.
        """
        how: list[str] = [file.layout, file.part]
        if file.begin_s:
            how.append(f"from {file.begin_s} s")
        if frame_rate_hz is not None and file.path.is_dir():
            how.append(f"at {frame_rate_hz} frames/s")
        # The folder of tables holds those of other recordings too.
        known_by = identity(file.path) if file.files == (file.path,) else identity_of(file.files)
        return cls(*known_by, read_as=" ".join(word for word in how if word))

    def change_since(self, entry: VideoEntry) -> str:
        """What makes stored rows those of another source, in words; empty where they may stay.

        Older entries do not say how a sensor's file was read, or which hand detections there were: these are taken to
        be those of now, since encoding all of a store again would cost days where nothing has changed.
        """
        if (entry.num_bytes, entry.fingerprint) != (self.num_bytes, self.fingerprint):
            return "is not the file that was stored as"
        if self.frames_s is not None and not math.isclose(self.frames_s, entry.duration_s):
            return "has another frame rate than what was stored as"
        if entry.read_as not in ("", self.read_as):
            return "is not read as what was stored as"
        if "" not in (entry.hands, self.hands) and entry.hands != self.hands:
            return "has other hand detections than what was stored as"
        return ""
