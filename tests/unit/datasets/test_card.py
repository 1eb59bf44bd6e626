"""Data cards: what they take, and one line for each thing that is wrong with them."""

from pathlib import Path

import pytest

from egoshift.datasets import DataCard
from egoshift.errors import DataError
from tests.unit.datasets.writing import touch


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "kitchen.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_card_and_the_rest_has_defaults(tmp_path: Path) -> None:
    card = DataCard.read(write(tmp_path, "format: epic-kitchens\nannotations: anno\nvideos: /data/videos\n"))
    assert card == DataCard(
        name="kitchen",
        format="epic-kitchens",
        annotations=tmp_path / "anno",
        videos=Path("/data/videos"),
        features=tmp_path / "features" / "kitchen",
    )
    assert (card.hand_threshold, card.object_threshold, card.window_s, card.unit) == (None, None, None, "auto")


def test_every_field_can_be_given(tmp_path: Path) -> None:
    text = """
        name: ego4d
        format: ego4d-fho
        annotations: v2/annotations
        videos: v2/clips
        unit: clip
        window_s: 4
        hands: boxes.csv
        hands_format: boxes
        hand_threshold: 0.5
        object_threshold: 0.1
        features: out
        frame_rate_hz: 30
    """
    card = DataCard.read(write(tmp_path, text))
    assert (card.hands, card.features, card.window_s) == (tmp_path / "boxes.csv", tmp_path / "out", 4.0)


def test_features_go_beside_the_working_folder_without_a_card_file() -> None:
    assert DataCard(name="a", format="folder", videos=Path("v")).features == Path("features/a")


def test_a_set_without_videos_needs_no_folder_of_them_and_names_who_is_left_out(tmp_path: Path) -> None:
    text = "format: classyglass\nannotations: glasses.npz\ntest_users: [3, 14]\nsplit_seed: 2\nclip_s: 5\n"
    card = DataCard.read(write(tmp_path, text))
    assert card.videos == card.annotations == tmp_path / "glasses.npz"
    assert (card.test_users, card.val_users, card.split_seed, card.clip_s) == ((3, 14), (), 2, 5.0)


def test_a_folder_stands_for_a_card(tmp_path: Path) -> None:
    touch(tmp_path / "walks", "a.mp4")
    card = DataCard.read(tmp_path / "walks")
    assert (card.name, card.format, card.annotations) == ("walks", "folder", None)
    assert (card.videos, card.features) == (tmp_path / "walks", tmp_path / "walks" / "features")


def test_a_folder_brings_its_segments_or_its_only_table(tmp_path: Path) -> None:
    touch(tmp_path, "labels.csv")
    assert DataCard.read(tmp_path).annotations == tmp_path / "labels.csv"
    touch(tmp_path, "segments.csv")
    assert DataCard.read(tmp_path).annotations == tmp_path / "segments.csv"


def test_a_folder_with_several_tables_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "b.csv")
    with pytest.raises(DataError, match=r"found 2 CSV files \(a.csv, b.csv\), expected one; name the one"):
        DataCard.read(tmp_path)


def test_all_field_faults_are_told_at_once_one_a_line(tmp_path: Path) -> None:
    path = write(tmp_path, "format: epic\nvidoes: v\nhand_threshold: 2\n")
    with pytest.raises(DataError) as caught:
        DataCard.read(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert all(line.startswith(f"{path}: ") for line in lines)
    assert "field 'format' is 'epic'" in lines[0]
    assert "field 'videos' is missing; add 'videos: ...' to the card" in lines[1]
    assert "field 'hand_threshold' is 2" in lines[2]
    assert "unknown field 'vidoes'; use one of: name, format" in lines[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"format: folder\nvideos: 0x{'f' * 5000}\n", r"row 2: not a YAML file \(a number of 5002 characters"),
        ("format: egtea\nvideos: v\n", "annotations: format 'egtea' needs the folder of its annotation files"),
        ("format: folder\nvideos: v\nhands: h.csv\n", "give hands and hands_format together"),
        (
            "format: classyglass\nannotations: a\ntest_users: [1, 2]\nval_users: [2]\n",
            "users share 2; name each user once",
        ),
        ("format: egtea\nannotations: a\nvideos: v\nsplit_seed: 1\n", "only format 'classyglass' splits by users"),
        (
            "name: ../there\nformat: folder\nvideos: v\n",
            "is '../there': files are named after it",
        ),
        ("name: ..\nformat: folder\nvideos: v\n", "files are named after it"),
        ("format: [\n", r"kitchen\.yaml, row 2: not a YAML file"),
        ("- a\n- b\n", "holds list, expected fields such as 'format: folder'"),
        ("", "holds NoneType"),
    ],
)
def test_what_is_no_card_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        DataCard.read(write(tmp_path, text))
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such data card or folder"):
        DataCard.read(tmp_path / "absent.yaml")
