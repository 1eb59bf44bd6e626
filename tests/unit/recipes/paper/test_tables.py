import pytest

from egoshift.errors import ConfigError
from egoshift.recipes.paper.tables import GENERATED, PAPER_TABLES, REAL, find_tables
from egoshift.recipes.reported import REPORTED, reported_value


def test_rows_and_columns_hold_every_printed_number_once():
    placed = []
    for table in PAPER_TABLES:
        for row in table.rows:
            for column in table.columns:
                place = (row.variants[column.variant], REAL[column.train], REAL[column.test])
                for label in table.labels:
                    value = reported_value(*place, label, column.metric, column.subset, table=table.number)
                    placed += [] if value is None else [value]
    assert sorted(placed) == sorted(cell.value for cell in REPORTED)


def test_what_is_beyond_the_paper_is_appended_to_the_comparisons_of_methods():
    beyond = ("tip_adapter", "tip_adapter_f", "clip_lora", "linear_probe")
    printed = {cell.method for cell in REPORTED}
    for table in PAPER_TABLES:
        ours = [variant for row in table.rows for variant in row.variants if variant not in printed]
        assert tuple(ours) == (beyond if table.number <= 3 else ())
        if ours:
            assert [row.variants[0] for row in table.rows[-4:]] == ours


def test_both_casts_give_every_part_to_one_data_set():
    assert set(REAL) == set(GENERATED)
    assert len({*REAL.values(), *GENERATED.values()}) == 6


def test_tables_are_found_by_number():
    assert [table.number for table in find_tables()] == [1, 2, 3, 4, 5, 6, 7]
    assert [table.number for table in find_tables([6, 2, 2])] == [2, 6]
    with pytest.raises(ConfigError, match="the paper has no table 8; it has 1 to 7"):
        find_tables([1, 8])
