"""What ``egoshift predict`` and ``egoshift adapt`` do when something goes wrong on the way."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from egoshift import prediction
from egoshift.prediction import Asked, Prediction
from tests.fixtures.predictors import ColourPredictor, write_colourful
from tests.flows.conftest import Command


class Colours:
    """A predictor as the command line calls it."""

    interrupted = False

    @classmethod
    def from_pretrained(cls, name: str, **options: object) -> "Colours":
        return cls()

    def predict(self, video: Path, *, asked: Asked, progress: object, **options: Any) -> Prediction:
        return replace(ColourPredictor().predict(video), interrupted=self.interrupted)


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setattr(prediction, "Predictor", Colours)
    monkeypatch.setattr(Colours, "interrupted", False)
    return [write_colourful(tmp_path / f"{name}.mp4") for name in ("one", "two")]


def test_what_cannot_be_written_ends_nothing_else(egoshift: Command, videos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "out" / "one.csv").mkdir(parents=True)
    answer = egoshift("predict", *videos, "--model", "m", "--format", "csv", "-o", tmp_path / "out", "--json")
    assert answer.code == 1
    assert f"{tmp_path / 'out' / 'one.csv'}: cannot be written" in answer.err
    assert [Path(told["video"]).name for told in json.loads(answer.out)] == ["one.mp4", "two.mp4"]
    assert (tmp_path / "out" / "two.csv").is_file()


def test_an_interruption_is_said_once(egoshift: Command, videos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Colours, "interrupted", True)
    answer = egoshift("predict", *videos, "--model", "m", "--json")
    assert answer.code == 130
    assert len(json.loads(answer.out)) == 1
    assert answer.err.count("interrupted") == 1


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf"])
def test_a_learning_rate_that_is_none_is_refused(egoshift: Command, videos: list[Path], rate: str) -> None:
    answer = egoshift("adapt", "--model", "m", "--examples", "my.csv", "-o", "out", "--lr", rate)
    assert answer.code == 1
    assert answer.lines == [f"--lr {rate}: a learning rate is above 0 and below 1; leave it out for 1e-4"]


def test_a_taught_model_that_would_have_no_place_is_refused_before_it_is_taught(
    egoshift: Command, videos: list[Path]
) -> None:
    answer = egoshift("adapt", "--model", "m", "--examples", "my.csv", "-o", videos[0])
    assert answer.code == 1
    assert answer.lines == [f"{videos[0]}: is a file; give -o a folder"]
