"""``egoshift data``: what a data set holds, and everything that is wrong with it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from egoshift.cli.console import answers, errors, print_json, progress

CARD = "A data card (YAML), or a folder of your own videos with an optional CSV video,start,stop,verb,noun"
CHECK_EXAMPLES = """Examples:

  egoshift data check kitchen.yaml home.yaml

  egoshift data check my_videos/ --json"""
CLIPS_EXAMPLES = """Examples:

  egoshift data clips kitchen.yaml

  egoshift data clips kitchen.yaml -o clips.parquet"""

app = typer.Typer(no_args_is_help=True, help="Look at a data set: its faults and its clips.")


@app.command(epilog=CHECK_EXAMPLES)
def check(
    cards: Annotated[list[Path], typer.Argument(metavar="CARD...", help=CARD)],
    show: Annotated[int, typer.Option(help="Faults to print per data set; all are counted", min=0)] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Read every annotation, open every video's header, and report all faults at once; exit code 1 if there are any."""
    from egoshift.datasets import DataCard
    from egoshift.features import check as check_data

    documents = []
    for path in cards:
        card = DataCard.read(path)
        with progress(f"checking {card.name}") as bar:
            report = check_data(card, progress=bar)
        documents.append(
            {
                "name": card.name,
                "clips": report.clips_total,
                "clips_usable": report.clips_usable,
                "videos": report.videos_total,
                "videos_usable": len(report.videos),
                "hours": round(report.hours, 4),
                "sensors": [asdict(one) for one in report.sensors],
                "faults": [
                    {
                        "kind": fault.kind,
                        "file": str(fault.path),
                        "row": fault.row,
                        "message": fault.message,
                        "remedy": fault.remedy,
                    }
                    for fault in report.faults
                ],
                "counts": report.counts,
            }
        )
        if json:
            continue
        answers.print(
            f"{card.name}: {report.clips_usable} of {report.clips_total} clips usable, "
            f"{len(report.videos)} of {report.videos_total} videos, {report.hours:.2f} h"
        )
        for coverage in report.sensors:
            answers.print(f"  {coverage}", markup=False)
        for fault in report.faults[:show]:
            errors.print(f"  {fault}", markup=False, soft_wrap=True)
        if report.faults:
            counts = ", ".join(f"{count} {kind}" for kind, count in report.counts.items())
            errors.print(f"  {len(report.faults)} faults: {counts}", markup=False, soft_wrap=True)
        else:
            answers.print("  no faults: nothing will be dropped")
    if json:
        print_json(documents)
    if any(document["faults"] for document in documents):
        raise typer.Exit(1)


@app.command(epilog=CLIPS_EXAMPLES)
def clips(
    card: Annotated[Path, typer.Argument(metavar="CARD", help=CARD)],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write all clips to .parquet or .csv")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Print how many clips each split has and their most frequent classes, or write the whole table to a file."""
    import polars as pl

    from egoshift.datasets import DataCard, load_dataset
    from egoshift.errors import ConfigError

    dataset = load_dataset(DataCard.read(card), need_videos=False)
    named = dataset.clips.with_columns(
        pl.col(label)
        .replace_strict(range(len(vocabulary)), list(vocabulary.names), return_dtype=pl.String)
        .alias(f"{label}_name")
        for label, vocabulary in dataset.vocabularies.items()
    )
    if output is not None:
        if output.suffix not in (".csv", ".parquet"):
            raise ConfigError(f"--output {output}: expected a name that ends in .parquet or .csv")
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.suffix == ".csv":
            named.write_csv(output)
        else:
            named.write_parquet(output)
        errors.print(f"wrote {len(named)} clips to {output}")
    splits = named.group_by("split").agg(pl.len().alias("clips"), pl.col("video_id").n_unique().alias("videos"))
    splits = splits.sort("split")
    if json:
        classes = {label: len(vocabulary) for label, vocabulary in dataset.vocabularies.items()}
        document = {"name": dataset.name, "splits": splits.to_dicts(), "classes": classes}
        print_json(document | {"left_out": len(dataset.faults)})
        return
    answers.print(
        f"{dataset.name}: {len(named)} clips; {len(dataset.faults)} rows left out (see `egoshift data check`)"
    )
    for row in splits.iter_rows(named=True):
        answers.print(f"  {row['split']}: {row['clips']} clips in {row['videos']} videos")
    for label, vocabulary in dataset.vocabularies.items():
        top = named[f"{label}_name"].drop_nulls().value_counts(sort=True).head(8)
        most = ", ".join(f"{row[f'{label}_name']} {row['count']}" for row in top.iter_rows(named=True))
        answers.print(f"  {len(vocabulary)} {label}s; most frequent: {most}", markup=False)
