"""Runs the demonstrations that README and pages show, and keeps their numbers and tables in docs/demos.json."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from benchmarks.report import machine

from egoshift.files import write_atomically
from egoshift.recipes.grid import Grid
from egoshift.recipes.modalities import modality_rows
from egoshift.recipes.modalities.tables import tables as sensor_tables
from egoshift.recipes.tables import TableRow, blocks, read_modality_results
from trust.results.figures import DOCS, ROOT

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "demo": (sys.executable, "-m", "egoshift", "demo", "--json", "--out"),
    "sensors": (sys.executable, "-m", "egoshift", "demo", "--sensors", "--json", "--out"),
    "cross_sensors": ("bash", "benchmarks/cross_sensors.sh"),
}
"""What is run, each with the folder that it goes on in; minutes each."""

SHOWN: Mapping[str, str] = {
    "demo": "egoshift demo",
    "sensors": "egoshift demo --sensors",
    "cross_sensors": "benchmarks/cross_sensors.sh",
}
"""The same as a reader runs it."""


def measure(name: str, folder: Path, docs: Path = DOCS) -> None:
    """Runs a demonstration and puts what it gave in the place of its former numbers.

    Args:
        name: A key of ``COMMANDS``.
        folder: Where its world and runs lie; what is there is used again.
        docs: Where demos.json is.

    Raises:
        CalledProcessError: It failed.
    """
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [*COMMANDS[name], str(folder)], cwd=ROOT, env=os.environ | {"PATH": scripts}, check=True, stdout=subprocess.PIPE
    )
    keep(name, rows_of_demo(json.loads(done.stdout)) if name == "demo" else rows_of_sensors(folder), docs)


def keep(name: str, found: Mapping[str, Any], docs: Path = DOCS, threads: int | None = None) -> None:
    """Writes one demonstration's numbers beside those of the others, with the machine and its threads."""
    threads = threads or torch.get_num_threads()
    path = docs / "demos.json"
    demos: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    demos[name] = {"command": SHOWN[name], "machine": machine(), "threads": threads, **found}
    write_atomically(path, text(demos).encode())


def rows_of_demo(printed: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What ``egoshift demo --json`` printed, and the tables that it prints without."""
    rows = [TableRow(**row) for row in printed]
    return {"rows": [_short(asdict(row)) for row in rows], "tables": _grids(block.grid for block in blocks(rows))}


def rows_of_sensors(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows and the tables of the results in a folder; points of the missing-rate sweep are in its plot only."""
    results = read_modality_results([folder])
    rows = [_short(asdict(row)) for row in modality_rows(results) if row.setting != "sweep"]
    return {"rows": rows, "tables": _grids(table.grid for table in sensor_tables(results))}


def text(demos: Mapping[str, Any]) -> str:
    """The JSON, a row or a table's line a line."""
    parts = []
    for name, demo in sorted(demos.items()):
        head = [f'  "{key}": {json.dumps(demo[key])}' for key in ("command", "machine", "threads")]
        rows = _lines(demo["rows"], "   ")
        grids = ",\n".join(_table(grid) for grid in demo["tables"])
        parts.append(
            ",\n".join([*head, f'  "rows": [\n{rows}\n  ]', f'  "tables": [\n{grids}\n  ]']).join(("{\n", "\n }"))
        )
        parts[-1] = f' "{name}": {parts[-1]}'
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _table(grid: Mapping[str, Any]) -> str:
    head = "".join(f'    "{key}": {json.dumps(grid[key])},\n' for key in ("caption", "headings", "note"))
    return f'   {{\n{head}    "lines": [\n{_lines(grid["lines"], "     ")}\n    ]\n   }}'


def _lines(items: Sequence[object], indent: str) -> str:
    return ",\n".join(indent + json.dumps(item) for item in items)


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what it has not, values as precise as tables need with room to spare."""
    told = {key: value for key, value in row.items() if value not in (None, "")}
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in told.items()}


def _grids(grids: Iterable[Grid]) -> list[dict[str, Any]]:
    return [asdict(grid) for grid in grids]
