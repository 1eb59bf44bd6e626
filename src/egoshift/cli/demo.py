"""``egoshift demo``: the whole job on generated videos."""

from pathlib import Path
from typing import Annotated

import typer

from egoshift.cli.console import answers, errors, print_json, progress

EXAMPLES = """Examples:

  egoshift demo

  egoshift demo --out runs/small --scale 0.2"""


def demo(
    out: Annotated[Path, typer.Option(help="Where videos, features, models, results and the report go")] = Path(
        "runs/demo"
    ),
    scale: Annotated[float, typer.Option(help="How much video to generate; 1 is nearly an hour", min=0.05)] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the generated world")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON instead")] = False,
) -> None:
    """Generate two egocentric data sets as real files, extract, train and evaluate both ways, and print the tables."""
    from dataclasses import asdict

    from rich.box import SIMPLE_HEAD
    from rich.table import Table

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
        table = Table(
            title=block.caption, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
        )
        for heading in block.headings:
            table.add_column(heading, no_wrap=heading == "method")
        for line in block.texts:
            table.add_row(*(text.replace(" [", "\n[") for text in line))
        answers.print(table)
    errors.print(f"report: {page}", markup=False)
    errors.print(f"results: {out / 'results'}; the same tables: egoshift tables {out / 'results'}", markup=False)
