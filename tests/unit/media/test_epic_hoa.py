"""EPIC-KITCHENS hand-object detections, from files written byte by byte as the published ones are."""

import json
import pickle
import struct
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import MediaError
from egoshift.media import VideoInfo, epic_hoa
from egoshift.media.epic_hoa import EpicHandObjects, detections_message, read_epic_hoa
from egoshift.media.plain_pickle import load_plain_pickle

INFO = VideoInfo(Path("P01_101.mp4"), 10.0, 456, 256, 50.0, 500, 0, "h264")
NO_CONTACT, PORTABLE_OBJECT = 0, 3

Box = tuple[float, float, float, float]
Hand = tuple[Box, float, int, tuple[float, float], int]  # box, score, state, offset, side
Thing = tuple[Box, float]


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number % 128 + 128]) + varint(number // 128)


def length_delimited(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def floats(*values: float) -> bytes:
    """Fields 1, 2, ...; proto3 leaves out what is zero."""
    return b"".join(
        varint(field << 3 | 5) + struct.pack("<f", value) for field, value in enumerate(values, 1) if value != 0
    )


def integer(field: int, value: int) -> bytes:
    return b"" if value == 0 else varint(field << 3) + varint(value)


def score(value: float) -> bytes:
    return varint(2 << 3 | 5) + struct.pack("<f", value)


def frame_message(video_id: str, number: int, hands: Sequence[Hand], things: Sequence[Thing]) -> bytes:
    """One frame as the published schema (hoa/types.proto) puts it on the wire."""
    message = length_delimited(1, video_id.encode()) + integer(2, number)
    for box, confidence, state, offset, side in hands:
        hand = length_delimited(1, floats(*box)) + score(confidence) + integer(3, state)
        message += length_delimited(3, hand + length_delimited(4, floats(*offset)) + integer(5, side))
    for box, confidence in things:
        message += length_delimited(4, length_delimited(1, floats(*box)) + score(confidence))
    return message


def write(path: Path, messages: Sequence[bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(list(messages), 3))
    return path


HAND: Hand = ((0.1, 0.2, 0.3, 0.4), 0.9, PORTABLE_OBJECT, (0.5, 0.25), 1)
IDLE: Hand = ((0.0, 0.5, 0.125, 0.75), 0.85, NO_CONTACT, (0.0, 0.0), 0)
THING: Thing = ((0.6, 0.4, 0.8, 0.6), 0.02)


def test_every_field_of_a_frame_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = write(
        tmp_path / "P01_101.pkl",
        [frame_message("P01_101", 1, [HAND, IDLE], [THING]), frame_message("P01_101", 2, [], [])],
    )
    found = read_epic_hoa(path, "P01_101", 50.0)
    np.testing.assert_array_equal(found.times_s, [0.0, 0.02])
    np.testing.assert_array_equal(found.hand_frame, [0, 0])
    np.testing.assert_allclose(found.hand_box, [HAND[0], IDLE[0]], rtol=1e-6)
    np.testing.assert_allclose(found.hand_score, [0.9, 0.85], rtol=1e-6)
    assert found.hand_contact.tolist() == [True, False]
    np.testing.assert_allclose(found.hand_reach, [(0.7, 0.55), (0.0625, 0.625)], rtol=1e-6)
    np.testing.assert_array_equal(found.object_frame, [0])
    np.testing.assert_allclose(found.object_box, [THING[0]], rtol=1e-6)
    np.testing.assert_allclose(found.object_score, [0.02], rtol=1e-6)


def test_the_message_class_writes_what_the_schema_says() -> None:
    message = detections_message()(video_id="P01_101", frame_number=300)
    hand = message.hands.add(score=HAND[1], state=HAND[2], side=HAND[4])
    hand.bbox.left, hand.bbox.top, hand.bbox.right, hand.bbox.bottom = HAND[0]
    hand.object_offset.x, hand.object_offset.y = HAND[3]
    assert message.SerializeToString(deterministic=True) == frame_message("P01_101", 300, [HAND], [])


def test_frames_are_numbered_from_one(tmp_path: Path) -> None:
    messages = [frame_message("P01_101", number, [HAND] if number == 11 else [], [THING]) for number in range(1, 21)]
    write(tmp_path / "P01" / "P01_101.pkl", messages)
    times_s = np.arange(20) / 50
    found = EpicHandObjects(tmp_path).locate("P01_101", times_s, [], INFO)
    assert np.flatnonzero(found.origin).tolist() == [10]
    np.testing.assert_allclose(found.boxes[10], [0.1, 0.2, 0.8, 0.6], rtol=1e-6)
    np.testing.assert_array_equal(found.boxes[9], [0, 0, 1, 1])


def test_frames_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    messages = [frame_message("P01_101", number, [HAND] if number == 3 else [], [THING]) for number in (3, 1, 2)]
    write(tmp_path / "P01_101.pkl", messages)
    found = EpicHandObjects(tmp_path).locate("P01_101", np.arange(3) / 50, [], INFO)
    assert found.origin.tolist() == [0, 0, 1]
    np.testing.assert_allclose(found.boxes[2], [0.1, 0.2, 0.8, 0.6], rtol=1e-6)


def test_every_state_but_no_contact_is_contact(tmp_path: Path) -> None:
    hands: list[Hand] = [(HAND[0], 0.9, state, (0.5, 0.25), 0) for state in range(5)]
    path = write(tmp_path / "P01_101.pkl", [frame_message("P01_101", 1, hands, [])])
    assert read_epic_hoa(path, "P01_101", 50.0).hand_contact.tolist() == [False, True, True, True, True]


def test_a_frame_rate_of_its_own_moves_the_detections(tmp_path: Path) -> None:
    write(tmp_path / "P01_101.pkl", [frame_message("P01_101", n, [HAND] if n == 51 else [], []) for n in range(1, 101)])
    found = EpicHandObjects(tmp_path, frame_rate_hz=25.0).locate("P01_101", np.array([1.0, 2.0]), [], INFO)
    assert found.origin.tolist() == [0, 1]


def test_frames_may_be_numbered_at_a_rate_of_each_video(tmp_path: Path) -> None:
    for name in ("P01_101", "P01_102"):
        write(tmp_path / f"{name}.pkl", [frame_message(name, n, [HAND] if n == 51 else [], []) for n in range(1, 101)])
    locator = EpicHandObjects(tmp_path, frame_rate_hz={"P01_101": 25.0})
    origins = [locator.locate(name, np.array([1.0, 2.0]), [], INFO).origin for name in ("P01_101", "P01_102")]
    assert origins[0].tolist() == [0, 1]
    assert origins[1].tolist() == [1, 0], "at the video's own 50 frames a second, as none is given for it"
    assert locator.description["frame_rate_hz"] == "as annotated"


def test_thresholds_decide_what_counts(tmp_path: Path) -> None:
    write(tmp_path / "P01_101.pkl", [frame_message("P01_101", 1, [HAND, IDLE], [THING])])
    boxes = [
        EpicHandObjects(tmp_path, hand_threshold=hand, object_threshold=thing)
        .locate("P01_101", np.zeros(1), [], INFO)
        .boxes[0]
        for hand, thing in ((0.8, 0.01), (0.87, 0.01), (0.87, 0.5), (0.95, 0.01))
    ]
    expected = [(0.0, 0.2, 0.8, 0.75), (0.1, 0.2, 0.8, 0.6), (0.1, 0.2, 0.3, 0.4), (0, 0, 1, 1)]
    np.testing.assert_allclose(boxes, expected, rtol=1e-6)


def test_the_file_is_read_once_for_many_batches_of_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "P01_101.pkl", [frame_message("P01_101", 1, [HAND], [THING])])
    locator = EpicHandObjects(tmp_path)
    first = locator.locate("P01_101", np.zeros(1), [], INFO)
    path.unlink()
    np.testing.assert_array_equal(locator.locate("P01_101", np.zeros(1), [], INFO).boxes, first.boxes)
    with pytest.raises(MediaError, match="no hand detections for video 'P01_102'"):
        locator.locate("P01_102", np.zeros(1), [], INFO)


def test_threads_that_go_through_one_video_each_read_each_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_ids = ("P01_101", "P01_102")
    for number, video_id in enumerate(video_ids, start=1):
        hand: Hand = ((0.1 * number, 0.2, 0.5, 0.4), 0.9, NO_CONTACT, (0.0, 0.0), 0)
        write(tmp_path / f"{video_id}.pkl", [frame_message(video_id, 1, [hand], [])])
    read: list[Path] = []

    def counted(path: Path) -> object:
        read.append(path)
        return load_plain_pickle(path)

    monkeypatch.setattr(epic_hoa, "load_plain_pickle", counted)
    locator, together = EpicHandObjects(tmp_path), threading.Barrier(2)

    def left_edges(video_id: str) -> list[float]:
        edges = []
        for _ in range(5):
            together.wait()
            edges.append(float(locator.locate(video_id, np.zeros(1), [], INFO).boxes[0, 0]))
        return edges

    with ThreadPoolExecutor(2) as pool:
        edges = list(pool.map(left_edges, video_ids))
    np.testing.assert_allclose(edges, [[0.1] * 5, [0.2] * 5], rtol=1e-6)
    assert len(read) == 2


def test_every_video_without_a_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "P01" / "P01_101.pkl", [])
    faults = EpicHandObjects(tmp_path).faults(["P01_101", "P01_102", "P02_01"])
    assert [str(fault) for fault in faults] == [
        f"{tmp_path}: no hand detections for video 'P01_102'; expected P01/P01_102.pkl or P01_102.pkl",
        f"{tmp_path}: no hand detections for video 'P02_01'; expected P02/P02_01.pkl or P02_01.pkl",
    ]


def test_an_empty_list_of_detections_gives_full_frames(tmp_path: Path) -> None:
    write(tmp_path / "P01_101.pkl", [])
    assert EpicHandObjects(tmp_path).locate("P01_101", np.zeros(2), [], INFO).origin.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ([b"\xff\xff\xff"], "message 1 of 1 is damaged or of another format"),
        ([frame_message("P01_101", 1, [], []), b"\x0a\x7f"], "message 2 of 2 is damaged"),
        ([frame_message("P27_103", 1, [], [])], "holds detections of 'P27_103', not of 'P01_101'"),
        ([frame_message("P01_101", 0, [], [])], "numbers a frame below 1"),
        ([frame_message("P01_101", 7, [], [])] * 2, "two frames alike"),
        ([frame_message("P01_101", 1, [((1.0, 2.0, 300.0, 40.0), 0.9, 0, (0, 0), 0)], [])], r"outside \[0, 1\]"),
        ([frame_message("P01_101", 1, [], [((0.0, float("nan"), 0.5, 0.5), 0.9)])], r"outside \[0, 1\]"),
    ],
)
def test_a_file_of_another_format_or_video_gives_one_line(tmp_path: Path, messages: list[bytes], fault: str) -> None:
    path = write(tmp_path / "P01_101.pkl", messages)
    with pytest.raises(MediaError, match=f"{path}: .*{fault}.*download it again") as error:
        read_epic_hoa(path, "P01_101", 50.0)
    assert "\n" not in str(error.value)


