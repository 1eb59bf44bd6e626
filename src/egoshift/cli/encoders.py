"""``egoshift encoders``: how large the encoders of video, sound and inertial signals are."""

from typing import TYPE_CHECKING, Annotated

import typer

from egoshift.cli.console import answers, print_json

if TYPE_CHECKING:
    from egoshift.recipes.sizes import SizeRow

EXAMPLES = """Examples:

  egoshift encoders

  egoshift encoders --json"""

_NOTE = """M: million parameters. G: thousand million multiply-adds of one clip's products; + norms: five operations
more for each number of a layer norm. reported: M parameters and GFLOPs on MMG-Ego4D's slides."""


def encoders(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Count parameters and multiply-adds of every sensor encoder, the paper's numbers beside them."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from egoshift.recipes.sizes import size_rows

    rows = size_rows()
    if json:
        print_json([_fields(row) for row in rows])
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("encoder", "sensor", "input"):
        table.add_column(heading, no_wrap=True)
    for heading in ("M", "G", "G + norms", "reported M / G"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        ours = (row.size.parameters / 1e6, row.size.multiply_adds / 1e9, row.size.with_norms / 1e9)
        theirs = " / ".join(f"{number:.2f}" for number in row.reported or ())
        clip = "x".join(map(str, row.input_shape))
        table.add_row(f"{row.encoder} {row.preset}", row.sensor, clip, *(f"{number:.2f}" for number in ours), theirs)
    answers.print(table)
    answers.print(_NOTE, markup=False)


def _fields(row: "SizeRow") -> dict[str, object]:
    from dataclasses import asdict

    sums = {"multiply_adds": row.size.multiply_adds, "with_norms": row.size.with_norms}
    reported = row.reported._asdict() if row.reported else None
    return asdict(row) | {"size": asdict(row.size) | sums, "reported": reported}
