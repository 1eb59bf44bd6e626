"""Nothing is learned, and no epoch chosen, from clips that are kept to test on."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from egoshift.errors import CheckpointError, ConfigError
from egoshift.features import TensorFeatures
from egoshift.methods import LinearProbe
from egoshift.records import Label
from egoshift.training import FitReport, FitSettings, fit, load_checkpoint
from tests.unit.evaluation.toy import CLASSES, DIM, Toy, toy, toy_clips, toy_text

SETTINGS = FitSettings(epochs=2, batch_size=16, num_frames=3, lr=0.02, precision="32-true")
NOUN: Label = "noun"


class Split(TensorFeatures):
    """Clips that know which splits they are of."""

    def __init__(self, *splits: str):
        clips = toy_clips()
        whole = clips.batch(torch.arange(len(clips)), num_frames=6)
        targets: dict[Label, Tensor | Sequence[int]] = dict(clips.targets)
        super().__init__(whole.streams, targets, clips.groups)
        self._splits = splits

    @property
    def splits(self) -> tuple[str, ...]:
        return self._splits


class Observing(Toy):
    """Takes statistics of what it is shown before training."""

    seen = 0

    def observe(self, clips: object, text: object) -> None:
        self.seen += 1


@pytest.mark.parametrize("splits", [("test",), ("val",), ("test", "train")])
def test_clips_kept_to_test_on_are_not_learned_from_and_not_observed(splits: tuple[str, ...]) -> None:
    classifier = Observing()
    named = " and ".join(split for split in splits if split != "train")
    with pytest.raises(ConfigError, match=rf"split {named} are given to train on, .* statistics come from train"):
        fit(classifier, Split(*splits), toy_text(), settings=SETTINGS, accelerator="cpu")
    assert classifier.seen == 0


@pytest.mark.parametrize("selection", ["best", "last"])
def test_an_epoch_is_chosen_by_test_clips_as_an_oracle_alone(selection: str) -> None:
    settings = SETTINGS.model_copy(update={"selection": selection})
    with pytest.raises(ConfigError, match="clips of the split test are given to choose the epoch by"):
        fit(toy(), Split("train"), toy_text(), validation=Split("test"), settings=settings, accelerator="cpu")
    oracle = SETTINGS.model_copy(update={"selection": "oracle"})
    report = fit(toy(), Split("train"), toy_text(), validation=Split("test"), settings=oracle, accelerator="cpu")
    assert (report.selection, report.splits, report.calibration) == ("oracle", ("train",), {})


def test_a_report_says_of_which_splits_its_statistics_are(tmp_path: Path) -> None:
    train = Split("train", "unlabelled")
    trained = fit(toy(), train, toy_text(), validation=Split("val"), settings=SETTINGS, accelerator="cpu")
    assert trained.splits == ("train", "unlabelled")
    untrained = LinearProbe(text_dim=DIM, classes={NOUN: toy_text()[NOUN].names})
    untrained.requires_grad_(False)
    assert fit(untrained, train, toy_text(), settings=SETTINGS, accelerator="cpu").splits == ("train", "unlabelled")


def test_a_model_that_has_learned_from_test_clips_is_not_opened(tmp_path: Path) -> None:
    model = LinearProbe(text_dim=DIM, classes={NOUN: toy_text()[NOUN].names})
    fit(model, Split("train"), toy_text(), settings=SETTINGS, accelerator="cpu", checkpoint=tmp_path / "model")
    config = tmp_path / "model/config.json"
    fields = json.loads(config.read_text())
    assert FitReport.model_validate(load_checkpoint(tmp_path / "model").config.fit).splits == ("train",)
    assert len(fields["vocabularies"][NOUN]) == CLASSES
    fields["fit"]["splits"] = ["test", "train"]
    config.write_text(json.dumps(fields | {"checksum": ""}))
    with pytest.raises(CheckpointError, match=r"config\.json: its weights and statistics come from .* split test"):
        load_checkpoint(tmp_path / "model")
