"""``egoshift evaluate``: trained models and data sets become result files."""

from pathlib import Path
from typing import Annotated

import typer

from egoshift.cli.console import answers, print_json, progress
from egoshift.cli.train import Device

EXAMPLES = """Examples:

  egoshift evaluate runs/xmic

  egoshift evaluate runs/xmic --test another.yaml"""


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a trained run")],
    test: Annotated[list[Path] | None, typer.Option(help="Data card to evaluate on, instead of the run's own")] = None,
    device: Annotated[Device, typer.Option(help="auto is CUDA where there is a device")] = Device.AUTO,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Evaluate within and across data sets, with shared and novel classes; one JSON file a model and data set."""
    from egoshift.recipes import evaluate as evaluate_run

    with progress("evaluating") as bar:
        results = evaluate_run(
            run, test, device=device.value, progress=lambda title, done, total: bar(done, total, title)
        )
    if json:
        print_json(
            {str(path): [row.model_dump(mode="json") for row in result.rows] for path, result in results.items()}
        )
        return
    for path, result in results.items():
        for row in result.rows:
            if (row.metric, row.subset) == ("top1", "all"):
                ends = "" if row.low is None else f" [{row.low:.1f}, {row.high:.1f}]"
                left_out = sum(result.counts.dropped.values()) + sum(result.counts.unlabelled.values())
                answers.print(
                    f"{row.label} on {result.test}: {row.value:.1f}%{ends} top-1 of {row.n} clips"
                    f" ({left_out} left out)  {path}",
                    markup=False,
                )
    if test is None and all(result.test != result.train for result in results.values()):
        answers.print("all clips of the source were trained on, so nothing within it was evaluated; mark some as val")
    answers.print(f"next: egoshift tables {run}", markup=False)
