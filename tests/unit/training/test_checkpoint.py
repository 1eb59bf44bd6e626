import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import safetensors.torch
import torch

from egoshift.classifier import ClassText
from egoshift.errors import CheckpointError
from egoshift.methods import XMIC, ZeroShot
from egoshift.training import FitReport, FitSettings, load_checkpoint, read_config, save_checkpoint
from egoshift.training.checkpoint import FILES
from tests.unit.evaluation.toy import Toy, toy, toy_text

SMALL = {"text_dim": 16, "num_frames": 4, "num_heads": 2}


def saved(folder: Path, **settings: object) -> XMIC:
    torch.manual_seed(0)
    classifier = XMIC(**(SMALL | settings))  # type: ignore[arg-type]
    text = {"verb": ClassText(torch.randn(3, 16), ("take", "put", "wash")), "noun": ClassText(torch.randn(2, 16))}
    save_checkpoint(folder, classifier, text, text_encoder="some/clip", provenance={"data": "kitchen"})  # type: ignore[arg-type]
    return classifier


def test_a_trained_model_is_read_back_with_its_classes_and_origin(tmp_path: Path) -> None:
    classifier = saved(tmp_path)
    found = load_checkpoint(tmp_path)
    assert type(found.classifier) is XMIC
    assert found.classifier.settings == classifier.settings
    for name, value in classifier.state_dict().items():
        assert torch.equal(found.classifier.state_dict()[name], value), name
    assert not found.classifier.training
    assert list(found.text) == ["verb", "noun"]
    assert found.text["verb"].names == ("take", "put", "wash")
    assert found.text["noun"].vectors.shape == (2, 16)
    assert (found.config.text_encoder, found.config.provenance) == ("some/clip", {"data": "kitchen"})
    assert found.config.versions["torch"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)


def test_only_trained_parameters_are_kept(tmp_path: Path) -> None:
    classifier = saved(tmp_path, train_logit_scale=False)
    kept = safetensors.torch.load_file(tmp_path / "model.safetensors")
    assert kept.keys() == {name for name, value in classifier.named_parameters() if value.requires_grad}
    assert not any("scale" in name for name in kept)


def test_a_method_without_parameters_is_kept_too(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, ZeroShot(), toy_text())
    assert type(load_checkpoint(tmp_path).classifier) is ZeroShot


def test_how_it_was_fitted_is_kept(tmp_path: Path) -> None:
    report = FitReport(selection="best", settings=FitSettings(lr=1 / 3), epoch=2, score=12.5)
    save_checkpoint(tmp_path, ZeroShot(), toy_text(), fit=report)
    assert read_config(tmp_path).fit == report


def test_a_method_from_elsewhere_is_loaded_into_a_twin(tmp_path: Path) -> None:
    classifier = toy()
    save_checkpoint(tmp_path, classifier, toy_text())
    with pytest.raises(CheckpointError, match=r"'tests.unit.evaluation.toy:Toy' is not one of zero_shot, xmic"):
        load_checkpoint(tmp_path)
    twin = Toy()
    assert load_checkpoint(tmp_path, into=twin).classifier is twin
    assert torch.equal(twin.layer.weight, classifier.layer.weight)


def test_another_method_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(CheckpointError, match="is of method 'xmic', asked for 'zero_shot'"):
        load_checkpoint(tmp_path, into=ZeroShot())


