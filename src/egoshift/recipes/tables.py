"""Results in, tables out: every number of every result as one row, and the paper's two tables as text.

Only result files are read, and the paper's printed numbers stand beside ours under the word "reported" wherever a
result's data sets carry the papers' names (``egoshift.recipes.reported``).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from egoshift.errors import ResultError
from egoshift.evaluation import MetricRow, Result, harmonic_row
from egoshift.evaluation.modality_result import ModalityResult
from egoshift.evaluation.result import result_text
from egoshift.foreign import parse_json
from egoshift.recipes.grid import Grid, csv_text, latex, markdown
from egoshift.recipes.outlived import check_current
from egoshift.recipes.reported import reported_value
from egoshift.records import LABELS, Label

MODALITIES_KIND = "egoshift-modalities"
"""What the files of ``ModalityResult`` say that they are."""


@dataclass(frozen=True)
class TableRow:
    """One number: whose, trained and tested on what, with its 95% interval over videos and the paper's number.

    ``hm`` with subset ``all`` joins the top-1 on ``train`` and on ``test``; with subset ``novel`` it joins shared and
    novel classes of ``test``, and with ``novel-generalised`` the same among all classes. Values are in percent.
    """

    method: str
    train: str
    test: str
    label: Label
    metric: str
    subset: str
    value: float
    low: float | None
    high: float | None
    n: int
    reported: float | None


@dataclass(frozen=True)
class Block:
    """A table to print: one line per kind of label and method; None where nothing was run."""

    caption: str
    columns: tuple[str, ...]
    lines: tuple[tuple[Label, str, tuple[TableRow | None, ...]], ...]

    @property
    def headings(self) -> tuple[str, ...]:
        """All column headings."""
        return ("label", "method", *self.columns)

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """All lines as text."""
        return tuple((label, method, *map(cell_text, cells)) for label, method, cells in self.lines)

    @property
    def grid(self) -> Grid:
        """The block as text."""
        return Grid(self.caption, self.headings, self.texts)


def read_results(paths: Sequence[Path]) -> list[Result]:
    """The results at these paths; a folder stands for all ``*.json`` under its ``results`` folders, else in itself.

    Results of models of several modalities are left out: ``read_modality_results`` reads those.

    Raises:
        ResultError: Nothing is there, a file is not a result, or it is of a model that was trained again since.
    """
    found = [(path, Result.read(path)) for path in result_files(paths) if not is_of_modalities(path)]
    check_current(found)
    return [result for _, result in found]


def read_modality_results(paths: Sequence[Path]) -> list[ModalityResult]:
    """The results of models of several modalities at these paths, and no others; paths as for ``read_results``.

    Raises:
        ResultError: As for ``read_results``.
    """
    found = [(path, ModalityResult.read(path)) for path in result_files(paths) if is_of_modalities(path)]
    check_current(found)
    return [result for _, result in found]


def result_files(paths: Sequence[Path]) -> list[Path]:
    """The result files at these paths, each once; paths as for ``read_results``.

    Raises:
        ResultError: Nothing is there.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.rglob("results/*.json")) or sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not found:
            raise ResultError(f"{path}: holds no results; `egoshift evaluate` writes them")
        files += found
    return list(dict.fromkeys(files))


def is_of_modalities(path: Path) -> bool:
    """Whether a file says so; one that is no JSON at all is left to be refused as a result."""
    content = result_text(path)
    if MODALITIES_KIND not in content:  # large results of the other kind need not be parsed twice
        return False
    try:
        fields = parse_json(content)
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("kind") == MODALITIES_KIND


def table_rows(results: Sequence[Result]) -> list[TableRow]:
    """Every row of every result, and the harmonic means that join two of them.

    Raises:
        ResultError: Two results claim the same place.
    """
    named = titled(results)
    rows = []
    for title, result in named:
        rows += [_row(title, result, row) for row in result.rows]
        for other_title, within in named:
            if other_title == title and within.test == within.train == result.train != result.test:
                joined = (harmonic_row(within, result, label) for label in _labels(result) if label in _labels(within))
                rows += [_row(title, result, row) for row in joined if row is not None]
    return rows


def blocks(rows: Sequence[TableRow]) -> list[Block]:
    """The paper's Table 1 (within, across, harmonic mean) and Table 2 (shared, novel) for every pair of data sets."""
    found = []
    pairs = dict.fromkeys((row.train, row.test) for row in rows if row.train != row.test)
    for train in dict.fromkeys(row.train for row in rows):
        if not any(pair[0] == train for pair in pairs):
            caption = f"Trained and tested on {train}: micro top-1, %"
            found.append(_block(caption, rows, train, {train: (train, "top1", "all")}))
    for train, test in pairs:
        columns = {train: (train, "top1", "all"), test: (test, "top1", "all"), "hm": (test, "hm", "all")}
        found.append(_block(f"Trained on {train}: micro top-1 within and across data sets, %", rows, train, columns))
    for train, test in pairs:
        columns = {
            "shared": (test, "top1", "shared"),
            "novel": (test, "top1", "novel"),
            "hm": (test, "hm", "novel"),
            "shared, all classes": (test, "top1", "shared-generalised"),
            "novel, all classes": (test, "top1", "novel-generalised"),
        }
        if any((row.train, row.test, row.subset) == (train, test, "shared") for row in rows):
            caption = (
                f"Trained on {train}, tested on {test}: classes shared with {train} and novel ones, micro top-1, %"
            )
            found.append(_block(caption, rows, train, columns))
    return found


