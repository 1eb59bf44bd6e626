"""What a result of several modalities may hold, and what it is where nothing is said."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from egoshift.evaluation import Counts, ModalityResult, Provenance
from egoshift.evaluation.modality_result import LeftOut, SubsetRow, SweepRow

SUBSET: dict[str, Any] = {"task": "many-shot", "support": ("video",), "query": ("audio",), "value": 50.0, "n": 3}
SWEEP: dict[str, Any] = {"missing": "video", "rate": 0.5, "value": 50.0, "n": 3}
LEFT_OUT: dict[str, Any] = {"task": "many-shot", "query": ("audio",), "reason": "unlabelled", "n": 3}


@pytest.mark.parametrize(
    ("row", "given", "name", "least", "most"),
    [
        (SubsetRow, SUBSET, "value", 0.0, 100.0),
        (SubsetRow, SUBSET, "n", 1, None),
        (SweepRow, SWEEP, "rate", 0.0, 1.0),
        (SweepRow, SWEEP, "value", 0.0, 100.0),
        (SweepRow, SWEEP, "n", 1, None),
        (LeftOut, LEFT_OUT, "n", 1, None),
    ],
)
def test_numbers_lie_in_their_ranges(
    row: type[BaseModel], given: dict[str, Any], name: str, least: float, most: float | None
) -> None:
    for value in (least, most):
        if value is not None:
            assert getattr(row(**given | {name: value}), name) == value
    beyond = [None, least - 1, *([] if most is None else [most + 0.01])]
    for value in beyond:
        with pytest.raises(ValidationError):
            row(**given | {name: value})
    with pytest.raises(ValidationError):
        row(**{key: value for key, value in given.items() if key != name})


def test_where_nothing_is_said_rows_are_of_actions_and_have_no_interval() -> None:
    for row in (SubsetRow(**SUBSET), SweepRow(**SWEEP)):
        assert (row.label, row.low, row.high) == ("action", None, None)
    assert LeftOut(**LEFT_OUT).label == "action"


def test_what_nobody_gives_is_empty_and_a_file_says_the_same(tmp_path: Path) -> None:
    result = ModalityResult(method="mmg", train="a", test="b", modalities=("video",), rows=())
    assert (result.variant, result.selection, result.seed, result.episodes) == ("", "none", 0, {})
    assert (result.sweep, result.examples, result.left_out) == ((), (), ())
    assert (result.counts, result.provenance) == (Counts(), Provenance())
    result.write(tmp_path / "r.json")
    assert ModalityResult.read(tmp_path / "r.json") == result
