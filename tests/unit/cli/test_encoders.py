"""``egoshift encoders``: ours beside the slides'."""

import json

import pytest

from egoshift.cli.encoders import encoders
from egoshift.encoders.sensors import SENSOR_ENCODERS


def test_one_document_says_all_sizes_and_what_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    encoders(json=True)
    rows = {(row["encoder"], row["preset"]): row for row in json.loads(capsys.readouterr().out)}
    assert len(rows) == sum(len(kind.presets) for kind in SENSOR_ENCODERS.values())
    mvit = rows["mvit", "base"]
    assert mvit["sensor"] == "video"
    assert mvit["input_shape"] == [16, 3, 224, 224]
    assert mvit["size"]["parameters"] == 36_303_072
    assert mvit["size"]["multiply_adds"] + mvit["size"]["norm"] == mvit["size"]["with_norms"]
    reported = {
        key: (row["reported"]["parameters_m"], row["reported"]["gflops"])
        for key, row in rows.items()
        if row["reported"]
    }
    assert reported == {
        ("mvit", "base"): (36.5, 70.5),
        ("ast", "paper"): (87.03, 42.08),
        ("inertial", "base"): (15.55, 1.65),
    }


def test_the_table_is_whole_on_a_narrow_screen(capsys: pytest.CaptureFixture[str]) -> None:
    encoders()
    printed = capsys.readouterr().out
    assert "…" not in printed
    assert "reported" in printed
    line = next(line for line in printed.splitlines() if "mvit base" in line)
    assert line.split() == ["mvit", "base", "video", "16x3x224x224", "36.30", "70.60", "70.80", "36.50", "/", "70.50"]