def comma_separated(rows: Sequence[TableRow]) -> str:
    """Every row as CSV."""
    return csv_text([field.name for field in fields(TableRow)], [asdict(row) for row in rows])


TEXT_FORMATS: dict[str, Callable[[Sequence[TableRow]], str]] = {
    "md": lambda rows: markdown(block.grid for block in blocks(rows)),
    "csv": comma_separated,
    "latex": lambda rows: latex(block.grid for block in blocks(rows)),
}


def overlap_notes(results: Sequence[Result | ModalityResult]) -> list[str]:
    """A line for each run and data set of which training saw videos that it was tested on; each once."""
    notes = {
        f"{result.variant or result.method}, trained on {result.train} and tested on {result.test}: {overlap.note}"
        for result in results
        if (overlap := result.provenance.overlap) is not None and overlap.note
    }
    return sorted(notes)


def left_out_notes(results: Sequence[Result | ModalityResult]) -> list[str]:
    """A line for each run and data set of whose clips some could not be tested; each once."""
    notes = {
        f"{result.variant or result.method}, tested on {result.test}: {sum(lost.values())} clips are left out "
        f"({', '.join(f'{number} {kind}' for kind, number in sorted(lost.items()))})"
        for result in results
        if (lost := result.counts.dropped)
    }
    return sorted(notes)


def cell_text(cell: TableRow | None) -> str:
    """``12.3 [10.1, 14.5]``, with the paper's number where it prints one; empty where nothing was run."""
    return "" if cell is None else number_text(cell.value, cell.low, cell.high, cell.reported)


def number_text(value: float | None, low: float | None, high: float | None, reported: float | None) -> str:
    """A number with its interval and the paper's number beside it, each where there is one."""
    parts = ["" if value is None else f"{value:.1f}", "" if low is None or high is None else f"[{low:.1f}, {high:.1f}]"]
    return " ".join(filter(None, [*parts, "" if reported is None else f"(reported {reported:.2f})"]))


def _block(caption: str, rows: Sequence[TableRow], train: str, columns: dict[str, tuple[str, str, str]]) -> Block:
    mine = {(row.method, row.label, row.test, row.metric, row.subset): row for row in rows if row.train == train}
    methods = list(dict.fromkeys(row.method for row in rows if row.train == train))
    lines = tuple(
        (label, method, tuple(mine.get((method, label, *place)) for place in columns.values()))
        for label in LABELS
        for method in methods
        if any(row.label == label for row in mine.values())
    )
    return Block(caption, tuple(columns), lines)


def titled(results: Sequence[Result]) -> list[tuple[str, Result]]:
    """Each result with what its rows are called: the run's name, the seed where several were run, and "oracle".

    Untrained methods come first, since the others are read against them.

    Raises:
        ResultError: Two results claim the same place.
    """
    results = sorted(results, key=lambda result: result.selection != "none")
    seeds: dict[str, set[int]] = {}
    for result in results:
        seeds.setdefault(result.variant or result.method, set()).add(result.seed)
    named = []
    for result in results:
        name = result.variant or result.method
        seed = f" (seed {result.seed})" if len(seeds[name]) > 1 else ""
        named.append((name + seed + (" (oracle)" if result.selection == "oracle" else ""), result))
    places = [(title, label, result.train, result.test) for title, result in named for label in _labels(result)]
    for title, label, train, test in places:
        if places.count((title, label, train, test)) > 1:
            raise twice(title, label, train, test)
    return named


def twice(title: str, label: Label, train: str, test: str) -> ResultError:
    """Two results claim the same place."""
    return ResultError(
        f"two results are called {title} ({label}), trained on {train} and tested on {test}; "
        "give one of the runs another name, or name the result files to read"
    )


def _row(title: str, result: Result, row: MetricRow) -> TableRow:
    paper = reported_value(
        result.variant or result.method, result.train, result.test, row.label, row.metric, row.subset
    )
    return TableRow(
        title, result.train, result.test, row.label, row.metric, row.subset, row.value, row.low, row.high, row.n, paper
    )


def _labels(result: Result) -> list[Label]:
    return list(dict.fromkeys(row.label for row in result.rows))
