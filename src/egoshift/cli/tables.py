"""``egoshift tables``: results in, a table out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from egoshift.cli.console import errors

EXAMPLES = """Examples:

  egoshift tables runs/demo

  egoshift tables runs/xmic runs/zero_shot --format latex -o table.tex

  egoshift tables runs/demo --format html -o report.html"""


class TableFormat(StrEnum):
    """How to write a table."""

    MD = "md"
    CSV = "csv"
    LATEX = "latex"
    HTML = "html"
    JSON = "json"


def tables(
    results: Annotated[list[Path], typer.Argument(metavar="RESULT...", help="Result files, or folders of them")],
    format: Annotated[TableFormat, typer.Option(help="html is the report with plots")] = TableFormat.MD,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead of printing")] = None,
) -> None:
    """Make the within- and cross-data-set tables from results, with intervals and the papers' reported numbers."""
    import json
    from dataclasses import asdict

    from egoshift.recipes.report import html
    from egoshift.recipes.tables import TEXT_FORMATS, read_results, table_rows

    read = read_results(results)
    rows = table_rows(read)
    if as_json or format is TableFormat.JSON:
        text = json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1) + "\n"
    elif format is TableFormat.HTML:
        text = html(read)
    else:
        text = TEXT_FORMATS[format.value](rows)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        errors.print(f"wrote {output}")
