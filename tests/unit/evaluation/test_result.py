import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from egoshift.errors import ResultError
from egoshift.evaluation import (
    Confusion,
    Counts,
    EpochRow,
    MetricRow,
    Outcomes,
    Provenance,
    Question,
    Result,
    answers_of,
    build_result,
)
from egoshift.evaluation.result import Overlap
from tests.parity.test_evaluation import random_scores

RESULT = build_result(
    {"noun": answers_of(random_scores(0, 30, 6, 4), Question([0, 1, 2], [3, 4, 5]))},
    method="xmic",
    train="ego4d",
    test="épic",
    history=(EpochRow(epoch=0, lr=1e-7, loss=0.1 + 0.2, validation={"noun": 12.5}),),
    num_resamples=20,
)


def test_a_result_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    RESULT.write(tmp_path / "deep" / "result.json")
    assert Result.read(tmp_path / "deep" / "result.json") == RESULT
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["result.json"]


def test_a_result_file_has_one_row_a_line(tmp_path: Path) -> None:
    RESULT.write(tmp_path / "result.json")
    lines = (tmp_path / "result.json").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith('  {"label": "noun", "metric"')]
    assert len(rows) == len(RESULT.rows)
    assert '"test": "épic",' in lines


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not a result file (a JSON object is expected)"),
        ("[1]", "is not a result file (a JSON object is expected)"),
        ('{"schema_version": 2}', "has result schema version 2, this egoshift reads version 1"),
        ('{"method": "xmic"}', "train: Field required; test: Field required; rows: Field required"),
        ('{"method": 1, "train": "a", "test": "b", "rows": [], "more": 1}', "more: Extra inputs are not permitted"),
    ],
)
def test_another_file_is_refused_in_one_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(content)
    with pytest.raises(ResultError, match=re.escape(message)) as caught:
        Result.read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_digit_that_changed_on_the_disk_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    RESULT.write(path)
    text = path.read_text("utf-8")
    path.write_text(text.replace('"metric": "top1"', '"metric": "top5"', 1), "utf-8")
    with pytest.raises(ResultError) as caught:
        Result.read(path)
    assert str(caught.value) == (
        f"{path}: is not as it was written (its checksum differs); write it again with `egoshift evaluate`, or empty "
        "its `checksum` if you changed it on purpose"
    )
    path.write_text(text.replace("\n", "\r\n"), "utf-8", newline="")  # as a version control may make of it
    assert Result.read(path) == RESULT


@pytest.mark.parametrize("checksum", ['"checksum": ""', ""], ids=["emptied", "of-earlier-versions"])
def test_a_result_without_a_checksum_is_believed(checksum: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    RESULT.write(path)
    text, times = re.subn(r',\n"checksum": "\w{32}"', f",{checksum}" if checksum else "", path.read_text("utf-8"))
    assert times == 1
    path.write_text(text.replace('"method": "xmic"', '"method": "other"'), "utf-8")
    assert Result.read(path).method == "other"


def test_many_faults_are_counted(tmp_path: Path) -> None:
    rows = [{"label": "noun", "metric": "top1", "subset": "all", "value": 101, "n": 0}] * 4
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"method": "xmic", "train": "a", "test": "b", "rows": rows}))
    with pytest.raises(ResultError, match=r"rows.0.value: .*less than or equal to 100.*and 3 more"):
        Result.read(path)


