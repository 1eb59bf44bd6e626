"""Gathering windows of 16 frames from a store of 100,000 clips: clips per second against the bars of the store.

The store has two views of 512 numbers in float16 (3.3 GB), batches are 256 clips at random, all cores work. Two things
are measured, from memory and from a warm map (each row was taken once before, which is when it is looked at for NaN):

``gather-rows``: of rows that are known, as they are stored. This is what the bars are for: 400,000 clips per second
    from memory, 150,000 from the map.
``gather``: a batch as training takes it: random times are drawn, the stored frame nearest to each is found, and
    features are converted to float32, which moves three times as many bytes. No bar from memory: the bare gather with
    that conversion is what bounds it (``share_of_bare``).

The best of many turns at the clock, since others may be using the cores; processor time is of one thread alone.
``share_of_bare`` is the rate against one ``index_select`` from memory (and a conversion to float32 for ``gather``);
``share_of_memory_bandwidth`` holds the bytes that must move (float16 read, float16 or float32 written) against the rate
at which this machine copies; above 1, the processor's caches helped.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch

from benchmarks.limits import CORES, bytes_copied_per_s, seconds, threads_of
from benchmarks.report import report
from egoshift.allocator import keep_large_blocks
from egoshift.encoders import WeightCard
from egoshift.features import FramePlan, Manifest, Store, StoredFeatures, VideoEntry
from egoshift.features.arrays import free_bytes
from egoshift.features.stored import Streams
from egoshift.records import CLIP_SCHEMA

COMMAND = "python -m benchmarks.gather"
VIDEOS, CLIPS_PER_VIDEO, CLIP_S, DIM, BATCH, NUM_FRAMES = 625, 160, 4.0, 512, 256, 16
ROWS_PER_VIDEO = CLIPS_PER_VIDEO * NUM_FRAMES
CLIP_BYTES = 2 * NUM_FRAMES * DIM * 2
BARS = {"resident": 400_000, "mapped": 150_000}
TURNS_S, LEAST_TURNS = 8.0, 20
CARD = WeightCard(
    id="benchmark",
    family="clip",
    sha256="",
    licence="",
    activation="",
    pooling="",
    dim=DIM,
    has_text=True,
    dtype="float32",
    mean=(0, 0, 0),
    std=(1, 1, 1),
    size=8,
    resize="squash",
    resize_to=8,
)


def write_store(path: Path, num_videos: int = VIDEOS, rows_per_video: int = ROWS_PER_VIDEO) -> Store:
    """Videos at 4 Hz in two views: 625 of 11 minutes, 3.3 GB, or others. All hold the same features."""
    path.mkdir()
    entry = VideoEntry(rows=rows_per_video, duration_s=rows_per_video / 4, num_bytes=1, fingerprint="", times_hash="")
    videos = {f"v{number:03}": entry for number in range(num_videos)}
    manifest = Manifest(encoder=CARD, views=("full", "hand"), plan=FramePlan(), videos=videos)
    num_rows = num_videos * rows_per_video
    generator = np.random.default_rng(0)
    np.save(path / "times.npy", np.tile(np.arange(rows_per_video) / 4, num_videos))
    np.save(path / "hand_boxes.npy", np.zeros((num_rows, 4), np.float32))
    np.save(path / "hand_origins.npy", np.zeros(num_rows, np.uint8))
    for view in manifest.views:
        video = generator.standard_normal((rows_per_video, DIM), np.float32).astype(np.float16)
        array = np.lib.format.open_memmap(path / f"{view}.npy", "w+", np.float16, (num_rows, DIM))
        for number in range(num_videos):
            array[number * rows_per_video : (number + 1) * rows_per_video] = video
        array.flush()
    (path / "manifest.json").write_text(manifest.text())
    return Store.open(path, check=False)


def clip_table(num_videos: int, clips_per_video: int = CLIPS_PER_VIDEO, num_classes: int = 90) -> pl.DataFrame:
    """Videos cut into clips of 16 stored frames, with random labels."""
    num_clips = num_videos * clips_per_video
    clip, generator = np.arange(num_clips), np.random.default_rng(1)
    starts = clip % clips_per_video * CLIP_S
    columns = {
        "clip_id": clip.astype(str),
        "video_id": [f"v{number:03}" for number in clip // clips_per_video],
        "start_s": starts,
        "stop_s": starts + CLIP_S,
        "split": ["train"] * num_clips,
        **{label: generator.integers(0, num_classes, num_clips) for label in ("verb", "noun", "action")},
        "file": ["f"] * num_clips,
        "row": clip,
    }
    return pl.DataFrame(columns, schema=CLIP_SCHEMA)


def num_videos_for(folder: Path) -> int:
    """As many videos as 100,000 clips need, or what memory and disk have room for, with a word about it."""
    room = min(free_bytes() / 3, shutil.disk_usage(folder).free / 1.5)  # in memory, in the page cache, and to spare
    fitting = min(VIDEOS, int(room / (CLIPS_PER_VIDEO * CLIP_BYTES)))
    if fitting < VIDEOS:
        print(f"room for {fitting * CLIPS_PER_VIDEO:,} of {VIDEOS * CLIPS_PER_VIDEO:,} clips only", file=sys.stderr)
    return fitting


def best_s(works: Sequence[Callable[[], object]], clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Seconds of the fastest of many calls of each of some works, taken in turns."""
    best = [float("inf")] * len(works)
    end, turn = time.perf_counter() + TURNS_S, 0
    while turn < LEAST_TURNS or time.perf_counter() < end:
        for number, work in enumerate(works):
            best[number] = min(best[number], seconds(work, clock))
        turn += 1
    return best


