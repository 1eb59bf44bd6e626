import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xxhash
from safetensors.numpy import load_file

from egoshift.features import rows as module
from egoshift.features.rows import chunks, map_rows, new_rows, read_rows, times_of, write_rows
from tests.fixtures.videos import index_frame, write_video

ROOT = Path(__file__).parents[3]


def test_new_rows_are_zeros_and_leave_nothing_behind(tmp_path: Path) -> None:
    rows = new_rows({"full": (np.dtype("<f2"), (4,)), "times": (np.dtype("<f8"), ())}, 3, tmp_path)
    assert {name: (array.shape, array.dtype.str, bool(array.any())) for name, array in rows.items()} == {
        "full": ((3, 4), "<f2", False),
        "times": ((3,), "<f8", False),
    }
    rows["full"][1] = 2.0
    assert rows["full"].sum() == 8.0
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_an_error_and_not_the_end_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left on device"):
        new_rows({"full": (np.dtype("<f2"), (4,))}, 3, tmp_path)


@pytest.mark.parametrize("chunk_bytes", [1, 20, 1 << 24])
def test_a_part_holds_the_rows_of_all_sources_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    generator = np.random.default_rng(0)
    sources: list[dict[str, np.ndarray]] = []
    for times in np.array_split(generator.permutation(17) / 4, [5, 5, 11]):
        count = len(times)
        views: dict[str, np.ndarray] = {"full": generator.standard_normal((count, 3)).astype(np.float16)}
        views |= {"hand_boxes": generator.random((count, 4), np.float32)}
        views |= {"hand_origins": generator.integers(0, 4, count).astype(np.uint8)}
        sources.append({"times": np.sort(times), **views})
    write_rows(tmp_path / "part", sources, {"video_id": "v"})

    # The slow twin: all at once, and read by the format's own library.
    order = np.argsort(np.concatenate([source["times"] for source in sources]), kind="stable")
    whole = {name: np.concatenate([source[name] for source in sources])[order] for name in sources[0]}
    assert times_of(sources).tolist() == whole["times"].tolist()
    for found in (load_file(tmp_path / "part"), map_rows(tmp_path / "part")):
        assert set(found) - {"checksums"} == set(whole)
        for name, array in whole.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)


def test_rows_lie_in_a_file_of_the_folder_given_with_room_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int, int]] = []

    def fallocate(file: int, begin: int, length: int) -> None:
        asked.append((os.readlink(f"/proc/self/fd/{file}"), begin, length))

    monkeypatch.setattr(os, "posix_fallocate", fallocate)
    new_rows({"full": (np.dtype("<f2"), (4,)), "times": (np.dtype("<f8"), ())}, 3, tmp_path)
    assert [(begin, length) for _, begin, length in asked] == [(0, 24), (0, 24)]
    assert all(place.startswith(f"{tmp_path}/") for place, _, _ in asked)


def test_rows_of_one_time_stay_in_the_order_of_their_sources(tmp_path: Path) -> None:
    # So many that an order that is not kept on purpose is none.
    sources: list[dict[str, np.ndarray]] = [
        {"times": np.repeat(np.arange(20.0), 5), "full": np.full((100, 1), number, np.float16)} for number in range(3)
    ]
    write_rows(tmp_path / "part", sources, {})
    found = map_rows(tmp_path / "part")
    assert found["times"].tolist() == np.repeat(np.arange(20.0), 15).tolist()
    assert found["full"][:, 0].tolist() == ([0.0] * 5 + [1.0] * 5 + [2.0] * 5) * 20


@pytest.mark.parametrize("name", ["v", "vi", "vid", "vide", "video", "video ", "video i", "video id"])
def test_arrays_begin_at_a_multiple_of_eight_bytes(tmp_path: Path, name: str) -> None:
    write_rows(tmp_path / "part", [{"times": np.zeros(1), "full": np.zeros((1, 2), np.float16)}], {"video_id": name})
    assert int.from_bytes((tmp_path / "part").read_bytes()[:8], "little") % 8 == 0


def test_a_part_that_is_cut_short_is_said_to_be(tmp_path: Path) -> None:
    write_rows(tmp_path / "part", [{"times": np.zeros(1)}], {})
    content = (tmp_path / "part").read_bytes()
    length = int.from_bytes(content[:8], "little")
    for kept in (0, 7, 8, 8 + length, 8 + length + 7, len(content) - 1):
        (tmp_path / "cut").write_bytes(content[:kept])
        with pytest.raises(ValueError, match="cut short"):
            read_rows(tmp_path / "cut")
    # A header alone with its checksum is whole, and is no part.
    opening = content[: 8 + length]
    (tmp_path / "head").write_bytes(opening + xxhash.xxh3_64_digest(opening))
    with pytest.raises(ValueError, match=r"is no part of a store|mmap length is greater"):
        read_rows(tmp_path / "head")


def test_chunks_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 12)
    array = np.arange(14, dtype=np.float16).reshape(7, 2)
    pieces = list(chunks(array))
    assert [len(piece) for piece in pieces] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(pieces), array)
    assert [len(piece) for piece in chunks(np.zeros((2, 100)))] == [1, 1]  # a row is never cut


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_hours_take_no_more_memory_than_ten_minutes(tmp_path: Path) -> None:
    pictures = [index_frame(number, (32, 32)) for number in range(60)]
    peaks = {}
    for minutes in (10, 120):
        video = write_video(tmp_path / f"{minutes}.mp4", pictures * minutes, 1, options={"preset": "ultrafast"})
        command = [sys.executable, "-m", "tests.unit.features.long_video", str(video), str(tmp_path / f"s{minutes}")]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        rows, peak = done.stdout.split()
        assert int(rows) == 240 * minutes
        peaks[minutes] = float(peak)
    # Of 226 MiB of features in the one and 19 in the other.
    assert peaks[120] - peaks[10] < 20
