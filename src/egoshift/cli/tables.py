"""``egoshift tables``: results in, a table out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from egoshift.cli.console import errors

EXAMPLES = """Examples:

  egoshift tables runs/demo

  egoshift tables runs/xmic runs/zero_shot --format latex -o table.tex

  egoshift tables runs/demo --format html -o report.html

  egoshift tables runs/claims --paper xmic --table 1,2"""


class TableFormat(StrEnum):
    """How to write a table."""

    MD = "md"
    CSV = "csv"
    LATEX = "latex"
    HTML = "html"
    JSON = "json"


class Paper(StrEnum):
    """Whose tables to fill."""

    XMIC = "xmic"


class Selection(StrEnum):
    """Which results stand in the paper's tables, by how their epoch was chosen."""

    SOURCE = "source"
    ORACLE = "oracle"


def tables(
    results: Annotated[list[Path], typer.Argument(metavar="RESULT...", help="Result files, or folders of them")],
    format: Annotated[TableFormat, typer.Option(help="html is the report with plots")] = TableFormat.MD,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json")] = False,
    paper: Annotated[
        Paper | None, typer.Option(help="Fill this paper's tables, its numbers beside; several seeds become one number")
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option(help="Numbers of the paper's tables, such as 1,2; repeat; by default all")
    ] = None,
    selection: Annotated[
        Selection | None,
        typer.Option(
            help="source (default): epochs chosen without the target; oracle: beside them those chosen on it, labelled"
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead of printing")] = None,
) -> None:
    """Make the within- and cross-data-set tables from results, with intervals and the papers' reported numbers."""
    from egoshift.errors import ConfigError

    form = TableFormat.JSON if as_json else format
    if paper is not None:
        text = _paper_text(results, form, table or [], oracle=selection is Selection.ORACLE)
    elif table or selection:
        raise ConfigError(f"{'--table' if table else '--selection'} is of a paper's tables; add --paper xmic")
    else:
        text = _text(results, form)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        errors.print(f"wrote {output}")


def _text(results: list[Path], form: TableFormat) -> str:
    import json
    from dataclasses import asdict

    from egoshift.recipes.report import html
    from egoshift.recipes.tables import TEXT_FORMATS, read_results, table_rows

    read = read_results(results)
    rows = table_rows(read)
    if form is TableFormat.JSON:
        return json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1) + "\n"
    return html(read) if form is TableFormat.HTML else TEXT_FORMATS[form.value](rows)


def _paper_text(results: list[Path], form: TableFormat, numbers: list[str], *, oracle: bool) -> str:
    from egoshift.errors import ConfigError
    from egoshift.recipes.paper import PAPER_FORMATS, fill, find_tables, remarks
    from egoshift.recipes.tables import read_results

    chosen = find_tables(table_numbers(numbers))
    if form.value not in PAPER_FORMATS:
        raise ConfigError(f"--format {form}: a paper's tables are written as {', '.join(PAPER_FORMATS)}")
    read = read_results(results)
    filled = fill(read, chosen, oracle=oracle)
    for remark in remarks(read, filled):
        errors.print(remark, markup=False, soft_wrap=True)
    return PAPER_FORMATS[form.value](filled)


def table_numbers(texts: list[str]) -> list[int]:
    """What ``--table`` says.

    Raises:
        ConfigError: It is not numbers.
    """
    from egoshift.errors import ConfigError

    try:
        return [int(number) for text in texts for number in text.split(",")]
    except ValueError:
        raise ConfigError(f"--table {','.join(texts)}: expected numbers of tables such as 1,2") from None
