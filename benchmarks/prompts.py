"""Prompt learning through CLIP's text tower: ours, trimmed and in chunks, against the official form.

CoOp. One pass forward and backward over 521 classes with 16 shared tokens, against all 77 positions of every prompt
(``UntrimmedPrompts``): same weights, arithmetic and gradient from above. All classes untrimmed do not fit into a small
machine's memory at once, so that form runs 32 classes at a time, each forward and backward with its share of the
gradient; nothing is computed twice for it, and the chunks' times are added. Ours runs in between, and its mean counts.
The difference is that of the cosines with 256 unit vectors, in float32.

CoCoOp. Time of a training step against the official loop over the images. Live memory of a step of 4 layers at 200 and
at 2,000 classes, over each other and over what autograd keeps of the tokens of all beginnings and of one chunk
(``kept_mib``). Chunks are smaller than the 200 classes; one that fits into a chunk takes less. Live is what a process
takes that gives every block above 64 KiB back at once, in a second step, since in the first one oneDNN makes kernels
for the shapes it meets. Usually malloc keeps blocks for use again, and many sizes leave gaps. So at Ego4D's 521 nouns
in a batch of 128, with 12 layers, chunks and malloc as egoshift's command line has them, and in a first step, the bound
is three times what autograd keeps.

Time is processor time on one thread; memory as in ``benchmarks.logits``, each in a process of its own. Weights and
class names are random (``benchmarks.towers``).
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.limits import seconds
from benchmarks.report import report
from benchmarks.towers import (
    CONTEXT,
    DIM,
    HAS_BFLOAT16,
    LAYERS,
    WIDTH,
    UntrimmedPrompts,
    autocast,
    backward_step,
    class_names,
    extra_mib,
    in_own_process,
    make_batch,
    make_text,
    precision,
    write_clip,
)
from egoshift.allocator import keep_large_blocks
from egoshift.blocks.streams import video_vectors
from egoshift.encoders.prompts import CHUNK_TOKENS
from egoshift.methods import CoCoOp, CoOp

COMMAND = "python -m benchmarks.prompts"
CLASSES, UNTRIMMED_CLASSES, VIDEOS = 521, 32, 256
LEARNED, LEARNED_COOP = 4, 16
TOWER, OWN_BLOCKS = f"{LAYERS} layers of {WIDTH}", "MALLOC_MMAP_THRESHOLD_"


def text_pass(
    encode: Callable[[Sequence[str]], Tensor], names: Sequence[str], context: Tensor, gradient: Tensor, autocasts: bool
) -> tuple[Tensor, Tensor, float]:
    """The classes' vectors, the gradient to the context, and the processor time of both."""
    start = time.process_time()
    with autocast(enabled=autocasts):
        vectors = encode(names)
    (slope,) = torch.autograd.grad(vectors, context, gradient)
    return vectors.detach(), slope, time.process_time() - start


