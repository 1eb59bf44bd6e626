"""Evaluation at the papers' sizes and beyond: all of Table 1 that reads stored features, bootstrap, large vocabularies.

The sizes are those of X-MIC's Table 1: EPIC-KITCHENS-100's 9,668 validation clips (97 verbs, 300 nouns, 138 videos) and
Ego4D FHO's 33,000 (117 verbs, 521 nouns; here of 330 videos), of which 51 verbs and 163 nouns are in both. Features are
random, in stores of their own, 16 frames of two views a clip; weights are random too. Every method that reads stored
features is evaluated on both data sets, by verbs and by nouns, to results on the disk: among all classes, the shared
and the novel ones, every number with its interval over 1,000 resamples; CLIP-Adapter* and A5, whose transformers over
the frames take minutes, with ``--whole`` only. CoCoOp reads stored features as well, but runs
every class name anew for every clip, so its hours follow from a few clips. The epoch is one of X-MIC's training on
64,000 clips, from the rate of some steps. Vita-CLIP reads pictures and is not here.

The loop is the bootstrap written resample by resample: clips of the drawn videos, then the metrics of
``egoshift.evaluation.metrics``; the numbers are the same. The other way of scoring is to hold the logits of all clips
(``predict``) and to read the answers off them; what a result of them takes is the same and told beside. Memory is extra
peak memory of a process of its own (``benchmarks.towers``). Names are encoded by ViT-B/16's text tower. One thread,
processor time, malloc as egoshift's command line sets it.
"""

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch

from benchmarks.gather import write_store
from benchmarks.limits import seconds
from benchmarks.methods import make
from benchmarks.report import report
from benchmarks.towers import (
    DIM,
    FRAMES,
    class_names,
    extra_mib,
    in_own_process,
    make_batch,
    make_text,
    words,
    write_clip,
)
from egoshift.allocator import keep_large_blocks
from egoshift.classifier import AbstractClassifier, ClassText
from egoshift.encoders import class_text, load_text_encoder
from egoshift.evaluation import (
    Answers,
    Outcomes,
    Question,
    answers_of,
    build_result,
    macro_accuracy,
    macro_f1,
    outcomes_of,
    predict,
    predict_answers,
    rows_of,
)
from egoshift.evaluation.bootstrap import draw_videos
from egoshift.features import Store, StoredFeatures, TensorFeatures
from egoshift.methods import PRESETS, XMIC, ZeroShot
from egoshift.recipes.plan_rates import random_features, trained_per_s
from egoshift.records import CLIP_SCHEMA, Label, Scores

COMMAND = "python -m benchmarks.evaluation"
LABELS: tuple[Label, ...] = ("verb", "noun")
METHODS = ("zero-shot", "clip-adapter", "coop", "xmic")
SLOW_METHODS = ("clip-adapter-temporal", "efficient-prompt")
TRAINED_CLIPS, TRAINED_STEPS_CLIPS, COCOOP_CLIPS = 64_000, 2560, 4
VOCABULARIES = ((7_099, 9_668), (100_000, 4_000))
SHARED = {"verb": 51, "noun": 163}


@dataclass(frozen=True)
class Target:
    """A data set's size.

    Attributes:
        clips: How many.
        videos: Of how many videos.
        classes: Per kind of label.
    """

    clips: int
    videos: int
    classes: Mapping[Label, int]


TARGETS = {
    "epic": Target(9_668, 138, {"verb": 97, "noun": 300}),
    "ego4d": Target(33_000, 330, {"verb": 117, "noun": 521}),
}


def clip_table(target: Target) -> pl.DataFrame:
    """The videos cut into clips of 16 stored frames, with random labels."""
    clip, generator = np.arange(target.clips), np.random.default_rng(1)
    places = clip // target.videos * FRAMES / 4  # in seconds, at four frames a second
    labels: dict[str, np.ndarray] = {
        label: generator.integers(0, classes, target.clips) for label, classes in target.classes.items()
    }
    columns = {
        "clip_id": clip.astype(str),
        "video_id": [f"v{number:03}" for number in clip % target.videos],
        "start_s": places,
        "stop_s": places + FRAMES / 4,
        "split": ["test"] * target.clips,
        "verb": labels["verb"],
        "noun": labels["noun"],
        "action": labels["verb"],
        "file": ["f"] * target.clips,
        "row": clip,
    }
    return pl.DataFrame(columns, schema=CLIP_SCHEMA)


