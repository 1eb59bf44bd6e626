"""Fits the toy, started once or twice by torchrun; the first process writes what it learned."""

import sys
from pathlib import Path

import torch

from egoshift.features import TensorFeatures
from egoshift.training import FitSettings, fit
from tests.unit.evaluation.toy import CLASSES, DIM, toy, toy_text


def main(devices: int, folder: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(CLASSES, (2, 21), generator=generator)
    labels[1, :9] = -1  # so that shards differ in how many verbs they have
    source = TensorFeatures({"full": torch.randn(21, DIM, generator=generator)}, {"noun": labels[0], "verb": labels[1]})
    fit(
        toy(),
        source,
        toy_text("noun", "verb"),
        validation=source,
        # 21 clips in batches of 4: the last one has a single clip, for two processes.
        settings=FitSettings(epochs=3, batch_size=4, lr=0.05, schedule="constant", precision="32-true"),
        accelerator="cpu",
        devices=devices,
        checkpoint=folder,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