def coop(folder: str, *, autocasts: bool) -> None:
    """A line of the time of CoOp's text pass, and in float32 one of the difference."""
    torch.manual_seed(0)
    method, untrimmed = CoOp(text_encoder=folder, num_tokens=LEARNED_COOP), UntrimmedPrompts(folder)
    names, gradient = class_names(CLASSES), torch.randn(CLASSES, DIM)
    context = method.context
    assert isinstance(context, Tensor)
    forms = {"ours": partial(method.class_vectors, "noun"), "theirs": partial(untrimmed, context)}
    passes: dict[str, list[tuple[Tensor, Tensor, float]]] = {"ours": [], "theirs": []}

    def run(form: str, rows: slice) -> tuple[Tensor, Tensor, float]:
        return text_pass(forms[form], names[rows], context, gradient[rows], autocasts)

    for form in forms:
        run(form, slice(2))  # loads the libraries' code
    for first in range(0, CLASSES, UNTRIMMED_CLASSES):
        passes["theirs"].append(run("theirs", slice(first, first + UNTRIMMED_CLASSES)))
        if first % (4 * UNTRIMMED_CLASSES) == 0:
            passes["ours"].append(run("ours", slice(CLASSES)))
    ours_s = sum(spent for _, _, spent in passes["ours"]) / len(passes["ours"])
    theirs_s = sum(spent for _, _, spent in passes["theirs"])
    report(
        "coop-trimmed-521-classes" + ("-bfloat16" if autocasts else ""),
        theirs_s / ours_s,
        "times less",
        ">= 6 times less than all 77 positions of every prompt",
        COMMAND,
        size=f"C={CLASSES} P={LEARNED_COOP}, {TOWER}, text pass forward and backward, one thread",
        precision=precision(autocasts=autocasts),
        untrimmed_s=round(theirs_s, 2),
        ours_s=round(ours_s, 2),
    )
    if not autocasts:
        whole = torch.cat([vectors for vectors, _, _ in passes["theirs"]])
        slope = torch.stack([slope for _, slope, _ in passes["theirs"]]).sum(0)
        coop_difference(passes["ours"][0][0], whole, (passes["ours"][0][1] - slope).abs().max() / slope.abs().max())


def coop_difference(trimmed: Tensor, untrimmed: Tensor, of_gradient: Tensor) -> None:
    """A line of how far the cosines of both forms with random videos lie apart."""
    video = functional.normalize(torch.randn(VIDEOS, DIM), dim=-1)
    cosines = [video @ functional.normalize(vectors, dim=-1).T for vectors in (trimmed, untrimmed)]
    report(
        "coop-trimmed-difference",
        float((cosines[0] - cosines[1]).abs().max()) * 1e6,
        "millionths: the largest difference of a cosine",
        "<= 10",
        COMMAND,
        size=f"C={CLASSES} P={LEARNED_COOP}, {TOWER}, {VIDEOS} random unit vectors",
        precision="float32",
        largest_difference_of_the_gradient=f"{float(of_gradient):.1e} of its largest entry",
    )


def make_cocoop(folder: str, chunk_tokens: int = CHUNK_TOKENS) -> CoCoOp:
    """CoCoOp with random context."""
    torch.manual_seed(0)
    return CoCoOp(text_encoder=folder, num_tokens=LEARNED, phrase="", chunk_tokens=chunk_tokens)


def measure_cocoop(folder: str, batch: int, classes: int, chunk_tokens: int, second: bool) -> dict[str, float]:
    """Extra peak memory and time of a first or second training step, in this process, which must be fresh."""
    method = make_cocoop(folder, chunk_tokens)
    inputs, text = make_batch(batch, classes), make_text(classes)
    backward_step(method, *((inputs, text) if second else (make_batch(2, 2), make_text(2))))
    spent: list[float] = []
    mib = extra_mib(lambda: spent.append(seconds(lambda: backward_step(method, inputs, text))))
    return {"MiB": mib, "s": spent[0]}


def kept_mib(tokens: int, layers: int = LAYERS) -> float:
    """What autograd keeps of so many tokens, and of the weights' copies in bfloat16 (of a chunk and of the beginnings).

    Of a token in a layer, counted in widths W: twice 4 W of the MLP (before and after its sigmoid), 4 W of queries,
    keys and values as the products read them; and 2 W of the residual stream, which is float32 also under autocast.
    """
    size = 2 if HAS_BFLOAT16 else 4
    copies = 2 * 12 * WIDTH**2 * size if HAS_BFLOAT16 else 0
    return layers * (tokens * WIDTH * (12 * size + 2 * 4) + copies) / 2**20