def open_target(folder: Path, target: Target) -> StoredFeatures:
    """A data set of that size in a store."""
    write_store(folder, target.videos, -(-target.clips // target.videos) * FRAMES)
    store = Store.open(folder, check=False)
    return StoredFeatures({view: (store, view) for view in ("full", "hand")}, clip_table(target), LABELS)


def evaluate_all(name: str, clip: str, sources: Mapping[str, StoredFeatures], results: Path) -> dict[str, float]:
    """Evaluates one method on both data sets by both kinds of label: seconds, and those of its passes over clips."""
    model: AbstractClassifier = ZeroShot() if name == "zero-shot" else make(name, clip)
    spent = {"clock_s": 0.0, "processor_s": 0.0}
    for key, source in sources.items():
        for label in LABELS:
            started, processor = time.perf_counter(), time.process_time()
            size = TARGETS[key].classes[label]
            text: dict[Label, ClassText] = {label: make_text(size)["noun"]}
            question = Question(range(SHARED[label]), range(SHARED[label], size), temperature=1.5)
            answers = predict_answers(model, source, text, {label: question}, num_frames=FRAMES)
            build_result(answers, method=name, train="other", test=key).write(results / f"{name}-{key}-{label}.json")
            spent["clock_s"] += time.perf_counter() - started
            spent["processor_s"] += time.process_time() - processor
    return spent


def table(folder: Path, *, whole: bool) -> None:
    """Lines of all evaluations of Table 1, with ``whole`` of the slow methods too."""
    clip = write_clip(folder / "clip")
    sources = {key: open_target(folder / key, target) for key, target in TARGETS.items()}
    spent = {name: evaluate_all(name, clip, sources, folder / "results") for name in METHODS + SLOW_METHODS * whole}
    epoch_s = TRAINED_CLIPS / trained_per_s(random_features(TRAINED_STEPS_CLIPS, DIM), clock=time.process_time)
    batch = make_batch(COCOOP_CLIPS, 521)
    cocoop, text = make("cocoop", clip), make_text(521)
    with torch.no_grad():
        cocoop(make_batch(1, 2), make_text(2))
        cocoop_s = seconds(lambda: cocoop(batch, text)) / COCOOP_CLIPS
    cells = sum(target.clips * sum(target.classes.values()) for target in TARGETS.values()) / 521
    facts: dict[str, object] = {
        "size": f"{sum(target.clips for target in TARGETS.values()):,} clips x {FRAMES} frames x 2 views x {DIM}, "
        "verbs and nouns, one thread",
        "epoch_s": round(epoch_s, 1),
        "cocoop_hours": round(cells * cocoop_s / 3600, 1),
        **{f"{name}_s": round(one["clock_s"], 1) for name, one in spent.items()},
        "all_s": round(sum(one["clock_s"] for one in spent.values()), 1),
    }
    for name, unit in (
        ("xmic", "of the time of an epoch of its training: X-MIC's four evaluations of Table 1"),
        ("zero-shot", "of the time of an epoch of X-MIC's training: zero-shot's four evaluations of Table 1"),
    ):
        report(f"evaluation-{name}", spent[name]["processor_s"] / epoch_s, unit, "reported", COMMAND, **facts)


def made_scores(clips: int, classes: int, videos: int) -> Scores:
    """Logits of which a part is right."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(classes, (clips,), generator=generator)
    logits = torch.randn(clips, classes, generator=generator)
    logits[torch.arange(clips), targets] += 2
    groups = tuple(f"v{number}" for number in torch.randint(videos, (clips,), generator=generator).tolist())
    return Scores("noun", logits, targets, groups, tuple(map(str, range(classes))))


def looped(outcomes: Sequence[Outcomes], draws: torch.Tensor) -> list[dict[str, float]]:
    """The metrics of the outcomes among all classes, one resample after the other."""
    (part,) = outcomes
    predicted, targets, ranks = (torch.tensor(column) for column in (part.predicted, part.targets, part.ranks))
    bounds = np.cumsum([0, *part.clips]).tolist()
    resamples = []
    for counts in draws.T.long().tolist():
        clips = torch.cat(
            [torch.arange(*bounds[number : number + 2]).repeat(count) for number, count in enumerate(counts) if count]
        )
        resamples.append(
            {
                "top1": 100 * float((ranks[clips] < 1).double().mean()),
                "top5": 100 * float((ranks[clips] < 5).double().mean()),
                "macro": macro_accuracy(predicted[clips], targets[clips]),
                "f1": macro_f1(predicted[clips], targets[clips]),
            }
        )
    return resamples


def bootstrap() -> None:
    """A line of the intervals against the loop over resamples."""
    target, num_resamples, looped_resamples = TARGETS["ego4d"], 1000, 50
    outcomes = outcomes_of(made_scores(target.clips, 521, target.videos))
    draws = draw_videos(target.videos, num_resamples, torch.Generator().manual_seed(0))
    found: list[dict[str, float]] = []
    loop_s = seconds(lambda: found.extend(looped(outcomes, draws[:, :looped_resamples])))
    ours_s = min(seconds(lambda: rows_of(outcomes)) for _ in range(3))
    report(
        "evaluation-bootstrap",
        loop_s * num_resamples / looped_resamples / ours_s,
        "times less than a loop over the resamples",
        ">= 50",
        COMMAND,
        size=f"{target.clips:,} clips, 521 classes, {num_resamples} resamples of {target.videos} videos, four metrics",
        loop_s=round(loop_s * num_resamples / looped_resamples, 2),
        ours_s=round(ours_s, 3),
    )


def measure(way: str, classes: int, clips: int) -> dict[str, float]:
    """Extra peak memory and seconds of X-MIC's answers about clips, one frame a clip, in this process."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = XMIC(**{**PRESETS["xmic"]["released"], "num_frames": 1})  # type: ignore[arg-type]
    frames = {name: torch.randn(clips, 1, DIM, generator=generator) for name in ("hand", "full")}
    targets = torch.randint(classes, (clips,), generator=generator)
    source = TensorFeatures(frames, {"noun": targets}, [str(clip % 100) for clip in range(clips)])
    vectors = torch.randn(classes, DIM, generator=generator)
    text: dict[Label, ClassText] = {"noun": ClassText(vectors, tuple(map(str, range(classes))))}
    half = classes // 2
    question = Question(range(half), range(half, classes), 1.5)

    asked: dict[Label, Question] = {"noun": question}
    kept: list[dict[Label, Answers]] = []

    def ask() -> None:
        if way == "streamed":
            kept.append(predict_answers(model, source, text, asked, num_frames=1))
        else:
            kept.append({"noun": answers_of(predict(model, source, text, num_frames=1)["noun"], question)})

    few: dict[Label, ClassText] = {"noun": ClassText(vectors[:8])}
    predict_answers(model, TensorFeatures({name: value[:2] for name, value in frames.items()}, {"noun": [0, 1]}), few)
    spent: list[float] = []
    mib = extra_mib(lambda: spent.append(seconds(ask)))
    result_mib = extra_mib(lambda: build_result(kept[0], method="xmic", train="a", test="b"))
    return {"MiB": mib, "s": spent[0], "result_MiB": result_mib}


def vocabularies() -> None:
    """Lines of memory and time at retrieval-size vocabularies."""
    for classes, clips in VOCABULARIES:
        ways = {way: in_own_process("benchmarks.evaluation", way, classes, clips) for way in ("streamed", "whole")}
        for quantity, unit in (("memory", "MiB"), ("time", "s")):
            report(
                f"evaluation-{classes}-classes-{quantity}",
                ways["whole"][unit] / ways["streamed"][unit],
                "times less than with the logits of all clips",
                ("reported" if classes < 10_000 else ">= 10") if quantity == "memory" else "reported",
                COMMAND,
                size=f"C={classes:,}, {clips:,} clips, X-MIC of one frame, shared and novel classes too",
                all_logits_MiB=round(clips * classes * 4 / 2**20),
                result_MiB=round(ways["streamed"]["result_MiB"], 1),
                **{f"{way}_{unit}": round(one[unit], 1) for way, one in ways.items()},
            )


def measure_names(folder: str, count: int) -> dict[str, float]:
    """Extra peak memory and seconds of encoding class names, in this process."""
    known, encoder = words(), load_text_encoder(folder)
    names = [f"{known[number // len(known)]} {known[number % len(known)]}" for number in range(count)]
    class_text(encoder, class_names(4))
    spent: list[float] = []
    mib = extra_mib(lambda: spent.append(seconds(lambda: class_text(encoder, names))))
    return {"MiB": mib, "s": spent[0]}


def names_line(folder: Path) -> None:
    """A line of what encoding many names takes beyond their vectors."""
    clip = write_clip(folder / "text")
    few, many = 500, 4_000
    less, more = (in_own_process("benchmarks.evaluation", "names", count, clip) for count in (few, many))
    vectors_mib = (many - few) * DIM * 4 / 2**20
    report(
        "evaluation-names-memory",
        (more["MiB"] - less["MiB"]) / vectors_mib,
        "times the memory of the vectors, for each further class name encoded",
        "<= 4",
        COMMAND,
        size=f"{few} and {many:,} names of two words, text tower of ViT-B/16, one thread",
        names_per_s=round((many - few) / (more["s"] - less["s"])),
        MiB_few=round(less["MiB"], 1),
        MiB_many=round(more["MiB"], 1),
    )


def main(*, whole: bool) -> None:
    """Print all lines."""
    bootstrap()
    vocabularies()
    with tempfile.TemporaryDirectory() as temporary:
        names_line(Path(temporary))
        table(Path(temporary), whole=whole)


if __name__ == "__main__":
    keep_large_blocks()
    torch.set_num_threads(1)
    if len(sys.argv) == 1 or sys.argv[1] == "--whole":
        main(whole=len(sys.argv) > 1)
    elif sys.argv[1] == "names":
        print(json.dumps(measure_names(sys.argv[3], int(sys.argv[2]))))
    else:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
