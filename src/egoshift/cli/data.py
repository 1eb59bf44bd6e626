"""``egoshift data``: what a data set holds, and everything that is wrong with it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoshift.cli.console import answers, errors, print_json, progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoshift.errors import Fault
    from egoshift.features import CheckReport
    from egoshift.features.sensor_readings import SensorReadings

CARD = "A data card (YAML), or a folder of your own videos with an optional CSV video,start,stop,verb,noun"
CHECK_EXAMPLES = """Examples:

  egoshift data check kitchen.yaml home.yaml

  egoshift data check multimodal.yaml --desync

  egoshift data check my_videos/ --json"""
CLIPS_EXAMPLES = """Examples:

  egoshift data clips kitchen.yaml

  egoshift data clips kitchen.yaml -o clips.parquet"""

app = typer.Typer(no_args_is_help=True, help="Look at a data set: its faults and its clips.")


@app.command(epilog=CHECK_EXAMPLES)
def check(
    cards: Annotated[list[Path], typer.Argument(metavar="CARD...", help=CARD)],
    show: Annotated[int, typer.Option(help="Faults to print per data set; all are counted", min=0)] = 50,
    desync: Annotated[
        bool, typer.Option("--desync", help="Also compare each gyroscope with its video, which is decoded for it")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Read every annotation and sensor file, open every video's header, and report all faults at once.

    Exit code 1 if anything is left out. What is odd about a sensor, but used as it is, is a warning.
    """
    from egoshift.datasets import DataCard
    from egoshift.features import check as check_data

    documents = []
    for path in cards:
        card = DataCard.read(path)
        with progress(f"checking {card.name}") as bar:
            report = check_data(card, read_sensors=True, desync=desync, progress=bar)
        documents.append(_document(card.name, report))
        if not json:
            _print_report(card.name, report, show)
    if json:
        print_json(documents)
    if any(document["faults"] for document in documents):
        raise typer.Exit(1)


def _document(name: str, report: "CheckReport") -> dict[str, object]:
    return {
        "name": name,
        "clips": report.clips_total,
        "clips_usable": report.clips_usable,
        "clips_without_video": report.clips_without_video,
        "videos": report.videos_total,
        "videos_usable": len(report.videos),
        "hours": round(report.hours, 4),
        "sensors": [asdict(one) for one in report.sensors],
        "readings": [asdict(one) for one in report.readings],
        "faults": [_fields(fault) for fault in report.faults],
        "counts": report.counts,
        "warnings": [_fields(warning) for warning in report.warnings],
        "warning_counts": report.warning_counts,
    }


def _fields(fault: "Fault") -> dict[str, object]:
    return {
        "kind": fault.kind,
        "file": str(fault.path),
        "row": fault.row,
        "message": fault.message,
        "remedy": fault.remedy,
    }


def _print_report(name: str, report: "CheckReport", show: int) -> None:
    answers.print(
        f"{name}: {report.clips_usable} of {report.clips_total} clips usable, "
        f"{len(report.videos)} of {report.videos_total} videos, {report.hours:.2f} h"
    )
    if report.videos and report.clips_without_video:
        answers.print(f"  {report.clips_without_video} clips have no usable video, only other sensors")
    if report.readings:
        _print_sensors(report.readings)
    for kind, found, counts in (
        ("warning", report.warnings, report.warning_counts),
        ("fault", report.faults, report.counts),
    ):
        for one in found[:show]:
            errors.print(f"  {'warning: ' * (kind == 'warning')}{one}", markup=False, soft_wrap=True)
        if found:
            counted = ", ".join(f"{count} {what}" for what, count in counts.items())
            errors.print(f"  {len(found)} {kind}{'s' * (len(found) > 1)}: {counted}", markup=False, soft_wrap=True)
    if not report.faults:
        answers.print("  no faults: nothing will be dropped")


def _print_sensors(readings: "Sequence[SensorReadings]") -> None:
    """A line a sensor, as wide as it needs to be: a table that is cut off at the edge of a terminal says nothing."""
    headings = ("sensor", "recordings", "clips", "of their time", "rate in Hz", "gaps", "late by")
    rows = [headings]
    for one in readings:
        gaps = f"{one.num_gaps}, up to {one.longest_gap_s:.2f} s" if one.num_gaps else "0"
        late = f"{one.desync_s:+.2f} s in {one.num_desync}" if one.desync_s is not None else ""
        recordings, clips = f"{one.recordings} of {one.recordings_total}", f"{one.clips} of {one.clips_total}"
        channels = f", {' or '.join(map(str, one.channels))} ch" if one.channels else ""
        shown = (recordings, clips, f"{one.coverage:.1%}", _rates(one) + channels, "" if one.channels else gaps, late)
        rows.append((one.sensor, *shown))
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    for line in zip(*columns, strict=True):
        name, *numbers = (text.rjust(width) for text, width in zip(line, widths, strict=True))
        answers.print("  " + "  ".join([name.strip().ljust(widths[0]), *numbers]).rstrip(), markup=False)


def _rates(one: "SensorReadings") -> str:
    """The median rate, and the lowest and highest where they differ in what is shown."""
    if one.rate_hz is None:
        return ""
    low, middle, high = (f"{rate_hz:.5g}" for rate_hz in (one.lowest_hz or 0.0, one.rate_hz, one.highest_hz or 0.0))
    return middle if low == high else f"{middle} ({low} to {high})"


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
    from egoshift.files import replacing

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
        with replacing(output) as unfinished:
            if output.suffix == ".csv":
                named.write_csv(unfinished)
            else:
                named.write_parquet(unfinished)
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
