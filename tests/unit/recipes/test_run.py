import os
from pathlib import Path

import pytest
import yaml

from egoshift.errors import ConfigError
from egoshift.recipes import RECIPES, Run, override, read_run, recipe
from egoshift.recipes.run_files import validated, write_run

CARD, OTHER = Path("kitchen.yaml"), Path("home.yaml")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_run_that_survives_its_file(name, tmp_path):
    run = recipe(name)(CARD, (OTHER,))
    write_run(run, tmp_path / "run.yaml")
    again = read_run(tmp_path / "run.yaml")
    assert again.train == CARD.absolute()
    assert again.test == (OTHER.absolute(),)
    assert again.start == tuple(folder.absolute() for folder in run.start)
    same = {"train": run.train, "test": run.test, "start": run.start}
    assert again.model_copy(update=same).model_dump(mode="json") == run.model_dump(mode="json")


def test_the_recipes_are_those_that_the_documentation_names():
    xmic = ["xmic", "xmic_paper", "xmic_full", "xmic_hand", "xmic_dino"]
    backbones = ["zero_shot_large", "xmic_large", "zero_shot_lavila", "xmic_lavila"]
    backbones += ["zero_shot_siglip", "xmic_siglip"]
    prompts = ["coop", "coop_official", "cocoop", "cocoop_official"]
    adapters = ["clip_adapter", "clip_adapter_temporal", "clip_adapter_official"]
    others = ["a5", "vita_clip", "tip_adapter", "tip_adapter_f", "clip_lora", "linear_probe"]
    sensors = ["mmg_video", "mmg_audio", "mmg_imu", "mmg_many_shot", "mmg_few_shot", "mmg_align", "mmg_zero_shot"]
    expected = ["zero_shot", "zero_shot_hand", *xmic, *backbones, *prompts, *adapters, *others, "own_videos"]
    assert list(RECIPES) == [*expected, *sensors, "xmic_sensors"]
    page = (Path(__file__).parents[3] / "docs" / "papers.md").read_text(encoding="utf-8")
    assert [name for name in (*sensors, "xmic_sensors") if f"`{name}`" not in page] == []


def test_the_text_tower_of_stored_pictures_is_that_of_their_encoder():
    run = recipe("clip_lora")(CARD, (OTHER,), encoder="my/clip")
    assert {stream.encoder for stream in run.streams.values()} == {"pixels:my/clip"}
    assert run.text_encoder == "my/clip"
    with pytest.raises(ConfigError, match="made none of the streams"):
        override(run, ["text_encoder=another/clip"])


def test_paths_in_a_run_file_are_relative_to_it(tmp_path):
    fields = recipe("zero_shot")(CARD, ()).model_dump(mode="json")
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "run.yaml").write_text(yaml.safe_dump(fields))
    assert read_run(folder / "run.yaml").train == folder / "kitchen.yaml"


def test_an_override_replaces_one_field_and_nothing_else():
    run = recipe("xmic")(CARD, (OTHER,))
    changed = override(run, ["fit.epochs=3", "method.options.alpha=1.5", "labels=[noun]"])
    assert changed.fit.epochs == 3
    assert changed.method.options["alpha"] == 1.5
    assert changed.labels == ("noun",)
    back = override(changed, ["fit.epochs=15", "method.options.alpha=2.0", "labels=[noun, verb]"])
    assert back.model_dump(mode="json") == run.model_dump(mode="json")


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("fit.epoch=3", "there is no field 'epoch'; did you mean 'epochs'?"),
        ("fits.epochs=3", "there is no field 'fits'; did you mean 'fit'?"),
        ("fit=3", "'fit' is a group; set one of its fields: epochs, "),
        ("fit.epochs", "expected field=value"),
        ("fit.epochs=many", "fit.epochs: Input should be a valid integer"),
        ("method.options.alphas=2", "xmic has no option 'alphas'; did you mean 'alpha'?"),
        ("method.name=xmik", "no method 'xmik'; there are zero_shot, xmic"),
        ("templates=['a photo']", "needs exactly one {} for the class name"),
        ("labels=[noun, noun]", "name a kind twice"),
        ("text_encoder=another/clip", "made none of the streams"),
        ("fit.epochs=[3", "not YAML"),
    ],
)
def test_an_override_that_does_not_fit_is_refused_in_one_line(assignment, message):
    with pytest.raises(ConfigError) as caught:
        override(recipe("xmic")(CARD, (OTHER,)), [assignment])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_faults_of_a_run_file_are_reported_together(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("name: mine\ntrain: kitchen.yaml\nmethod: {name: xmic}\nfit: {epochs: 0}\nstream: {}\n")
    with pytest.raises(ConfigError) as caught:
        read_run(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    assert any("fit.epochs" in line for line in lines)
    assert any("did you mean 'streams'" in line for line in lines)
    assert any("text_encoder" in line for line in lines)


@pytest.mark.parametrize(("content", "message"), [("[1]", "got list"), ("a: [", "not YAML"), (None, "cannot be read")])
def test_a_file_that_is_no_run_is_refused(tmp_path, content, message):
    path = tmp_path / "run.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        read_run(path)


def test_oracle_selection_needs_a_target():
    fields = recipe("xmic")(CARD, ()).model_dump(mode="json")
    fields["fit"]["selection"] = "oracle"
    with pytest.raises(ConfigError, match="needs a target"):
        validated(fields, place="test")


def test_an_unknown_recipe_names_those_there_are():
    with pytest.raises(ConfigError, match=r"no recipe or run file 'xmik'.*zero_shot, zero_shot_hand, xmic"):
        recipe("xmik")


def test_a_run_cannot_be_changed():
    run = recipe("xmic")(CARD, ())
    assert isinstance(run, Run)
    with pytest.raises(ValueError, match="frozen"):
        run.name = "other"


def test_a_run_file_that_cannot_be_written_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("as before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_run(recipe("xmic")(tmp_path / "kitchen.yaml", ()), path)
    assert path.read_text() == "as before"
    assert os.listdir(tmp_path) == ["run.yaml"]
