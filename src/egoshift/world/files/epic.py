"""A data set in the files of EPIC-KITCHENS-100.

Layout and columns are those of https://github.com/epic-kitchens/epic-kitchens-100-annotations, the detections those of
https://github.com/epic-kitchens/epic-kitchens-100-hand-object-bboxes: a pickled list with one serialised protobuf
message a frame, frames numbered from 1. Frames are numbered at the file's own 12 a second, those of the real data set
at 50 or 60.
"""

import csv
import io
import pickle
import struct
from collections.abc import Sequence
from pathlib import Path

from egoshift.files import write_atomically
from egoshift.world.detections import DetectedHand, DetectedObject, FrameDetections
from egoshift.world.drawing.pen import Box
from egoshift.world.script import Action, Script
from egoshift.world.vocabulary import EPIC_NOUN_KEYS, Classes

SEGMENT_FILES = {"train": "EPIC_100_train.csv", "val": "EPIC_100_validation.csv"}
SEGMENT_COLUMNS = (
    "narration_id",
    "participant_id",
    "video_id",
    "narration_timestamp",
    "start_timestamp",
    "stop_timestamp",
    "start_frame",
    "stop_frame",
    "narration",
    "verb",
    "verb_class",
    "noun",
    "noun_class",
    "all_nouns",
    "all_noun_classes",
)
NO_CONTACT, PORTABLE_OBJECT = 0, 3
LEFT, RIGHT = 0, 1


def video_path(root: Path, script: Script) -> Path:
    """Where a video lies: ``videos/P01/videos/P01_101.MP4``."""
    return root / "videos" / script.participant_id / "videos" / f"{script.video_id}.MP4"


def write_annotations(folder: Path, scripts: Sequence[Script], classes: Classes) -> None:
    """Write the segments of both splits, the class lists and the video information."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, name in SEGMENT_FILES.items():
        chosen = [script for script in scripts if script.split == split]
        rows = [_segment(s, n, action, classes) for s in chosen for n, action in enumerate(s.actions)]
        _write_csv(folder / name, SEGMENT_COLUMNS, rows)
    for label, names in (("verb", classes.verbs), ("noun", classes.nouns)):
        keys = [EPIC_NOUN_KEYS.get(name, name) for name in names]
        rows = [(index, key, str([key]), f"{label}s") for index, key in enumerate(keys)]
        _write_csv(folder / f"EPIC_100_{label}_classes.csv", ("id", "key", "instances", "category"), rows)
    info = [
        (s.video_id, f"{s.num_frames / s.style.rate_hz:.6f}", float(s.style.rate_hz), "{}x{}".format(*s.style.size))
        for s in scripts
    ]
    _write_csv(folder / "EPIC_100_video_info.csv", ("video_id", "duration", "fps", "resolution"), info)


def write_detections(folder: Path, script: Script, found: Sequence[FrameDetections]) -> None:
    """Write ``P01/P01_101.pkl``."""
    path = folder / script.participant_id / f"{script.video_id}.pkl"
    messages = [frame_message(script.video_id, number, frame) for number, frame in enumerate(found, start=1)]
    write_atomically(path, pickle.dumps(messages))


def timestamp(seconds: float, decimals: int = 2) -> str:
    """``HH:MM:SS.ss``."""
    whole, part = divmod(round(seconds * 10**decimals), 10**decimals)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}.{part:0{decimals}d}"


def _segment(script: Script, number: int, action: Action, classes: Classes) -> tuple[object, ...]:
    noun = EPIC_NOUN_KEYS.get(action.noun, action.noun)
    verb_class, noun_class = classes.verbs.index(action.verb), classes.nouns.index(action.noun)
    rate = script.style.rate_hz
    return (
        f"{script.video_id}_{number}",
        script.participant_id,
        script.video_id,
        timestamp(action.noted_start_s + 0.3, 3),
        timestamp(action.noted_start_s),
        timestamp(action.noted_stop_s),
        max(1, int(action.noted_start_s * rate)),
        max(2, int(action.noted_stop_s * rate)),
        f"{action.verb} {action.noun}",
        action.verb,
        verb_class,
        noun,
        noun_class,
        str([noun]),
        str([noun_class]),
    )


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def frame_message(video_id: str, frame_number: int, found: FrameDetections) -> bytes:
    """One ``model.detections.Detections`` message, serialised as protobuf does.

    Four field types suffice, and writing them by hand spares a compiled schema.
    """
    message = _bytes_field(1, video_id.encode()) + _int_field(2, frame_number)
    for hand in found.hands:
        message += _bytes_field(3, _hand_message(hand))
    for thing in found.objects:
        message += _bytes_field(4, _object_message(thing))
    return message


def _hand_message(hand: DetectedHand) -> bytes:
    offset = _float_field(1, hand.offset[0]) + _float_field(2, hand.offset[1])
    return (
        _bytes_field(1, _box_message(hand.box))
        + _float_field(2, hand.score)
        + _int_field(3, PORTABLE_OBJECT if hand.touches else NO_CONTACT)
        + _bytes_field(4, offset)
        + _int_field(5, LEFT if hand.left else RIGHT)
    )


def _object_message(thing: DetectedObject) -> bytes:
    return _bytes_field(1, _box_message(thing.box)) + _float_field(2, thing.score)


def _box_message(box: Box) -> bytes:
    return b"".join(_float_field(number, edge) for number, edge in enumerate(box, start=1))


def _varint(value: int) -> bytes:
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes((*data, value))


def _int_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value) if value else b""


def _float_field(number: int, value: float) -> bytes:
    data = struct.pack("<f", value)
    return _varint(number << 3 | 5) + data if any(data) else b""


def _bytes_field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data
