from pathlib import Path

import pytest

from egoshift.errors import ConfigError
from egoshift.recipes.egoworld import EPOCHS, LEARNING_RATES, ON_PICTURES
from egoshift.recipes.reported import PROMPTS, REPORTED
from egoshift.recipes.variants import VARIANTS, check_assignments, variant_run, world_run
from egoshift.training import FitSettings

SOURCE, TARGETS = Path("kitchen.yaml"), (Path("home.yaml"), Path("bench.yaml"))
NORMS = ("normalise_condition", "normalise_adapter", "normalise_text")


def _run(name, **changes):
    return world_run(name, SOURCE, TARGETS, "noun", **({"seed": 3} | changes))


def test_every_row_of_the_papers_tables_has_a_variant():
    assert {cell.method for cell in REPORTED} <= set(VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_its_recipe_for_one_kind_of_label_under_its_own_name(name):
    run = variant_run(name, SOURCE, TARGETS, "verb", seed=5)
    recipe = VARIANTS[name].recipe(SOURCE, TARGETS)
    assert (run.name, run.labels, run.fit.seed, run.together) == (name, ("verb",), 5, False)
    same = {"name", "labels", "method", "fit", "templates"}
    assert run.model_dump(exclude=same) == recipe.model_dump(exclude=same)
    assert run.fit == recipe.fit.model_copy(update={"seed": 5})
    assert run.method.options == recipe.method.options | dict(VARIANTS[name].options)


@pytest.mark.parametrize("name", VARIANTS)
def test_all_variants_are_trained_alike_on_generated_worlds(name):
    """But for each method's learning rate; those that run the image tower see fewer frames and epochs."""
    run = _run(name)
    own = {**ON_PICTURES, "eval_batch_size": 32} if name in ("vita_clip", "clip_lora") else {}
    own["lr"] = run.fit.lr
    assert run.fit == FitSettings.model_validate({"epochs": EPOCHS, "batch_size": 32, "seed": 3} | own)
    rates = {LEARNING_RATES[key] for key in (name, run.method.name) if key in LEARNING_RATES}
    assert run.fit.lr in (rates or {FitSettings().lr})
    assert run.held_out == 0.1
    assert (run.train, run.test) == (SOURCE, TARGETS)


def test_what_differs_between_methods_is_no_more_than_said():
    assert set(ON_PICTURES) == {"num_frames", "epochs"}
    assert set(LEARNING_RATES) <= set(VARIANTS) | {_run(name).method.name for name in VARIANTS}


def test_all_of_x_mics_variants_share_what_their_names_do_not_say():
    trained = {name: _run(name) for name in VARIANTS if name.startswith("xmic")}
    assert all(run.method.name == "xmic" for run in trained.values())
    assert len(trained) == 17
    shared = {"head", "alpha", "mlp_ratio", "num_heads", "train_logit_scale", "pooling", "position"}
    for run in trained.values():
        assert {key: run.method.options[key] for key in shared} == {
            key: trained["xmic"].method.options[key] for key in shared
        }


def test_the_rows_of_table_6_differ_in_their_three_norms_only():
    rows = {
        "xmic": (True, False, False),
        "xmic-none": (False, False, False),
        "xmic-n2+n3": (False, True, True),
        "xmic-n1+n2+n3": (True, True, True),
        "xmic-n1+n2": (True, True, False),
        "xmic-n1+n3": (True, False, True),
    }
    default = _run("xmic")
    for name, expected in rows.items():
        run = _run(name)
        assert tuple(run.method.options[norm] for norm in NORMS) == expected
        rest = {key: value for key, value in run.method.options.items() if key not in NORMS}
        assert rest == {key: value for key, value in default.method.options.items() if key not in NORMS}
        assert run.streams == default.streams


def test_the_rows_of_table_7_differ_in_their_prompt_only():
    for method in ("zero_shot", "xmic"):
        plain = _run(method)
        assert plain.templates == ("{}",)
        for suffix, template in PROMPTS.items():
            run = _run(method + suffix)
            assert run.templates == (template,)
            assert run.model_copy(update={"name": method, "templates": ("{}",)}) == plain


def test_an_override_holds_for_every_variant():
    check_assignments(["fit.epochs=2"])
    assert {_run(name, assignments=["fit.epochs=2"]).fit.epochs for name in VARIANTS} == {2}


@pytest.mark.parametrize("assignment", ["method.options.alpha=2", "fit.seed=1", "held_out=0.5", "fit.epoch=1"])
def test_an_override_of_one_method_or_of_the_seed_is_refused(assignment):
    with pytest.raises(ConfigError, match=r"--set"):
        check_assignments([assignment])
