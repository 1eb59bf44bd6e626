"""Training at Ego4D-FHO's full size, and the same training the way X-MIC's released code goes.

64,000 clips of 16 frames in two views of width 512 (2.1 GB of random float16), 521 nouns, batches of 128, X-MIC as
released, by ``egoshift.fit``, from features in memory and from a memory map. Two hundred steps on all cores tell how
long the 15 epochs would take at the clock; ``--whole`` runs them all, from memory. The shares are of processor time on
one thread, so that a busy machine changes them little. That of the peak counts operations of matrix products as
torch's FlopCounterMode does, over whole steps, against the products of ``benchmarks.limits`` between them. ``beside-
adapter`` is the share of a step that is not the adapter's forward and backward: putting the batch together, logits,
loss, optimiser, logging. ``profile`` says where the operators' time goes, and how fast the matrix products among them
are.

The released way is ``benchmarks.official_way``, on the first 2,048 clips, in turns with ours from the memory map; each
in a process of its own, malloc as each comes, one thread, processor time without that of the released way's two
workers. Memory is what the process holds at its fullest beyond what it held before training, parameters and AdamW's
state included, and what the released way's workers hold of their own. Pages of the memory map, which the kernel takes
back when it likes, are touched before and do not count.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import official_way
from benchmarks.gather import DIM, clip_table, write_store
from benchmarks.limits import MatrixProducts, seconds
from benchmarks.operators import PRODUCTS, operator_seconds
from benchmarks.report import report
from benchmarks.towers import HAS_BFLOAT16, autocast, extra_mib, in_own_process, precision
from egoshift.allocator import keep_large_blocks
from egoshift.features import Store, StoredFeatures
from egoshift.methods import PRESETS, XMIC
from egoshift.recipes.plan_rates import BATCH, CLASSES, FRAMES, random_features, trained_per_s

COMMAND = "python -m benchmarks.full_scale"
VIDEOS, CLIPS_PER_VIDEO, EPOCHS = 640, 100, 15
CLIPS = VIDEOS * CLIPS_PER_VIDEO
STEPS, SUBSET, TURNS, SHARE_TURNS, PROFILES = 200, 2048, 2, 6, 4
CORES = os.cpu_count() or 1
DTYPE = torch.bfloat16 if HAS_BFLOAT16 else torch.float32


def ego4d_clips() -> pl.DataFrame:
    """The videos cut into clips of 16 stored frames, with random nouns."""
    return clip_table(VIDEOS, CLIPS_PER_VIDEO, CLASSES)


def open_clips(store: Path, *, resident: bool) -> StoredFeatures:
    """All clips of the store."""
    opened = Store.open(store, check=False)
    return StoredFeatures(
        {"full": (opened, "full"), "hand": (opened, "hand")}, ego4d_clips(), ["noun"], resident=resident
    )


def adapter_step(source: StoredFeatures) -> tuple[Callable[[], None], float]:
    """The adapter's forward and backward on one batch; and how many operations of products a whole step has."""
    torch.manual_seed(0)
    model = XMIC(**PRESETS["xmic"]["released"])  # type: ignore[arg-type]
    batch = source.batch(torch.arange(BATCH), num_frames=FRAMES, generator=torch.Generator().manual_seed(0))
    gradient = torch.randn(BATCH, DIM)

    def step() -> None:
        with autocast():
            shift = model.shift(batch)
        torch.autograd.backward(shift, gradient.to(shift.dtype))
        model.zero_grad()

    with FlopCounterMode(display=False) as counter:
        step()
    # The logits' two products forward; backward, the shift's gradient alone, since text and video are frozen.
    return step, float(counter.get_total_flops() + 3 * 2 * BATCH * CLASSES * DIM)


def shares(source: StoredFeatures) -> dict[str, Any]:
    """What a step's processor time on one thread goes into; the best of several turns."""
    torch.set_num_threads(1)
    adapter, operations = adapter_step(source)
    products, steps_s, adapter_s = MatrixProducts(DTYPE), [], []
    for _ in range(SHARE_TURNS):
        chosen = torch.randperm(CLIPS)[: 6 * BATCH]
        steps_s.append(BATCH / trained_per_s(source.subset(chosen), clock=time.process_time))
        adapter_s += [seconds(adapter) for _ in range(4)]
        products.turn()
    spent = operator_seconds(partial(trained_per_s, source.subset(torch.arange(6 * BATCH))), PROFILES)
    profile = {group: spent_s / sum(spent.values()) for group, spent_s in spent.items()}
    of_peak = operations / min(steps_s) / products.per_s
    return {
        "share_of_peak": of_peak,
        "beside_adapter": 1 - min(adapter_s) / min(steps_s),
        "profile": profile,
        "products_of_peak": of_peak / profile[PRODUCTS],
        "peak_gflop_per_s": products.per_s / 1e9,
        "step_ms": 1e3 * min(steps_s),
    }


def measure_whole(kind: str, store: Path, *, whole: bool) -> dict[str, Any]:
    """Training from features that are resident or mapped: rate, the process' memory, shares."""
    torch.set_num_threads(CORES)
    source = open_clips(store, resident=kind == "resident")
    chosen = torch.randperm(CLIPS, generator=torch.Generator().manual_seed(3))[: CLIPS if whole else STEPS * BATCH]
    trained_per_s(source.subset(chosen[: 4 * BATCH]))  # loads the libraries' code
    rate = trained_per_s(source.subset(chosen), epochs=EPOCHS if whole else 1)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"clips_per_s": rate, "peak_MiB": peak_mib, **shares(source)}


