"""Training on features that do not fit into memory: the order keeps to shards, and interruptions change nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import Int, Int64
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.features import AbstractFeatureSource, TensorFeatures
from egoshift.features.batches import ALL
from egoshift.training import FitProgress, FitReport, FitSettings, fit
from egoshift.training.order import epoch_order
from tests.unit.evaluation.toy import toy, toy_clips, toy_text

SETTINGS = FitSettings(epochs=3, batch_size=16, num_frames=3, lr=0.02, schedule="constant", precision="32-true")
SHARDS = torch.arange(40) // 2


class InShards(TensorFeatures):
    """The toy's clips in shards of two; tells what is announced and what is asked for."""

    def __init__(self, shards: Int64[Tensor, " n"] | None = SHARDS):
        clips = toy_clips()
        batch = clips.batch(torch.arange(len(clips)), num_frames=6)
        super().__init__(batch.streams, batch.targets, clips.groups)
        self._shards = shards
        self.announced: list[list[int]] = []
        self.asked: list[int] = []

    @property
    def shards(self) -> Int64[Tensor, " n"] | None:
        return self._shards

    def read_ahead(self, order: Int[Tensor, " visited"]) -> None:
        self.announced.append(order.tolist())

    def batch(
        self,
        indices: Int[Tensor, " batch"],
        *,
        num_frames: int,
        generator: torch.Generator | None = None,
        share: slice = ALL,
    ) -> StreamBatch:
        if generator is not None:
            self.asked += indices[share].tolist()
        return super().batch(indices, num_frames=num_frames, generator=generator, share=share)


def fitted(
    source: AbstractFeatureSource, stop: Callable[[FitProgress], bool] | None = None, **options: Any
) -> tuple[FitReport | None, list[float]]:
    losses: list[float] = []

    def progress(at: FitProgress) -> None:
        losses.append(at.loss)
        if stop is not None and stop(at):
            raise KeyboardInterrupt

    report: FitReport | None = None
    try:
        report = fit(toy(0.3), source, toy_text("noun"), settings=SETTINGS, progress=progress, **options)
    except KeyboardInterrupt:
        pass
    return report, losses


def test_each_epoch_is_announced_and_keeps_to_its_shards_which_the_report_says() -> None:
    source = InShards()
    report, _ = fitted(source)
    orders = [epoch_order(torch.arange(40), 0, epoch, SHARDS).tolist() for epoch in range(3)]
    assert source.announced == orders
    assert source.asked == [clip for order in orders for clip in order]
    assert isinstance(report, FitReport)
    assert "do not fit into memory, so that clips were shuffled within 8 of 20 shards at a time" in report.note
    report, _ = fitted(InShards(shards=None))
    assert isinstance(report, FitReport)
    assert "memory" not in report.note


@pytest.mark.parametrize("later", [SHARDS, SHARDS // 4, None])
def test_an_interrupted_training_keeps_its_order_whatever_fits_into_memory_later(
    later: Tensor | None, tmp_path: Path
) -> None:
    whole = InShards()
    _, losses = fitted(whole)
    _, before = fitted(InShards(), lambda at: (at.epoch, at.step) == (1, 1), checkpoint=tmp_path)
    rest = InShards(shards=later)
    report, after = fitted(rest, checkpoint=tmp_path, resume=True)
    assert isinstance(report, FitReport)
    assert report.resumed_at == 1
    assert before + after == losses
    assert rest.asked == whole.asked[40 + 16 :]
    assert rest.announced[0] == whole.announced[1][16:]


def test_without_shards_at_the_beginning_there_are_none_later(tmp_path: Path) -> None:
    _, losses = fitted(InShards(shards=None))
    _, before = fitted(InShards(shards=None), lambda at: (at.epoch, at.step) == (1, 1), checkpoint=tmp_path)
    rest = InShards()
    _, after = fitted(rest, checkpoint=tmp_path, resume=True)
    assert before + after == losses
    assert rest.announced == []