def cocoop_live_memory(temporary: Path) -> None:
    """A line of memory over the number of classes, and one of what it consists of."""
    few, many, batch, chunk, layers = 200, 2000, 16, 2048, 4
    folder, own_blocks = write_clip(temporary / "shallow", layers=layers), {OWN_BLOCKS: str(1 << 16)}
    measured = {
        classes: in_own_process("benchmarks.prompts", folder, batch, classes, chunk, 1, **own_blocks)["MiB"]
        for classes in (few, many)
    }
    kept = kept_mib(batch * (1 + LEARNED) + chunk, layers)
    for name, value, unit, bar in (
        ("flat", measured[many] / measured[few], f"times the live memory at {few} classes, for {many:,}", "<= 1.2"),
        ("kept", measured[many] / kept, "times what autograd keeps of B(1+P) + chunk tokens", "<= 1.25"),
    ):
        report(
            f"cocoop-memory-{name}",
            value,
            unit,
            bar,
            COMMAND,
            size=f"B={batch} P={LEARNED}, chunks of {chunk} tokens, {layers} layers of {WIDTH}, one training step",
            precision=precision(),
            kept_MiB=round(kept),
            **{f"live_MiB_{classes}_classes": round(mib) for classes, mib in measured.items()},
        )


def cocoop_large_batch(folder: str, batch: int = 128) -> None:
    """A line of what a step at Ego4D's nouns takes in a large batch."""
    bound = 3 * kept_mib(batch * (1 + LEARNED) + CHUNK_TOKENS)
    measured = in_own_process("benchmarks.prompts", folder, batch, CLASSES, CHUNK_TOKENS, 0)
    report(
        "cocoop-521-classes-b128",
        measured["MiB"],
        "MiB of extra memory",
        f"<= {bound:.0f}: 3 times what autograd keeps of B(1+P) + {CHUNK_TOKENS} tokens",
        COMMAND,
        size=f"B={batch} C={CLASSES} P={LEARNED}, {TOWER}, one training step, one thread",
        precision=precision(),
        step_s=round(measured["s"], 1),
        kept_of_all_77_positions_at_once_MiB=round(kept_mib(batch * CLASSES * CONTEXT)),
    )


def cocoop_time(folder: str, batch: int = 2, classes: int = 50, turns: int = 3) -> None:
    """A line of a step's time against the loop over images, each with the whole prompts of all classes."""
    method, untrimmed = make_cocoop(folder), UntrimmedPrompts(folder)
    inputs, text = make_batch(batch, classes), make_text(classes)
    names = text["noun"].names

    def loop() -> None:
        with autocast():
            rows = []
            for video in video_vectors(inputs, ("full",), method.pooling):
                vectors = untrimmed(method.context + method.meta_net(video).float(), names)
                rows.append(100 * functional.normalize(vectors, dim=-1) @ video)
        loss = functional.cross_entropy(torch.stack(rows).float(), inputs.targets["noun"])
        torch.autograd.backward(loss)

    times = [(seconds(loop), seconds(lambda: backward_step(method, inputs, text))) for _ in range(turns)]
    theirs, ours = map(min, zip(*times, strict=True))
    report(
        "cocoop-step-time",
        theirs / ours,
        "times less",
        "reported, against the loop over images with all 77 positions of every prompt",
        COMMAND,
        size=f"B={batch} C={classes} P={LEARNED}, {TOWER}, one training step, one thread",
        precision=precision(),
        loop_s=round(theirs, 2),
        ours_s=round(ours, 3),
    )


def main() -> None:
    """Print a line per comparison."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_clip(Path(temporary) / "clip")
        for autocasts in (False, True) if HAS_BFLOAT16 else (False,):
            coop(folder, autocasts=autocasts)
        cocoop_time(folder)
        cocoop_live_memory(Path(temporary))
        cocoop_large_batch(folder)


if __name__ == "__main__":
    if OWN_BLOCKS not in os.environ:
        keep_large_blocks()
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        batch, classes, chunk_tokens, second = map(int, sys.argv[2:])
        print(json.dumps(measure_cocoop(sys.argv[1], batch, classes, chunk_tokens, bool(second))))
    else:
        main()
