"""One training step of X-MIC on features in memory: what share goes where, and how near it comes to the machine's peak.

Noun classes of Ego4D, a batch of 256 clips, both views, 16 of 24 frames drawn per clip. Two models: the preset
``released`` (MLPs of d/4) and the same with MLPs of 4d, as Efficient-Prompt has them. A step is assembling the batch,
forward, loss, backward and the fused AdamW. Logits are measured forward and backward by themselves, since autograd
mixes their backward with the rest. The peak is that of ``benchmarks.limits`` in the same type, measured between the
steps; a step's rate counts the operations of its matrix products as they are run (torch's FlopCounterMode), so
products that were saved do not count. Each number is processor time on one thread, the best of several rounds, so that
a busy machine changes it little.

bfloat16 where the processor multiplies it natively, else float32; malloc as the command line of egoshift sets it.
"""

from collections.abc import Callable

import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.limits import MatrixProducts, seconds
from benchmarks.report import report
from egoshift.allocator import keep_large_blocks
from egoshift.classifier import ClassText, StreamBatch
from egoshift.encoders.precision import cpu_has_bfloat16
from egoshift.features import TensorFeatures
from egoshift.losses import label_cross_entropy
from egoshift.methods import PRESETS, XMIC, adapted_logits
from egoshift.records import Label

BATCH, CLASSES, FRAMES, STORED_FRAMES, DIM, CLIPS = 256, 521, 16, 24, 512, 2048
ROUNDS = 8
VARIANTS: dict[str, dict[str, object]] = {"released": {}, "wide-mlp": {"mlp_ratio": 4.0}}
DTYPE = torch.bfloat16 if cpu_has_bfloat16() else torch.float32


def make_source() -> TensorFeatures:
    """Random features of both views in half precision, as a store that was read into memory."""
    generator = torch.Generator().manual_seed(0)
    shape = (CLIPS, STORED_FRAMES, DIM)
    streams = {name: torch.randn(shape, generator=generator).half() for name in ("hand", "full")}
    return TensorFeatures(streams, {"noun": torch.randint(CLASSES, (CLIPS,), generator=generator)})


def logits_step() -> Callable[[], None]:
    """Forward and backward of the logits alone."""
    generator = torch.Generator().manual_seed(1)
    text, shift = (torch.randn(rows, DIM, generator=generator) for rows in (CLASSES, BATCH))
    shift.requires_grad_()
    video = functional.normalize(torch.randn(BATCH, DIM, generator=generator), dim=-1)
    scale, gradient = torch.tensor(100.0).requires_grad_(), torch.randn(BATCH, CLASSES, generator=generator)
    return lambda: torch.autograd.backward(adapted_logits(text, shift, video, scale), gradient)


def measure(model: XMIC, source: TensorFeatures) -> dict[str, float]:
    """Seconds of assembly, update and logits, best of all rounds; operations of an update, and of the peak's second."""
    text: dict[Label, ClassText] = {"noun": ClassText(8 / DIM**0.5 * torch.randn(CLASSES, DIM))}
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-4, fused=True)
    generator = torch.Generator().manual_seed(2)
    products = MatrixProducts(DTYPE)
    batches: list[StreamBatch] = []

    def assemble() -> None:
        indices = torch.randint(CLIPS, (BATCH,), generator=generator)
        batches.append(source.batch(indices, num_frames=FRAMES, generator=generator))

    def update() -> None:
        batch = batches.pop()
        with torch.autocast("cpu", torch.bfloat16, enabled=DTYPE is torch.bfloat16):
            logits = model(batch, text)
        torch.autograd.backward(label_cross_entropy(logits, batch.targets))
        optimiser.step()
        optimiser.zero_grad()

    assemble()
    with FlopCounterMode(display=False) as counter:
        update()
    parts = {"assembly": assemble, "update": update, "logits": logits_step()}
    rounds = []
    for _ in range(ROUNDS):
        rounds.append({name: seconds(part) for name, part in parts.items()})
        products.turn()
    best = {name: min(one[name] for one in rounds) for name in parts}
    return best | {"operations": float(counter.get_total_flops()), "peak": products.per_s}


def main() -> None:
    """Print three lines per model."""
    keep_large_blocks()
    torch.set_num_threads(1)
    source = make_source()
    for name, options in VARIANTS.items():
        torch.manual_seed(0)
        model = XMIC(**{**PRESETS["xmic"]["released"], **options})  # type: ignore[arg-type]
        best = measure(model, source)
        step = best["assembly"] + best["update"]
        peak = best["peak"]
        shares = {
            "assembly-share": (best["assembly"] / step, "< 2 %"),
            "logits-share": (best["logits"] / step, "< 1 %"),
            "share-of-peak": (best["operations"] / step / peak, "reported"),
        }
        for quantity, (share, bar) in shares.items():
            report(
                f"train-step-{name}-{quantity}",
                100 * share,
                "%",
                bar,
                "python -m benchmarks.train_step",
                size=f"B={BATCH} C={CLASSES} N={FRAMES} d=D={DIM}, one thread",
                precision=str(DTYPE).removeprefix("torch."),
                step_ms=round(1e3 * step, 1),
                clips_per_s=round(BATCH / step),
                peak_gflop_per_s=round(peak / 1e9),
            )


if __name__ == "__main__":
    main()