def test_other_settings_are_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(CheckpointError, match=r"other settings: alpha is 2.0, asked for 1.0; build"):
        load_checkpoint(tmp_path, into=XMIC(text_dim=16, num_frames=4, num_heads=2, alpha=1.0))


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Changes the weights and makes the digest fit, as a conversion script would."""
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    change(tensors)
    safetensors.torch.save_file(tensors, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config |= {"digests": {}, "checksum": ""}
    (folder / "config.json").write_text(json.dumps(config))


def test_missing_unknown_and_misshapen_weights_are_named_together_and_nothing_is_changed(tmp_path: Path) -> None:
    classifier = toy()
    save_checkpoint(tmp_path, classifier, toy_text())

    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["other"] = tensors.pop("layer.bias")
        tensors["layer.weight"] = torch.zeros(6, 7)

    rewrite(tmp_path, change)
    message = (
        "model.safetensors: does not fit Toy: layer.bias is missing; other is unknown; layer.weight has shape "
        "(6, 7), expected (6, 6); build"
    )
    twin = toy()
    with pytest.raises(CheckpointError, match=re.escape(message)):
        load_checkpoint(tmp_path, into=twin)
    assert torch.equal(twin.layer.bias, classifier.layer.bias)


def test_more_than_five_faults_are_counted(tmp_path: Path) -> None:
    saved(tmp_path)
    rewrite(tmp_path, lambda tensors: tensors.clear())
    with pytest.raises(CheckpointError, match=r"is missing; .* .and \d+ more.; build"):
        load_checkpoint(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no trained model .config.json cannot be read."):
        load_checkpoint(tmp_path)
    (tmp_path / "resume.safetensors").touch()
    with pytest.raises(CheckpointError, match=r"but an unfinished training; when no process .* --resume`$"):
        load_checkpoint(tmp_path)


def test_a_config_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"format": "other", "schema_version": 1}')
    with pytest.raises(CheckpointError, match=r"config.json: is not a trained model's: format: .*; method: ") as caught:
        load_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_config_that_changed_on_the_disk_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    path = tmp_path / "config.json"
    text = path.read_text()
    assert '"alpha": 2.0' in text
    path.write_text(text.replace('"alpha": 2.0', '"alpha": 3.0'))
    with pytest.raises(CheckpointError, match=r"config.json: is not as it was written .* train it again, or empty its"):
        load_checkpoint(tmp_path)
    path.write_text(re.sub(r'"checksum": "\w{32}"', '"checksum": ""', path.read_text()))
    assert load_checkpoint(tmp_path).config.settings["alpha"] == 3.0


def test_settings_the_method_refuses_are_named(tmp_path: Path) -> None:
    saved(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    refused: tuple[dict[str, object], ...] = ({"streams": []}, {"num_heads": 3, "text_dim": 16})
    for settings in refused:
        (tmp_path / "config.json").write_text(json.dumps(config | {"settings": settings, "checksum": ""}))
        with pytest.raises(CheckpointError, match=r"xmic refuses the settings: .*(streams|num_heads)"):
            load_checkpoint(tmp_path)


def test_weights_of_another_training_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "one")
    save_checkpoint(tmp_path / "two", XMIC(**SMALL), toy_text())  # type: ignore[arg-type]
    (tmp_path / "one" / "model.safetensors").write_bytes((tmp_path / "two" / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match=r"model.safetensors: is not the file that config.json was written with"):
        load_checkpoint(tmp_path / "one")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "text.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"text.safetensors: cannot be read .No such file"):
        load_checkpoint(tmp_path)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    saved(tmp_path)
    rewrite(tmp_path, lambda tensors: None)
    torch.save({"move": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"model.safetensors: is not a safetensors file"):
        load_checkpoint(tmp_path)


def test_text_of_other_labels_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["vocabularies"]["verb"]
    (tmp_path / "config.json").write_text(json.dumps(config | {"checksum": ""}))
    with pytest.raises(CheckpointError, match=r"text.safetensors: does not hold the labels of config.json"):
        load_checkpoint(tmp_path)


def test_a_class_list_that_the_vectors_cannot_have_is_refused_by_file(tmp_path: Path) -> None:
    saved(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["vocabularies"]["verb"] = ["take", "put"]
    (tmp_path / "config.json").write_text(json.dumps(config | {"checksum": ""}))
    with pytest.raises(CheckpointError, match=r"config.json: 2 class names for 3 text vectors"):
        load_checkpoint(tmp_path)


class Towered(Toy):
    """Runs a frozen tower of these weights."""

    frozen_weights: Mapping[str, str] = MappingProxyType({"some/clip": "a" * 64})


def test_a_model_is_not_loaded_over_other_weights_of_its_tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, Towered(), toy_text())
    assert read_config(tmp_path).frozen_weights == {"some/clip": "a" * 64}
    load_checkpoint(tmp_path, into=Towered())
    monkeypatch.setattr(Towered, "frozen_weights", {"some/clip": "b" * 64})
    with pytest.raises(CheckpointError, match="with weights aaaaaaaaaaaa of some/clip, which now holds bbbbbbbbbbbb"):
        load_checkpoint(tmp_path, into=Towered())