def measure_subset(kind: str, store: Path) -> dict[str, float]:
    """One epoch over the first clips, ours or the released way: clips per second and extra memory."""
    torch.set_num_threads(1)
    if kind == "ours":
        keep_large_blocks()
        trained_per_s(random_features(4 * BATCH, DIM))  # loads the libraries' code
        source = open_clips(store, resident=False).subset(torch.arange(SUBSET))
        for rows in torch.split(torch.arange(SUBSET), BATCH):
            source.batch(rows, num_frames=FRAMES)
        return measured(lambda: trained_per_s(source, clock=time.process_time))
    targets = torch.from_numpy(ego4d_clips()["noun"].to_numpy().copy())[:SUBSET]
    text = 8 / DIM**0.5 * torch.randn(CLASSES, DIM)
    workers: list[float] = []
    found = measured(lambda: official_way.train(store.parent / "clips", targets, text, workers))
    return found | {"MiB": found["MiB"] + max(workers), "workers_MiB": max(workers)}


def measured(train: Callable[[], float]) -> dict[str, float]:
    """Clips per second and MiB beyond what was held before."""
    rates: list[float] = []
    extra = extra_mib(lambda: rates.append(train()))
    return {"clips_per_s": rates[0], "MiB": extra}


def write_clip_files(store: Path, folder: Path) -> None:
    """The first clips as one file per clip and view."""
    folder.mkdir()
    opened = Store.open(store, check=False)
    for view in official_way.VIEWS:
        array = opened.array(view)  # type: ignore[arg-type]
        for index in range(SUBSET):
            np.save(official_way.clip_file(folder, index, view), array[FRAMES * index : FRAMES * (index + 1)])


def report_whole(by_kind: dict[str, dict[str, Any]], *, whole: bool) -> None:
    """Lines of the full size."""
    bars = {"share_of_peak": ">= 75 %", "beside_adapter": "< 15 %"}
    steps = EPOCHS * -(-CLIPS // BATCH) if whole else STEPS
    size = f"{CLIPS:,} clips x {FRAMES} frames x 2 views x {DIM}, {CLASSES} nouns, B={BATCH}, {steps} steps"
    size += f", {CORES} threads"
    facts: dict[str, Any] = {"size": size, "precision": precision(), "load_average": round(os.getloadavg()[1], 1)}
    for kind, found in by_kind.items():
        for name, bar in bars.items():
            suffix = "" if kind == "resident" else f"-{kind}"
            line = f"full-scale-{name.replace('_', '-')}{suffix}"
            extra = {key: round(found[key], 1) for key in ("clips_per_s", "peak_MiB", "peak_gflop_per_s", "step_ms")}
            epochs_s = round(EPOCHS * CLIPS / found["clips_per_s"])
            report(line, 100 * found[name], "%", bar, COMMAND, **facts, **extra, fifteen_epochs_s=epochs_s)
    found = by_kind["resident"]
    shares = {group: round(100 * share, 1) for group, share in found["profile"].items()}
    unit = "% of the bfloat16 peak in the matrix products of a step" if HAS_BFLOAT16 else "% of the peak in products"
    value = 100 * found["products_of_peak"]
    report("full-scale-profile", value, unit, "reported", COMMAND, **facts, profile=shares)


def report_subset(turns: list[dict[str, dict[str, float]]]) -> None:
    """Lines of ours beside the released way."""
    rate = {kind: max(turn[kind]["clips_per_s"] for turn in turns) for kind in turns[0]}
    mib = {kind: min(turn[kind]["MiB"] for turn in turns) for kind in turns[0]}
    facts: dict[str, Any] = {"size": f"{SUBSET} clips, B={BATCH}, one epoch, one thread", "precision": precision()}
    facts |= {"load_average": round(os.getloadavg()[1], 1)}
    facts |= {f"{kind}_{unit}": round(of[kind], 1) for unit, of in (("clips_per_s", rate), ("MiB", mib)) for kind in of}
    facts |= {"official_workers_MiB": round(turns[0]["official"]["workers_MiB"], 1)}
    unit = "times the clips/s of the released code's way"
    report("full-scale-official-rate", rate["ours"] / rate["official"], unit, ">= 5", COMMAND, **facts)
    unit = "times less memory than the released code's way"
    report("full-scale-official-memory", mib["official"] / mib["ours"], unit, ">= 20", COMMAND, **facts)


def main(*, whole: bool) -> None:
    """Print the lines of both comparisons."""
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "store"
        write_store(store, VIDEOS, round(CLIPS_PER_VIDEO * FRAMES))
        write_clip_files(store, Path(name) / "clips")
        both = ("ours", "official")
        report_subset(
            [{kind: in_own_process("benchmarks.full_scale", kind, store) for kind in both} for _ in range(TURNS)]
        )
        option, kinds = (["--whole"], ["resident"]) if whole else ([], ["resident", "mapped"])
        report_whole(
            {kind: in_own_process("benchmarks.full_scale", kind, store, *option) for kind in kinds}, whole=whole
        )


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--whole"]
    everything = "--whole" in sys.argv
    if not arguments:
        main(whole=everything)
    elif arguments[0] in ("resident", "mapped"):
        keep_large_blocks()
        print(json.dumps(measure_whole(arguments[0], Path(arguments[1]), whole=everything)))
    else:
        print(json.dumps(measure_subset(arguments[0], Path(arguments[1]))))
