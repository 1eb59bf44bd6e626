import pytest

from egoshift.errors import ResultError
from egoshift.recipes.claims.claim import Gain, MeasureName, Score
from egoshift.recipes.claims.plan import DIRECTIONS, Job, score_value
from tests.unit.recipes.claims.results import made_up_result


@pytest.fixture
def results():
    return {
        Job("xmic", "noun", source, target): (
            made_up_result(source, source, "noun", quality=0.9),
            made_up_result(source, target, "noun", quality=0.3),
        )
        for source, target in DIRECTIONS
    }


def _top1(result, subset="all"):
    (row,) = [row for row in result.rows if (row.metric, row.subset) == ("top1", subset)]
    return row.value


def test_scores_are_means_over_both_directions(results):
    pairs = [(_top1(within), _top1(across)) for within, across in results.values()]
    assert pairs[0] != pairs[1]
    expected: dict[MeasureName, float] = {
        "within": sum(within for within, _ in pairs) / 2,
        "across": sum(across for _, across in pairs) / 2,
        "hm": sum(2 * within * across / (within + across) for within, across in pairs) / 2,
    }
    for measure, value in expected.items():
        assert score_value(Score("xmic", "noun", measure), results) == pytest.approx(value)
    novel = [_top1(across, "novel") for _, across in results.values()]
    assert score_value(Score("xmic", "noun", "novel"), results) == pytest.approx(sum(novel) / 2)
    generalised = [_top1(across, "novel-generalised") for _, across in results.values()]
    assert sum(generalised) < sum(novel)
    value = score_value(Score("xmic", "noun", "novel-generalised"), results)
    assert value == pytest.approx(sum(generalised) / 2)


def test_a_number_that_no_result_has_is_an_error_not_a_zero(results):
    lacking = {job: (within, within) for job, (within, _) in results.items()}
    with pytest.raises(ResultError, match="has no noun top-1 of novel classes"):
        score_value(Score("xmic", "noun", "novel"), lacking)


def test_a_gain_is_the_difference_of_its_scores():
    gain = Gain("xmic", "zero_shot", "verb", "within")
    values = dict(zip(gain.scores, (50.0, 20.0), strict=True))
    assert gain.value(values) == 30.0