class Work:
    """One way to gather, each turn other clips at random.

    Args:
        source: Where the clips are.
        in_memory: The same features, to gather from without any of this.
    """

    def __init__(self, source: StoredFeatures, in_memory: list[torch.Tensor]):
        self._source, self._in_memory = source, in_memory
        self._generator = torch.Generator().manual_seed(0)
        self._arrays = [source._arrays[name] for name in source.streams]

    def _clips(self) -> torch.Tensor:
        return torch.randint(len(self._source), (BATCH,), generator=self._generator)

    def _rows(self) -> np.ndarray:
        return self._clips().numpy()[:, None] * NUM_FRAMES + np.arange(NUM_FRAMES)

    def batch(self) -> None:
        """A batch as training takes it."""
        self._source.batch(self._clips(), num_frames=NUM_FRAMES, generator=self._generator)

    def rows(self) -> None:
        """Known rows as they are stored."""
        rows = self._rows()
        for array in self._arrays:
            array.take_stored(rows)

    def bare(self, *, convert: bool) -> None:
        """The same from memory, by one operation a view and, to convert, another."""
        rows = torch.from_numpy(self._rows().reshape(-1))
        for features in self._in_memory:
            taken = features.index_select(0, rows)
            if convert:
                taken.float()


def measure(kind: str, name: str, work: Callable[[], object], bare: Callable[[], object], **extra: object) -> None:
    """Print one line."""
    written = 2 if name == "gather-rows" else 4
    with threads_of(1) as clock:
        (processor_s,) = best_s([work], clock)
    with threads_of(CORES):
        (bare_s, batch_s), copied_per_s = best_s([bare, work]), bytes_copied_per_s(time.perf_counter)
    report(
        f"{name}-{kind}",
        BATCH / batch_s / BARS[kind],
        f"of {BARS[kind]:,} clips/s",
        "reported" if (name, kind) == ("gather", "resident") else ">= 1",
        COMMAND,
        clips_per_s=round(BATCH / batch_s),
        batch_ms=round(1e3 * batch_s, 3),
        processor_ms=round(1e3 * processor_s, 3),
        share_of_bare=round(bare_s / batch_s, 3),
        share_of_memory_bandwidth=round(BATCH * CLIP_BYTES * (1 + written / 2) / batch_s / copied_per_s, 3),
        **extra,
    )


def main() -> None:
    """Print two lines for features in memory and two for mapped ones."""
    keep_large_blocks()
    with tempfile.TemporaryDirectory() as name:
        num_videos = num_videos_for(Path(name))
        store = write_store(Path(name) / "store", num_videos)
        size = f"{num_videos * CLIPS_PER_VIDEO:,} clips, batches of {BATCH} x {NUM_FRAMES} frames x 2 views x {DIM}"
        streams: Streams = {"full": (store, "full"), "hand": (store, "hand")}
        for kind in BARS:
            start = time.perf_counter()
            source = StoredFeatures(streams, clip_table(num_videos), ["verb", "noun"], resident=kind == "resident")
            opened_s = time.perf_counter() - start
            arrays = [source._arrays[view] for view in streams]
            if kind == "resident":
                in_memory = [array._features for array in arrays]
            work = Work(source, in_memory)
            # Of a map, rows are looked at when they are first taken.
            first_s = min(seconds(work.batch, time.perf_counter) for _ in range(LEAST_TURNS))
            for clips in torch.split(torch.arange(len(source)), 1024):
                source.batch(clips, num_frames=NUM_FRAMES)
            extra = {"size": size, "threads": CORES, "opened_s": round(opened_s, 2)}
            measure(kind, "gather-rows", work.rows, partial(work.bare, convert=False), **extra)
            extra["first_batch_ms"] = round(1e3 * first_s, 3)
            measure(kind, "gather", work.batch, partial(work.bare, convert=True), **extra)


if __name__ == "__main__":
    main()
