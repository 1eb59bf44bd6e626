"""Made-up results in the real format: scores that rise with a quality given per variant."""

import torch

from egoshift.evaluation import Provenance, Question, Result, answers_of, build_result
from egoshift.recipes.run import Run
from egoshift.recipes.run_files import absolute
from egoshift.records import Label, Scores

NAMES = ("cup", "knife", "pan", "sponge", "tap", "lid")


def made_up_result(train: str, test: str, label: Label, *, quality: float, seed: int = 0, run: Run | None = None):
    """A result of 60 clips of which about as many are right as ``quality`` says."""
    generator = torch.Generator().manual_seed(1000 * seed + len(train))
    targets = torch.randint(len(NAMES), (60,), generator=generator)
    logits = torch.randn(60, len(NAMES), generator=generator)
    logits[torch.arange(60), targets] += 4.0 * quality
    scores = Scores(label, logits, targets, tuple(f"video{index % 5}" for index in range(60)), NAMES)
    question = Question() if train == test else Question((0, 1, 2, 3), (4, 5))
    provenance = Provenance() if run is None else Provenance(run=absolute(run).model_dump(mode="json"))
    result: Result = build_result(
        {label: answers_of(scores, question)},
        method="xmic" if run is None else run.method.name,
        variant="xmic" if run is None else run.name,
        train=train,
        test=test,
        seed=seed,
        provenance=provenance,
        num_resamples=10,
    )
    return result
