import pytest

from egoshift.recipes.claims import check
from egoshift.recipes.claims.check import all_steps_of, values_of
from egoshift.recipes.claims.claim import WEB_PICTURES, Score
from egoshift.recipes.claims.listed import find_claims
from egoshift.recipes.claims.plan import scores_of
from egoshift.recipes.worlds import Replicate
from tests.unit.recipes.claims.results import made_up_result


@pytest.fixture
def mine(tmp_path):
    return Replicate(tmp_path / "seed-3", 3, 0.05)


def test_only_what_the_claims_need_is_done(mine):
    def titles(*numbers):
        return [step.title for step in all_steps_of(mine, find_claims(numbers))]

    sets = ("kitchen", "home", "bench")
    extracting = [f"extracting {name} with egoworld" for name in sets]
    assert titles(1) == ["drawing web pictures", "writing videos", *extracting, "training"]
    assert titles(2) == ["writing videos", *extracting, "training"]
    assert titles(7)[1:7] == [*extracting, *(f"extracting {name} with egoworld-dino" for name in sets)]
    assert titles(10, 12) == []


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
