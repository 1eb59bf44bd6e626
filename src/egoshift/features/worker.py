"""One worker: a process of Ray that holds an encoder and writes what it encodes into a shard of its own."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path

import torch

from egoshift.features.jobs import Encoded, Failed, Finished
from egoshift.features.layout import UNFINISHED
from egoshift.features.parts import write_part
from egoshift.features.wanted import Wanted
from egoshift.features.work import AbstractWork, Written
from egoshift.isolation import Walls, isolated

_TELL_S = 1.0


class Worker:
    """Encodes videos and writes their rows.

    Args:
        work: How they are encoded.
        shard: Folder for its parts; is made. Once it is removed nothing more is written.
        folder: Where to work, so that paths mean what they mean to whoever asks.
        threads: To compute with.
        walls: Where media is read in children, what they may take.
    """

    def __init__(self, work: AbstractWork, shard: Path, folder: Path, threads: int, walls: Walls | None = None):
        os.chdir(folder)
        shard.mkdir()
        (shard / UNFINISHED).mkdir()
        self._work, self._shard, self._threads, self._walls = work, shard, threads, walls

    def ready(self) -> None:
        """Answers once the worker is there."""

    def encode(self, videos: Sequence[Wanted]) -> Iterator[Encoded | Failed | Written]:
        """Encodes what is missing of these videos; tells about once a second how far it is."""
        self._check_shard()
        torch.set_num_threads(self._threads)
        by_name = {video.video_id: video for video in videos}
        rows: Counter[str] = Counter()
        told_s = time.monotonic()
        apart = isolated(self._walls) if self._walls is not None else nullcontext()
        with apart, closing(self._work.run(videos, self._shard)) as events:
            for event in events:
                if isinstance(event, Encoded):
                    rows[event.video_id] += event.num_rows
                if not isinstance(event, Encoded) or time.monotonic() - told_s > _TELL_S:
                    yield from (Encoded(name, num_rows) for name, num_rows in rows.items())
                    rows.clear()
                    told_s = time.monotonic()
                if isinstance(event, Finished):
                    yield Written(event.video_id, self._write(by_name[event.video_id], event))
                elif isinstance(event, Failed):
                    yield event

    def _write(self, video: Wanted, finished: Finished) -> Path:
        self._check_shard()
        entry = video.entry(video.missing_s)
        return write_part(self._shard, video.video_id, entry, [finished.rows])

    def _check_shard(self) -> None:
        if not (self._shard / UNFINISHED).is_dir():
            raise FileNotFoundError(f"{self._shard} was removed: this worker was given up")
