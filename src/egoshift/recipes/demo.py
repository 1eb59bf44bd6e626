"""The whole job on the generated world: videos, features, both training directions, tables, report."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from egoshift.datasets import DataCard
from egoshift.evaluation import Result
from egoshift.features import ExtractProgress, check
from egoshift.files import write_atomically
from egoshift.recipes.egoworld import ENCODER, egoworld_settings
from egoshift.recipes.execute import train
from egoshift.recipes.filling import fill_store
from egoshift.recipes.report import html
from egoshift.recipes.run import Run
from egoshift.recipes.scoring import evaluate
from egoshift.recipes.tables import TableRow, table_rows
from egoshift.recipes.xmic import xmic, zero_shot, zero_shot_hand
from egoshift.training import FitProgress
from egoshift.world import write_world

OnStep = Callable[[str, float, float, str], None]
"""Told the step's title, units done, units in all, and a note."""


def demo_runs(source: Path, target: Path) -> list[Run]:
    """Zero-shot CLIP on full frames and on hand crops, and X-MIC, trained on one generated data set, tested on both."""
    recipes = (zero_shot, zero_shot_hand, xmic)
    return [egoworld_settings(make(source, (target,))) for make in recipes]


def run_demo(out: Path, *, scale: float = 1.0, seed: int = 0, progress: OnStep) -> tuple[list[TableRow], Path]:
    """Do the whole job under ``out``; features and videos that are there are used again.

    Args:
        out: Where videos, features, models, ``results/*.json`` and ``report.html`` go.
        scale: How much video to generate; 1 is nearly an hour.
        seed: Of the world.
        progress: Called as the work goes on.

    Returns:
        The rows of the tables, and the report's file.
    """
    cards = write_world(
        out / "world",
        seed=seed,
        scale=scale,
        sets=("kitchen", "home"),
        sensors=False,
        progress=lambda done, total: progress("writing videos", done, total, ""),
    )
    for path in cards:
        name = DataCard.read(path).name
        report = check(DataCard.read(path))
        assert not report.faults, f"the generated data have faults: {report.faults[0]}"
        fill_store(DataCard.read(path), ENCODER, progress=partial(_extraction_step, progress, f"extracting {name}"))
    results: list[Result] = []
    for source, target in ((cards[0], cards[1]), (cards[1], cards[0])):
        for run in demo_runs(source, target):
            folder = out / "models" / f"{run.name}-{source.stem}"
            title = f"training {run.name} on {source.stem}"
            train(run, folder, progress=partial(_training_step, progress, title))
            results += evaluate(folder, results=out / "results").values()
    page = out / "report.html"
    write_atomically(page, html(results).encode())
    return table_rows(results), page


def _extraction_step(progress: OnStep, title: str, state: ExtractProgress) -> None:
    progress(title, state.frames_done, state.frames_total, f"{state.frames_per_s:.0f} frames/s")


def _training_step(progress: OnStep, title: str, labels: str, state: FitProgress) -> None:
    done = round(state.epoch + state.step / state.num_steps, 2)
    progress(title, done, state.num_epochs, f"{labels}, loss {state.loss:.2f}")
