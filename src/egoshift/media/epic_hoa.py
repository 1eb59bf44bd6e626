"""The hand-object detections published with EPIC-KITCHENS-100.

Source: https://github.com/epic-kitchens/epic-kitchens-100-hand-object-bboxes (format, matching, thresholds), made with
the detector of https://github.com/ddshan/hand_object_detector (100DOH). One file a video, ``P01/P01_101.pkl``: a
pickled list with one serialised protobuf message per frame, for every frame, numbered from 1 as the extracted images
``frame_0000000001.jpg`` are. Boxes are shares of the frame.

The README there replaces the published files of P27_103 and P01_109 by corrected ones.
"""

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from egoshift.errors import Fault, MediaError
from egoshift.media.hands import Detections, centres, union_boxes
from egoshift.media.identity import fingerprint_of
from egoshift.media.plain_pickle import load_plain_pickle
from egoshift.media.tracks import (
    MAX_GAP_S,
    AbstractTrackLocator,
    BoxTrack,
    NumberingRate,
    describe_rate,
    numbering_rate_hz,
)
from egoshift.media.video import VideoInfo

_FLOAT, _INT32, _STRING = (
    FieldDescriptorProto.TYPE_FLOAT,
    FieldDescriptorProto.TYPE_INT32,
    FieldDescriptorProto.TYPE_STRING,
)

_MESSAGES: dict[str, tuple[tuple[str, int | str, bool], ...]] = {
    # Per message, its fields in the order of their numbers from 1: name, type (a string names a message), repeated.
    # The two enumerations (state, side) are integers on the wire and read as such.
    "FloatVector": (("x", _FLOAT, False), ("y", _FLOAT, False)),
    "BBox": (("left", _FLOAT, False), ("top", _FLOAT, False), ("right", _FLOAT, False), ("bottom", _FLOAT, False)),
    "HandDetection": (
        ("bbox", "BBox", False),
        ("score", _FLOAT, False),
        ("state", _INT32, False),
        ("object_offset", "FloatVector", False),
        ("side", _INT32, False),
    ),
    "ObjectDetection": (("bbox", "BBox", False), ("score", _FLOAT, False)),
    "Detections": (
        ("video_id", _STRING, False),
        ("frame_number", _INT32, False),
        ("hands", "HandDetection", True),
        ("objects", "ObjectDetection", True),
    ),
}

NO_CONTACT = 0
"""The state of a hand that touches nothing; the others are self, another person, portable and stationary object."""


def detections_message() -> Any:
    """The protobuf message that holds the detections of one frame, built without a compiled schema."""
    file = FileDescriptorProto(name="types.proto", package="model.detections", syntax="proto3")
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for number, (name, kind, repeated) in enumerate(fields, start=1):
            field = message.field.add(name=name, number=number)
            field.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".model.detections.{kind}"
            else:
                field.type = FieldDescriptorProto.Type.ValueType(kind)
    # A pool of our own: the names may be taken in the shared one by the published library.
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("model.detections.Detections"))


def read_epic_hoa(path: Path, video_id: str, rate_hz: float) -> Detections:
    """The detections of one video.

    Args:
        path: The video's ``.pkl`` file.
        video_id: The video that the file should be of.
        rate_hz: How many of the numbered frames there are in a second; frame n begins at (n - 1) / rate.

    Raises:
        MediaError: The file cannot be read, asks to run something, or is not of this format or this video.
    """
    messages = load_plain_pickle(path)
    if not isinstance(messages, list) or not all(isinstance(message, bytes) for message in messages):
        raise _fault(path, "not-detections", "holds something else than a list of serialised messages")
    numbers, hands, objects, other_videos = _parse(path, messages, video_id)
    if other_videos:
        raise _fault(path, "other-video", f"holds detections of {sorted(other_videos)[0]!r}, not of {video_id!r}")
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    if len(numbers) and (numbers[0] < 1 or (np.diff(numbers) == 0).any()):
        raise _fault(path, "frame-numbers", "numbers a frame below 1 or two frames alike")
    for boxes in (hands[:, 1:5], objects[:, 1:5]):
        if not ((boxes > -0.01) & (boxes < 1.01)).all():
            raise _fault(path, "box-range", "has boxes outside [0, 1], which are no shares of the frame")
    place = np.argsort(order)
    return Detections(
        times_s=(numbers - 1) / rate_hz,
        hand_frame=place[hands[:, 0].astype(int)],
        hand_box=hands[:, 1:5],
        hand_score=hands[:, 5],
        hand_contact=hands[:, 6] != NO_CONTACT,
        hand_reach=centres(hands[:, 1:5]) + hands[:, 7:9],
        object_frame=place[objects[:, 0].astype(int)],
        object_box=objects[:, 1:5],
        object_score=objects[:, 5],
    )


def _fault(path: Path, kind: str, message: str) -> MediaError:
    remedy = "download it again from the EPIC-KITCHENS-100 automatic annotations, or take its corrected version"
    return MediaError(Fault(kind, path, message, remedy))


