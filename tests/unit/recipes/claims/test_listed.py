from dataclasses import replace

import pytest

from egoshift.errors import ConfigError
from egoshift.losses.subsets import modality_subsets, subset_pairs
from egoshift.recipes.claims import CLAIMS, WEB_PICTURES, find_claims
from egoshift.recipes.claims.claim import Claim, Score, SensorScore
from egoshift.recipes.claims.plan import jobs_of, scores_of, sensor_variants_of
from egoshift.recipes.paper import PAPER_TABLES
from egoshift.recipes.variants import VARIANTS
from egoshift.recipes.worlds import DIRECTIONS, SENSOR_VARIANTS
from egoshift.recipes.worlds.jobs import encoders_of


def test_every_claim_of_the_issue_is_listed_once_in_order():
    assert [claim.number for claim in CLAIMS] == list(range(1, 15))


def test_a_claim_needs_a_comparison_that_decides():
    (claim,) = find_claims([2])
    beside = tuple(replace(one, decides=False) for one in claim.comparisons)
    for comparisons in ((), beside):
        with pytest.raises(AssertionError, match="claim 99 needs a comparison that decides"):
            Claim(99, "nothing", "nowhere", comparisons)


def test_every_compared_variant_exists_and_every_variant_is_compared_or_stands_in_a_table():
    compared = {score.variant for score in scores_of(CLAIMS) if isinstance(score, Score)} - {WEB_PICTURES}
    in_tables = {variant for table in PAPER_TABLES for row in table.rows for variant in row.variants}
    assert compared <= set(VARIANTS)
    assert compared | in_tables == set(VARIANTS)


def test_each_variant_is_trained_once_per_label_and_direction_and_only_for_labels_that_are_compared():
    jobs = jobs_of(CLAIMS)
    assert len(set(jobs)) == len(jobs)
    assert {(job.source, job.targets[0]) for job in jobs} == set(DIRECTIONS)
    plain = [score for score in scores_of(CLAIMS) if isinstance(score, Score) and score.variant != WEB_PICTURES]
    compared = {(score.variant, score.label) for score in plain}
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
        score.variant for one in claim.comparisons if one.decides for score in (*one.left.scores, *one.right.scores)
    }
    assert deciding == {"xmic", "clip_adapter", "clip_adapter_temporal", "coop", "cocoop", "a5", "vita_clip"}
    assert {one.measure for one in claim.comparisons if one.decides} == {"hm"}
    beside = {score.variant for one in claim.comparisons if not one.decides for score in one.right.scores}
    assert {"clip_adapter_official", "tip_adapter", "tip_adapter_f", "clip_lora", "linear_probe"} < beside


def test_an_unknown_claim_is_refused():
    with pytest.raises(ConfigError, match="there is no claim 15; there are 1 to 14"):
        find_claims([2, 15])


SENSORS = find_claims([10, 11, 12, 13, 14])
ALL = ("video", "audio", "imu")


def test_claims_of_sensors_compare_their_variants_and_nothing_of_the_other_worlds():
    scores = [score for score in scores_of(SENSORS) if isinstance(score, SensorScore)]
    assert len(scores) == len(scores_of(SENSORS))
    assert {score.variant for score in scores} == set(sensor_variants_of(SENSORS)) <= set(SENSOR_VARIANTS)
    assert jobs_of(SENSORS) == ()
    assert sensor_variants_of(find_claims(range(1, 10))) == ()


def test_claims_of_sensors_ask_for_rows_that_their_results_have():
    subsets = set(modality_subsets(ALL))
    for score in scores_of(SENSORS):
        assert isinstance(score, SensorScore)
        labels_by = score.variant.partition(".")[2]
        for support, query in score.pairs:
            assert {support, query} <= subsets
            if score.task == "many-shot":
                assert support == (tuple(labels_by.split("+")) if labels_by else ALL)
            else:
                assert score.variant.startswith("mmg_few_shot")


def test_ablations_differ_from_the_model_in_what_their_name_says_alone():
    pairs = {
        (left.variant, right.variant)
        for claim in SENSORS
        for one in claim.comparisons
        for left, right in [(one.left, one.right)]
        if isinstance(left, SensorScore) and isinstance(right, SensorScore) and left.variant != right.variant
    }
    for left, right in pairs:
        base, _, dropped = right.partition("-")
        assert left.partition(".")[0] == base, (left, right)
        assert dropped


def test_the_measures_of_claims_of_sensors_are_the_pairs_that_they_name():
    found = {score.measure: score.pairs for score in scores_of(SENSORS) if isinstance(score, SensorScore)}
    assert found["many-shot, all -> all"] == ((ALL, ALL),)
    assert set(found["many-shot, some missing"]) == {(ALL, query) for query in modality_subsets(ALL) if query != ALL}
    assert set(found["few-shot, none in common"]) == set(subset_pairs(ALL, "disjoint"))
    assert len(found["few-shot, none in common"]) == 12
    assert found["audio -> video"] == ((("audio",), ("video",)),)
    by_measure: dict[str, set[object]] = {}
    for score in scores_of(SENSORS):
        assert isinstance(score, SensorScore)
        by_measure.setdefault(score.measure, set()).add(score.pairs)
    assert all(len(pairs) == 1 for pairs in by_measure.values()), "a name means the same pairs everywhere"
