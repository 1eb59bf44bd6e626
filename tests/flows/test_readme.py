"""What the README shows runs as written."""

import re
import shlex
from pathlib import Path

import pytest

from tests.flows.conftest import Command

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_example_runs_as_written(capsys: pytest.CaptureFixture[str]):
    (program,) = [text for language, text in BLOCKS if language == "python"]
    exec(compile(program, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == ["top1", "top5", "macro", "f1"]


def test_the_example_of_several_sensors_runs_as_written(capsys: pytest.CaptureFixture[str]):
    page = (Path(__file__).parents[2] / "docs/sensors.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    exec(compile(program, "sensors.md", "exec"), {})
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert printed == ["video+audio+imu", "video+audio", "video+imu", "audio+imu", "video", "audio", "imu"]


def test_the_commands_for_ones_own_videos_are_five_and_run(egoshift: Command, tmp_path: Path, tower: Path, monkeypatch):
    from tests.fixtures.videos import write_video

    for folder in ("my_videos", "other_videos"):
        (tmp_path / folder).mkdir()
        for name in ("a.mp4", "b.mp4"):
            write_video(tmp_path / folder / name, 20, rate_hz=10)
        rows = ["a.mp4,0,1,cut,carrot", "a.mp4,0:01,0:02,stir,pot", "b.mp4,0.5,1.5,cut,pot"]
        (tmp_path / folder / "segments.csv").write_text("\n".join(["video,start,stop,verb,noun", *rows]))
    monkeypatch.chdir(tmp_path)
    lines = [line for _, text in BLOCKS for line in text.splitlines() if line.startswith("egoshift ")]
    assert len(lines) == 5
    assert egoshift("extract", "other_videos", "--encoder", tower).code == 0
    for line in lines:
        arguments = shlex.split(line, comments=True)[1:]
        if arguments[0] == "extract":
            arguments[arguments.index("--encoder") + 1] = str(tower)
        if arguments[0] == "train":
            arguments += ["--encoder", str(tower)]
        answer = egoshift(*arguments)
        assert answer.code == 0, answer.err
    assert "Trained on my_videos" in answer.out
