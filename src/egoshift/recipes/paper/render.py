"""The paper's tables, filled, as text."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields

from egoshift.recipes.grid import Grid, csv_text, latex, markdown
from egoshift.recipes.paper.cells import Cell, FilledTable
from egoshift.recipes.paper.tables import REAL, Column, Role, Row
from egoshift.recipes.tables import number_text
from egoshift.records import Label


def grids(filled: FilledTable) -> list[Grid]:
    """One grid for each data set trained on; the note stands under the last.

    On the paper's own data sets the reported number stands in the cell beside ours, else in a column of its own.
    """
    trains = list(dict.fromkeys(column.train for column in filled.table.columns))
    return [_grid(filled, train, _note(filled) if train == trains[-1] else "") for train in trains]


def cells(filled: Sequence[FilledTable]) -> list[Cell]:
    """Every cell of every table, also those that were not run."""
    return [cell for table in filled for cell in table.cells.values()]


PAPER_FORMATS: dict[str, Callable[[Sequence[FilledTable]], str]] = {
    "md": lambda filled: markdown(grid for table in filled for grid in grids(table)),
    "latex": lambda filled: latex(grid for table in filled for grid in grids(table)),
    "csv": lambda filled: csv_text([field.name for field in fields(Cell)], list(map(asdict, cells(filled)))),
    "json": lambda filled: json.dumps(list(map(asdict, cells(filled))), ensure_ascii=False, indent=1) + "\n",
}


def _grid(filled: FilledTable, train: Role, note: str) -> Grid:
    table, cast = filled.table, filled.cast
    columns = [column for column in table.columns if column.train == train]
    printed = [column for column in columns if _stands_apart(filled, column)]
    headings = [
        column.heading.format(test=cast[column.test]) + (", oracle" if selected == "oracle" else "")
        for column in columns
        for selected in filled.selections
    ]
    headings += [f"paper, {column.heading.format(test=REAL[column.test])}" for column in printed]
    return Grid(
        f"X-MIC, Table {table.number}: {table.title}; trained on {cast[train]}; micro top-1, %",
        ("label", "row", *headings),
        tuple(_line(filled, row, label, columns, printed) for label in table.labels for row in table.rows),
        note,
    )


def _line(
    filled: FilledTable, row: Row, label: Label, columns: Sequence[Column], printed: Sequence[Column]
) -> tuple[str, ...]:
    ours = [filled.cells[row, column, label, selected] for column in columns for selected in filled.selections]
    theirs = [filled.cells[row, column, label, "source"].reported for column in printed]
    most = _most_seeds(filled)
    texts = [_text(cell, most, with_reported=filled.cast is REAL) for cell in ours]
    return label, row.title, *texts, *("" if value is None else f"{value:.2f}" for value in theirs)


def _text(cell: Cell, most_seeds: int, *, with_reported: bool) -> str:
    text = number_text(cell.value, cell.low, cell.high, cell.reported if with_reported else None)
    fewer = 0 < cell.seeds < most_seeds
    return f"{text} ({cell.seeds} of {most_seeds} seeds)" if fewer else text


def _stands_apart(filled: FilledTable, column: Column) -> bool:
    """Whether the paper prints this column, but of other data sets than ours."""
    return filled.cast is not REAL and any(
        cell.reported is not None for (_, place, _, _), cell in filled.cells.items() if place == column
    )


def _most_seeds(filled: FilledTable) -> int:
    return max(cell.seeds for cell in filled.cells.values())


def _note(filled: FilledTable) -> str:
    """How to read the numbers, and the table's own note."""
    most = _most_seeds(filled)
    sentences = []
    if most == 1:
        sentences.append("Brackets are 95% intervals over videos.")
    if most > 1:
        sentences.append(
            f"Means over {most} seeds (hm: of each seed's own); brackets are their 95% Student-t intervals."
        )
    if "oracle" in filled.selections:
        sentences.append(
            "“oracle”: the epoch was chosen on the test clips of the target, as in the released code; in the other "
            "columns without a look at them."
        )
    if filled.cast is not REAL:
        sets = " and ".join(dict.fromkeys(REAL[column.test] for column in filled.table.columns))
        sentences.append(
            f"“paper”: the printed numbers, of {sets}. Ours are of a generated world with small encoders of its own: "
            "compare rows, not values."
        )
    return " ".join((*sentences, filled.table.note))
