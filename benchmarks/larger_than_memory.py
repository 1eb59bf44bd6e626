"""Clips from a store that is several times larger than memory: in random order from the map, and in shards.

A store of 1.6 GB on the disk, where 0.4 GB of memory are said to be free and the page cache is held to as much:
whenever more of the store lies in it, parts at random are thrown out, outside the clock (which is what a kernel short
of memory does within it). Both orders take batches of 256 as training does: in shards for a whole epoch from a cold
cache, at random for as long or longer, once the cache is full.

One line holds their clips per second against each other, with ``share_of_disk``: the time to read the files in order
against that of the epoch. The other counts the bytes that had to come from the disk for each byte of the clips taken,
as the kernel counts them. A disk that another layer caches, as a virtual machine's may be, flatters the random order.
"""

import ctypes
import os
import random
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.gather import BATCH, CLIP_BYTES, NUM_FRAMES, clip_table, write_store
from benchmarks.limits import cached_share, drop_cached, read_file, seconds
from benchmarks.report import report
from egoshift.features import Store, StoredFeatures
from egoshift.features.stored import Streams
from egoshift.training.order import epoch_order

COMMAND = "python -m benchmarks.larger_than_memory"
VIDEOS, FREE_BYTES, PIECE_BYTES, BATCHES_BETWEEN_LOOKS = 312, 400 << 20, 4 << 20, 8
LEAST_S, MADV_DONTNEED = 5.0, 4


class PageCache:
    """Holds what the page cache keeps of some mapped files to a limit.

    Args:
        store: With these files.
        limit: In bytes.
    """

    def __init__(self, store: Store, limit: int):
        self._maps = [(store.path / f"{view}.npy", store.array(view)) for view in store.views]
        self._limit, self._random = limit, random.Random(0)
        self._libc = ctypes.CDLL(None, use_errno=True)

    @property
    def num_bytes(self) -> float:
        """How much of the files lies in memory."""
        return sum(cached_share(path) * path.stat().st_size for path, _ in self._maps)

    def shrink(self) -> None:
        """Throws out parts at random until the limit is kept."""
        while self.num_bytes > self._limit:
            for path, array in self._maps:
                pieces = range(0, path.stat().st_size, PIECE_BYTES)
                self._drop(path, array, self._random.sample(pieces, len(pieces) // 10))

    def empty(self) -> None:
        """Throws out everything."""
        for path, array in self._maps:
            self._drop(path, array, range(0, path.stat().st_size, PIECE_BYTES))
            drop_cached(path)

    def _drop(self, path: Path, array: np.ndarray, begins: Iterable[int]) -> None:
        header = array.offset  # type: ignore[attr-defined]
        with path.open("rb") as file:
            for begin in begins:
                stop = min(begin + PIECE_BYTES, path.stat().st_size)
                # Pages that the map has in hand cannot be thrown out: it lets go of them first.
                base = array.ctypes.data - header
                if self._libc.madvise(ctypes.c_void_p(base + begin), ctypes.c_size_t(stop - begin), MADV_DONTNEED):
                    raise OSError(ctypes.get_errno(), "madvise")
                os.posix_fadvise(file.fileno(), begin, stop - begin, os.POSIX_FADV_DONTNEED)


def bytes_from_disk() -> int:
    """What this process has had from the disk so far."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["read_bytes"])


def visit_in_shards(source: StoredFeatures, epoch: int) -> tuple[float, int]:
    """Take all clips in shards; seconds and bytes from the disk."""
    generator, before, start = torch.Generator().manual_seed(epoch), bytes_from_disk(), time.perf_counter()
    order = epoch_order(torch.arange(len(source)), 0, epoch, source.shards)
    source.read_ahead(order)
    for clips in torch.split(order, BATCH):
        source.batch(clips, num_frames=NUM_FRAMES, generator=generator)
    return time.perf_counter() - start, bytes_from_disk() - before


def visit_at_random(source: StoredFeatures, cache: PageCache, for_s: float) -> tuple[float, int, int]:
    """Take clips at random for so long, once the cache is full; seconds, clips and bytes from the disk."""
    generator, full = torch.Generator().manual_seed(0), False
    taken_s, num_clips, num_bytes = 0.0, 0, 0
    while taken_s < for_s:
        full = full or cache.num_bytes >= FREE_BYTES
        cache.shrink()
        for _ in range(BATCHES_BETWEEN_LOOKS):
            clips = torch.randint(len(source), (BATCH,), generator=generator)
            before, start = bytes_from_disk(), time.perf_counter()
            source.batch(clips, num_frames=NUM_FRAMES, generator=generator)
            if full:
                taken_s += time.perf_counter() - start
                num_clips, num_bytes = num_clips + BATCH, num_bytes + bytes_from_disk() - before
    return taken_s, num_clips, num_bytes


def main() -> None:
    """Print two lines."""
    with (
        tempfile.TemporaryDirectory() as name,
        patch("egoshift.features.arrays.free_bytes", lambda: FREE_BYTES),
    ):
        store = write_store(Path(name) / "store", VIDEOS)
        streams: Streams = {"full": (store, "full"), "hand": (store, "hand")}
        clips, cache = clip_table(VIDEOS), PageCache(store, FREE_BYTES)
        os.sync()  # what is not on the disk yet cannot be thrown out
        in_shards, at_random = StoredFeatures(streams, clips), StoredFeatures(streams, clips, resident=False)
        assert in_shards.shards is not None, "larger than memory"
        cache.empty()
        held = cache.num_bytes
        shards_s, shards_bytes = visit_in_shards(in_shards, epoch=0)
        cache.empty()
        read_s = sum(seconds(partial(read_file, store.path / f"{view}.npy"), time.perf_counter) for view in store.views)
        random_s, random_clips, random_bytes = visit_at_random(at_random, cache, max(shards_s, LEAST_S))
        rate, random_rate = len(clips) / shards_s, random_clips / random_s
        num_bytes = len(clips) * CLIP_BYTES
        size = f"{len(clips):,} clips, {num_bytes / 1e9:.1f} GB, of which {FREE_BYTES / 1e9:.1f} GB fit"
        report(
            "larger-than-memory",
            rate / random_rate,
            "times the clips/s of random order",
            ">= 3",
            COMMAND,
            size=size,
            shards=int(in_shards.shards.max()) + 1,
            clips_per_s=round(rate),
            random_clips_per_s=round(random_rate),
            share_of_disk=round(read_s / shards_s, 3),
            note="page cache dropped first" if held < 1e6 else f"{held / 1e6:.0f} MB stayed in the page cache",
        )
        report(
            "larger-than-memory-bytes",
            shards_bytes / num_bytes,
            "bytes from the disk for a byte of features",
            "<= 1.1",
            COMMAND,
            size=size,
            at_random=round(random_bytes / (random_clips * CLIP_BYTES), 2),
        )


if __name__ == "__main__":
    main()
