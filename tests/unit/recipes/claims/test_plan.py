import pytest

from egoshift.errors import ResultError
from egoshift.recipes.claims.claim import Gain, MeasureName, Score
from egoshift.recipes.claims.plan import score_value
from egoshift.recipes.worlds import DIRECTIONS, Job
from tests.unit.recipes.claims.results import made_up_result


@pytest.fixture
def results():
    found = {}
    for source, target in DIRECTIONS:
        within = made_up_result(source, source, "noun", quality=0.9)
        across = made_up_result(source, target, "noun", quality=0.3)
        # A third data set, which claims do not look at.
        found[Job("xmic", "noun", source)] = {
            source: within,
            "bench": made_up_result(source, "bench", "noun", quality=0.0, seed=7),
            target: across,
        }
    return found


def _pairs(results):
    return [
        (results[Job("xmic", "noun", source)][source], results[Job("xmic", "noun", source)][target])
        for source, target in DIRECTIONS
    ]


def _top1(result, subset="all"):
    (row,) = [row for row in result.rows if (row.metric, row.subset) == ("top1", subset)]
    return row.value


def test_scores_are_means_over_both_directions(results):
    pairs = [(_top1(within), _top1(across)) for within, across in _pairs(results)]
    assert pairs[0] != pairs[1]
    expected: dict[MeasureName, float] = {
        "within": sum(within for within, _ in pairs) / 2,
        "across": sum(across for _, across in pairs) / 2,
        "hm": sum(2 * within * across / (within + across) for within, across in pairs) / 2,
    }
    for measure, value in expected.items():
        assert score_value(Score("xmic", "noun", measure), results) == pytest.approx(value)
    novel = [_top1(across, "novel") for _, across in _pairs(results)]
    assert score_value(Score("xmic", "noun", "novel"), results) == pytest.approx(sum(novel) / 2)
    generalised = [_top1(across, "novel-generalised") for _, across in _pairs(results)]
    assert sum(generalised) < sum(novel)
    value = score_value(Score("xmic", "noun", "novel-generalised"), results)
    assert value == pytest.approx(sum(generalised) / 2)


def test_a_number_that_no_result_has_is_an_error_not_a_zero(results):
    lacking = {job: dict.fromkeys(found, found[job.source]) for job, found in results.items()}
    with pytest.raises(ResultError, match="has no noun top-1 of novel classes"):
        score_value(Score("xmic", "noun", "novel"), lacking)


def test_a_gain_is_the_difference_of_its_scores():
    gain = Gain("xmic", "zero_shot", "verb", "within")
    values = dict(zip(gain.scores, (50.0, 20.0), strict=True))
    assert gain.value(values) == 30.0
