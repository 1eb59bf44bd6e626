import json
import shutil
from pathlib import Path

import pytest
from trust.ledger import DOCS
from trust.soak import __main__ as soak
from trust.soak.watch import Held, growth_per_hour


def held(minute: float, MiB: float = 400.0, handles: int = 6, threads: int = 12, files: int = 0) -> Held:
    return Held(minute, MiB, handles, threads, files)


def test_growth_is_that_of_the_later_part_and_no_single_moment_decides_it() -> None:
    minutes = list(range(0, 120, 2))
    values = [100 + min(minute, 20) * 10 + minute * 0.5 for minute in minutes]
    values[45] = 10_000
    assert growth_per_hour(minutes, values) == pytest.approx(30.0)
    assert growth_per_hour(minutes, [7.0] * len(minutes)) == 0
    assert growth_per_hour([3.0], [7.0]) == 0


@pytest.mark.parametrize("what", ["MiB", "handles", "threads", "files"])
def test_what_grows_is_told_apart_from_what_goes_up_and_down(what: str) -> None:
    steady = [held(minute, **{what: 50 + minute % 7}) for minute in range(120)]
    leaking = [held(minute, **{what: 50 + minute % 7 + minute // 20}) for minute in range(120)]
    named = "memory" if what == "MiB" else what
    assert not any(soak.growths({"page": steady}).values())
    assert [key for key, value in soak.growths({"page": leaking}).items() if value] == [("page", named)]


def test_a_short_run_counts_rounds_and_answers_and_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(soak, "SECONDS_BETWEEN_LOOKS", 1.0)
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(DOCS / "trust.md", docs)
    soak.main(["--minutes", "0.1", "--out", str(tmp_path / "soak"), "--docs", str(docs)])
    told = json.loads((docs / "trust.json").read_text())["soak"]
    measured = {figure["what"]: figure["measured"] for figure in told["figures"]}
    assert int(measured["rounds of extract, train, evaluate, predict in one process"]) >= 1
    assert told["answers"]["200"] >= 1
    assert told["answers"]["visits"] >= 1
    assert not [name for name in told["answers"] if name.startswith("5")]
    assert not [path for path in (tmp_path / "soak").glob("tmp-*/*") if path.name.startswith("egoshift")]
    assert (docs / "trust-soak.png").stat().st_size > 5000
