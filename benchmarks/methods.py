"""X-MIC against each baseline: trained parameters, processor time and extra peak memory of a training step.

A step is forward, loss, backward and the fused AdamW, for 32 clips of 16 frames, 300 classes and width 512, on features
in memory; the text tower is that of ViT-B/16 (``benchmarks.towers``). Each method runs with the options that X-MIC's
comparison gives it, in a process of its own, which loads the libraries' code by a backward pass of one clip and four
classes. Then come a first step, whose memory is measured (AdamW's state and what oneDNN makes for new shapes are part
of it), and others that are timed: the best of several, in several processes. One thread, malloc as the command line of
egoshift sets it, bfloat16 where the processor has it. Tip-Adapter is the trained one, with 16 cached clips of each
class. Vita-CLIP and CLIP-LoRA run ViT-B/16's image tower in every step, which at 32 clips takes minutes: they are
measured at 2 and 4 clips, one clip at a time through the tower, which continues to 32 as a line (``of_whole_batch``).

The paper (arXiv 2403.19811, sections 1 and 3) says that X-MIC is efficient since no gradients pass an encoder, as they
do in prompt learning. The bar is therefore that a step of X-MIC takes no longer than that of any method whose gradients
pass an encoder; the others are reported.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.limits import seconds
from benchmarks.report import report
from benchmarks.towers import (
    DIM,
    FRAMES,
    PIXELS,
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
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.methods import PRESETS, XMIC, CLIPAdapter, CoCoOp, CoOp, EfficientPrompt, LinearProbe, TipAdapter
from egoshift.methods.clip_lora import PRESETS_CLIP_LORA, CLIPLoRA
from egoshift.methods.vita_clip import PRESETS_VITA_CLIP, VitaCLIP
from egoshift.records import Label

BATCH, CLASSES, SHOTS = 32, 300, 16
TURNS, SECONDS = 2, 1.0
COMMAND = "python -m benchmarks.methods"
FOLDER = "the checkpoint's folder"
TEXT: Mapping[str, object] = {"text_encoder": FOLDER}
FOUR_TOKENS = {"num_tokens": 4, "phrase": ""}  # as many as "a photo of a" is in CLIP's own vocabulary
TOWERS: Mapping[str, object] = {"encoder": FOLDER, "chunk_tokens": 4096}  # of frames, those of one clip
SMALL_BATCHES = (2, 4)


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        title: What tables call the method.
        method: Its class.
        options: Its constructor's arguments.
        through_encoder: Whether gradients pass an encoder.
        pictures: Whether it runs the image tower in every step, on pictures and not on features.
    """

    title: str
    method: type[AbstractClassifier]
    options: Mapping[str, object]
    through_encoder: bool = False
    pictures: bool = False


ROWS: Mapping[str, Row] = {
    "xmic": Row("X-MIC", XMIC, PRESETS["xmic"]["released"]),
    "linear-probe": Row("linear probe", LinearProbe, {"classes": {"noun": class_names(CLASSES)}}),
    "tip-adapter-f": Row("Tip-Adapter-F", TipAdapter, PRESETS["tip_adapter"]["paper-f"]),
    "clip-adapter": Row("CLIP-Adapter", CLIPAdapter, PRESETS["clip_adapter"]["xmic"]),
    "clip-adapter-temporal": Row("CLIP-Adapter\\*", CLIPAdapter, PRESETS["clip_adapter"]["xmic-temporal"]),
    "coop": Row("CoOp", CoOp, {**PRESETS["coop"]["xmic"], **TEXT}, True),
    "efficient-prompt": Row("A5", EfficientPrompt, {**PRESETS["efficient_prompt"]["official"], **TEXT}, True),
    "cocoop": Row("CoCoOp", CoCoOp, {**PRESETS["cocoop"]["xmic"], **TEXT, **FOUR_TOKENS}, True),
    "vita-clip": Row(
        "Vita-CLIP", VitaCLIP, {**PRESETS_VITA_CLIP["official"], **TOWERS, "num_frames": FRAMES}, True, True
    ),
    "clip-lora": Row("CLIP-LoRA", CLIPLoRA, {**PRESETS_CLIP_LORA["official"], **TOWERS}, True, True),
}


