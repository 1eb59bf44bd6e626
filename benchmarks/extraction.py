"""Extraction with a ViT-B/16, held against what decoding alone and encoding alone allow on the same cores.

Decoding (reading and preparing frames, one thread, as extraction does it) and encoding (both with one batch spread over
all cores and with one batch a core; the faster counts) are measured alone, then extraction of the same frames from the
video file to the finished store, in turns. With D and E their seconds at the clock, d and e their processor seconds
and c cores, no overlap can end before

    allowed_s = max(D, E, (d + e) / c)

because neither can be faster than alone and together they need the processor for d + e. The measured value is allowed_s
divided by extraction's seconds: 1 is perfect overlap with no cost of its own (queues, data check, store). Weights are
random; a random ViT-B/16 costs what a trained one costs.

On a machine that does other work too (``load_average`` above the number of cores) seconds at the clock depend on what
else ran just then; ``processor_share``, (d + e) divided by extraction's processor seconds, hardly does.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import polars as pl
import torch
from av.video.stream import VideoStream
from torch import Tensor

from benchmarks.report import report
from egoshift.allocator import keep_large_blocks
from egoshift.encoders import AbstractImageEncoder, load_image_encoder
from egoshift.features import extract
from egoshift.media import read_frames
from egoshift.recipes.plan_rates import write_vit_b16
from egoshift.records import CLIP_SCHEMA, Dataset

SECONDS, GRID_HZ, BATCH, TURNS = 64.0, 4.0, 16, 2  # short videos would show the last batches, of which one waits
WIDTH, HEIGHT, RATE_HZ = 1280, 720, 30


@dataclass
class Spent:
    """Seconds at the clock and on the processor, summed over turns."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Adds what the block takes."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu


def write_720p(path: Path, seconds: float = SECONDS) -> Path:
    """H.264 at about 5 Mbit/s: a camera that pans over a grainy texture."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(40, 215, (40, 64, 3)).astype(np.uint8)
    texture = np.kron(coarse, np.ones((32, 32, 1), np.uint8))
    texture = (texture + generator.integers(-12, 13, texture.shape)).clip(0, 255).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE_HZ, options={"preset": "veryfast", "g": "60"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 5_000_000
        stream.codec_context.time_base = Fraction(1, RATE_HZ)
        for index in range(int(seconds * RATE_HZ)):
            left, top = int(300 + 280 * np.sin(index / 40)), int(200 + 190 * np.cos(index / 55))
            view = np.ascontiguousarray(texture[top : top + HEIGHT, left : left + WIDTH])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def decode(path: Path, encoder: AbstractImageEncoder, seconds: float = SECONDS) -> list[Tensor]:
    """All frames of the grid, prepared, by one thread."""
    times_s = np.arange(int(seconds * GRID_HZ)) / GRID_HZ
    torch.set_num_threads(1)
    images = [encoder.prepare(frame) for _, frame in read_frames(path, times_s, threads=1)]
    torch.set_num_threads(os.cpu_count() or 1)
    return images


def encode_one_batch_at_once(encoder: AbstractImageEncoder, batches: Sequence[Tensor]) -> None:
    """Each batch on all cores."""
    for batch in batches:
        encoder.encode(batch)


def encode_a_batch_a_core(encoder: AbstractImageEncoder, batches: Sequence[Tensor]) -> None:
    """As many batches side by side as there are cores."""
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores, initializer=lambda: torch.set_num_threads(1)) as pool:
        list(pool.map(encoder.encode, batches))
    torch.set_num_threads(cores)


def one_video(path: Path) -> Dataset:
    """A data set whose one clip is the whole video."""
    clip = {"clip_id": "c", "video_id": "v", "start_s": 0.0, "stop_s": SECONDS, "split": "train", "file": "f", "row": 2}
    return Dataset("benchmark", pl.DataFrame([clip], schema=CLIP_SCHEMA), {}, {"v": path})


def main() -> None:
    """Print one line."""
    keep_large_blocks()
    cores = os.cpu_count() or 1
    torch.set_num_threads(cores)
    decoding, spread, side_by_side, extraction = Spent(), Spent(), Spent(), Spent()
    num_frames = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder = load_image_encoder(str(write_vit_b16(folder / "vit")))
        path = write_720p(folder / "video.mp4")
        encoder.encode(torch.zeros((BATCH, 3, 224, 224), dtype=torch.uint8))  # loads the libraries' code
        for turn in range(TURNS):
            with decoding.measuring():
                images = decode(path, encoder)
            batches = list(torch.split(torch.stack(images), BATCH))
            with spread.measuring():
                encode_one_batch_at_once(encoder, batches)
            with extraction.measuring():
                extract(one_video(path), encoder, folder / f"store{turn}", batch_size=BATCH, compare=False)
            with side_by_side.measuring():
                encode_a_batch_a_core(encoder, batches)
            num_frames += len(images)
        megabits = path.stat().st_size * 8e-6 / SECONDS
    encoding = min((spread, side_by_side), key=lambda spent: spent.wall_s)
    allowed_s = max(decoding.wall_s, encoding.wall_s, (decoding.cpu_s + encoding.cpu_s) / cores)
    report(
        "extraction-overlap",
        allowed_s / extraction.wall_s,
        "of the rate that decoding alone and encoding alone allow",
        ">= 0.9",
        "python -m benchmarks.extraction",
        size=f"{num_frames} frames at {GRID_HZ:g} Hz of {WIDTH}x{HEIGHT} H.264 at {megabits:.1f} Mbit/s, ViT-B/16 in "
        f"{encoder.card.dtype}, batches of {BATCH}",
        formula="max(decode_s, encode_s, (decode_cpu_s + encode_cpu_s) / cores) / extract_s",
        decode_s=round(decoding.wall_s, 2),
        decode_cpu_s=round(decoding.cpu_s, 2),
        encode_s=round(encoding.wall_s, 2),
        encode_cpu_s=round(encoding.cpu_s, 2),
        encode_spread_s=round(spread.wall_s, 2),
        encode_side_by_side_s=round(side_by_side.wall_s, 2),
        extract_s=round(extraction.wall_s, 2),
        extract_cpu_s=round(extraction.cpu_s, 2),
        processor_share=round((decoding.cpu_s + encoding.cpu_s) / extraction.cpu_s, 4),
        load_average=round(os.getloadavg()[1], 1),
        extract_frames_per_s=round(num_frames / extraction.wall_s, 2),
        cores=cores,
    )


if __name__ == "__main__":
    main()
