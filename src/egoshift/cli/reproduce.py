"""``egoshift reproduce``: the tables of the X-MIC paper, run and printed with the paper's numbers beside."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoshift.cli.console import errors, progress
from egoshift.cli.tables import Selection, table_numbers
from egoshift.cli.train import Device

if TYPE_CHECKING:
    from egoshift.recipes.paper import PaperTable, Reproduction, Role

EXAMPLES = """Examples:

  egoshift reproduce --world

  egoshift reproduce --world --table 4,6 --seeds 5

  egoshift reproduce --ego4d ego4d.yaml --epic epic.yaml --egtea egtea.yaml

  egoshift reproduce --epic epic.yaml --ego4d ego4d.yaml --table 1 --encoder openai/clip-vit-base-patch16=./clip"""

IN_WORLDS, ON_DATA = Path("runs/claims"), Path("runs/paper")


def reproduce(
    world: Annotated[
        bool, typer.Option("--world", help="On generated worlds, whose data play the papers' parts")
    ] = False,
    ego4d: Annotated[Path | None, typer.Option(help="Data card of Ego4D (name: ego4d-fho)")] = None,
    epic: Annotated[Path | None, typer.Option(help="Data card of EPIC-KITCHENS (name: epic-kitchens-100)")] = None,
    egtea: Annotated[Path | None, typer.Option(help="Data card of EGTEA Gaze+ (name: egtea)")] = None,
    table: Annotated[
        list[str] | None, typer.Option(help="Numbers of tables, such as 1,2; repeat; by default all")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="How many trainings of each run; by default 3 worlds, or 1 on data cards", min=1)
    ] = None,
    first_seed: Annotated[int, typer.Option(help="Of the first training, and of its world", min=0)] = 1,
    scale: Annotated[
        float | None, typer.Option(help="How much video a world has; by default 1, about an hour", min=0.05)
    ] = None,
    selection: Annotated[
        Selection, typer.Option(help="oracle: beside ours, epochs chosen on the target, as the released code does")
    ] = Selection.SOURCE,
    set: Annotated[list[str] | None, typer.Option(help="fit.field=value, for every run alike; repeat")] = None,
    encoder: Annotated[
        list[str] | None, typer.Option(help="NAME=OTHER: another place of an encoder's weights; repeat")
    ] = None,
    device: Annotated[Device, typer.Option(help="Where to train and evaluate on data cards")] = Device.AUTO,
    out: Annotated[
        Path | None, typer.Option(help="Folder, used again; by default runs/claims for worlds, else runs/paper")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Folder of papers.md, which gets all tables of the worlds between its marks")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print every cell as JSON instead")] = False,
) -> None:
    """Train and evaluate what the tables of the X-MIC paper need, and print them with the paper's numbers beside.

    What cannot be run on data cards (no card, no features by `egoshift extract`, no weights) is named once with what to
    do, and its cells stay empty. The exit code is 1 only where nothing could be run. What was run with the same
    settings is used again; `egoshift claims` and --world share their runs.
    """
    from egoshift.errors import ConfigError
    from egoshift.recipes.paper import PAPER_FORMATS, find_tables

    given: dict[Role, Path | None] = {"ego4d": ego4d, "epic": epic, "egtea": egtea}
    cards = {role: card for role, card in given.items() if card is not None}
    if world == bool(cards):
        raise ConfigError("give --world for generated worlds, or data cards with --ego4d, --epic and --egtea")
    for option, value, fits in (("--scale", scale, world), ("--write", write, world), ("--encoder", encoder, cards)):
        if value is not None and not fits:
            raise ConfigError(f"{option} is for {'data cards' if world else 'generated worlds; add --world'}")
    tables, oracle = find_tables(table_numbers(table or [])), selection is Selection.ORACLE
    if cards:
        numbers = range(first_seed, first_seed + (seeds or 1))
        filled = _on_data(tables, cards, out or ON_DATA, numbers, set or [], _pairs(encoder or []), device, oracle)
    else:
        if write is not None and table:
            raise ConfigError("--write writes the page of all tables; leave out --table")
        numbers = range(first_seed, first_seed + (seeds or 3))
        filled = _in_worlds(tables, out or IN_WORLDS, numbers, scale or 1.0, set or [], oracle, write)
    typer.echo(PAPER_FORMATS["json" if json else "md"](filled.tables), nl=False)


def _in_worlds(
    tables: "tuple[PaperTable, ...]",
    out: Path,
    seeds: range,
    scale: float,
    assignments: list[str],
    oracle: bool,
    write: Path | None,
) -> "Reproduction":
    from egoshift.files import write_atomically
    from egoshift.recipes.paper import CELLS, cells_text, page_text, page_with, reproduce_in_worlds

    if write is not None:
        page_with(write, "")  # refused now, not after hours
    with progress("reproducing") as bar:
        filled = reproduce_in_worlds(
            tables, out, seeds=seeds, scale=scale, assignments=assignments, oracle=oracle, progress=bar
        )
    _say(filled.remarks)
    if write is not None:
        text = page_text(filled, scale=scale, seeds=seeds)
        for name, content in ((CELLS, cells_text(filled)), ("papers.md", page_with(write, text))):
            write_atomically(write / name, content.encode())
            errors.print(f"wrote {write / name}", markup=False)
    return filled


def _on_data(
    tables: "tuple[PaperTable, ...]",
    cards: "dict[Role, Path]",
    out: Path,
    seeds: range,
    assignments: list[str],
    encoders: dict[str, str],
    device: Device,
    oracle: bool,
) -> "Reproduction":
    from egoshift.recipes.paper import RealRuns

    runs = RealRuns(tables, cards, out, seeds=seeds, assignments=assignments, encoders=encoders, oracle=oracle)
    _say(runs.remarks)  # now, since the others may take hours
    with progress("reproducing") as bar:
        filled = runs.reproduce(device=device.value, progress=bar)
    _say([remark for remark in filled.remarks if remark not in runs.remarks])
    return filled


def _pairs(texts: list[str]) -> dict[str, str]:
    from egoshift.errors import ConfigError

    pairs = {}
    for text in texts:
        name, equals, other = text.partition("=")
        if not (name and equals and other):
            raise ConfigError(f"--encoder {text}: expected NAME=OTHER, such as openai/clip-vit-base-patch16=./clip")
        pairs[name] = other
    return pairs


def _say(remarks: Sequence[str]) -> None:
    for remark in remarks:
        errors.print(remark, markup=False, soft_wrap=True)
