"""Assembling a training batch from a feature store, held against the bare gather of the same rows.

The bare gather knows its rows already: one ``index_select`` and a conversion to float32 per view. What a batch costs
beyond that is the random times, the search for the nearest stored frames, and for a mapped store the sorting of rows
and the look for NaN. Processor seconds on one thread, best of several turns: a busy machine changes them little.
``share_of_memory_bandwidth`` holds the bytes that a batch must move (float16 read, float32 written) against the rate at
which this machine copies; above 1, the processor's caches helped.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch

from benchmarks.limits import bytes_copied_per_s
from benchmarks.report import report
from egoshift.encoders import WeightCard
from egoshift.features import FramePlan, Manifest, Store, StoredFeatures, VideoEntry
from egoshift.records import CLIP_SCHEMA

VIDEOS, ROWS_PER_VIDEO, CLIPS, DIM, BATCH, NUM_FRAMES = 64, 2400, 20_000, 512, 256, 16
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
    """64 videos of 10 minutes at 4 Hz in two views: 0.3 GB; or so many others. The videos hold the same features."""
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
    return Store.open(path)


def clip_table() -> pl.DataFrame:
    """Clips of 1 to 8 seconds at random places."""
    generator = np.random.default_rng(1)
    starts = generator.uniform(0, 590, CLIPS)
    columns = {
        "clip_id": [str(number) for number in range(CLIPS)],
        "video_id": [f"v{number:03}" for number in generator.integers(0, VIDEOS, CLIPS)],
        "start_s": starts,
        "stop_s": starts + generator.uniform(1, 8, CLIPS),
        "split": ["train"] * CLIPS,
        **{label: generator.integers(0, 90, CLIPS) for label in ("verb", "noun", "action")},
        "file": ["f"] * CLIPS,
        "row": np.arange(CLIPS),
    }
    return pl.DataFrame(columns, schema=CLIP_SCHEMA)


def best_ms(work: Callable[[], object], turns: int = 30) -> float:
    """Processor milliseconds of the fastest of many calls."""
    times = []
    for _ in range(turns):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def main() -> None:
    """Print one line for resident and one for mapped features."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        store = write_store(Path(name) / "store")
        start = time.perf_counter()
        resident = StoredFeatures(
            {"full": (store, "full"), "hand": (store, "hand")}, clip_table(), ["verb", "noun"], resident=True
        )
        opened_s = time.perf_counter() - start
        mapped = StoredFeatures({"full": (store, "full"), "hand": (store, "hand")}, resident.clips, resident=False)
        rows = torch.randint(len(store), (BATCH * NUM_FRAMES,), generator=generator)
        in_memory = [torch.from_numpy(np.array(store.array(view))) for view in store.views]

        def bare() -> None:
            for features in in_memory:
                features.index_select(0, rows).float()

        def batch_of(source: StoredFeatures) -> Callable[[], object]:
            return lambda: source.batch(
                torch.randint(len(source), (BATCH,), generator=generator), num_frames=NUM_FRAMES, generator=generator
            )

        bare_ms, copied_per_s = best_ms(bare), bytes_copied_per_s()
        num_bytes = BATCH * NUM_FRAMES * DIM * len(store.views) * (2 + 4)
        for kind, source in (("resident", resident), ("mapped", mapped)):
            batch_ms = best_ms(batch_of(source))
            report(
                f"gather-{kind}",
                bare_ms / batch_ms,
                "of the rate of a bare index_select of known rows",
                "reported",
                "python -m benchmarks.gather",
                size=f"batches of {BATCH} clips x {NUM_FRAMES} frames x 2 views x {DIM}, {CLIPS} clips, one thread",
                bare_ms=round(bare_ms, 2),
                batch_ms=round(batch_ms, 2),
                clips_per_s=round(BATCH / batch_ms * 1e3),
                opened_s=round(opened_s, 2),
                share_of_memory_bandwidth=round(num_bytes / (1e-3 * batch_ms) / copied_per_s, 3),
            )


if __name__ == "__main__":
    main()
