from dataclasses import replace

import pytest

from egoshift.errors import ConfigError
from egoshift.losses.subsets import subset_pairs
from egoshift.recipes.claims import cells, check
from egoshift.recipes.claims.check import all_steps_of, values_of
from egoshift.recipes.claims.claim import WEB_PICTURES, Score
from egoshift.recipes.claims.finding import find
from egoshift.recipes.claims.listed import find_claims
from egoshift.recipes.claims.plan import scores_of
from egoshift.recipes.worlds import Replicate
from tests.unit.recipes.claims.results import made_up_result
from tests.unit.recipes.modalities.results import ALL, SEVEN, result, row


@pytest.fixture
def mine(tmp_path):
    return Replicate(tmp_path / "seed-3", 3, 0.05)


def test_only_what_the_claims_need_is_done(mine):
    def titles(*numbers, scale=0.05):
        return [step.title for step in all_steps_of(replace(mine, scale=scale), find_claims(numbers))]

    sets = ("kitchen", "home", "bench")
    extracting = [f"extracting {name} with egoworld" for name in sets]
    assert titles(1) == ["drawing web pictures", "writing videos", *extracting, "training"]
    assert titles(2) == ["writing videos", *extracting, "training"]
    assert titles(7)[1:7] == [*extracting, *(f"extracting {name} with egoworld-dino" for name in sets)]
    assert titles(14, scale=1.0) == [
        "writing videos, sound and IMU",
        "extracting multimodal with egoworld",
        "training mmg_audio",
        "extracting audio",
        "extracting imu",
        "training mmg_many_shot",
        "training mmg_few_shot",
    ]


def test_worlds_too_small_for_episodes_are_refused_before_any_work(mine, tmp_path):
    with pytest.raises(ConfigError, match=r"--scale 0\.05: the episodes of mmg_few_shot need more clips"):
        check.check_claims(find_claims([2, 14]), tmp_path / "out", seeds=[1], scale=0.05, progress=lambda *_: None)
    assert not (tmp_path / "out").exists()
    assert list(all_steps_of(mine, find_claims([11]))), "zero-shot has no episodes"


def test_sensors_are_read_from_the_results_of_their_own_world(mine, monkeypatch):
    claims = find_claims([11, 14])
    asked = []

    def modality_result(self, job):
        asked.append((self, job.variant))
        labels_by = job.variant.partition(".")[2].split("+") if "." in job.variant else []
        pairs = list(subset_pairs(ALL, "any"))
        values = [row(*pair, float(number), "few-shot", clips="novel") for number, pair in enumerate(pairs)]
        seen = [row(labels_by, query, 10.0 + number) for number, query in enumerate(SEVEN)] if labels_by else []
        return result(values + seen, variant=job.variant)

    monkeypatch.setattr(Replicate, "modality_result", modality_result)
    values = values_of(mine, claims)
    assert set(values) == set(scores_of(claims))
    assert {one for one, _ in asked} == {replace(mine, sensors=True)}
    assert len({name for _, name in asked}) == len(asked) == 3
    findings = find(claims, {3: values})
    for finding in findings:
        for compared in finding.compared:
            assert cells(compared)[1] == "action"
    near_chance = findings[0].compared[1]
    assert (near_chance.left, cells(near_chance)[0]) == (12.5, "twice chance > zero-shot without align")
    assert near_chance.right == 10.0 + SEVEN.index(("video",))


def test_every_compared_score_is_read_from_the_results_of_its_world(mine, monkeypatch):
    claims = find_claims([1, 5])

    def results(self, job):
        quality = 0.9 if job.variant == "xmic" else 0.3
        return {
            test: made_up_result(job.source, test, job.label, quality=quality) for test in (job.source, *job.targets)
        }

    monkeypatch.setattr(Replicate, "results", results)
    monkeypatch.setattr(check, "third_person_score", lambda file, seed, *, code: 71.5 + seed)
    values = values_of(mine, claims)
    assert set(values) == set(scores_of(claims))
    assert values[Score(WEB_PICTURES, "noun", "third-person")] == 74.5
    assert values[Score("xmic", "noun", "hm")] > values[Score("xmic_full", "noun", "hm")]