@pytest.mark.parametrize(("count", "told"), [(5, ""), (6, " (and 1 more)")])
def test_five_faults_are_named(count: int, told: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(
        json.dumps({"method": "m", "train": "a", "test": "b", "rows": []} | {f"x{n}": 1 for n in range(count)})
    )
    with pytest.raises(ResultError) as caught:
        Result.read(path)
    assert str(caught.value).endswith(
        f"x4: Extra inputs are not permitted{told}; write it again with `egoshift evaluate`"
    )


def test_a_result_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RESULT.seed = 1


def test_texts_stand_in_a_file_as_they_are(tmp_path: Path) -> None:
    answers = answers_of(random_scores(0, 30, 6, 4))
    RESULT.model_copy(update={"counts": Counts(faults={"défaut": 1})}).write(tmp_path / "r.json")
    assert "défaut" in (tmp_path / "r.json").read_text("utf-8")
    named = build_result({"noun": replace(answers, names=tuple("äbcdef"))}, method="m", train="a", test="b")
    named.write(tmp_path / "r.json")
    assert '"name": "ä"' in (tmp_path / "r.json").read_text("utf-8")


def test_a_reader_is_told_what_training_saw_of_the_tested_videos() -> None:
    assert Overlap(videos=3).note == ""
    assert Overlap(videos=3, clips=7).note == (
        "training saw 3 of the tested videos (tested clips in them: 7; none at a moment that it saw)"
    )
    assert Overlap(videos=3, clips=7, moments=2).note.endswith("(tested clips in them: 7; at moments that it saw: 2)")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"none.json: cannot be read .No such file"):
        Result.read(tmp_path / "none.json")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ResultError, match=r"cannot be read .is not text"):
        Result.read(tmp_path / "binary.json")


def test_outcomes_whose_lengths_disagree_are_refused() -> None:
    fields = {"label": "noun", "space": "all", "videos": ("a",), "clips": (2,), "targets": (0,), "predicted": (0,)}
    with pytest.raises(ValueError, match="one count per video"):
        Outcomes.model_validate(fields | {"ranks": (0,)})


def test_the_score_of_an_epoch_is_the_mean_over_labels() -> None:
    assert EpochRow(epoch=0, lr=1.0, loss=1.0, validation={"noun": 10.0, "verb": 30.0}).score == 20.0
    assert EpochRow(epoch=0, lr=1.0, loss=1.0).score is None


@pytest.mark.parametrize(("name", "least", "most"), [("value", 0.0, 100.0), ("n", 1, None)])
def test_numbers_lie_in_their_ranges(name: str, least: float, most: float | None) -> None:
    given: dict[str, Any] = {"label": "noun", "metric": "top1", "subset": "all", "value": 50.0, "n": 3}
    for value in (least, most):
        if value is not None:
            assert getattr(MetricRow(**given | {name: value}), name) == value
    for value in [None, least - 1, *([] if most is None else [most + 0.01])]:
        with pytest.raises(ValidationError):
            MetricRow(**given | {name: value})
    with pytest.raises(ValidationError):
        MetricRow(**{key: value for key, value in given.items() if key != name})


def test_what_nobody_gives_is_empty_and_a_file_says_the_same(tmp_path: Path) -> None:
    result = Result(method="xmic", train="a", test="b", rows=())
    assert (result.variant, result.selection, result.seed, result.calibration) == ("", "none", 0, {})
    assert (result.per_class, result.confusion, result.outcomes, result.history) == ((), (), (), ())
    provenance, counts = result.provenance, result.counts
    assert (provenance, counts) == (Provenance(), Counts())
    assert (counts.evaluated, counts.unlabelled, counts.subsets, counts.videos) == ({}, {}, {}, {})
    assert (counts.dropped, counts.faults) == ({}, {})
    assert (provenance.versions, provenance.stores, provenance.model, provenance.run) == ({}, {}, {}, {})
    assert (provenance.data, provenance.card, provenance.overlap, provenance.command, provenance.created) == (
        *("", ""),
        None,
        *("", ""),
    )
    result.write(tmp_path / "r.json")
    assert Result.read(tmp_path / "r.json") == result
    row = MetricRow(label="noun", metric="top1", subset="all", value=50.0, n=3)
    assert (row.low, row.high) == (None, None)
    assert Confusion(label="noun", pairs=()).matrix is None
    overlap, epoch = Overlap(), EpochRow(epoch=0, lr=1.0, loss=1.0)
    assert (overlap.videos, overlap.clips, overlap.moments, overlap.unknown) == (0, 0, 0, ())
    assert (epoch.validation, epoch.seconds) == ({}, 0.0)
