from pathlib import Path

import pytest

from egoshift.errors import ConfigError
from egoshift.recipes.claims import CLAIMS, WEB_PICTURES, find_claims
from egoshift.recipes.claims.claim import Claim
from egoshift.recipes.claims.plan import DIRECTIONS, encoders_of, jobs_of, scores_of
from egoshift.recipes.claims.variants import VARIANTS, check_assignments, variant_run

SOURCE, TARGET = Path("kitchen.yaml"), Path("home.yaml")


def _run(name, **changes):
    return variant_run(name, SOURCE, TARGET, "noun", **({"seed": 3} | changes))


def test_every_claim_of_the_issue_is_listed_once_in_order():
    assert [claim.number for claim in CLAIMS] == list(range(1, 15))


def test_a_claim_has_either_comparisons_or_a_reason():
    assert {claim.number for claim in CLAIMS if claim.missing} == {3, 4, 9, 10, 11, 12, 13, 14}
    with pytest.raises(AssertionError, match="claim 99 needs comparisons"):
        Claim(99, "nothing", "nowhere")


def test_every_compared_variant_exists_and_every_variant_is_compared():
    compared = {score.variant for score in scores_of(CLAIMS)}
    assert compared - {WEB_PICTURES} == set(VARIANTS)


def test_all_variants_are_trained_alike():
    runs = [_run(name) for name in VARIANTS]
    assert all(run.fit == runs[0].fit and run.held_out == runs[0].held_out for run in runs)
    assert runs[0].fit.seed == 3
    trained = [run for run in runs if run.method.name == "xmic"]
    shared = {"head", "alpha", "mlp_ratio", "num_heads", "train_logit_scale", "pooling", "position"}
    assert len(trained) == len(VARIANTS) - 2
    for run in trained:
        assert {name: run.method.options[name] for name in shared} == {
            name: trained[0].method.options[name] for name in shared
        }


def test_the_rows_of_table_6_differ_in_their_three_norms_only():
    norms = ("normalise_condition", "normalise_adapter", "normalise_text")
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
        assert tuple(run.method.options[norm] for norm in norms) == expected
        rest = {key: value for key, value in run.method.options.items() if key not in norms}
        assert rest == {key: value for key, value in default.method.options.items() if key not in norms}
        assert run.streams == default.streams


def test_each_variant_is_trained_once_per_label_and_direction_and_only_for_labels_that_are_compared():
    jobs = jobs_of(CLAIMS)
    assert len(set(jobs)) == len(jobs)
    assert {(job.source, job.target) for job in jobs} == set(DIRECTIONS)
    verbs = {job.variant for job in jobs if job.label == "verb"}
    assert verbs == {"zero_shot", "zero_shot_hand", "xmic", "xmic-mean", "xmic_full", "xmic_hand"}
    assert len(jobs) == 2 * (len(VARIANTS) + len(verbs))


def test_one_claim_asks_for_its_own_runs_only():
    assert {job.variant for job in jobs_of(find_claims([5]))} == {"xmic", "xmic_full", "xmic_hand"}
    assert {(job.variant, job.label) for job in jobs_of(find_claims([1]))} == {("zero_shot", "noun")}
    assert jobs_of(find_claims([3])) == ()
    assert encoders_of(jobs_of(find_claims([2]))) == ("egoworld",)
    assert encoders_of(jobs_of(find_claims([7]))) == ("egoworld", "egoworld-dino")


def test_an_unknown_claim_is_refused():
    with pytest.raises(ConfigError, match="there is no claim 15; there are 1 to 14"):
        find_claims([2, 15])


def test_an_override_holds_for_every_variant():
    check_assignments(["fit.epochs=2"])
    assert {_run(name, assignments=["fit.epochs=2"]).fit.epochs for name in VARIANTS} == {2}


@pytest.mark.parametrize("assignment", ["method.options.alpha=2", "fit.seed=1", "held_out=0.5", "fit.epoch=1"])
def test_an_override_of_one_method_or_of_the_seed_is_refused(assignment):
    with pytest.raises(ConfigError, match=r"--set"):
        check_assignments([assignment])
