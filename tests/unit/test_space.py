"""What does not fit, or cannot be written, is refused before the work; on small file systems where they can be made."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from egoshift.errors import ConfigError, EgoshiftError
from egoshift.features import FramePlan, extract
from egoshift.space import need_space
from egoshift.training import fit
from egoshift.training.resume import training_bytes
from egoshift.world import write_world
from tests.fixtures.videos import write_video
from tests.unit.evaluation.toy import CLASSES, DIM, toy, toy_clips, toy_text
from tests.unit.features.examples import BlockEncoder, example_dataset


@contextmanager
def _mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a file system can be mounted by root alone: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """100 kB."""
    with _mounted(tmp_path / "small", "size=100k") as folder:
        yield folder


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    with _mounted(tmp_path / "read-only", "ro,size=100k") as folder:
        yield folder


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def test_what_fits_is_let_through_and_what_does_not_is_refused_with_both_sizes(small_disk: Path) -> None:
    free = shutil.disk_usage(small_disk).free
    need_space(small_disk / "new" / "folder", free, "features")
    refusal = (
        r"small/new/folder: features need about .* kB, and .* kB are free there; make room or choose another place"
    )
    with pytest.raises(ConfigError, match=refusal):
        need_space(small_disk / "new" / "folder", free + 1, "features")
    assert os.listdir(small_disk) == []


def test_a_read_only_place_is_refused_at_once(read_only_disk: Path) -> None:
    for target in (read_only_disk, read_only_disk / "new" / "folder"):
        with pytest.raises(ConfigError, match="read-only cannot be written to"):
            need_space(target, 0, "features")


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    need_space(tmp_path / "file", 0, "a table")
    with pytest.raises(ConfigError, match=r"cannot be written, for .*file is a file; choose another place"):
        need_space(tmp_path / "file" / "within", 0, "a table")


def test_where_nothing_can_be_mounted_the_sizes_are_compared_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def usage(path: Path) -> object:
        asked.append(path)
        return shutil._ntuple_diskusage(10_000, 6_000, 4_000)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    need_space(tmp_path / "a" / "b", 4_000, "features")
    with pytest.raises(ConfigError, match=r"features need about 4 kB, and 4 kB are free there"):
        need_space(tmp_path / "a" / "b", 4_001, "features")
    assert asked == [tmp_path, tmp_path]


def test_extraction_encodes_nothing_that_will_not_fit(small_disk: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 60, 30)
    encoder = BlockEncoder()
    dataset = example_dataset({"v": tmp_path / "v.mp4"}, [("v", 0.0, 2.0)])
    (small_disk / "taken").write_bytes(bytes(shutil.disk_usage(small_disk).free - 8192))
    with pytest.raises(ConfigError, match=r"features of 1 more videos, written twice when they are merged, need about"):
        extract(dataset, encoder, small_disk / "store", plan=FramePlan(rate_hz=100))
    assert encoder.num_images == 0
    assert _files(small_disk) == [small_disk / "taken"]
    (small_disk / "taken").unlink()
    report = extract(dataset, encoder, small_disk / "store", plan=FramePlan(rate_hz=100))
    assert len(report.store) == 200


def test_extraction_into_a_read_only_place_is_refused_in_one_line(read_only_disk: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 60, 30)
    encoder = BlockEncoder()
    dataset = example_dataset({"v": tmp_path / "v.mp4"}, [("v", 0.0, 2.0)])
    with pytest.raises(EgoshiftError, match=r"read-only/store: cannot be written \(Read-only file system\)"):
        extract(dataset, encoder, read_only_disk / "store")
    assert encoder.num_images == 0


def test_a_world_that_will_not_fit_is_not_begun(small_disk: Path) -> None:
    with pytest.raises(ConfigError, match=r"small/world: 6 videos need about 5.76 MB, and .* kB are free there"):
        write_world(small_disk / "world", scale=0.1, sets=("kitchen",))
    assert os.listdir(small_disk) == []


def test_a_model_that_will_not_fit_is_not_trained(small_disk: Path) -> None:
    text = toy_text("noun")
    needed = training_bytes(toy(), text)
    point = 2 * (4 * (DIM * DIM + DIM))  # weights, and the best of them, or two moments
    assert needed == point // 2 + CLASSES * DIM * 4 + 2 * 2 * point
    (small_disk / "taken").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    with pytest.raises(ConfigError, match="the model and the points to resume its training from need about 1"):
        fit(toy(), toy_clips(), text, checkpoint=small_disk / "model")
    assert os.listdir(small_disk) == ["taken"]
