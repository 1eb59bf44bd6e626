"""What a training step costs as classes, frames and clips grow, and an evaluation as the vocabulary does.

One size grows and the others stay: 32 clips, 16 frames and 300 classes of width 512. A step is forward, loss, backward
and fused AdamW on features in memory, as in ``benchmarks.methods``; X-MIC "as printed" is its equation with the batch x
classes x dim tensor, and CoCoOp "in one piece" keeps the prompts of all clips and classes for the backward pass, as the
official code does of its loop over images. CoCoOp and CoOp run ViT-B/16's text tower. Curves end where a step takes
too long or too much for a small machine. Evaluation is that of ``benchmarks.evaluation``, of 500 clips.

Each point is a process of its own: the memory is that of its first step beyond what it held before, the time the best
of its steps. One thread, processor time, bfloat16 where the processor has it. Exponents are slopes of a line through
the logarithms of the last three points, where constant costs count least.
"""

import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import linear_regression

import torch

from benchmarks.evaluation import measure as measure_evaluation
from benchmarks.limits import seconds
from benchmarks.methods import ROWS, make
from benchmarks.report import report
from benchmarks.towers import DIM, backward_step, extra_mib, in_own_process, precision, words, write_clip
from egoshift.allocator import keep_large_blocks
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.methods import LinearProbe, adapted_logits_direct, xmic
from egoshift.records import Label

COMMAND = "python -m benchmarks.cost_curves"
BATCH, FRAMES, CLASSES, SECONDS, EVALUATED = 32, 16, 300, 0.5, 500
TITLES = {
    "xmic": "X-MIC",
    "xmic-printed": "X-MIC as printed",
    "clip-adapter": "CLIP-Adapter",
    "clip-adapter-temporal": "CLIP-Adapter*",
    "linear-probe": "linear probe",
    "coop": "CoOp",
    "cocoop": "CoCoOp",
    "cocoop-whole": "CoCoOp in one piece",
    "streamed": "batch by batch",
    "whole": "with all logits",
}
CURVES: dict[str, dict[str, tuple[int, ...]]] = {
    "classes": {
        "xmic": (10, 100, 300, 1000, 3000, 7099),
        "xmic-printed": (10, 100, 300, 1000, 3000, 7099),
        "clip-adapter": (10, 100, 1000, 7099),
        "linear-probe": (10, 100, 1000, 7099),
        "coop": (10, 30, 100, 300, 1000),
        "cocoop": (10, 30, 100),
        "cocoop-whole": (10, 30, 100),
    },
    "frames": dict.fromkeys(("xmic", "clip-adapter-temporal", "linear-probe"), (4, 16, 64)),
    "clips": {
        "xmic": (8, 32, 128),
        "xmic-printed": (8, 32, 128),
        "clip-adapter": (8, 32, 128),
        "linear-probe": (8, 32, 128),
        "coop": (8, 32, 128),
        "cocoop": (2, 4, 8),
    },
    "vocabulary": dict.fromkeys(("streamed", "whole"), (100, 1_000, 10_000, 100_000)),
}
"""Per curve and method, how large it is at each point."""


def names_of(classes: int) -> tuple[str, ...]:
    """Class names of two words, one token each."""
    known = words()
    return tuple(f"{known[number // len(known)]} {known[number % len(known)]}" for number in range(classes))


def make_method(name: str, folder: str, classes: int) -> AbstractClassifier:
    """The method of a curve."""
    if name == "linear-probe":
        return LinearProbe(classes={"noun": names_of(classes)})
    if name == "xmic-printed":
        setattr(xmic, "adapted_logits", adapted_logits_direct)  # noqa: B010 - a module's function, for this process
    model = make(name.removesuffix("-printed").removesuffix("-whole"), folder)
    return type(model)(**{**model.settings, "chunk_tokens": 2**40}) if name == "cocoop-whole" else model


def measure(name: str, folder: str, batch: int, frames: int, classes: int) -> dict[str, float]:
    """Milliseconds of the fastest step and MiB of the first, in this process."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = make_method(name, folder, classes)

    def batch_of(clips: int, below: int) -> StreamBatch:
        streams = {view: torch.randn(clips, frames, DIM, generator=generator) for view in ("hand", "full")}
        return StreamBatch(streams, {}, {"noun": torch.randint(below, (clips,), generator=generator)})

    vectors, names = torch.randn(classes, DIM, generator=generator), names_of(classes)
    text: dict[Label, ClassText] = {"noun": ClassText(vectors, names)}
    backward_step(model, batch_of(1, 4), {"noun": ClassText(vectors[:4], names[:4])})  # loads the libraries' code
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
    optimiser.zero_grad()
    inputs = batch_of(batch, classes)

    def step() -> None:
        backward_step(model, inputs, text)
        optimiser.step()
        optimiser.zero_grad()

    first: list[float] = []
    mib = extra_mib(lambda: first.append(seconds(step)))
    times = [seconds(step)]  # the first step takes its memory from the kernel, which may take longer than the step
    while sum(times) < SECONDS:
        times.append(seconds(step))
    return {"ms": 1e3 * min(times), "MiB": mib}


def point(curve: str, name: str, size: int, folder: str) -> dict[str, float]:
    """One point of a curve, in a process of its own."""
    if curve == "vocabulary":
        found = in_own_process("benchmarks.cost_curves", name, size)
        return {"ms": 1e3 * found["s"], "MiB": found["MiB"]}
    sizes = {"clips": BATCH, "frames": FRAMES, "classes": CLASSES} | {curve: size}
    return in_own_process("benchmarks.cost_curves", name, folder, *sizes.values())


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of a line through the logarithms of the last three points.

    >>> round(exponent([1, 10, 100, 1000], [9, 10, 1000, 100000]), 6)
    2.0
    """
    logs = [[math.log(max(value, 1e-3)) for value in values[-3:]] for values in (sizes, costs)]
    return linear_regression(*logs).slope


def lines(folder: str) -> Iterator[tuple[str, str, list[dict[str, float]]]]:
    """Curve, method and points, one after the other."""
    for curve, methods in CURVES.items():
        for name, sizes in methods.items():
            yield curve, name, [point(curve, name, size, folder) for size in sizes]


def main() -> None:
    """Print one line per curve and method."""
    assert all(name.removesuffix("-printed").removesuffix("-whole") in ROWS for name in CURVES["classes"])
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_clip(Path(temporary) / "clip")
        for curve, name, points in lines(folder):
            sizes, mib, ms = list(CURVES[curve][name]), [one["MiB"] for one in points], [one["ms"] for one in points]
            report(
                f"cost-{curve}-{name}",
                exponent(sizes, mib),
                f"the exponent of memory over {curve}",
                "reported",
                COMMAND,
                curve=curve,
                method=TITLES[name],
                time_exponent=round(exponent(sizes, ms), 2),
                size=f"B={BATCH} N={FRAMES} C={CLASSES} D={DIM} but for what grows, one training step, one thread"
                if curve != "vocabulary"
                else f"{EVALUATED} clips, X-MIC of one frame, one thread",
                precision=precision() if curve != "vocabulary" else "float32",
                x=sizes,
                time_ms=[round(value, 2) for value in ms],
                MiB=[round(value, 2) for value in mib],
            )


if __name__ == "__main__":
    keep_large_blocks()
    torch.set_num_threads(1)
    if len(sys.argv) == 1:
        main()
    elif len(sys.argv) == 3:
        print(json.dumps(measure_evaluation(sys.argv[1], int(sys.argv[2]), EVALUATED)))
    else:
        print(json.dumps(measure(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))))
