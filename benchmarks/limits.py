"""This machine's own limits, which the other benchmarks are held against.

Matrix products of bfloat16 and float32 (the best of several sizes), memory (reading a large array, and copying it,
where each byte counts once as read and once as written), the disk (1 GiB in a temporary folder: written in order and
brought to the disk, then read with the page cache dropped) and decoding (H.264 of 1280x720 at about 5 Mbit/s, the video
of ``benchmarks.extraction``). By one thread, in processor time, so that a busy machine changes it little; and by all
cores, at the clock. The best of several rounds.

``MatrixProducts``, ``bytes_copied_per_s`` and ``decode`` are what other benchmarks measure their share of a limit with.
"""

import ctypes
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch

from benchmarks.extraction import RATE_HZ, write_720p
from benchmarks.report import report
from egoshift.allocator import keep_large_blocks

COMMAND = "python -m benchmarks.limits"
SIDES = (1024, 2048, 4096)
VIDEO_S = 8.0
ROUNDS, ARRAY_BYTES, FILE_BYTES, BLOCK_BYTES = 4, 1 << 29, 1 << 30, 1 << 24
CORES = os.cpu_count() or 1
Clock = Callable[[], float]


def seconds(action: Callable[[], object], clock: Clock = time.process_time) -> float:
    """What one call takes by a clock, the processor's unless told otherwise."""
    start = clock()
    action()
    return clock() - start


class MatrixProducts:
    """The best rate of products of square matrices, of several sizes.

    Args:
        dtype: Of the matrices.
        clock: What is looked at before and after each product.
        sides: Their rows and columns.

    Attributes:
        per_s: Operations per second (two for each multiply-add) of the fastest product so far.
    """

    def __init__(self, dtype: torch.dtype, clock: Clock = time.process_time, sides: Sequence[int] = SIDES):
        self._clock = clock
        self._pairs = [[torch.randn(side, side).to(dtype) for _ in range(2)] for side in sides]
        self.per_s = 0.0

    def turn(self) -> None:
        """Multiply one pair of each size."""
        for left, right in self._pairs:
            taken_s = seconds(partial(torch.matmul, left, right), self._clock)
            self.per_s = max(self.per_s, 2 * len(left) ** 3 / taken_s)


def products_per_s(dtype: torch.dtype, clock: Clock = time.process_time, rounds: int = ROUNDS) -> float:
    """Operations per second of the fastest product, on the threads that torch has now."""
    products = MatrixProducts(dtype, clock)
    for _ in range(rounds + 1):  # the first loads the libraries' code
        products.turn()
    return products.per_s


