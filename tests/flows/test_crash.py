"""Kills and disk faults over extract, merge, train and evaluate: fifty kills of the program that makes 500 and more."""

from pathlib import Path

import pytest
from trust.crash.faults import build, compiler
from trust.crash.forks import Forks
from trust.crash.power_cut import unsafe
from trust.crash.scenarios import TOWER, scenarios, write_data
from trust.crash.trials import judge, plan

pytestmark = [
    pytest.mark.skipif(compiler() is None, reason="faults are injected by a C library: needs Linux and a C compiler"),
    pytest.mark.timeout(600),
]


def test_whatever_is_killed_or_fails_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    write_data(tmp_path)
    (tmp_path / "logs").mkdir()
    with Forks(build(tmp_path), tmp_path / "logs", tmp_path / TOWER) as forks:
        found = scenarios(tmp_path, forks)
        assert [scenario.name for scenario in found] == ["extract", "merge", "add", "train", "evaluate", "join"]
        assert [(scenario.name, line) for scenario in found for line in unsafe(scenario.calls)] == []
        trials = plan(found, seed=3, kills=54, every=30)
        verdicts = [judge(trial, forks) for trial in trials]
    assert [f"{verdict.trial}: {verdict.wrong}" for verdict in verdicts if verdict.wrong] == []
    met = [verdict.trial for verdict in verdicts if verdict.met]
    assert sum(trial.action == "kill" for trial in met) >= 50
    assert {trial.scenario.name for trial in met} == {scenario.name for scenario in found}
    assert {trial.action for trial in met} == {"kill", "full", "faulty", "short"}
    assert sum(verdict.again for verdict in verdicts) == 0
