"""Extraction goes on from what is whole: after a repair, and after a bit flipped in a video that waits."""

from pathlib import Path

import pytest

from egoshift.errors import StoreError
from egoshift.features import FramePlan, Store, assembly, draft, extract
from egoshift.features.layout import UNFINISHED
from egoshift.features.parts import part_files
from egoshift.features.repair import repair
from tests.fixtures.videos import write_video

from .examples import BlockEncoder, contents, example_dataset

NAMES = ("a", "b", "c")


class Stopped(KeyboardInterrupt):
    """As a kill."""


@pytest.fixture
def videos(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / f"{name}.mp4" for name in NAMES}
    for path in paths.values():
        write_video(path, 30, 30)
    return paths


def run(videos: dict[str, Path], out: Path, encoder: BlockEncoder | None = None, **options: object):
    clips = [(name, 0.0, 1.0) for name in videos]
    encoder = encoder or BlockEncoder()
    return extract(example_dataset(videos, clips), encoder, out, plan=FramePlan(rate_hz=8), batch_size=4, **options)  # type: ignore[arg-type]


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 4
    file.write_bytes(content)


def test_after_a_repair_just_what_was_dropped_is_encoded_and_the_bytes_are_as_before(
    videos: dict[str, Path], tmp_path: Path
) -> None:
    run(videos, tmp_path / "store")
    before = contents(tmp_path / "store")
    flip(tmp_path / "store" / "full.npy", 128 + 10 * 32)  # the second video's third row
    with pytest.raises(
        StoreError, match=r"full.npy: rows are not as they were written \(1 videos: b\); `egoshift store"
    ):
        run(videos, tmp_path / "store")
    assert repair(tmp_path / "store").dropped == ("b",)
    assert Store.open(tmp_path / "store").manifest.failed == {"b": "damaged"}
    report = run(videos, tmp_path / "store")
    assert (report.videos_encoded, report.videos_kept, report.notices) == (1, 2, ())
    assert contents(tmp_path / "store") == before


def test_a_bit_that_flips_in_a_video_that_waits_is_found_and_that_video_encoded_again(
    videos: dict[str, Path], tmp_path: Path
) -> None:
    run(videos, tmp_path / "whole")

    def stop_at_the_end(state: object) -> None:
        if len(part_files(tmp_path / "store")) == 2:
            raise Stopped

    with pytest.raises(Stopped):
        run(videos, tmp_path / "store", progress=stop_at_the_end)
    waiting = part_files(tmp_path / "store")
    assert len(waiting) == 2
    flip(waiting[0], waiting[0].stat().st_size - 80)
    report = run(videos, tmp_path / "store")
    assert report.videos_encoded == 2
    (notice,) = report.notices
    assert "was damaged on the disk; it is encoded again" in notice
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")
    assert not (tmp_path / "store" / UNFINISHED).exists()


def test_a_bit_that_flips_between_encoding_and_merging_is_not_merged(
    videos: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def damaged_first(store, *more):
        flip(part_files(store)[0], -100)
        assembly.merge(store, *more)

    monkeypatch.setattr(draft, "merge", damaged_first)
    with pytest.raises(
        StoreError, match=r"video '.' was damaged on the disk before it was added; run the same command"
    ):
        run(videos, tmp_path / "store")
    monkeypatch.undo()
    assert run(videos, tmp_path / "store").videos_encoded == 1
    run(videos, tmp_path / "whole")
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")
