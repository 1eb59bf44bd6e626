"""EgoClip's boxes, from files laid out as their authors' loader reads them."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import MediaError
from egoshift.media import VideoInfo
from egoshift.media.egoclip_boxes import EgoClipBoxes, read_clip_ends, read_egoclip_boxes

UID = "002c3b5c-ed86-4af3-99a1-4b497b7c8a86"
INFO = VideoInfo(Path("v.mp4"), 700.0, 1920, 1440, 30.0, 21_000, 0, "h264")
IMAGE = {"height": 480, "width": 640}
HEADER = (
    "video_uid\tvideo_dur\tnarration_source\tnarration_ind\tnarration_time\tclip_start\tclip_end\tclip_text\ttag_verb"
)

# left, top, right, bottom in pixels, score, contact state, offset (length in 10,000 pixels, direction), side
IDLE = [64.0, 48.0, 128.0, 96.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0]
REACHING = [64.0, 48.0, 128.0, 96.0, 0.9, 3.0, 0.02, 1.0, 0.0, 1.0]  # 200 pixels to the right of (96, 72)
NEAR_REACH, NEAR_HAND = [256.0, 48.0, 320.0, 144.0, 0.05], [128.0, 96.0, 160.0, 240.0, 0.99]
THINGS = [[*NEAR_HAND, 0, 0, 0, 0, 0], [*NEAR_REACH, 0, 0, 0, 0, 0]]


def rows(*boxes: list[float]) -> np.ndarray:
    return np.array(boxes, dtype=np.float32)


def write_clips(folder: Path, clips: list[tuple[str, float, float]]) -> None:
    lines = [
        f'{uid}\t700.0\tnarration_pass_1\t{i}\t5.0\t{a}\t{b}\tC says "x"\t[1]' for i, (uid, a, b) in enumerate(clips)
    ]
    (folder / "egoclip.csv").write_text("\n".join([HEADER, *lines]) + "\n")


def write_boxes(folder: Path, chunk: int, entries: object, uid: str = UID) -> Path:
    path = folder / uid / f"{chunk}.handobj.pkl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(entries, 4))
    return path


def frame(hands: np.ndarray | None, things: np.ndarray | None = None) -> dict[str, np.ndarray | None]:
    return {"hand_dets": hands, "obj_dets": things}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two clips in two files: one from 10 to 14 s, one from 601 to 605 s."""
    write_clips(tmp_path, [("other", 10.0, 99.0), (UID, 10.0, 14.0), (UID, 601.1234, 605.1234)])
    write_boxes(
        tmp_path,
        0,
        {
            10.0: {
                "info": IMAGE,
                0: frame(rows(IDLE), rows(*THINGS)),
                1: frame(rows(REACHING), rows(*THINGS)),
                2: frame(None, rows(*THINGS)),
                3: frame(rows(REACHING), None),
            }
        },
    )
    write_boxes(tmp_path, 1, {601.123: {"info": IMAGE, 0: frame(rows(IDLE)), 1: frame(rows([640, 0, 640, 480, 0.9]))}})
    return tmp_path


