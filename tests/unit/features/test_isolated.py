"""Extraction whose media is decoded in children: one bad video costs itself."""

from pathlib import Path

import pytest

from egoshift.features import extract
from egoshift.isolation import Walls, isolated
from tests.fixtures import deadly
from tests.fixtures.videos import write_video

from .examples import BlockEncoder, contents, example_dataset

RATE_HZ = 10
DEADLY = ("deadly-header", "deadly-frame", "deadly-hang", "deadly-hunger")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    return {name: write_video(folder / f"{name}.mp4", 20, RATE_HZ) for name in ("a", *DEADLY, "z")}


def test_a_store_made_in_children_has_the_same_bytes(videos: dict[str, Path], tmp_path: Path) -> None:
    dataset = example_dataset(videos, [(name, 0.0, 1.9) for name in ("a", "z")])
    here = extract(dataset, BlockEncoder(), tmp_path / "here")
    with isolated():
        there = extract(dataset, BlockEncoder(), tmp_path / "there")
    assert there.faults == here.faults == ()
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_whatever_a_video_does_to_its_decoder_the_others_are_encoded(
    videos: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly.prepare(monkeypatch)
    dataset = example_dataset(videos, [(name, 0.0, 1.9) for name in videos])
    with isolated(Walls(memory_mb=500, silent_s=5)):
        report = extract(dataset, BlockEncoder(), tmp_path / "store", compare=False)
    assert list(report.store.offsets) == ["a", "z"]
    said = {fault.path.stem: f"{fault.kind}: {fault.message}" for fault in report.faults}
    assert said == {
        "deadly-header": "decoder-crash: decoding crashed (SIGSEGV), in a process of its own",
        "deadly-frame": "decoder-crash: decoding crashed (SIGSEGV), in a process of its own",
        "deadly-hang": "decoder-hang: decoding hangs: nothing came of it in 5 s",
        "deadly-hunger": "decoder-memory: decoding takes more than 500 MB",
    }
    assert all("\n" not in str(fault) for fault in report.faults)
    alone = example_dataset(videos, [(name, 0.0, 1.9) for name in ("a", "z")])
    undisturbed = extract(alone, BlockEncoder(), tmp_path / "alone", compare=False).store
    assert (report.store.array("full") == undisturbed.array("full")).all()