def make(name: str, folder: str) -> AbstractClassifier:
    """The method of a row of the table."""
    row = ROWS[name]
    torch.manual_seed(0)
    return row.method(**{key: folder if value == FOLDER else value for key, value in row.options.items()})


def training_clips() -> Iterator[StreamBatch]:
    """As many clips of each class as are cached."""
    for shot in range(SHOTS):
        clips = make_batch(CLASSES, CLASSES, seed=2 + shot)
        yield StreamBatch(clips.streams, {}, {"noun": torch.arange(CLASSES)})


def measure(name: str, folder: str, batch: int) -> dict[str, float]:
    """Trained parameters, milliseconds of the fastest step, and MiB of the first one at its peak."""
    model, text, pictures = make(name, folder), make_text(CLASSES), ROWS[name].pictures
    inputs = make_batch(batch, CLASSES, pictures=pictures)
    model.observe(training_clips(), text)
    few: dict[Label, ClassText] = {"noun": ClassText(text["noun"].vectors[:4], text["noun"].names[:4])}
    backward_step(model, make_batch(1, 4, pictures=pictures), few)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
    optimiser.zero_grad()

    def step() -> None:
        backward_step(model, inputs, text)
        optimiser.step()
        optimiser.zero_grad()

    extra = extra_mib(step)
    times: list[float] = []
    while not times or sum(times) < SECONDS:
        times.append(seconds(step))
    return {"parameters": sum(map(torch.numel, parameters)), "ms": 1e3 * min(times), "MiB": extra}


def in_turns(name: str, folder: str, batch: int, turns: int = TURNS) -> dict[str, float]:
    """The best of several processes."""
    measured = [in_own_process("benchmarks.methods", name, folder, batch) for _ in range(turns)]
    return {quantity: min(one[quantity] for one in measured) for quantity in measured[0]}


def of_whole_batch(name: str, folder: str) -> tuple[dict[str, float], str]:
    """The figures at 32 clips, and a remark where they follow from those of two small batches.

    With one clip at a time through the image tower, each further clip takes the same time again, and of memory what its
    pictures take in float32.
    """
    if not ROWS[name].pictures:
        return in_turns(name, folder, BATCH), ""
    few, many = SMALL_BATCHES
    less, more = (in_turns(name, folder, batch, turns=1) for batch in SMALL_BATCHES)
    more["ms"] += (BATCH - many) / (many - few) * (more["ms"] - less["ms"])
    more["MiB"] += (BATCH - many) * FRAMES * PIXELS * 4 / 2**20
    return more, f"one clip at a time through the image tower; measured at B={few} and {many}, continued to B={BATCH}"


def main() -> None:
    """Print two lines per method."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_clip(Path(temporary) / "clip", image=True)
        ours, _ = of_whole_batch("xmic", folder)
        for name, row in ROWS.items():
            figures, remark = (ours, "") if name == "xmic" else of_whole_batch(name, folder)
            bars = {"ms": ">= 1" if row.through_encoder else "reported", "MiB": "reported"}
            for quantity, kind in (("ms", "time"), ("MiB", "memory")):
                report(
                    f"methods-{name}-{kind}",
                    figures[quantity] / ours[quantity],
                    f"times the {kind} of X-MIC",
                    bars[quantity],
                    COMMAND,
                    size=f"B={BATCH} C={CLASSES} N={FRAMES} D={DIM}, one training step, one thread",
                    precision=precision(),
                    method=row.title,
                    quantity=kind,
                    trained_parameters=int(figures["parameters"]),
                    remark=remark,
                    **{quantity: round(figures[quantity], 1)},
                )


if __name__ == "__main__":
    keep_large_blocks()
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
    else:
        main()