def bytes_copied_per_s(clock: Clock = time.process_time, num_bytes: int = ARRAY_BYTES) -> float:
    """Bytes read and written per second while an array is copied to another."""
    source = torch.ones(num_bytes // 4)
    target = torch.zeros_like(source)
    return 2 * num_bytes / min(seconds(lambda: target.copy_(source), clock) for _ in range(ROUNDS))


def bytes_read_per_s(clock: Clock = time.process_time, num_bytes: int = ARRAY_BYTES) -> float:
    """Bytes read per second while an array is summed."""
    source = torch.ones(num_bytes // 4)
    return num_bytes / min(seconds(source.sum, clock) for _ in range(ROUNDS))


def decode(path: Path, threads: int) -> int:
    """Decode a video to the end, without turning its frames into pictures; how many there were."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        return sum(1 for _ in container.decode(stream))


def write_file(path: Path, num_bytes: int) -> None:
    """Random bytes, in order, until they are on the disk."""
    block = np.random.default_rng(0).bytes(BLOCK_BYTES)
    with path.open("wb", buffering=0) as file:
        for _ in range(num_bytes // BLOCK_BYTES):
            file.write(block)
        os.fsync(file.fileno())


def read_file(path: Path) -> int:
    """Read a file in order; how many bytes it had."""
    block = bytearray(BLOCK_BYTES)
    with path.open("rb", buffering=0) as file:
        return sum(iter(lambda: file.readinto(block), 0))


def drop_cached(path: Path) -> None:
    """Ask the kernel to forget what it keeps of a file in memory; ``cached_share`` tells whether it did."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def cached_share(path: Path) -> float:
    """Which share of a file's pages lies in memory, 0 to 1."""
    size = path.stat().st_size
    with path.open("r+b") as file, mmap.mmap(file.fileno(), size) as mapped:
        pages = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
        view = ctypes.c_char.from_buffer(mapped)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.mincore(ctypes.c_void_p(ctypes.addressof(view)), ctypes.c_size_t(size), pages):
                raise OSError(ctypes.get_errno(), "mincore")
        finally:
            del view  # a map that is looked into cannot be closed
        return float(np.mean(np.frombuffer(bytes(pages), np.uint8) & 1))


@contextmanager
def threads_of(threads: int) -> Iterator[Clock]:
    """So many threads of torch; gives the clock to measure with: the processor's for one, the wall's for several."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield time.process_time if threads == 1 else time.perf_counter
    finally:
        torch.set_num_threads(before)


def tell(name: str, value: float, unit: str, of: float | None, **extra: object) -> None:
    """One line of a limit, with its ratio to the line that it is compared with, where there is one."""
    ratio = {} if of is None else {"ratio": round(value / of, 3)}
    load = round(os.getloadavg()[0], 1)
    report(f"limit-{name}", value, unit, "a limit", COMMAND, limit=True, load_average=load, **ratio, **extra)


def measure_processor() -> None:
    """Print products and memory, by one thread and by all cores; the ratio is to one thread's."""
    measures: dict[str, tuple[Callable[[Clock], float], str]] = {
        "product-float32": (lambda clock: products_per_s(torch.float32, clock), "GFLOP/s"),
        "product-bfloat16": (lambda clock: products_per_s(torch.bfloat16, clock), "GFLOP/s"),
        "memory-copy": (bytes_copied_per_s, "GB/s"),
        "memory-read": (bytes_read_per_s, "GB/s"),
    }
    for name, (measure, unit) in measures.items():
        one = None
        for threads, words in ((1, "one-thread"), (CORES, "all-cores")):
            with threads_of(threads) as clock:
                value = measure(clock) / 1e9
            tell(f"{name}-{words}", value, unit, one)
            one = value


def measure_media(folder: Path) -> None:
    """Print the disk and decoding; the ratios are to writing, and to one thread's."""
    path, clock = folder / "bytes", time.perf_counter
    block_s = min(seconds(lambda: write_file(path, FILE_BYTES), clock) for _ in range(2))
    read_s, cached = [], []
    for _ in range(2):
        drop_cached(path)
        cached.append(cached_share(path))
        read_s.append(seconds(lambda: read_file(path), clock))
    path.unlink()
    written = FILE_BYTES / block_s / 1e9
    tell("disk-write", written, "GB/s", None, size="1 GiB and fsync")
    note = "page cache dropped" if max(cached) < 0.01 else f"{100 * max(cached):.0f} % was in the page cache"
    tell("disk-read", FILE_BYTES / min(read_s) / 1e9, "GB/s", written, size="1 GiB", note=note)
    video, num_frames, one = write_720p(folder / "video.mp4", VIDEO_S), int(VIDEO_S * RATE_HZ), None
    for threads, words in ((1, "one-thread"), (CORES, "all-cores")):
        with threads_of(threads) as clock:
            taken_s = min(seconds(partial(decode, video, threads), clock) for _ in range(ROUNDS))
        rate = num_frames / taken_s
        tell(f"decode-{words}", rate, "frames/s", one, size="1280x720 H.264 at about 5 Mbit/s")
        one = rate


def main() -> None:
    """Print one line per limit."""
    keep_large_blocks()
    measure_processor()
    with tempfile.TemporaryDirectory() as name:
        measure_media(Path(name))


if __name__ == "__main__":
    main()
