from pathlib import Path

import pytest

from egoshift.errors import ConfigError
from egoshift.losses.subsets import modality_subsets
from egoshift.recipes.worlds import SENSOR_VARIANTS, Job
from egoshift.recipes.worlds.sensor_variants import DEMO, MODALITIES, levels_of, model_folder, sensor_run

WORLD = Path("out/sensors/world")
FROM_SIGNALS = [name for name in SENSOR_VARIANTS if name.startswith(("mmg_align", "mmg_zero_shot"))]


@pytest.mark.parametrize("name", SENSOR_VARIANTS)
def test_every_variant_is_a_run_of_its_world(name: str) -> None:
    variant = SENSOR_VARIANTS[name]
    run = sensor_run(name, WORLD, seed=5, assignments=["fit.epochs=2"])
    assert (run.name, run.labels, run.train, run.test) == (name, ("action",), WORLD / "multimodal.yaml", ())
    assert (run.fit.seed, run.fit.epochs, run.fit.selection) == (5, 2, "last")
    assert run.start == tuple(model_folder(WORLD, other) for other in variant.start)
    assert set(run.streams) == ({variant.makes} if variant.makes else set(variant.streams))
    for sensor in ("audio", "imu"):
        if sensor in run.streams:
            stored = f"{sensor}:out/sensors/models/mmg_{sensor}-action-multimodal/models/action"
            expected = f"signal:{sensor}" if variant.makes or name in FROM_SIGNALS else stored
            assert run.streams[sensor].encoder == expected
    if "video" in run.streams:
        assert (run.streams["video"].encoder, run.streams["video"].view) == ("egoworld", "hand")


@pytest.mark.parametrize("name", SENSOR_VARIANTS)
def test_what_is_begun_with_has_the_same_shape_and_encoders(name: str) -> None:
    run = sensor_run(name, WORLD, seed=0)
    for other in SENSOR_VARIANTS[name].start:
        begun = sensor_run(other, WORLD, seed=0)
        assert begun.method == run.method
        assert begun.streams == run.streams


@pytest.mark.parametrize("name", SENSOR_VARIANTS)
def test_levels_hold_what_is_needed_and_each_waits_for_those_before(name: str) -> None:
    levels = levels_of([name])
    assert levels[-1] == [name]
    placed: set[str] = set()
    for level in levels:
        assert all(placed.issuperset(SENSOR_VARIANTS[one].before) for one in level)
        assert not placed & set(level)
        placed |= set(level)
    needed, waiting = {name}, [name]
    while waiting:
        more = set(SENSOR_VARIANTS[waiting.pop()].before) - needed
        needed |= more
        waiting += more
    assert placed == needed


def test_levels_of_several_hold_each_once() -> None:
    levels = levels_of([*DEMO, *DEMO])
    names = [name for level in levels for name in level]
    assert len(names) == len(set(names)) == len(DEMO) + 3
    assert levels[0] == ["mmg_audio", "mmg_imu", "mmg_align", "xmic_video"]
    assert levels_of([]) == []


def test_the_zero_shot_setting_is_run_from_every_subset_but_all() -> None:
    seen = {
        sensor_run(name, WORLD, seed=0).seen_by for name in SENSOR_VARIANTS if name.split(".")[0] == "mmg_zero_shot"
    }
    assert seen == set(modality_subsets(MODALITIES)) - {MODALITIES}


def test_ablations_take_away_what_their_names_say() -> None:
    def objective(name: str) -> object:
        return sensor_run(name, WORLD, seed=0).objective

    def dropout(name: str) -> object:
        return sensor_run(name, WORLD, seed=0).method.options.get("modality_dropout")

    many = sensor_run("mmg_many_shot", WORLD, seed=0)
    assert many.objective.alignment is not None
    for ending, aligned, dropped in (("no_align", False, None), ("no_dropout", True, 0.0), ("neither", False, 0.0)):
        run = sensor_run(f"mmg_many_shot-{ending}", WORLD, seed=0)
        assert (run.objective.alignment is not None, dropout(run.name)) == (aligned, dropped)
        assert run.fit == many.fit
    few, without = (sensor_run(f"mmg_few_shot{ending}", WORLD, seed=0) for ending in ("", "-no_proto"))
    assert few.objective.prototypes is not None
    assert without.objective.prototypes is not None
    assert (few.objective.prototypes.pairing, without.objective.prototypes.pairing) == ("any", "all")
    assert few.start == without.start
    assert sensor_run("mmg_zero_shot-no_align.audio+imu", WORLD, seed=0).start == ()
    assert objective("mmg_many_shot-mlp") == many.objective
    assert sensor_run("mmg_many_shot-mlp", WORLD, seed=0).method.options["fusion"] == "mlp"


def test_jobs_have_a_result_of_subsets_but_for_encoders_and_what_no_label_trained() -> None:
    results = Path("results")
    for name, variant in SENSOR_VARIANTS.items():
        files = Job(name, "action", "multimodal").result_files(results)
        if variant.makes:
            assert files == (results / f"{name}-action--multimodal-to-multimodal.json",)
        elif name.startswith("mmg_align"):
            assert files == ()
        else:
            assert files == (results / f"{name}-action--multimodal-to-multimodal--modalities.json",)


def test_only_few_shot_has_episodes() -> None:
    few = {name for name in SENSOR_VARIANTS if Job(name, "action", "multimodal").has_episodes}
    assert few == {name for name in SENSOR_VARIANTS if name.startswith("mmg_few_shot")}


def test_an_override_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no field 'epoch'"):
        sensor_run("mmg_many_shot", WORLD, seed=0, assignments=["fit.epoch=1"])
