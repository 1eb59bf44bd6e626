"""``egoshift evaluate``: trained models and data sets become result files."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoshift.cli.console import answers, print_json, progress
from egoshift.cli.train import Device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoshift.evaluation import ModalityResult, Result
    from egoshift.evaluation.modality_result import SubsetRow
    from egoshift.evaluation.result import MetricRow
    from egoshift.recipes.run import OverlapRule
    from egoshift.records import Label

EXAMPLES = """Examples:

  egoshift evaluate runs/xmic

  egoshift evaluate runs/xmic --test another.yaml"""


class Overlapping(StrEnum):
    """What becomes of tested clips that show what training saw."""

    REFUSE = "refuse"
    TELL = "tell"


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a trained run")],
    test: Annotated[list[Path] | None, typer.Option(help="Data card to evaluate on, instead of the run's own")] = None,
    device: Annotated[Device, typer.Option(help="auto is CUDA where there is a device")] = Device.AUTO,
    overlap: Annotated[
        Overlapping | None,
        typer.Option(
            help="refuse tested clips that show what training saw, or only tell of them; by default as in the run"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Evaluate within and across data sets, with shared and novel classes; one JSON file a model and data set.

    A fusion of several modalities has a second file, of every subset of them. What labels did not train has none.
    """
    from egoshift.recipes import evaluate_both
    from egoshift.remote import work_on

    with work_on(run), progress("evaluating") as bar:

        def report(title: str, done: int, total: int) -> None:
            bar(done, total, title)

        rule: OverlapRule | None = overlap.value if overlap is not None else None
        results, subsets = evaluate_both(run, test, device=device.value, overlap=rule, progress=report)
    if json:
        written: dict[Path, Result | ModalityResult] = {**results, **subsets}
        print_json(
            {str(path): [row.model_dump(mode="json") for row in result.rows] for path, result in written.items()}
        )
        return
    if not results and not subsets:
        starts = ", ".join(str(folder) for folder in sorted((run / "models").iterdir()))
        answers.print(
            f"{run}: nothing was trained by labels here, so there is nothing to evaluate; train a run that begins with "
            f"this model, such as egoshift train mmg_zero_shot --set start=[{starts}]",
            markup=False,
            soft_wrap=True,
        )
        return
    for path, result in results.items():
        _tell(path, result)
    for path, one in subsets.items():
        _tell_subsets(path, one)
    _tell_overlaps([*results.values(), *subsets.values()])
    if results and test is None and all(result.test != result.train for result in results.values()):
        answers.print("all clips of the source were trained on, so nothing within it was evaluated; mark some as val")
    answers.print(f"next: egoshift tables {run}", markup=False)


def _tell(path: Path, result: "Result") -> None:
    for row in result.rows:
        if (row.metric, row.subset) == ("top1", "all"):
            left_out = sum(result.counts.dropped.values()) + sum(result.counts.unlabelled.values())
            answers.print(
                f"{row.label} on {result.test}: {row.value:.1f}%{_interval(row)} top-1 of {row.n} clips"
                f" ({left_out} left out){_calibration(result, row.label)}  {path}",
                markup=False,
            )


def _tell_overlaps(results: "Sequence[Result | ModalityResult]") -> None:
    """A line for each data set of which training saw something, and for models whose training is not known."""
    lines = []
    for result in results:
        overlap = result.provenance.overlap
        if overlap is not None and overlap.note:
            lines.append(f"{result.test}: {overlap.note}")
        for model in () if overlap is None else overlap.unknown:
            lines.append(f"{model}: its training clips are not known, so they were not compared with those tested")
    for line in dict.fromkeys(lines):
        answers.print(line, markup=False, soft_wrap=True)


def _calibration(result: "Result", label: "Label") -> str:
    found = result.calibration.get(label)
    if found is None:
        return ""
    return f", calibration error {found.ece_after:.1f}% ({found.ece_before:.1f}% uncalibrated)"


def _tell_subsets(path: Path, result: "ModalityResult") -> None:
    """A line a file: what is recognised from all modalities, and how many rows there are of how many subsets."""
    rows = [row for row in result.rows if row.query == result.modalities and row.support == result.modalities]
    rows = rows or [row for row in result.rows if row.query == result.modalities]
    best = "" if not rows else f"{rows[0].value:.1f}%{_interval(rows[0])} from all; "
    numbers = f"{len(result.rows)} numbers of {len({row.query for row in result.rows})} subsets"
    answers.print(f"{'+'.join(result.modalities)} on {result.test}: {best}{numbers}  {path}", markup=False)


def _interval(row: "SubsetRow | MetricRow") -> str:
    return "" if row.low is None else f" [{row.low:.1f}, {row.high:.1f}]"
