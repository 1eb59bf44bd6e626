"""``egoshift claims``: what the papers claim, checked on the generated world."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoshift.cli.console import answers, errors, print_json, progress

if TYPE_CHECKING:
    from egoshift.recipes.claims import Finding

EXAMPLES = """Examples:

  egoshift claims

  egoshift claims --only 2,5 --seeds 3

  egoshift claims --write docs"""


def claims(
    out: Annotated[Path, typer.Option(help="Where worlds, features, models and results go; used again")] = Path(
        "runs/claims"
    ),
    seeds: Annotated[int, typer.Option(help="How many worlds; fewer than 3 decide nothing", min=1)] = 8,
    first_seed: Annotated[
        int, typer.Option(help="Of the first world and training; settings were chosen on world 0", min=0)
    ] = 1,
    scale: Annotated[float, typer.Option(help="How much video a world has; 1 is about an hour", min=0.05)] = 1.0,
    only: Annotated[str | None, typer.Option(help="Numbers of claims, such as 2,5; by default all")] = None,
    set: Annotated[list[str] | None, typer.Option(help="fit.field=value, for every run alike; repeat")] = None,
    write: Annotated[
        Path | None, typer.Option(help="Folder for claims.json, claims.png and claims.md, which are of all claims")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON instead")] = False,
) -> None:
    """Train and evaluate what each claim compares, and say whether it is reproduced in generated worlds.

    What was run with the same settings is used again, so an interrupted command goes on where it was.
    """
    from egoshift.errors import ConfigError
    from egoshift.recipes.claims import check_claims, check_page, find_claims, row_dicts, write_page

    chosen = find_claims(_numbers(only))
    if write is not None:
        if only is not None:
            raise ConfigError("--write writes the page of all claims; leave out --only")
        check_page(write)
    with progress("claims") as bar:
        findings = check_claims(
            chosen,
            out,
            seeds=range(first_seed, first_seed + seeds),
            scale=scale,
            assignments=set or (),
            progress=bar,
        )
    if json:
        print_json(row_dicts(findings, scale=scale))
    else:
        for finding in findings:
            _show(finding)
    if write is not None:
        written = write_page(write, findings, scale=scale, assignments=set or ())
        errors.print(f"wrote {', '.join(map(str, written))}", markup=False)


def _numbers(only: str | None) -> list[int]:
    from egoshift.errors import ConfigError

    try:
        return [int(number) for number in only.split(",")] if only is not None else []
    except ValueError:
        raise ConfigError(f"--only {only}: expected numbers of claims such as 2,5") from None


def _show(finding: "Finding") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from egoshift.recipes.claims import HEADINGS, cells

    claim = finding.claim
    table = Table(
        title=f"{claim.number}. {claim.sentence}: {finding.verdict}",
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for heading in HEADINGS:
        table.add_column(heading)
    for compared in finding.compared:
        table.add_row(*(text.replace(" [", "\n[") for text in cells(compared)))
    answers.print(table)