def test_a_pickle_of_something_else_gives_one_line(tmp_path: Path) -> None:
    path = tmp_path / "P01_101.pkl"
    for value in ({"a": b"b"}, ["text"], b"bytes"):
        path.write_bytes(pickle.dumps(value))
        with pytest.raises(MediaError, match="holds something else than a list of serialised messages"):
            read_epic_hoa(path, "P01_101", 50.0)


def test_detections_that_run_far_past_the_video_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "P01_101.pkl", [frame_message("P01_101", number, [], []) for number in range(1, 602)])
    with pytest.raises(
        MediaError, match=r"runs to 12\.0 s at 50 frames/s, but the video ends at 10\.0 s; give the rate"
    ):
        EpicHandObjects(tmp_path).locate("P01_101", np.zeros(1), [], INFO)


def test_the_description_says_what_decides_the_boxes_and_nothing_of_this_machine(tmp_path: Path) -> None:
    description = EpicHandObjects(tmp_path, hand_threshold=0.5, frame_rate_hz=60.0).description
    assert json.loads(json.dumps(description)) == {
        "kind": "epic-hoa",
        "source": tmp_path.name,
        "hand_threshold": 0.5,
        "object_threshold": 0.01,
        "frame_rate_hz": 60.0,
        "max_gap_s": 1.0,
    }


def test_corrected_detections_have_another_fingerprint_and_those_of_other_videos_do_not(tmp_path: Path) -> None:
    for video in ("P01_109", "P01_101"):
        write(tmp_path / f"{video}.pkl", [frame_message(video, 1, [], [])])
    locator = EpicHandObjects(tmp_path)
    before = {video: locator.fingerprint(video) for video in ("P01_109", "P01_101")}
    write(tmp_path / "P01_109.pkl", [frame_message("P01_109", 2, [], [])])
    assert locator.fingerprint("P01_109") != before["P01_109"]
    assert locator.fingerprint("P01_101") == before["P01_101"] == EpicHandObjects(tmp_path).fingerprint("P01_101")
    assert locator.fingerprint("P01_999") == ""
