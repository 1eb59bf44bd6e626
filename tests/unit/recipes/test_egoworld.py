from pathlib import Path

import pytest

from egoshift.recipes import RECIPES, egoworld, mmg, recipe
from egoshift.recipes.egoworld import EPOCHS, LEARNING_RATES, ON_PICTURES, OPTIONS, egoworld_settings, with_encoders
from egoshift.recipes.xmic import CLIP, CLIP_LARGE, DINO, LAVILA
from egoshift.training import FitSettings

SOURCE, TARGET = Path("kitchen.yaml"), Path("home.yaml")
RELEASED = FitSettings()
SENSORED = ("mmg_video", "mmg_audio", "mmg_imu", "mmg_many_shot", "mmg_zero_shot", "mmg_few_shot", "xmic_sensors")
SMALL = {"egoworld", "egoworld-dino", "egoworld-large", "egoworld-lavila"}
SENSORS = {*mmg.SENSORS.values(), "signal:video", "signal:audio", "signal:imu"}
"""What is trained in the generated world itself, and has no small one in its place."""


def _run(name):
    return recipe(name)(SOURCE, (TARGET,))


def _reads_frames_alone(name):
    """Runs of other views are of sensors, whose data set has settings of its own (``worlds.sensor_variants``)."""
    return {stream.view for stream in _run(name).streams.values()} <= {"full", "hand"}


@pytest.mark.parametrize("name", [name for name in RECIPES if "siglip" not in name and _reads_frames_alone(name)])
def test_every_recipe_runs_on_the_generated_worlds_encoders_and_settings(name):
    given = _run(name)
    run = egoworld_settings(given)
    encoders = {stream.encoder.removeprefix("pixels:") for stream in run.streams.values()}
    assert encoders <= SMALL | (SENSORS if name in SENSORED else set())
    assert run.text_encoder in encoders or (name in SENSORED and not run.text_encoder)
    method, on_pictures = run.method.name, name in ("vita_clip", "clip_lora")
    assert run.fit.epochs == (ON_PICTURES["epochs"] if on_pictures else EPOCHS)
    assert run.fit.num_frames == (ON_PICTURES["num_frames"] if on_pictures else given.fit.num_frames)
    assert run.fit.lr == LEARNING_RATES.get(name, LEARNING_RATES.get(method, given.fit.lr))
    ours, released = ((fit.optimiser, fit.weight_decay, fit.schedule, fit.warmup_epochs) for fit in (run.fit, RELEASED))
    assert ours == released
    assert run.fit.batch_size == 32
    assert run.method.options == given.method.options | dict(OPTIONS.get(method, {}))
    same = {"fit", "method", "streams", "text_encoder"}
    assert run.model_dump(exclude=same) == given.model_dump(exclude=same)
    kept = {"betas", "momentum", "clip_norm", "seed", "selection", "precision", "eval_batch_size"}
    assert run.fit.model_dump(include=kept) == given.fit.model_dump(include=kept)
    assert [stream.view for stream in run.streams.values()] == [stream.view for stream in given.streams.values()]


def test_a_rate_of_a_run_goes_before_that_of_its_method(monkeypatch):
    rates = {"clip_adapter": 0.5, "clip_adapter_temporal": 0.25}
    monkeypatch.setattr(egoworld, "LEARNING_RATES", rates)
    found = {name: egoworld_settings(_run(name)).fit.lr for name in ("clip_adapter", "clip_adapter_temporal", "xmic")}
    assert found == {**rates, "xmic": RELEASED.lr}


@pytest.mark.parametrize(
    ("name", "encoders"),
    [
        ("xmic", {"egoworld"}),
        ("xmic_dino", {"egoworld", "egoworld-dino"}),
        ("xmic_large", {"egoworld-large"}),
        ("zero_shot_lavila", {"egoworld-lavila"}),
        ("vita_clip", {"pixels:egoworld"}),
    ],
)
def test_each_encoder_of_the_paper_has_a_small_one_in_its_place(name, encoders):
    assert {stream.encoder for stream in egoworld_settings(_run(name)).streams.values()} == encoders


def test_encoders_are_replaced_wherever_they_are_named_and_no_others():
    others = {CLIP: "./clip", CLIP_LARGE: "./large"}
    dino = with_encoders(_run("xmic_dino"), others)
    assert {stream.encoder for stream in dino.streams.values()} == {"./clip", DINO}
    assert dino.text_encoder == "./clip"
    pictures = with_encoders(_run("clip_lora"), others)
    assert pictures.streams["video"].encoder == "pixels:./clip"
    assert pictures.text_encoder == "./clip"
    lavila = _run("xmic_lavila")
    assert with_encoders(lavila, others) == lavila
    assert with_encoders(lavila, {LAVILA: "x.pth"}).text_encoder == "x.pth"
