"""MMG-Ego4D's whole table on the generated data set of several sensors: three stages, every subset, tables, a page."""

from pathlib import Path

from egoshift.datasets import DataCard, load_dataset
from egoshift.evaluation import ModalityResult
from egoshift.files import write_atomically
from egoshift.recipes.modalities import NumberTable, dataset_frames, html, tables
from egoshift.recipes.worlds import MULTIMODAL, Job, OnWork, Replicate, do_all, sensor_steps
from egoshift.recipes.worlds.sensor_variants import DEMO


def run_sensor_demo(
    out: Path, *, scale: float = 1.0, seed: int = 0, progress: OnWork
) -> tuple[list[NumberTable], list[ModalityResult], Path]:
    """Do the whole job under ``out/sensors``; what is there from the same settings is used again.

    Args:
        out: Where videos, sound, IMU, features, models, ``results/*.json`` and ``report.html`` go.
        scale: How much video to generate; 1 is about 45 minutes.
        seed: Of the world and of the trainings.
        progress: Called as the work goes on.

    Returns:
        The tables, that of missing modalities last; the results that they are of, and the report's file.
    """
    replicate = Replicate(out, seed, scale, sensors=True)
    do_all(((replicate, step) for step in sensor_steps(replicate, DEMO)), progress)
    results = [replicate.modality_result(Job(variant, "action", MULTIMODAL)) for variant in DEMO]
    card = replicate.world / f"{MULTIMODAL}.yaml"
    page = replicate.results_folder.parent / "report.html"
    frames = {MULTIMODAL: dataset_frames(load_dataset(DataCard.read(card)))}
    write_atomically(page, html(results, frames).encode())
    found = tables(results)
    return [*found[1:], found[0]], results, page
