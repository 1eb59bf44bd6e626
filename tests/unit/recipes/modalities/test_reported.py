from collections import Counter

import pytest

from egoshift.evaluation.modality_result import Task
from egoshift.losses.subsets import Modalities
from egoshift.recipes.modalities.reported import (
    FULL,
    MLP,
    NO_ALIGN,
    NO_PROTO,
    REPORTED,
    REPORTED_ENCODERS,
    is_slip,
    reported_value,
)
from tests.unit.recipes.modalities.results import ALL


def test_every_printed_number_is_there_once():
    assert Counter((cell.task, cell.ablation) for cell in REPORTED) == {
        ("few-shot", False): 7 + 6,
        ("many-shot", False): 4 + 6,
        ("many-shot", True): 3 * 3,
        ("few-shot", True): 4 * 3,
    }
    places = Counter((cell.task, cell.support, cell.query, cell.ablation, cell.row) for cell in REPORTED)
    assert set(places.values()) == {1}


@pytest.mark.parametrize(
    ("task", "support", "query", "value"),
    [
        ("few-shot", ALL, ("video",), 62.68),
        ("few-shot", ("video",), ("audio", "imu"), 49.37),
        ("many-shot", ALL, ("imu", "audio"), 37.07),
        ("many-shot", ("audio",), ("video",), 30.98),
        ("many-shot", ALL, ("video",), None),
        ("few-shot", ("audio",), ("imu",), None),
    ],
)
def test_numbers_are_found_by_what_was_seen_in_any_order(task, support, query, value):
    assert reported_value(task, support, query) == value


def test_the_ablation_has_its_own_numbers_and_one_contradicts_the_main_table():
    pair: tuple[Task, Modalities, Modalities] = ("few-shot", ("audio", "imu"), ("video",))
    found = [reported_value(*pair, ablation=True, row=row) for row in (FULL, NO_ALIGN, MLP, NO_PROTO)]
    assert found == [51.40, 33.93, 51.08, 50.80]
    assert reported_value(*pair) == 50.80
    assert is_slip(*pair)
    assert reported_value("many-shot", ALL, ALL, ablation=True, row=NO_PROTO) is None
    agreeing = [cell for cell in REPORTED if cell.ablation and cell.row == FULL and not is_slip(*_pair(cell))]
    assert [reported_value(*_pair(cell)) for cell in agreeing] == [cell.value for cell in agreeing]
    assert len(agreeing) == 5


def _pair(cell):
    return cell.task, cell.support, cell.query


def test_encoders_are_those_of_the_size_table():
    assert [(one.modality, one.few_shot, one.many_shot, one.size.gflops) for one in REPORTED_ENCODERS] == [
        ("video", 58.89, 52.40, 70.50),
        ("audio", 31.06, 39.48, 42.08),
        ("imu", 40.07, 29.78, 1.65),
    ]
