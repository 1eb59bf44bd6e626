from pathlib import Path

import pytest

from egoshift.methods import PRESETS
from egoshift.recipes import recipe
from egoshift.training import FitSettings

SOURCE, TARGET = Path("kitchen.yaml"), Path("home.yaml")
AS_X_MIC = {
    "coop": ("coop", "xmic"),
    "cocoop": ("cocoop", "xmic"),
    "clip_adapter": ("clip_adapter", "xmic"),
    "clip_adapter_temporal": ("clip_adapter", "xmic-temporal"),
    "a5": ("efficient_prompt", "official"),
    "tip_adapter": ("tip_adapter", "paper"),
    "tip_adapter_f": ("tip_adapter", "paper-f"),
    "linear_probe": ("linear_probe", "text"),
}
ON_PICTURES = {"vita_clip": ("vita_clip", "official"), "clip_lora": ("clip_lora", "official")}
AS_THEIR_AUTHORS = {name: (name, "official") for name in ("coop", "cocoop", "clip_adapter")}


def _run(name):
    return recipe(name)(SOURCE, (TARGET,))


@pytest.mark.parametrize("name", [*AS_X_MIC, *ON_PICTURES, *(f"{name}_official" for name in AS_THEIR_AUTHORS)])
def test_a_baseline_is_a_preset_on_hand_crops(name):
    run = _run(name)
    method, preset = (AS_X_MIC | ON_PICTURES).get(name) or AS_THEIR_AUTHORS[name.removesuffix("_official")]
    assert (run.name, run.method.name) == (name, method)
    assert run.method.options == dict(PRESETS[method][preset]) | {"streams": ["video"]}
    assert list(run.streams) == ["video"]
    assert run.streams["video"].view == "hand"
    assert (run.train, run.test, run.labels) == (SOURCE, (TARGET,), ("noun", "verb"))


@pytest.mark.parametrize("name", AS_X_MIC)
def test_the_rows_of_the_papers_tables_train_as_x_mic_does(name):
    run = _run(name)
    assert run.fit == _run("xmic").fit == FitSettings()
    assert run.streams["video"].encoder == run.text_encoder == _run("xmic").text_encoder


@pytest.mark.parametrize("name", ON_PICTURES)
def test_methods_inside_the_image_tower_read_eight_stored_pictures(name):
    run = _run(name)
    assert run.fit == FitSettings(num_frames=8, batch_size=32, eval_batch_size=32)
    assert run.streams["video"].encoder == f"pixels:{run.text_encoder}"


def test_official_recipes_train_as_their_authors_do():
    for name, epochs, batch_size in (("coop", 50, 32), ("cocoop", 10, 1), ("clip_adapter", 50, 32)):
        fit = _run(f"{name}_official").fit
        assert (fit.optimiser, fit.lr, fit.schedule, fit.weight_decay) == ("sgd", 2e-3, "cosine", 5e-4)
        assert (fit.epochs, fit.batch_size, fit.warmup_epochs) == (epochs, batch_size, 1)
