"""Choose each method's learning rate on the generated world: ``python -m egoshift.recipes.worlds.choose``.

Every trained method gets the same search: the same rates, epochs and batches, on world 0, which no comparison uses. A
rate's score is the mean over nouns and verbs and over both data sets of the top-1 on videos held out from *training*
videos of the data set trained on (three tenths of them); the other data set and the test videos are not looked at.
What was chosen stands in ``egoshift.recipes.egoworld.LEARNING_RATES``.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

from egoshift.recipes.execute import train
from egoshift.recipes.worlds.jobs import DIRECTIONS, Job
from egoshift.recipes.worlds.replicate import Replicate
from egoshift.recipes.worlds.work import do_all, steps_of
from egoshift.records import LABELS, Label

RATES = (1e-4, 5e-4, 2e-3, 8e-3, 3.2e-2)
HELD_OUT = 0.3
METHODS = (
    "xmic",
    "coop",
    "cocoop",
    "clip_adapter",
    "clip_adapter_temporal",
    "clip_adapter_official",
    "a5",
    "tip_adapter_f",
    "linear_probe",
    "vita_clip",
    "clip_lora",
)
WORDS: tuple[Label, ...] = tuple(label for label in LABELS if label != "action")


def held_out_score(asked: tuple[Replicate, Job, float]) -> float:
    """Train one job at a rate and give its best epoch's top-1 on the held-out training videos, in percent."""
    replicate, job, rate = asked
    run = job.run(replicate.world, seed=replicate.seed, assignments=replicate.assignments)
    fit = run.fit.model_copy(update={"lr": rate})
    run = run.model_copy(update={"fit": fit, "held_out": HELD_OUT})
    with tempfile.TemporaryDirectory() as folder:
        (report,) = train(run, Path(folder) / "run", device="cpu").values()
    assert report.score is not None, "a training with held-out videos has a score"
    return report.score


def scores(
    replicate: Replicate, methods: Sequence[str], rates: Sequence[float], processes: int
) -> Iterator[tuple[str, float, list[float]]]:
    """Per method and rate, the scores of its jobs."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for method in methods:
            jobs = [Job(method, label, source) for (source, _), label in product(DIRECTIONS, WORDS)]
            asked = [(replicate, job, rate) for rate in rates for job in jobs]
            found = list(pool.map(held_out_score, asked))
            for number, rate in enumerate(rates):
                yield method, rate, found[number * len(jobs) : (number + 1) * len(jobs)]


def main() -> None:
    """Print a line per method and rate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/claims"))
    parser.add_argument("--methods", nargs="*", default=METHODS)
    parser.add_argument("--rates", nargs="*", type=float, default=RATES)
    parser.add_argument("--set", action="append", default=[], help="fit.field=value, for every method alike")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that are started
    replicate = Replicate(arguments.out / "seed-0", 0, 1.0, tuple(arguments.set))
    jobs = [Job(method, "noun", source) for method in arguments.methods for source, _ in DIRECTIONS]
    steps = [step for step in steps_of(replicate, jobs) if step.title != "training"]
    do_all(((replicate, step) for step in steps), lambda done, total, title: None)
    print("| method | rate | " + " | ".join(f"{s}, {label}" for s, _ in DIRECTIONS for label in WORDS) + " | mean |")
    print("| --- |" + " ---: |" * (len(DIRECTIONS) * len(WORDS) + 2))
    for method, rate, found in scores(replicate, arguments.methods, arguments.rates, arguments.processes):
        print(f"| {method} | {rate:g} | {' | '.join(f'{s:.1f}' for s in found)} | {fmean(found):.1f} |", flush=True)


if __name__ == "__main__":
    main()
