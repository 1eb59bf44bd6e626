import pytest

from egoshift.errors import ConfigError
from egoshift.recipes.claims import CLAIMS, WEB_PICTURES, find_claims
from egoshift.recipes.claims.claim import Claim
from egoshift.recipes.claims.plan import jobs_of, scores_of
from egoshift.recipes.paper import PAPER_TABLES
from egoshift.recipes.variants import VARIANTS
from egoshift.recipes.worlds import DIRECTIONS
from egoshift.recipes.worlds.jobs import encoders_of


def test_every_claim_of_the_issue_is_listed_once_in_order():
    assert [claim.number for claim in CLAIMS] == list(range(1, 15))


def test_a_claim_has_either_comparisons_or_a_reason():
    assert {claim.number for claim in CLAIMS if claim.missing} == {10, 11, 12, 13, 14}
    assert all(bool(claim.missing) != bool(claim.comparisons) for claim in CLAIMS)
    with pytest.raises(AssertionError, match="claim 99 needs comparisons"):
        Claim(99, "nothing", "nowhere")


def test_every_compared_variant_exists_and_every_variant_is_compared_or_stands_in_a_table():
    compared = {score.variant for score in scores_of(CLAIMS)} - {WEB_PICTURES}
    in_tables = {variant for table in PAPER_TABLES for row in table.rows for variant in row.variants}
    assert compared <= set(VARIANTS)
    assert compared | in_tables == set(VARIANTS)


def test_each_variant_is_trained_once_per_label_and_direction_and_only_for_labels_that_are_compared():
    jobs = jobs_of(CLAIMS)
    assert len(set(jobs)) == len(jobs)
    assert {(job.source, job.targets[0]) for job in jobs} == set(DIRECTIONS)
    compared = {(score.variant, score.label) for score in scores_of(CLAIMS) if score.variant != WEB_PICTURES}
    assert {(job.variant, job.label) for job in jobs} == compared
    assert len(jobs) == 2 * len(compared)
    nouns, verbs = ({name for name, kind in compared if kind == label} for label in ("noun", "verb"))
    norms = {"xmic-none", "xmic-n2+n3", "xmic-n1+n2+n3", "xmic-n1+n2", "xmic-n1+n3"}
    assert verbs < nouns
    assert nouns - verbs == norms | {"xmic_dino", "zero_shot_large", "zero_shot_lavila"}


def test_one_claim_asks_for_its_own_runs_only():
    assert {job.variant for job in jobs_of(find_claims([5]))} == {"xmic", "xmic_full", "xmic_hand"}
    assert {(job.variant, job.label) for job in jobs_of(find_claims([1]))} == {("zero_shot", "noun")}
    assert jobs_of(find_claims([10])) == ()
    assert encoders_of(jobs_of(find_claims([2]))) == ("egoworld",)
    assert encoders_of(jobs_of(find_claims([7]))) == ("egoworld", "egoworld-dino")
    assert set(encoders_of(jobs_of(find_claims([9])))) == {"egoworld", "egoworld-large", "egoworld-lavila"}
    assert set(encoders_of(jobs_of(find_claims([3])))) == {"egoworld", "pixels:egoworld"}


def test_the_paper_s_baselines_decide_claim_3_and_others_stand_beside():
    (claim,) = find_claims([3])
    deciding = {
        score.variant for one in claim.comparisons if one.decides for score in one.left.scores + one.right.scores
    }
    assert deciding == {"xmic", "clip_adapter", "clip_adapter_temporal", "coop", "cocoop", "a5", "vita_clip"}
    assert {one.measure for one in claim.comparisons if one.decides} == {"hm"}
    beside = {score.variant for one in claim.comparisons if not one.decides for score in one.right.scores}
    assert {"clip_adapter_official", "tip_adapter", "tip_adapter_f", "clip_lora", "linear_probe"} < beside


def test_an_unknown_claim_is_refused():
    with pytest.raises(ConfigError, match="there is no claim 15; there are 1 to 14"):
        find_claims([2, 15])
