import csv
import io
from dataclasses import asdict, fields

from egoshift.recipes.modalities import MODALITY_FORMATS, both_as_csv, modality_rows
from egoshift.recipes.modalities.reported import MMG_EGO4D
from egoshift.recipes.tables import TableRow, table_rows
from tests.unit.recipes.modalities.results import full_support, matrix, result, sweep
from tests.unit.recipes.results import made_up


def test_every_number_is_a_row():
    paper = {"train": MMG_EGO4D, "test": MMG_EGO4D}
    rows = modality_rows([result([*full_support(), *matrix()], sweep=tuple(sweep()), **paper)])
    assert len(rows) == 7 + 49 + 20
    many = next(row for row in rows if (row.task, row.query) == ("many-shot", "audio+imu"))
    assert (many.setting, many.support, many.value, many.low, many.reported) == (
        "missing", "video+audio+imu", 57.0, 55.0, 37.07
    )  # fmt: skip
    last = rows[-1]
    assert (last.setting, last.missing, last.rate, last.seeds) == ("sweep", "any", 1.0, 1)
    assert {row.setting for row in rows} == {"regular", "missing", "zero-shot", "other", "sweep"}


def test_rows_of_both_kinds_stand_in_one_file():
    others, rows = table_rows([made_up("kitchen", "home")]), modality_rows([result(full_support())])
    read = list(csv.DictReader(io.StringIO(both_as_csv(others, rows))))
    assert len(read) == len(others) + len(rows)
    assert [float(row["value"]) for row in read] == [*(row.value for row in others), *(row.value for row in rows)]
    assert read[0]["support"] == ""
    assert {field.name for field in fields(TableRow)} < set(asdict(rows[0]))
    assert MODALITY_FORMATS["csv"]([result(full_support())], True).count("\n") == 1 + 7
