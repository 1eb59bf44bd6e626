"""A user's own folder, with and without a table of segments."""

from pathlib import Path

import av
import numpy as np
import pytest

from egoshift.datasets import DataCard, load_dataset
from egoshift.errors import DataError
from egoshift.records import CLIP_SCHEMA, Dataset
from tests.unit.datasets.writing import touch


def load(tmp_path: Path, table: str | None = None, **fields: object) -> Dataset:
    if table is not None:
        (tmp_path / "segments.csv").write_text(table, encoding="utf-8")
    card = DataCard.read(tmp_path).model_copy(update=fields)
    return load_dataset(card)


def write_video(path: Path, seconds: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 32, 32
        for _ in range(seconds * 10):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_segments_become_clips_and_names_become_classes(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "day 2/b.mkv")
    table = """video,start,stop,verb,noun
a.mp4,0,2.5,Take,Cup
a,00:00:03,00:01:04.5,wash,chopping_board
day 2/b.mkv,1:00,1:02,take,chopping board
b,5,6,,cup
"""
    dataset = load(tmp_path, table)
    assert dataset.clips.schema == CLIP_SCHEMA
    assert dataset.clips.drop("file").rows() == [
        ("a:0.0-2.5", "a", 0.0, 2.5, "train", 0, 1, 1, 2),
        ("a:3.0-64.5", "a", 3.0, 64.5, "train", 1, 0, 2, 3),
        ("day 2/b:60.0-62.0", "day 2/b", 60.0, 62.0, "train", 0, 0, 0, 4),
        ("day 2/b:5.0-6.0", "day 2/b", 5.0, 6.0, "train", None, 1, None, 5),
    ]
    assert dataset.vocabularies["verb"].names == ("take", "wash")
    assert dataset.vocabularies["noun"].names == ("chopping board", "cup")
    assert dataset.vocabularies["action"].names == ("take chopping board", "take cup", "wash chopping board")
    assert dataset.videos == {"a": tmp_path / "a.mp4", "day 2/b": tmp_path / "day 2/b.mkv"}
    assert (dataset.faults, dataset.num_annotated) == ((), 4)


def test_class_lists_give_order_and_bounds(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "verbs.txt").write_text("Wash\nTake\n\nunused\n", encoding="utf-8")
    dataset = load(tmp_path, "video,start,stop,verb\na,0,1,take\na,1,2,throw\n")
    assert dataset.vocabularies["verb"].names == ("wash", "take", "unused")
    assert dataset.clips["verb"].to_list() == [1]
    assert [str(fault) for fault in dataset.faults] == [
        f"{tmp_path / 'segments.csv'}, row 3: verb throw is not in verbs.txt; add it to verbs.txt, or correct it"
    ]
    assert "action" not in dataset.vocabularies


def test_own_actions_go_before_pairs(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    dataset = load(tmp_path, "video,start,stop,action,verb,noun\na,0,1,Make tea,pour,water\na,1,2,rest,,\n")
    assert dataset.vocabularies["action"].names == ("make tea", "rest")
    assert dataset.clips["action"].to_list() == [0, 1]


def test_pairs_that_read_the_same_stay_apart(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    dataset = load(tmp_path, "video,start,stop,verb,noun\na,0,1,turn,on light\na,1,2,turn on,light\na,2,3,turn,tap\n")
    assert dataset.vocabularies["action"].names == ("turn | on light", "turn tap", "turn on | light")


def test_splits_are_read_where_they_are_given(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    dataset = load(tmp_path, "video,start,stop,split\na,0,1,Train\na,1,2,validation\na,2,3,test\na,3,4,\na,4,5,dev\n")
    assert dataset.clips["split"].to_list() == ["train", "val", "test", "train"]
    assert [(fault.kind, fault.row, fault.message) for fault in dataset.faults] == [
        ("unknown-split", 6, "split dev is unknown")
    ]


def test_bad_rows_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.mp4", "two/a.mp4", "b.mp4", "b.mov")
    table = "video,start,stop\na,0,1\none/a,0,1\none\\a.mp4,0,1\nb.mov,3,2\nb,0,1\nc.mp4,0,1\nb.mp4,0,x\nb.mp4,0,1\n"
    dataset = load(tmp_path, table)
    assert dataset.clips.select("video_id", "row").rows() == [("one/a", 3), ("b.mp4", 9)]
    assert [(fault.kind, fault.row) for fault in dataset.faults] == [
        ("bad-time", 8),
        ("ambiguous-video", 2),
        ("ambiguous-video", 6),
        ("swapped-times", 5),
        ("duplicate-clip", 4),
        ("missing-video", 7),
    ]
    assert dataset.faults[1].message == "video a could be several files here"


def test_a_table_without_the_columns_is_refused_with_all_of_them(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    with pytest.raises(DataError) as caught:
        load(tmp_path, "video,begin,end\na,0,1\n")
    assert [fault.message for fault in caught.value.faults] == ["'start' is missing", "'stop' is missing"]


def test_equal_names_in_a_class_list_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "nouns.txt").write_text("cup\nCup\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"nouns\.txt: noun classes 0 and 1 are both 'cup'"):
        load(tmp_path, "video,start,stop\na,0,1\n")


def test_videos_alone_are_cut_into_equal_unlabelled_clips(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 10)
    touch(tmp_path, "broken.mp4", "frames/00001.png", "frames/00002.png")
    (tmp_path / "verbs.txt").write_text("wash\ntake\n", encoding="utf-8")
    dataset = load(tmp_path)
    assert dataset.clips.select("video_id", "split", "verb", "row").unique().rows() == [("a", "test", None, None)]
    edges = [(0.0, 10 / 2), (10 / 2, 10.0)]
    assert dataset.clips.select("start_s", "stop_s").rows() == [pytest.approx(edge) for edge in edges]
    assert dataset.vocabularies["verb"].names == ("wash", "take")
    assert [(fault.kind, fault.path.name) for fault in dataset.faults] == [
        ("unreadable-video", "broken.mp4"),
        ("unknown-rate", "frames"),
    ]
    framed = load(tmp_path, frame_rate_hz=0.5, clip_s=2.0)
    assert framed.clips.filter(framed.clips["video_id"] == "frames").select("start_s", "stop_s").rows() == [
        (0.0, 2.0),
        (2.0, 4.0),
    ]
    assert framed.frame_rates_hz == {"frames": 0.5}


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no video .* and no folder of frames is here; put videos there"):
        load(tmp_path)


def test_a_table_or_a_class_list_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    with pytest.raises(DataError, match=r"segments.csv: holds no segment; write one segment a line below its header"):
        load(tmp_path, "video,start,stop,noun\n")
    (tmp_path / "nouns.txt").write_text("\n\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"nouns.txt: lists no class; write one name a line, or remove the file"):
        load(tmp_path, "video,start,stop,noun\na,0,2,cup\n")
