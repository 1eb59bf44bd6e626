"""What ``egoshift train`` says of what it trained on."""

from pathlib import Path

import pytest

from egoshift.cli.train import train
from egoshift.errors import ConfigError
from egoshift.training import FitReport, FitSettings


@pytest.mark.parametrize(
    ("dropped", "unlabelled", "told"),
    [
        ({}, 0, "27 clips, 5 parameters"),
        (
            {"video-not-stored": 16, "past-the-end": 1},
            0,
            "27 clips (17 left out: 16 video-not-stored, 1 past-the-end), 5",
        ),
        ({"video-not-stored": 2}, 3, "27 clips (5 left out: 2 video-not-stored, 3 unlabelled), 5"),
    ],
)
def test_clips_left_out_of_training_are_told(
    dropped: dict[str, int],
    unlabelled: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    report = FitReport(
        selection="last",
        settings=FitSettings(epochs=2),
        epoch=1,
        clips=27,
        parameters=5,
        dropped=dropped,
        unlabelled=unlabelled,
    )
    monkeypatch.setattr("egoshift.recipes.train", lambda *_, **__: {"noun": report})
    train("xmic", on=tmp_path / "a.yaml", out=tmp_path)
    assert told in capsys.readouterr().out.replace("\n", " ")


def test_an_interrupted_training_is_not_begun_anew_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("egoshift.recipes.train", lambda *_, **__: {})
    point = tmp_path / "models" / "noun" / "resume.safetensors"
    point.parent.mkdir(parents=True)
    point.touch()
    with pytest.raises(ConfigError, match=r"noun/resume\.safetensors: is of an interrupted training, which --resume"):
        train("xmic", on=tmp_path / "a.yaml", out=tmp_path)
    train("xmic", on=tmp_path / "a.yaml", out=tmp_path, resume=True)
    point.unlink()
    train("xmic", on=tmp_path / "a.yaml", out=tmp_path)
