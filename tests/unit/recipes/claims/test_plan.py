import pytest

from egoshift.errors import ResultError
from egoshift.recipes.claims.claim import AnyScore, Fixed, Gain, MeasureName, Score, SensorScore
from egoshift.recipes.claims.plan import score_value, sensor_value
from egoshift.recipes.worlds import DIRECTIONS, Job
from tests.unit.recipes.claims.results import made_up_result
from tests.unit.recipes.modalities.results import ALL, result, row


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
    values: dict[AnyScore, float] = dict(zip(gain.scores, (50.0, 20.0), strict=True))
    assert gain.value(values) == 30.0


VIDEO, REST = ("video",), ("audio", "imu")


def test_a_score_of_sensors_is_the_mean_of_its_pairs_of_its_task():
    given = result(
        [
            row(ALL, VIDEO, 40.0),
            row(ALL, REST, 60.0),
            row(ALL, VIDEO, 90.0, clips="novel-generalised"),
            row(ALL, VIDEO, 20.0, "few-shot", clips="novel"),
            row(VIDEO, ALL, 80.0, "few-shot", clips="novel"),
        ]
    )

    def value(task, *pairs):
        return sensor_value(SensorScore("mmg_many_shot", task, pairs, "named"), given)

    assert value("many-shot", (ALL, VIDEO)) == 40.0
    assert value("many-shot", (ALL, VIDEO), (ALL, REST)) == 50.0
    assert value("few-shot", (ALL, VIDEO)) == 20.0
    assert value("few-shot", (VIDEO, ALL)) == 80.0
    assert value("many-shot", (ALL[::-1], REST[::-1])) == 60.0, "subsets have no order"
    with pytest.raises(ResultError, match=r"mmg_many_shot: the result has no few-shot row from video to audio\+imu"):
        value("few-shot", (VIDEO, ALL), (VIDEO, REST))


def test_what_is_known_without_a_run_is_the_same_in_every_world():
    chance = Fixed(6.25, "chance", "audio -> video")
    assert chance.scores == ()
    assert chance.value({}) == 6.25
    assert (chance.label, chance.title, chance.measure) == ("action", "chance", "audio -> video")