def test_the_four_frames_lie_at_the_centres_of_four_parts_of_the_clip(folder: Path) -> None:
    found = read_egoclip_boxes(folder / UID, {10.0: 14.0, 601.123: 605.123})
    np.testing.assert_allclose(found.times_s, [10.5, 11.5, 12.5, 13.5, 601.623, 602.623], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(found.hand_frame, [0, 1, 3, 4, 5])
    np.testing.assert_array_equal(found.object_frame, [0, 0, 1, 1, 2, 2])
    np.testing.assert_allclose(found.hand_box[0], [0.1, 0.1, 0.2, 0.2], rtol=1e-6)


def test_a_hand_reaches_as_far_as_its_offset_says(folder: Path) -> None:
    up = [64.0, 240.0, 128.0, 288.0, 0.9, 3.0, 0.012, 0.6, -0.8, 1.0]  # 120 pixels: 72 to the right, 96 up
    write_boxes(folder, 0, {10.0: {"info": IMAGE, 0: frame(rows(REACHING, up))}})
    found = read_egoclip_boxes(folder / UID, {10.0: 14.0, 601.123: 605.123})
    np.testing.assert_allclose(found.hand_reach[:2], [(296 / 640, 72 / 480), (168 / 640, 168 / 480)], rtol=1e-6)
    assert found.hand_contact[:2].tolist() == [True, True]


def test_the_box_holds_the_hand_and_the_object_it_reaches_for(folder: Path) -> None:
    found = EgoClipBoxes(folder).locate(UID, np.array([10.5, 11.5, 12.5, 13.5]), [], INFO)
    np.testing.assert_allclose(
        found.boxes,
        [(0.1, 0.1, 0.2, 0.2), (0.1, 0.1, 0.5, 0.3), (0, 0, 1, 1), (0.1, 0.1, 0.2, 0.2)],
        rtol=1e-6,
    )
    assert found.origin.tolist() == [1, 1, 0, 1]


def test_times_between_the_four_frames_are_interpolated(folder: Path) -> None:
    found = EgoClipBoxes(folder).locate(UID, np.array([10.0, 11.0, 14.1, 300.0, 601.2]), [], INFO)
    assert found.origin.tolist() == [2, 2, 0, 0, 2]
    np.testing.assert_allclose(found.boxes[1], [0.1, 0.1, 0.35, 0.25], rtol=1e-6)


def test_a_box_without_width_counts_as_none(folder: Path) -> None:
    found = EgoClipBoxes(folder).locate(UID, np.array([601.63, 602.63]), [], INFO)
    assert found.origin.tolist() == [1, 0]


def test_a_lower_threshold_lets_more_hands_in(folder: Path) -> None:
    weak = [*IDLE[:4], 0.6]
    write_boxes(folder, 0, {10.0: {"info": IMAGE, 0: frame(rows(weak))}})
    times_s = np.array([10.5])
    assert EgoClipBoxes(folder).locate(UID, times_s, [], INFO).origin.tolist() == [0]
    assert EgoClipBoxes(folder, hand_threshold=0.5).locate(UID, times_s, [], INFO).origin.tolist() == [1]


def test_files_without_contact_columns_give_hands_only(folder: Path) -> None:
    write_boxes(folder, 0, {10.0: {"info": IMAGE, 0: frame(rows(IDLE[:5]), rows(NEAR_HAND))}})
    found = EgoClipBoxes(folder).locate(UID, np.array([10.5]), [], INFO)
    np.testing.assert_allclose(found.boxes, [(0.1, 0.1, 0.2, 0.2)], rtol=1e-6)


def test_a_clip_that_starts_at_a_number_without_end_is_one_line(folder: Path) -> None:
    write_boxes(folder, 0, {1 << 40_000: {"info": IMAGE}})
    with pytest.raises(MediaError, match=r"holds a number of 40001 bits") as refused:
        read_egoclip_boxes(folder / UID, {10.0: 14.0})
    assert "\n" not in str(refused.value)


def test_the_list_of_clips_may_lie_beside_the_folder(folder: Path, tmp_path: Path) -> None:
    boxes = folder / "boxes"
    boxes.mkdir()
    (folder / UID).rename(boxes / UID)
    assert EgoClipBoxes(boxes).locate(UID, np.array([10.5]), [], INFO).origin.tolist() == [1]


def test_a_missing_list_of_clips_says_where_it_belongs(folder: Path) -> None:
    (folder / "egoclip.csv").unlink()
    with pytest.raises(
        MediaError, match=rf"holds no egoclip\.csv; put EgoClip's egoclip\.csv at {folder}/egoclip\.csv"
    ):
        EgoClipBoxes(folder).locate(UID, np.array([10.5]), [], INFO)


def test_a_list_of_clips_of_another_kind_gives_one_line(tmp_path: Path) -> None:
    path = tmp_path / "egoclip.csv"
    for content in ("a,b\n1,2\n", "video_uid\tclip_start\tclip_end\nx\tsoon\tlater\n", ""):
        path.write_text(content)
        with pytest.raises(MediaError, match="does not have the columns video_uid, clip_start, clip_end") as error:
            read_clip_ends(path)
        assert "\n" not in str(error.value)


def test_of_two_clips_with_one_start_the_first_listed_counts(folder: Path) -> None:
    write_clips(folder, [(UID, 10.0, 14.0), (UID, 10.0, 18.0), (UID, 601.1234, 605.1234)])
    assert EgoClipBoxes(folder).locate(UID, np.array([10.5, 11.0]), [], INFO).origin.tolist() == [1, 2]


def test_entries_that_start_at_no_known_clip_are_refused_where_they_are_most(folder: Path) -> None:
    with pytest.raises(MediaError, match=r"2 of 2 entries start at no clip of egoclip\.csv"):
        read_egoclip_boxes(folder / UID, {20.0: 24.0})
    assert len(read_egoclip_boxes(folder / UID, {10.001: 14.0}).times_s) == 4


def test_every_video_without_files_is_named(folder: Path) -> None:
    faults = EgoClipBoxes(folder).faults([UID, "unseen"])
    assert [fault.message for fault in faults] == [
        "no hand detections for video 'unseen' (expected unseen/0.handobj.pkl)"
    ]
    with pytest.raises(MediaError, match=r"no hand detections for video 'unseen' .*use the palm detector"):
        EgoClipBoxes(folder).locate("unseen", np.zeros(1), [], INFO)


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ([1, 2], "holds something else than a dict of clips"),
        ({"ten": {}}, "entry 'ten' is not the start of a clip"),
        ({10.0: None}, r"entry 10\.0 is not the start of a clip"),
        ({10.0: {0: frame(None)}}, "the clip at 10 s does not say its image's width and height"),
        ({10.0: {"info": {"height": 0, "width": 640}}}, "the clip at 10 s does not say its image's width and height"),
        ({10.0: {"info": IMAGE, 0: frame(rows([1, 2, 3, 4]))}}, "rows of at least 5 finite numbers"),
        ({10.0: {"info": IMAGE, 0: frame(rows([1, 2, 3, float("nan"), 1]))}}, "rows of at least 5 finite numbers"),
        ({10.0: {"info": IMAGE, 0: {"hand_dets": "none"}}}, "rows of at least 5 finite numbers"),
    ],
)
def test_a_file_of_another_form_gives_one_line(folder: Path, entries: object, fault: str) -> None:
    path = write_boxes(folder, 0, entries)
    with pytest.raises(MediaError, match=f"{path}: .*{fault}") as error:
        EgoClipBoxes(folder).locate(UID, np.array([10.5]), [], INFO)
    assert "\n" not in str(error.value)


