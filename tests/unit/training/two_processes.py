"""Fits the toy and scores with it, started once or twice by torchrun; every process writes what it was told."""

import atexit
import sys
from pathlib import Path

import torch

from egoshift.evaluation import predict_logits
from egoshift.evaluation.sharing import give_to_all
from egoshift.features import TensorFeatures
from egoshift.processes import processes
from egoshift.training import FitSettings, fit
from egoshift.training.devices import join_processes
from tests.unit.evaluation.toy import CLASSES, DIM, toy, toy_text


def source() -> TensorFeatures:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(CLASSES, (2, 21), generator=generator)
    labels[1, :9] = -1  # so that shares differ in how many verbs they have
    frames = torch.randn(21, 9, DIM, generator=generator)  # more than are asked for, so that some are drawn
    return TensorFeatures({"full": frames}, {"noun": labels[0], "verb": labels[1]})


def main(folder: Path) -> None:
    clips = source()
    classifier = toy()
    fit(
        classifier,
        clips,
        toy_text("noun", "verb"),
        validation=clips,
        # 21 clips in batches of 4: the last one has a single clip, for two processes.
        settings=FitSettings(epochs=3, batch_size=4, num_frames=2, lr=0.05, schedule="constant", precision="32-true"),
        accelerator="cpu",
        checkpoint=folder,
    )
    own = join_processes()
    told = predict_logits(classifier, clips, toy_text("noun", "verb"), num_frames=2, batch_size=4, own=own)
    # Three batches of two: the last is of one row, and what was not found stays so.
    found = torch.tensor([1.0, torch.nan, 3.0, 4.0, torch.nan]) if own.is_first else torch.full((5,), -1.0)
    seen = torch.tensor([own.is_first] * 5)
    for values in (found, seen):
        give_to_all(values, 2, own)
    torch.save(
        {"noun": told["noun"], "verb": told["verb"], "found": found, "seen": seen}, folder / f"told-{own.rank}.pt"
    )


def tell_left(file: Path) -> None:
    """Called after what ``fit`` has registered, since the last registered is called first."""
    file.write_text(str(not torch.distributed.is_initialized()))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    atexit.register(tell_left, folder / f"left-{processes().rank}.txt")
    main(folder)
