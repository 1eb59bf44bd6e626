from pathlib import Path

import pytest
import torch

from egoshift.errors import CheckpointError
from egoshift.evaluation import predict
from egoshift.features import TensorFeatures
from egoshift.methods import ZeroShot
from egoshift.training import FitSettings, TrainedModel, fit
from egoshift.training import pretrained as module
from tests.unit.evaluation.toy import toy_clips, toy_text


def model() -> TrainedModel:
    return TrainedModel(ZeroShot(), toy_text(), text_encoder="some/clip", num_frames=6, provenance={"from": "here"})


def test_a_model_saved_is_the_model_read(tmp_path: Path) -> None:
    model().save_pretrained(tmp_path)
    found = TrainedModel.from_pretrained(tmp_path)
    assert (found.text_encoder, found.num_frames, found.provenance) == ("some/clip", 6, {"from": "here"})
    assert found.labels == ("noun",)
    scores = found.scores(toy_clips())["noun"].logits
    torch.testing.assert_close(scores, model().scores(toy_clips())["noun"].logits, rtol=0, atol=0)
    assert "egoshift" in (tmp_path / "README.md").read_text()


def test_the_folder_that_fit_leaves_is_read_too(tmp_path: Path) -> None:
    fit(ZeroShot(), toy_clips(), toy_text(), settings=FitSettings(num_frames=3), checkpoint=tmp_path)
    found = TrainedModel.from_pretrained(str(tmp_path))
    assert found.num_frames == 3
    assert found.fit is not None
    assert found.fit.selection == "none"


def test_logits_of_tensors_for_the_own_classes_or_others() -> None:
    features = toy_clips().batch(torch.arange(4), num_frames=6).streams["full"]
    expected = predict(ZeroShot(), TensorFeatures({"full": features}, {"noun": [0] * 4}), toy_text(), num_frames=6)
    torch.testing.assert_close(model().logits({"full": features})["noun"], expected["noun"].logits)
    assert list(model().logits({"full": features}, toy_text("verb"))) == ["verb"]


def test_the_hub_is_asked_for_the_three_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model().save_pretrained(tmp_path)
    asked: dict[str, object] = {}

    def snapshot(name: str, **options: object) -> str:
        asked.update(options, name=name)
        return str(tmp_path)

    monkeypatch.setattr(module, "snapshot_download", snapshot)
    assert TrainedModel.from_pretrained("someone/model", revision="main").labels == ("noun",)
    assert (asked["name"], asked["revision"]) == ("someone/model", "main")
    assert asked["allow_patterns"] == ["model.safetensors", "text.safetensors", "config.json"]


@pytest.mark.parametrize("name", ["someone/no-such-model", "runs/no/such/folder"])
def test_what_is_neither_folder_nor_model_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"is neither a folder here nor a model of the hub .*; give the"
    ) as caught:
        TrainedModel.from_pretrained(name, local_files_only=True, cache_dir=tmp_path)
    assert "\n" not in str(caught.value)


def test_an_unknown_argument_is_a_programming_error(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"does not know \['num_classes'\]"):
        TrainedModel.from_pretrained(tmp_path, num_classes=3)
