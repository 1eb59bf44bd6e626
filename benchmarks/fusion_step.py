"""A training step of the fusion where each sample has modalities of its own: one call against one for each subset.

One call gets the whole batch with a presence mask. On a CPU the fusion itself then lets samples with the same
modalities through together; with ``masked`` it is made to let all through at once and mask what they lack, as it does
on an accelerator. The other way is a call for each subset with its samples and streams alone. All give the same loss
and gradients, which is checked. Every subset is as frequent as any other.

Ratios are in processor seconds on one thread, the best of several turns, turn by turn.
"""

import time
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.report import report
from egoshift.classifier import ClassText, StreamBatch
from egoshift.fusion import AttentionFusion, Fusion
from egoshift.losses import label_cross_entropy, modality_subsets
from egoshift.records import Label

MODALITIES = ("video", "audio", "imu")
SUBSETS = modality_subsets(MODALITIES)
CLASSES, DIM, FRAMES, TURNS = 79, 512, 16, 5
COMMAND = "python -m benchmarks.fusion_step"


def make(size: int) -> tuple[StreamBatch, dict[Label, ClassText]]:
    """A batch in which the subsets take turns."""
    generator = torch.Generator().manual_seed(0)
    streams = {name: torch.randn(size, FRAMES, DIM, generator=generator) for name in MODALITIES}
    own = [SUBSETS[number % len(SUBSETS)] for number in range(size)]
    present = {name: torch.tensor([name in subset for subset in own]) for name in MODALITIES}
    targets: dict[Label, Tensor] = {"action": torch.randint(CLASSES, (size,), generator=generator)}
    names = tuple(f"class {number}" for number in range(CLASSES))
    return StreamBatch(streams, present, targets), {"action": ClassText(torch.zeros(CLASSES, 0), names)}


def one_call(model: Fusion, batch: StreamBatch, text: dict[Label, ClassText]) -> Tensor:
    """One call for the whole batch."""
    return label_cross_entropy(model(batch, text), batch.targets)


def masked(model: Fusion, batch: StreamBatch, text: dict[Label, ClassText]) -> Tensor:
    """One call that masks the tokens that samples lack, as on an accelerator."""
    fusion = model.fusion
    assert isinstance(fusion, AttentionFusion)
    with patch.object(fusion, "forward", fusion._fused):
        return one_call(model, batch, text)


def call_each(model: Fusion, batch: StreamBatch, text: dict[Label, ClassText]) -> Tensor:
    """One call for each subset, of the samples that have it, weighted to the same mean."""
    loss, size = torch.zeros(()), len(batch.targets["action"])
    for number, subset in enumerate(SUBSETS):
        rows = torch.arange(number, size, len(SUBSETS))
        part = StreamBatch({name: batch.streams[name][rows] for name in subset})
        targets: dict[Label, Tensor] = {"action": batch.targets["action"][rows]}
        loss = loss + label_cross_entropy(model(part, text), targets) * len(rows) / size
    return loss


def main() -> None:
    """Measure batches of two sizes."""
    torch.set_num_threads(1)
    for size in (35, 126):
        batch, text = make(size)
        torch.manual_seed(0)
        model = Fusion(
            modalities=dict.fromkeys(MODALITIES, DIM),
            modality_dropout=0.0,
            classes={"action": list(text["action"].names)},
        )
        ways = {"one call": one_call, "masked": masked, "a call each": call_each}
        best, gradients = dict.fromkeys(ways, float("inf")), dict[str, list[Tensor]]()
        for _ in range(TURNS):
            for name, step in ways.items():
                model.zero_grad()
                start = time.process_time()
                torch.autograd.backward([step(model, batch, text)])
                best[name] = min(best[name], time.process_time() - start)
                gradients[name] = [value.grad.clone() for value in model.parameters() if value.grad is not None]
        for name in ways:
            for ours, theirs in zip(gradients[name], gradients["one call"], strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
        words = f"B={size} N={FRAMES} D={DIM}, 3 modalities, all 7 subsets, width 256, 2 layers, one thread"
        for against, other in (("calls", "a call each"), ("mask", "masked")):
            unit = "times the speed of a call for each subset" if against == "calls" else "times the speed of masking"
            report(
                f"fusion-step-b{size}-{against}", best[other] / best["one call"], unit, "reported", COMMAND, size=words
            )


if __name__ == "__main__":
    main()
