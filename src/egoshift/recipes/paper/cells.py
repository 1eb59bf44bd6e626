"""Results in, the cells of the paper's tables out: our number and, beside it, the paper's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean
from typing import Literal

from egoshift.errors import ResultError
from egoshift.evaluation import MetricRow, Result, harmonic_row
from egoshift.recipes.paper.tables import GENERATED, REAL, Cast, Column, PaperTable, Row
from egoshift.recipes.reported import reported_value
from egoshift.recipes.seeds import mean_interval
from egoshift.recipes.tables import twice
from egoshift.records import Label

Selected = Literal["source", "oracle"]
"""How the epoch was chosen: without a look at the data set tested on, or on its test clips."""


@dataclass(frozen=True)
class Cell:
    """A place in a table, our number there and the paper's, in percent; None where there is none.

    Attributes:
        table: The table's number.
        row: The title of the line.
        variant: The name of the run that fills it.
        train: The data set trained on.
        test: The data set tested on.
        label: The kind of label.
        metric: Which number.
        subset: Over which clips.
        selection: How the epoch was chosen.
        value: Our number, the mean where several seeds were run.
        low: The lower end of its 95% interval: over seeds where several were run, else over videos.
        high: The upper end, likewise.
        n: Clips behind it, of all seeds together.
        seeds: How many seeds were run.
        reported: The paper's number.
        reported_on: The data sets that it is of, which are not ``train`` and ``test`` on the generated world.
    """

    table: int
    row: str
    variant: str
    train: str
    test: str
    label: Label
    metric: str
    subset: str
    selection: Selected
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    seeds: int
    reported: float | None
    reported_on: str | None


Place = tuple[Row, Column, Label, Selected]


@dataclass(frozen=True)
class FilledTable:
    """A table of the paper with a cell in every place."""

    table: PaperTable
    cast: Cast
    selections: tuple[Selected, ...]
    cells: Mapping[Place, Cell]


def fill(results: Sequence[Result], tables: Sequence[PaperTable], *, oracle: bool = False) -> list[FilledTable]:
    """Put results into their places.

    A result belongs to the row that has the name of its run. Where results are of the paper's data sets, others are
    left out (``remarks`` names them); else the generated world plays their parts.

    Args:
        results: Any results; several seeds of a run become one number.
        tables: What to fill.
        oracle: Also fill cells with results whose epoch was chosen on the target.

    Raises:
        ResultError: Two results claim the same place, none is of a data set that has a part in the tables, or none was
            chosen on the target though that is asked for.
    """
    if oracle and not any(_selected(result) == "oracle" for result in results):
        raise ResultError(
            "--selection oracle: no result is of an epoch chosen on the target; train with --set fit.selection=oracle, "
            "or leave the option out"
        )
    cast, runs = cast_of(results), _Runs(results)
    selections: tuple[Selected, ...] = ("source", "oracle") if oracle else ("source",)
    return [
        FilledTable(
            table,
            cast,
            selections,
            {place: _cell(table.number, place, cast, runs) for place in _places(table, selections)},
        )
        for table in tables
    ]


def refilled(cells: Sequence[Cell], tables: Sequence[PaperTable]) -> list[FilledTable]:
    """The tables on generated worlds that these cells, in the order of ``render.cells``, are of.

    Raises:
        ValueError: There are too few or too many cells for a table.
    """
    return [
        FilledTable(
            table,
            GENERATED,
            ("source",),
            dict(zip(_places(table, ("source",)), [one for one in cells if one.table == table.number], strict=True)),
        )
        for table in tables
    ]


def cast_of(results: Sequence[Result]) -> Cast:
    """The paper's data sets where a result is of one, else the generated ones.

    Raises:
        ResultError: The results are of neither.
    """
    seen = dict.fromkeys(name for result in results for name in (result.train, result.test))
    for cast in (REAL, GENERATED):
        if any(name in cast.values() for name in seen):
            return cast
    raise ResultError(
        f"--paper: these results are of {', '.join(seen)}; the tables are of {', '.join(REAL.values())} or of the "
        f"generated {', '.join(GENERATED.values())}; name the data cards so"
    )


def remarks(results: Sequence[Result], filled: Sequence[FilledTable]) -> list[str]:
    """What a reader of the tables would not see: rows without results, results without a place."""
    cells = [cell for table in filled for cell in table.cells.values()]
    rows = dict.fromkeys(cell.variant for cell in cells)
    run = {cell.variant for cell in cells if cell.value is not None}
    sets, selections = {*filled[0].cast.values()}, filled[0].selections
    found = {
        "not run (the run of this name fills its row)": [name for name in rows if name not in run],
        "no row here for results of": [_name(result) for result in results if _name(result) not in rows],
        "no column here for": [name for result in results for name in (result.train, result.test) if name not in sets],
        "left out, chosen on the target (--selection oracle shows them)": [
            _name(result) for result in results if _selected(result) not in selections and _name(result) in rows
        ],
    }
    return [f"{what}: {', '.join(dict.fromkeys(names))}" for what, names in found.items() if names]


class _Runs:
    """Results by what was run, and by seed."""

    def __init__(self, results: Sequence[Result]) -> None:
        self._results: dict[tuple[str, str, str, Label, Selected], dict[int, Result]] = {}
        for result in results:
            for label in dict.fromkeys(row.label for row in result.rows):
                key = (_name(result), result.train, result.test, label, _selected(result))
                seeds = self._results.setdefault(key, {})
                if result.seed in seeds:
                    raise twice(f"{_name(result)}, seed {result.seed}", label, result.train, result.test)
                seeds[result.seed] = result
        self._joined = cache(self._join)

    def rows(
        self, variant: str, train: str, column: Column, test: str, label: Label, selected: Selected
    ) -> list[MetricRow]:
        """One number of every seed that has it."""
        if (column.metric, column.subset) == ("hm", "all"):
            return self._joined(variant, train, test, label, selected)
        return [
            row
            for result in self._results.get((variant, train, test, label, selected), {}).values()
            for row in result.rows
            if (row.label, row.metric, row.subset) == (label, column.metric, column.subset)
        ]

    def _join(self, variant: str, train: str, test: str, label: Label, selected: Selected) -> list[MetricRow]:
        within, across = (self._results.get((variant, train, name, label, selected), {}) for name in (train, test))
        joined = (harmonic_row(within[seed], across[seed], label) for seed in across if seed in within)
        return [row for row in joined if row is not None]


def _places(table: PaperTable, selections: Sequence[Selected]) -> Iterator[Place]:
    for column in table.columns:
        for label in table.labels:
            for row in table.rows:
                for selected in selections:
                    yield row, column, label, selected


def _cell(number: int, place: Place, cast: Cast, runs: _Runs) -> Cell:
    row, column, label, selected = place
    variant, train, test = row.variants[column.variant], cast[column.train], cast[column.test]
    found = runs.rows(variant, train, column, test, label, selected)
    theirs = REAL[column.train], REAL[column.test]
    reported = reported_value(variant, *theirs, label, column.metric, column.subset, table=number)
    ends = (found[0].low, found[0].high) if len(found) == 1 else mean_interval([one.value for one in found])
    low, high = ends or (None, None)
    return Cell(
        table=number,
        row=row.title,
        variant=variant,
        train=train,
        test=test,
        label=label,
        metric=column.metric,
        subset=column.subset,
        selection=selected,
        value=fmean(one.value for one in found) if found else None,
        low=low,
        high=high,
        n=sum(one.n for one in found) if found else None,
        seeds=len(found),
        reported=reported if selected == "source" else None,
        reported_on=" to ".join(theirs) if reported is not None and selected == "source" else None,
    )


def _name(result: Result) -> str:
    return result.variant or result.method


def _selected(result: Result) -> Selected:
    return "oracle" if result.selection == "oracle" else "source"
