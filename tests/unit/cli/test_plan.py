"""``egoshift plan``: a table that fits, and one document that can be read as rates again."""

import json
from pathlib import Path

import pytest

from egoshift.cli.plan import Views, plan
from egoshift.errors import ConfigError


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    path = tmp_path / "rates.json"
    path.write_text('{"frames_per_s": 20, "clips_per_s": 900, "cores": 2}')
    return path


def test_the_table_shows_three_sizes_and_dollars_where_there_is_a_price(
    rates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan(rates=rates)
    printed = capsys.readouterr().out
    rows = [line.split() for line in printed.splitlines() if line.strip().startswith(("100 ", "10,000 ", "1,000,000 "))]
    assert rows[0] == ["100", "40", "0.833", "81.7", "2.99", "GB"]
    assert [row[:3] for row in rows[1:]] == [["10,000", "4,000", "83.3"], ["1,000,000", "400,000", "8,333"]]
    assert "dollars" not in printed
    plan(rates=rates, hours=[100], dollars_per_hour=0.1)
    printed = capsys.readouterr().out
    assert ["100", "40", "0.833", "81.7", "2.99", "GB", "4.08"] in [line.split() for line in printed.splitlines()]
    assert "…" not in printed


def test_options_change_the_job(rates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan(rates=rates, hours=[10], json=True)
    whole = json.loads(capsys.readouterr().out)
    plan(rates=rates, hours=[10], views=Views.FULL, rate=2, clips_per_hour=450, epochs=5, json=True)
    part = json.loads(capsys.readouterr().out)
    assert whole["job"]["views"] == ["full", "hand"]
    assert part["job"] == {"rate_hz": 2, "views": ["full"], "clips_per_hour": 450, "epochs": 5, "num_models": 2}
    ratio = {name: whole["costs"][0][name] / part["costs"][0][name] for name in ("frames", "clips")}
    assert ratio == {"frames": 2, "clips": 2}
    assert whole["costs"][0]["extract_machine_hours"] == 4 * part["costs"][0]["extract_machine_hours"]
    assert whole["costs"][0]["train_machine_hours"] == pytest.approx(6 * part["costs"][0]["train_machine_hours"])


def test_a_printed_plan_is_a_file_of_rates(rates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan(rates=rates, json=True)
    first = capsys.readouterr().out
    rates.write_text(first)
    plan(rates=rates, json=True)
    assert capsys.readouterr().out == first


def test_what_would_be_measured_is_refused_beside_rates(rates: Path) -> None:
    with pytest.raises(ConfigError, match="rates are read, not measured"):
        plan(rates=rates, encoder="egoworld")
