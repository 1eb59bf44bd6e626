"""``egoshift plan``: what extracting and training would cost at so many hours of video."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from egoshift.cli.console import answers, errors, print_json
from egoshift.space import in_units

if TYPE_CHECKING:
    from egoshift.recipes.plan import Cost, Job, Rates

EXAMPLES = """Examples:

  egoshift plan

  egoshift plan --hours 3000 --video walk.mp4 --encoder ./clip-folder

  egoshift plan --rates docs/benchmarks.json --dollars-per-hour 0.10 --json"""


class Views(StrEnum):
    """What is encoded of each frame."""

    FULL = "full"
    HAND = "hand"
    BOTH = "full,hand"


def plan(
    hours: Annotated[
        list[float] | None, typer.Option(help="Hours of video; repeat; by default 100, 10,000 and 1,000,000", min=0)
    ] = None,
    video: Annotated[
        Path | None, typer.Option(metavar="FILE", help="One like yours, to measure with; by default one is generated")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="What to measure with; by default a ViT-B/16 with random weights")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 …")] = "cpu",
    rates: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What --json printed, or docs/benchmarks.json")
    ] = None,
    rate: Annotated[float, typer.Option(help="Frames encoded per second of video", min=0.01)] = 4.0,
    views: Annotated[Views, typer.Option(help="What is encoded of each frame")] = Views.BOTH,
    clips_per_hour: Annotated[
        float, typer.Option(help="Labelled clips in an hour of video; EPIC-KITCHENS-100 has 900", min=0)
    ] = 900.0,
    epochs: Annotated[int, typer.Option(help="Of training", min=0)] = 15,
    dollars_per_hour: Annotated[float | None, typer.Option(help="Price of a machine like this one", min=0)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Reckon machine hours, bytes and dollars of extraction and training from rates measured on this machine.

    Measuring extracts 8 seconds of video and trains X-MIC for 16 steps.
    """
    from egoshift.errors import ConfigError
    from egoshift.recipes.plan import DEFAULT_HOURS, Job, cost_of, plan_document
    from egoshift.recipes.plan_rates import measure_rates, read_rates

    named: Any = tuple(views.value.split(","))
    job = Job(rate_hz=rate, views=named, clips_per_hour=clips_per_hour, epochs=epochs)
    if rates is None:
        with errors.status("measuring extraction and training on this machine"):  # silent where nobody watches
            known = measure_rates(encoder, video=video, device=device, rate_hz=rate)
    elif video is not None or encoder is not None or device != "cpu":
        raise ConfigError(f"{rates}: rates are read, not measured; leave out --video, --encoder and --device")
    else:
        known = read_rates(rates)
    costs = [
        cost_of(number, known, job, dollars_per_machine_hour=dollars_per_hour) for number in hours or DEFAULT_HOURS
    ]
    if json:
        print_json(plan_document(known, job, costs))
        return
    _print(known, job, costs)


def _print(rates: "Rates", job: "Job", costs: list["Cost"]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    headings = ["video h", "extract h", "train h", "GPU h" if rates.gpus else "core h", "store"]
    priced = costs[0].dollars is not None
    for heading in (*headings, *(["dollars"] if priced else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    for cost in costs:
        device_hours = cost.gpu_hours if rates.gpus else cost.core_hours
        hours = (cost.extract_machine_hours, cost.train_machine_hours, device_hours)
        cells = [f"{cost.video_hours:,.10g}", *map(_short, hours), in_units(cost.store_bytes)]
        table.add_row(*cells, *([_short(cost.dollars)] if cost.dollars is not None else []))
    answers.print(table)
    answers.print(
        f"One machine: {_short(rates.frames_per_s)} frames/s extracted, {_short(rates.clips_per_s)} clips/s trained, "
        f"{rates.cores} cores, {rates.gpus} GPUs. {job.rate_hz:g} Hz, views {', '.join(job.views)}; "
        f"{job.clips_per_hour:g} clips an hour, {job.epochs} epochs, {job.num_models} models.\n"
        "Machines share the hours of extraction. Each view counts as a decoding of its own: at most this.",
        markup=False,
    )


def _short(number: float) -> str:
    """Three digits, or all before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
