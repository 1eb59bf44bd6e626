"""Tables of others are read as they are, and not where they would be far larger than their files."""

import gzip
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from egoshift.errors import EgoshiftError
from egoshift.media import plain_table
from egoshift.media.box_table import read_box_table
from egoshift.media.egoclip_boxes import read_clip_ends
from egoshift.media.inertial.table import read_table

BOXES = "video,time_s,left,top,right,bottom\na,1,0.1,0.1,0.2,0.2\n"
CLIPS = "video_uid\tclip_start\tclip_end\na\t1.0\t2.0\n"
READINGS = "time,x\n0,1\n"
READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "boxes": (BOXES, read_box_table),
    "clips": (CLIPS, read_clip_ends),
    "readings": (READINGS, read_table),
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    **{f"zlib {level}": partial(zlib.compress, level=level) for level in (0, 2, 6, 9)},
    "zstd": lambda content: b"\x28\xb5\x2f\xfd\x20" + bytes([len(content)]) + _frame(content),
}


def _frame(content: bytes) -> bytes:
    """The one block of a zstd frame, not shrunk."""
    return (len(content) << 3 | 1).to_bytes(3, "little") + content


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("reader", READERS)
def test_a_compressed_csv_is_refused_in_one_line(reader: str, kind: str, tmp_path: Path) -> None:
    text, read = READERS[reader]
    path = tmp_path / "x.csv"
    path.write_bytes(PACKED[kind](text.encode()))
    assert len(pl.read_csv(path)) == 1, "Polars itself unpacks it"
    # What begins like no UTF-8 may be refused as such before.
    with pytest.raises(EgoshiftError, match=rf"is compressed with {kind.split()[0]}.*unpack it|not UTF-8") as refused:
        read(path)
    assert "\n" not in str(refused.value)
    path.write_text(text)
    read(path)


def test_a_compressed_table_that_begins_like_text_is_refused(tmp_path: Path) -> None:
    """A head of zlib whose first block, which is not shrunk, has a length of bytes that are UTF-8."""
    rows = (READINGS + "0,1\n" * 20_000).encode()
    length = 0xD0 << 8 | 0x40  # 53,312, of which the complement follows
    packer = zlib.compressobj(9, wbits=-15)
    block = b"\x00" + length.to_bytes(2, "little") + (~length & 0xFFFF).to_bytes(2, "little") + rows[:length]
    rest = packer.compress(rows[length:]) + packer.flush()
    path = tmp_path / "x.csv"
    path.write_bytes(b"\x78\x01" + block + rest + zlib.adler32(rows).to_bytes(4, "big"))
    assert path.read_bytes()[:8000].decode()
    with pytest.raises(EgoshiftError, match=r"is compressed with zlib"):
        read_table(path)


def write_boxes(path: Path, num_rows: int, **columns: pl.Expr) -> Path:
    usual = {name: pl.lit(0.0, pl.Float32) for name in ("time_s", "left", "top", "right", "bottom")}
    rows = pl.select(index=pl.int_range(num_rows) * 0)
    rows.with_columns(**({"video": pl.lit("v")} | usual | columns)).write_parquet(path)
    return path


def test_a_parquet_file_of_endless_rows_is_refused_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_boxes(tmp_path / "x.parquet", 200_000)
    assert len(read_box_table(path)) == 200_000
    monkeypatch.setattr(plain_table, "MOST_CELLS", 60_000)
    size = path.stat().st_size
    most = (60_000 + 16 * size) // 6
    assert most < 100_000
    with pytest.raises(EgoshiftError, match=rf"has more than {most} rows, too many for a file of {size} bytes"):
        read_box_table(path)


def test_real_boxes_are_far_from_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames at 60 a second of which one in twenty shows a hand."""
    monkeypatch.setattr(plain_table, "MOST_CELLS", 0)
    frame = pl.int_range(pl.len(), dtype=pl.Int64)
    edges = {
        name: pl.when(frame % 20 == 0).then((frame * prime % 1000 / 2000 + shift).cast(pl.Float32))
        for name, prime, shift in (("left", 7, 0.0), ("top", 11, 0.0), ("right", 13, 0.5), ("bottom", 17, 0.5))
    }
    path = write_boxes(tmp_path / "x.parquet", 50_000, time_s=frame / 60, **edges)
    assert len(read_box_table(path)) == 50_000


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"left": pl.lit([0.0, 0.5])}, r"left holds List\(Float64\), which is neither numbers nor texts; write one"),
        ({"top": pl.struct("index")}, r"top holds Struct\(.*which is neither"),
        ({"video": pl.lit(b"v" * 5000)}, r"has a text of 5000 bytes"),
        ({"video": pl.lit("v" * 5000)}, r"has a text of 5000 bytes; give texts of at most 4096"),
    ],
)
def test_cells_that_hold_many_values_are_refused(tmp_path: Path, columns: dict[str, pl.Expr], message: str) -> None:
    with pytest.raises(EgoshiftError, match=message) as refused:
        read_box_table(write_boxes(tmp_path / "x.parquet", 3, **columns))
    assert "\n" not in str(refused.value)


def test_numbers_of_single_precision_are_what_their_digits_say(tmp_path: Path) -> None:
    path = write_boxes(tmp_path / "x.parquet", 3, score=pl.lit(0.7, pl.Float32))
    assert read_box_table(path)["score"].to_list() == [0.7] * 3


def test_texts_that_another_program_wrote_without_saying_so_are_read(tmp_path: Path) -> None:
    path = write_boxes(tmp_path / "x.parquet", 3, video=pl.lit("küche".encode()))
    assert read_box_table(path)["video"].unique().to_list() == ["küche"]
    write_boxes(path, 3, video=pl.lit(b"\xff\xfe"))
    with pytest.raises(EgoshiftError, match=r"is no readable table") as refused:
        read_box_table(path)
    assert "\n" not in str(refused.value)


def test_columns_that_nobody_asked_for_may_hold_anything(tmp_path: Path) -> None:
    path = write_boxes(tmp_path / "x.parquet", 3, more=pl.lit([["x" * 5000]]))
    assert "more" not in read_box_table(path).columns


def test_numbers_texts_and_truths_of_any_type_mean_the_same(tmp_path: Path) -> None:
    """A number may be written as one, or as text; a video's name as a number; a truth as either."""
    given = {
        "video": pl.lit(7, pl.Int64),
        "time_s": pl.lit(" 1.5"),
        "left": pl.lit(0, pl.UInt8),
        "right": pl.lit("1", pl.String),
        "bottom": pl.lit(1, pl.Int64),
        "kind": pl.lit("Hand").cast(pl.Categorical),
        "score": pl.lit(0.5, pl.Float64),
        "contact": pl.lit(0, pl.Int8),
    }
    row = read_box_table(write_boxes(tmp_path / "x.parquet", 1, **given)).row(0)
    assert row == ("7", 1.5, 0.0, 0.0, 1.0, 1.0, "hand", 0.5, False)


def test_a_number_that_is_none_is_named(tmp_path: Path) -> None:
    columns = {"left": pl.lit(float("nan")), "top": pl.lit("soon"), "right": pl.lit(True)}
    with pytest.raises(EgoshiftError) as refused:
        read_box_table(write_boxes(tmp_path / "x.parquet", 1, **columns))
    lines = str(refused.value).splitlines()
    assert [line.partition("row 1: ")[2] for line in lines] == [
        "left is no finite number (nan); write a number",
        "top is no finite number ('soon'); write a number",
        "right is no finite number ('true'); write a number",
    ]
