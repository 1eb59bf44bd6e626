"""``--isolate``: media that kills its decoder costs its video and one line."""

from pathlib import Path

import pytest

from tests.fixtures import deadly
from tests.fixtures.videos import write_video
from tests.flows.conftest import Command


def test_a_video_that_kills_its_decoder_is_one_line_and_the_others_are_extracted(
    egoshift: Command, tower: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly.prepare(monkeypatch)
    (tmp_path / "videos").mkdir()
    for name in ("first", "deadly-frame", "last"):
        write_video(tmp_path / "videos" / f"{name}.mp4", 30, 10)
    answer = egoshift("extract", tmp_path / "videos", "--encoder", tower, "--isolate")
    assert answer.code == 1
    said = [line for line in answer.lines if "deadly-frame" in line]
    assert len(said) == 1
    assert "decoding crashed (SIGSEGV), in a process of its own; leave it out, or write it anew" in said[0]
    assert "2 videos encoded" in answer.out


@pytest.mark.parametrize("more", [["walk.mp4", "--overlay", "out.mp4"], ["--stdin"], ["--camera", "0"]])
def test_what_is_decoded_in_the_process_itself_is_not_said_to_be_isolated(egoshift: Command, more: list[str]) -> None:
    answer = egoshift("predict", *more, "--model", "none", "--isolate")
    assert answer.code == 1
    line = "--isolate is for files that are only read; leave out --overlay, --stdin and --camera"
    assert answer.lines == [line]
