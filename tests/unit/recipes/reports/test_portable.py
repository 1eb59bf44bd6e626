"""A run as a recipe with overrides, and from other places."""

from pathlib import Path

import pytest

from egoshift.recipes import RECIPES, Run, override, recipe
from egoshift.recipes.reports.portable import as_recipe, needed_models, with_places

CARDS = (Path("/data/kitchen.yaml"), (Path("/data/my home.yaml"),))
CHANGES = ("fit.epochs=3", "fit.lr=1e-07", "fit.clip_norm=0.5", "labels=[action]", "held_out=0.25")


def run_by(name: str, words: list[str]) -> Run:
    """The run that ``egoshift train NAME WORDS…`` makes."""
    options: dict[str, list[str]] = {"--on": [], "--test": [], "--encoder": [], "--set": []}
    for option, value in zip(words[::2], words[1::2], strict=True):
        options[option].append(value)
    (on,), encoder = options["--on"], dict(zip(("encoder",), options["--encoder"], strict=False))
    return override(recipe(name)(Path(on), tuple(map(Path, options["--test"])), **encoder), options["--set"])


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("changes", [(), CHANGES])
def test_every_recipe_with_or_without_changes_is_found_again(name: str, changes: tuple[str, ...]) -> None:
    run = override(RECIPES[name](*CARDS), changes)
    found = as_recipe(run)
    assert found is not None
    assert found[0] == name
    assert run_by(*found) == run
    assert found[1].count("--set") <= len(changes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("mmg_many_shot", ["method.options.head=text"]),
        ("mmg_align", ["method.options.encoders={imu: {preset: tiny}}", "streams.audio.encoder=audio:a/models/b"]),
        ("mmg_many_shot", ["objective.alignment=null", "seen_by=[audio, imu]"]),
        ("mmg_many_shot", ["few_shot={ways: 3, shots: 1, path: /data/episodes.csv}"]),
        ("mmg_many_shot", ["streams.video.view=hand", "name=mmg_many_shot.audio+imu"]),
        ("xmic", ["synonyms=/data/same.csv", 'templates=["a photo of {}"]']),
    ],
)
def test_fields_of_every_kind_are_set_again(name: str, changes: list[str]) -> None:
    run = override(RECIPES[name](*CARDS), changes)
    found = as_recipe(run)
    assert found is not None
    assert run_by(*found) == run


def test_a_run_that_no_recipe_makes_is_left_to_a_run_file() -> None:
    run = RECIPES["xmic"](*CARDS)
    streams = {"other": run.streams["full"]}
    assert as_recipe(run.model_copy(update={"streams": streams})) is None


def test_local_places_become_absolute_and_models_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "runs" / "mmg_imu" / "models" / "action"
    for folder in (model, tmp_path / "clip"):
        folder.mkdir(parents=True)
    run = override(
        RECIPES["mmg_few_shot"](CARDS[0], encoder="clip"),
        [f"start=[{tmp_path / 'runs/many/models/action'}]", "text_encoder=clip"],
    )
    assert needed_models(run) == [
        tmp_path / "runs" / "mmg_audio" / "models" / "action",
        model,
        tmp_path / "runs" / "many" / "models" / "action",
    ]
    moved = with_places(run, {model: Path("runs/again/models/action"), needed_models(run)[2]: Path("new")})
    assert {name: stream.encoder for name, stream in moved.streams.items()} == {
        "video": str(tmp_path / "clip"),
        "audio": "audio:runs/mmg_audio/models/action",
        "imu": "imu:runs/again/models/action",
    }
    assert moved.text_encoder == str(tmp_path / "clip")
    assert moved.start == (Path("new"),)
    assert with_places(RECIPES["xmic"](*CARDS), {}) == RECIPES["xmic"](*CARDS), "hub names stay"