class Payload:
    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


def test_a_file_that_asks_to_run_something_is_refused_and_nothing_is_run(folder: Path) -> None:
    write_boxes(folder, 0, {10.0: {"info": IMAGE, 0: frame(rows(IDLE)), 1: Payload(folder / "made")}})
    with pytest.raises(MediaError, match=r"0\.handobj\.pkl: asks to run \w+\.mkdir"):
        EgoClipBoxes(folder).locate(UID, np.array([10.5]), [], INFO)
    assert not (folder / "made").exists()


def test_the_description_says_what_decides_the_boxes_and_nothing_of_this_machine(tmp_path: Path) -> None:
    assert json.loads(json.dumps(EgoClipBoxes(tmp_path, hand_threshold=0.5).description)) == {
        "kind": "egoclip",
        "source": tmp_path.name,
        "hand_threshold": 0.5,
        "object_threshold": 0.01,
        "max_gap_s": 1.0,
    }


def test_other_boxes_and_other_ends_of_clips_have_another_fingerprint(folder: Path) -> None:
    seen = [EgoClipBoxes(folder).fingerprint(UID)]
    write_boxes(folder, 7, {})
    seen.append(EgoClipBoxes(folder).fingerprint(UID))
    write_clips(folder, [(UID, 1.0, 2.0)])
    seen.append(EgoClipBoxes(folder).fingerprint(UID))
    assert len(set(seen)) == 3
    assert EgoClipBoxes(folder).fingerprint(UID) == seen[-1]
    assert EgoClipBoxes(folder).fingerprint("absent") == ""
