"""The parts of README and pages that programs write between two marks, made again from the JSON files alone."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.glasses.page import BEGIN as GLASSES_BEGIN
from benchmarks.glasses.page import END as GLASSES_END
from benchmarks.glasses.page import tables as glasses_tables
from benchmarks.run import page as benchmarks_page

from egoshift.recipes.claims.page import row_cells
from egoshift.recipes.grid import Grid, markdown
from egoshift.recipes.paper import PAPER_FORMATS, PAPER_TABLES, Cell, refilled
from trust.results.figures import DOCS, ROOT

MISSING = "Regular and missing modalities, many-shot"
NOVEL = "Novel classes and missing modalities"
SUBSETS = ("video+audio+imu", "video+audio", "video+imu", "audio+imu", "video", "audio", "imu")


@dataclass(frozen=True)
class Part:
    """A stretch of a page that follows from a JSON file.

    Attributes:
        page: The page, by its path in the repository.
        mark: It stands between ``<!-- mark:begin -->`` and ``<!-- mark:end -->``.
        text: Makes it from the content of demos.json.
    """

    page: str
    mark: str
    text: Callable[[Mapping[str, Any]], str]

    @property
    def marks(self) -> tuple[str, str]:
        """Where it begins and ends."""
        return f"<!-- {self.mark}:begin -->", f"<!-- {self.mark}:end -->"


def demo_tables(demos: Mapping[str, Any]) -> str:
    """The tables of ``egoshift demo`` but that of the second direction's shared and novel classes."""
    return _text(demos["demo"]["tables"][:3])


def missing_row(demos: Mapping[str, Any]) -> str:
    """The line of ``egoshift demo --sensors`` that the README shows, without its kind of label.

    Those of models that choose among novel names too are not comparable with it, and stand in docs/sensors.md.
    """
    grid = next(table for table in demos["sensors"]["tables"] if table["caption"].startswith(MISSING))
    lines = [
        ["", *grid["headings"][2:]],
        ["---", *["---:"] * len(SUBSETS)],
        *(line[1:] for line in grid["lines"] if line[1] == "mmg_many_shot"),
    ]
    return _rows(lines)


def sensor_tables(demos: Mapping[str, Any]) -> str:
    """All tables of ``egoshift demo --sensors`` but that of novel classes."""
    return _text([table for table in demos["sensors"]["tables"] if not table["caption"].startswith(NOVEL)])


def novel_table(demos: Mapping[str, Any]) -> str:
    """That of novel classes."""
    return _text([table for table in demos["sensors"]["tables"] if table["caption"].startswith(NOVEL)])


def cross_table(demos: Mapping[str, Any]) -> str:
    """All clips of the target from every subset of the sensors, by data sets and run."""
    rows = {
        (row["train"], row["test"], row["method"], row["query"]): row
        for row in demos["cross_sensors"]["rows"]
        if (row["task"], row["subset"]) == ("many-shot", "all") and row["setting"] in ("regular", "missing")
    }
    lines = [["trained on, tested on", "run", *SUBSETS], ["---", "---", *["---:"] * len(SUBSETS)]]
    for source in ("kitchen", "home"):
        for target in sorted(("kitchen", "home"), key=lambda name: name != source):
            runs = sorted({run for train, test, run, _ in rows if (train, test) == (source, target)})
            for run in runs:
                cells = [cell(rows[source, target, run, subset]) for subset in SUBSETS]
                lines.append([f"{source}, {target}", run, *cells])
    return _rows(lines)


PARTS = (
    Part("README.md", "demo", demo_tables),
    Part("README.md", "sensors", missing_row),
    Part("docs/sensors.md", "tables", sensor_tables),
    Part("docs/sensors.md", "novel", novel_table),
    Part("docs/sensors.md", "cross", cross_table),
)
"""Written by ``make results``. Other marks are filled by the programs whose JSON files they show."""


def others(docs: Path = DOCS) -> Iterator[tuple[str, Sequence[str]]]:
    """The pages that other programs write, and texts that must stand on them as their JSON files are now."""
    yield "docs/benchmarks.md", [benchmarks_page(_json(docs, "benchmarks"))]
    yield "docs/claims.md", ["| " + " | ".join(row_cells(row)) + " |\n" for row in _json(docs, "claims")]
    yield "docs/glasses.md", [f"{GLASSES_BEGIN}\n{glasses_tables(_json(docs, 'glasses'))}{GLASSES_END}"]
    cells = [Cell(**cell) for cell in _json(docs, "papers")]
    yield "docs/papers.md", [PAPER_FORMATS["md"](refilled(cells, PAPER_TABLES))]


def cell(row: Mapping[str, Any]) -> str:
    """``12.3 [10.1, 14.5]``."""
    return f"{row['value']:.1f} [{row['low']:.1f}, {row['high']:.1f}]"


def page_text(page: str) -> str:
    """What a page says now."""
    return (ROOT / page).read_text(encoding="utf-8")


def _json(docs: Path, name: str) -> Any:
    return json.loads((docs / f"{name}.json").read_text(encoding="utf-8"))


def _text(grids: Sequence[Mapping[str, Any]]) -> str:
    """Tables with their notes, as ``egoshift tables`` writes them."""
    return "\n" + markdown(
        Grid(grid["caption"], tuple(grid["headings"]), tuple(map(tuple, grid["lines"])), grid["note"]) for grid in grids
    )


def _rows(lines: Sequence[Sequence[str]]) -> str:
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
