"""``egoshift demo``: the whole job on generated videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from egoshift.cli.console import answers, errors, print_json, progress

EXAMPLES = """Examples:

  egoshift demo

  egoshift demo --out runs/small --scale 0.2

  egoshift demo --sensors"""


def demo(
    out: Annotated[Path, typer.Option(help="Where videos, features, models, results and the report go")] = Path(
        "runs/demo"
    ),
    scale: Annotated[
        float,
        typer.Option(
            help="How much video to generate; 1 is nearly an hour, and what few-shot episodes of --sensors need",
            min=0.05,
        ),
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the generated world")] = 0,
    sensors: Annotated[
        bool, typer.Option("--sensors", help="Video, sound and IMU instead: every subset of them, few-shot too")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON instead")] = False,
) -> None:
    """Generate two egocentric data sets as real files, extract, train and evaluate both ways, and print the tables."""
    if sensors:
        return _sensors(out, scale, seed, json=json)
    from dataclasses import asdict

    from egoshift.recipes.demo import run_demo
    from egoshift.recipes.tables import blocks

    with progress("demo") as bar:
        rows, page = run_demo(
            out, scale=scale, seed=seed, progress=lambda title, done, total, note: bar(done, total, f"{title} {note}")
        )
    if json:
        print_json([asdict(row) for row in rows])
        return
    for block in blocks(rows):
        _show(block.caption, block.headings, block.texts, wide="method")
    errors.print(f"report: {page}", markup=False)
    errors.print(f"results: {out / 'results'}; the same tables: egoshift tables {out / 'results'}", markup=False)


def _sensors(out: Path, scale: float, seed: int, *, json: bool) -> None:
    from dataclasses import asdict

    from egoshift.recipes.modalities import modality_rows
    from egoshift.recipes.sensor_demo import run_sensor_demo

    with progress("demo") as bar:
        tables, results, page = run_sensor_demo(out, scale=scale, seed=seed, progress=bar)
    if json:
        print_json([asdict(row) for row in modality_rows(results)])
        return
    for table in tables:
        grid = table.grid
        # One kind of label: its column would only take the room that intervals need.
        headings = [heading.replace("+", "\n+").replace(" -> ", "\n-> ") for heading in grid.headings[1:]]
        _show(grid.caption, headings, [line[1:] for line in grid.lines], wide=headings[0])
        if table.note:
            answers.print(f"  {table.note}", markup=False, soft_wrap=True)
    folder = page.parent
    errors.print(f"report: {page}", markup=False)
    errors.print(f"results: {folder / 'results'}; the same tables: egoshift tables {folder / 'results'}", markup=False)


def _show(caption: str, headings: Sequence[str], lines: Sequence[Sequence[str]], *, wide: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=caption, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, no_wrap=heading == wide)
    for line in lines:
        table.add_row(*(text.replace(" [", "\n[") for text in line))
    answers.print(table)
