"""``egoshift claims`` in small worlds: what it says is what the results say, and nothing is done twice.

No test asserts that a claim holds.
"""

import json
from pathlib import Path
from statistics import fmean

import pytest

from egoshift.evaluation import Result, harmonic_mean
from egoshift.recipes.claims import find_claims, listed
from tests.flows.conftest import Command

SMALL = ("--scale", 0.05, "--set", "fit.epochs=1")


def _top1(results: Path, variant: str, label: str, source: str, test: str) -> float:
    result = Result.read(results / f"{variant}-{label}--{source}-to-{test}.json")
    (value,) = [row.value for row in result.rows if (row.metric, row.subset) == ("top1", "all")]
    return value


@pytest.mark.timeout(600)
def test_claims_are_run_once_and_say_what_the_results_say(
    egoshift: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(listed, "CLAIMS", find_claims([2]))
    out, docs = tmp_path / "claims", tmp_path / "docs"
    first = egoshift("claims", "--out", out, *SMALL, "--seeds", 2, "--json", "--write", docs)
    assert first.code == 0, first.err
    rows = json.loads(first.out)
    assert rows == json.loads((docs / "claims.json").read_text())
    assert [row["number"] for row in rows] == [2] * 6
    assert (docs / "claims.png").read_bytes()[:4] == b"\x89PNG"
    assert "### Claim 2" in (docs / "claims.md").read_text()

    for row in rows[:2]:
        for seed, left, right in zip((1, 2), row["left_values"], row["right_values"], strict=True):
            results = out / f"seed-{seed}" / "results"
            for variant, value in (("xmic", left), ("zero_shot", right)):
                ways = (("kitchen", "home"), ("home", "kitchen"))
                means = [
                    harmonic_mean(*(_top1(results, variant, row["label"], source, test) for test in (source, target)))
                    for source, target in ways
                ]
                assert value == pytest.approx(fmean(means), abs=1e-3)
        assert row["difference"] == pytest.approx(row["left_value"] - row["right_value"], abs=2e-3)
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["verdict"] == "undecided", "two seeds decide nothing"

    results = out / "seed-1" / "results"
    files = sorted(results.glob("*.json"))
    assert len(files) == 3 * 2 * 5  # variants, labels, trained and tested on either, and from home on bench
    run = Result.read(files[0]).provenance.run
    assert run["fit"]["epochs"] == 1  # type: ignore[index,call-overload]
    before = {file: file.read_bytes() for file in files}
    spoilt = results / "xmic-noun--home-to-kitchen.json"
    result = Result.read(spoilt)
    stores = {"egoworld": {"weights": "others", "arrays": {}}}
    result.model_copy(update={"provenance": result.provenance.model_copy(update={"stores": stores})}).write(spoilt)
    missing = results / "zero_shot-verb--kitchen-to-home.json"
    missing.unlink()

    again = egoshift("claims", "--out", out, *SMALL, "--only", 2, "--seeds", 1, "--json")
    assert again.code == 0, again.err
    changed = {file.name for file in files if file.read_bytes() != before[file]}
    affected = {*results.glob("xmic-noun--home-*.json"), *results.glob("zero_shot-verb--kitchen-*.json")}
    assert changed <= {file.name for file in affected}, "what was there was used again"
    assert Result.read(spoilt).rows == result.rows, "the same run gives the same numbers"
    assert Result.read(spoilt).provenance.stores != stores
    assert [row["left_values"][0] for row in rows[:6]] == [row["left_values"][0] for row in json.loads(again.out)]


def test_what_cannot_be_used_is_told_before_any_work(egoshift: Command, tmp_path: Path):
    (tmp_path / "claims.md").write_text("no place for tables")
    for arguments, message in (
        (["--only", "2,x"], "--only 2,x: expected numbers of claims"),
        (["--only", "77"], "there is no claim 77"),
        (["--set", "method.options.alpha=2"], "only fields of fit can be set"),
        (["--write", tmp_path], "needs one line <!-- claims:begin -->"),
        (["--write", tmp_path, "--only", "2"], "leave out --only"),
    ):
        answer = egoshift("claims", "--out", tmp_path / "out", *arguments)
        assert answer.code == 1
        assert len(answer.lines) == 1
        assert message in answer.lines[0]
    assert not (tmp_path / "out").exists()


def test_claims_of_sensors_ask_for_a_world_with_enough_clips(egoshift: Command, tmp_path: Path):
    answer = egoshift("claims", "--out", tmp_path / "out", *SMALL, "--only", "2,14")
    assert answer.code == 1
    assert len(answer.lines) == 1
    assert "--scale 0.05: the episodes of mmg_few_shot need more clips" in answer.lines[0]
    assert not (tmp_path / "out").exists()


def test_help_has_examples(egoshift: Command):
    assert "egoshift claims --only" in egoshift("claims", "--help").out.split("Examples:")[1]
