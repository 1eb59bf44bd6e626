"""``egoshift tables``: results in, a table out."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoshift.cli.console import errors

if TYPE_CHECKING:
    from egoshift.evaluation import Result
    from egoshift.evaluation.modality_result import ModalityResult

EXAMPLES = """Examples:

  egoshift tables runs/demo

  egoshift tables runs/xmic runs/zero_shot --format latex -o table.tex

  egoshift tables runs/demo --format html -o report.html

  egoshift tables runs/claims --paper xmic --table 1,2

  egoshift tables runs/mmg --format html --data clips.yaml -o report.html"""


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
    MMG = "mmg"


class Selection(StrEnum):
    """Which results stand in the paper's tables, by how their epoch was chosen."""

    SOURCE = "source"
    ORACLE = "oracle"


def tables(
    results: Annotated[list[Path], typer.Argument(metavar="RESULT...", help="Result files, or folders of them")],
    format: Annotated[TableFormat, typer.Option(help="html is the report with plots")] = TableFormat.MD,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json")] = False,
    paper: Annotated[
        Paper | None, typer.Option(help="This paper's tables, its numbers beside; several seeds become one number")
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
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="CARD", help="Data cards whose videos show the html report's example clips; repeat"),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead of printing")] = None,
) -> None:
    """Make the within- and cross-data-set tables from results, with intervals and the papers' reported numbers.

    Results of models of several modalities give their own tables, after the others.
    """
    from egoshift.errors import ConfigError
    from egoshift.files import write_atomically

    form = TableFormat.JSON if as_json else format
    if paper is Paper.XMIC:
        text = _paper_text(results, form, table or [], oracle=selection is Selection.ORACLE)
    elif table or selection:
        raise ConfigError(f"{'--table' if table else '--selection'} is of a paper's tables; add --paper xmic")
    elif data and form is not TableFormat.HTML:
        raise ConfigError("--data gives the example clips of --format html their frames; add it, or leave --data out")
    else:
        text = _text(results, form, data or [], mmg=paper is Paper.MMG)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_atomically(output, text.encode())
        errors.print(f"wrote {output}")


def _text(results: list[Path], form: TableFormat, cards: list[Path], *, mmg: bool) -> str:
    import json
    from dataclasses import asdict

    from egoshift.errors import ConfigError
    from egoshift.recipes.modalities import MODALITY_FORMATS, both_as_csv, modality_rows
    from egoshift.recipes.tables import (
        TEXT_FORMATS,
        left_out_notes,
        overlap_notes,
        read_modality_results,
        read_results,
        table_rows,
    )

    read, of_modalities = read_results(results), read_modality_results(results)
    if not of_modalities and (mmg or cards):
        option = "--paper mmg" if mmg else "--data"
        raise ConfigError(f"{option} is for models of several modalities, and all {len(read)} results are of others")
    if mmg and read:
        errors.print(f"left out, for the paper is of several modalities: {len(read)} results of one", soft_wrap=True)
        read = []
    if form is TableFormat.HTML:
        return _page(read, of_modalities, cards, mmg=mmg)
    rows, more = table_rows(read), modality_rows(of_modalities)
    if form is TableFormat.JSON:
        return json.dumps([*map(asdict, rows), *map(asdict, more)], ensure_ascii=False, indent=1) + "\n"
    if form is TableFormat.CSV and more:
        return both_as_csv(rows, more)
    texts = [TEXT_FORMATS[form.value](rows)] if read or not more else []
    texts += [MODALITY_FORMATS[form.value](of_modalities, mmg)] if more else []
    both: list[Result | ModalityResult] = [*read, *of_modalities]
    if form is not TableFormat.CSV and (notes := [*left_out_notes(both), *overlap_notes(both)]):
        mark = "% " if form is TableFormat.LATEX else ""
        texts.append("".join(f"{mark}{note}\n" for note in notes))
    return "\n".join(texts)


def _page(read: "list[Result]", of_modalities: "list[ModalityResult]", cards: list[Path], *, mmg: bool) -> str:
    from egoshift.datasets import DataCard, load_dataset
    from egoshift.recipes import modalities, report

    if not of_modalities:
        return report.html(read)
    datasets = [load_dataset(DataCard.read(card)) for card in cards]
    frames = {dataset.name: modalities.dataset_frames(dataset) for dataset in datasets}
    if not read:
        return modalities.html(of_modalities, frames, reported=mmg)
    parts = [*modalities.sections(of_modalities, frames), *modalities.counted(of_modalities)]
    return report.html(read, parts, modalities.STYLE)


def _paper_text(results: list[Path], form: TableFormat, numbers: list[str], *, oracle: bool) -> str:
    from egoshift.errors import ConfigError
    from egoshift.recipes.paper import PAPER_FORMATS, fill, find_tables, remarks
    from egoshift.recipes.tables import read_modality_results, read_results

    chosen = find_tables(table_numbers(numbers))
    if form.value not in PAPER_FORMATS:
        raise ConfigError(f"--format {form}: a paper's tables are written as {', '.join(PAPER_FORMATS)}")
    read, others = read_results(results), read_modality_results(results)
    if others:
        errors.print(f"left out, for the paper is of one modality: {len(others)} results of several", soft_wrap=True)
    if not read:
        raise ConfigError(f"--paper xmic: all {len(others)} results are of several modalities; leave the option out")
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