def _parse(path: Path, messages: Sequence[bytes], video_id: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, set[str]]:
    """Frame numbers, rows of hands, rows of objects; a row begins with the position of its message."""
    message_class = detections_message()
    frame_numbers, hands, objects = array("q"), array("d"), array("d")
    other_videos: set[str] = set()
    for position, serialised in enumerate(messages):
        try:
            frame = message_class.FromString(serialised)
        except DecodeError:
            message = f"message {position + 1} of {len(messages)} is damaged or of another format"
            raise _fault(path, "not-detections", message) from None
        frame_numbers.append(frame.frame_number)
        if frame.video_id != video_id:
            other_videos.add(frame.video_id)
        for hand in frame.hands:
            box, offset = hand.bbox, hand.object_offset
            row = (position, box.left, box.top, box.right, box.bottom, hand.score, hand.state, offset.x, offset.y)
            hands.extend(row)
        for thing in frame.objects:
            box = thing.bbox
            objects.extend((position, box.left, box.top, box.right, box.bottom, thing.score))
    return (
        np.frombuffer(frame_numbers, np.int64),
        np.frombuffer(hands, np.float64).reshape(-1, 9),
        np.frombuffer(objects, np.float64).reshape(-1, 6),
        other_videos,
    )


class EpicHandObjects(AbstractTrackLocator):
    """Hand boxes from a folder of EPIC-KITCHENS-100 hand-object detections.

    Args:
        path: The folder, holding ``P01/P01_101.pkl`` or ``P01_101.pkl``.
        hand_threshold: A hand is visible if it scores at least this.
        object_threshold: An object can be touched if it scores at least this.
        frame_rate_hz: How many numbered frames there are in a second, of all videos or by video; by default the
            video's own rate. Give it where a video was coded at another rate than its frames were extracted at: the
            published detections number frames at exactly 50 or 60 a second, also of files at 59.94.
        max_gap_s: See ``boxes_at``; of no consequence where every frame was looked at, as in the published files.
    """

    def __init__(
        self,
        path: Path,
        *,
        hand_threshold: float = 0.8,
        object_threshold: float = 0.01,
        frame_rate_hz: NumberingRate = None,
        max_gap_s: float = MAX_GAP_S,
    ):
        super().__init__(max_gap_s=max_gap_s)
        self._path = path
        self._hand_threshold = hand_threshold
        self._object_threshold = object_threshold
        self._frame_rate_hz = frame_rate_hz

    @property
    def description(self) -> dict[str, object]:
        """Format, thresholds and the folder's name; for the detections see ``fingerprint``."""
        return {
            "kind": "epic-hoa",
            "source": self._path.name,
            "hand_threshold": self._hand_threshold,
            "object_threshold": self._object_threshold,
            "frame_rate_hz": describe_rate(self._frame_rate_hz),
            "max_gap_s": self._max_gap_s,
        }

    def faults(self, video_ids: Sequence[str]) -> tuple[Fault, ...]:
        """One fault for each video without a file of detections."""
        return tuple(
            Fault(
                "missing-detections",
                self._path,
                f"no hand detections for video {video_id!r}",
                f"expected {' or '.join(str(path.relative_to(self._path)) for path in self._candidates(video_id))}",
            )
            for video_id in video_ids
            if not any(path.is_file() for path in self._candidates(video_id))
        )

    def fingerprint(self, video_id: str) -> str:
        """Of the video's file, by its size and ends: corrected detections cost the features of their video alone."""
        path = next((path for path in self._candidates(video_id) if path.is_file()), None)
        return "" if path is None else fingerprint_of([path])

    def _candidates(self, video_id: str) -> tuple[Path, ...]:
        participant = video_id.split("_")[0]
        return (self._path / participant / f"{video_id}.pkl", self._path / f"{video_id}.pkl")

    def read_track(self, video_id: str, info: VideoInfo) -> BoxTrack:
        """The union of hands and touched objects, frame by frame; see ``union_boxes``.

        Raises:
            MediaError: There is no file for this video, or it cannot be used.
        """
        for fault in self.faults([video_id]):
            raise MediaError(fault)
        path = next(path for path in self._candidates(video_id) if path.is_file())
        rate_hz = numbering_rate_hz(self._frame_rate_hz, video_id, info)
        detections = read_epic_hoa(path, video_id, rate_hz)
        last_s = float(detections.times_s[-1]) if len(detections.times_s) else 0.0
        if last_s > 1.02 * info.duration_s + 1:
            raise MediaError(
                Fault(
                    "frame-rate",
                    path,
                    f"runs to {last_s:.1f} s at {rate_hz:g} frames/s, but the video ends at {info.duration_s:.1f} s",
                    "give the rate at which the frames were extracted as frame_rate_hz",
                )
            )
        boxes = union_boxes(detections, hand_threshold=self._hand_threshold, object_threshold=self._object_threshold)
        return BoxTrack(detections.times_s, boxes)
