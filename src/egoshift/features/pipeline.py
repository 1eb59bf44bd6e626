"""Decoding and encoding at the same time: threads that fill batches across videos, threads that empty them.

A frame's features must not depend on what else is in its batch, or a store would depend on where it was interrupted.
So every batch has the same size (the last one is filled up with black), and on a CPU each batch is encoded by one
thread: as many batches at once as there are cores, which also leaves no core waiting for another when decoding takes
its share.
"""

import os
import queue
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from egoshift.encoders import AbstractImageEncoder
from egoshift.errors import Fault, MediaError
from egoshift.features.jobs import Encoded, Event, Failed, Finished, Job, Picture, in_chunks, pictures
from egoshift.features.layout import feature_dtype
from egoshift.features.manifest import View
from egoshift.media import AbstractHandLocator, read_frames

_FRAMES_AT_ONCE = 8  # whole frames that a decoding thread holds when it looks for hands
_MOST_BATCHES = 16  # encoded side by side on a CPU: each holds its activations
_POLL_S = 0.05


@dataclass(frozen=True)
class Threads:
    """How many threads do what.

    Attributes:
        decoding: Videos decoded at once.
        encoding: Batches encoded at once.
        per_batch: Threads of torch for each of them.
    """

    decoding: int
    encoding: int
    per_batch: int


def cpu_threads(cores: int) -> Threads:
    """Batches side by side rather than one spread over all cores; decoders wait while encoding has enough to do."""
    encoding = min(cores, _MOST_BATCHES)
    return Threads(max(1, cores // 2), encoding, max(1, cores // encoding))


def gpu_threads(cores: int) -> Threads:
    """One batch on its way to the device while another is encoded; the other cores decode."""
    return Threads(max(1, cores - 1), 2, 1)


@dataclass(frozen=True)
class _Crashed:
    error: BaseException


class Pipeline:
    """Decodes and encodes videos.

    Args:
        encoder: The frozen tower.
        views: What to encode of each frame.
        locator: Where the hands are, for the hand view.
        batch_size: Images per call of the encoder.
        room: A folder with room for rows that may be more than memory holds.
    """

    def __init__(
        self,
        encoder: AbstractImageEncoder,
        views: Sequence[View],
        locator: AbstractHandLocator | None,
        batch_size: int,
        room: Path,
    ):
        self._encoder = encoder
        self._views = tuple(views)
        self._locator = locator
        self._batch_size, self._room = batch_size, room
        self._dtype = torch.from_numpy(np.empty(0, feature_dtype(encoder.card))).dtype
        self._on_cpu = encoder.device.type == "cpu"
        self._threads = cpu_threads(torch.get_num_threads()) if self._on_cpu else gpu_threads(os.cpu_count() or 1)
        self._batches: queue.Queue[list[Picture] | None] = queue.Queue(self._threads.encoding + 1)
        self._events: queue.Queue[Event | _Crashed | None] = queue.Queue()
        self._open_batch: list[Picture] = []
        self._filling = threading.Lock()
        self._sorting = threading.RLock()
        self._stopped = threading.Event()

    def run(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Encodes all jobs and says what happens as it happens; closing the generator stops the threads.

        Args:
            jobs: In the order in which to begin them.
        """
        waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            waiting.put(job)
        num_threads = torch.get_num_threads()
        decoders = [self._start(lambda: self._decode_all(waiting)) for _ in jobs[: self._threads.decoding]]
        encoders = [self._start(self._encode_all) for _ in range(self._threads.encoding)]
        ending = self._start(lambda: self._end(decoders, encoders))
        try:
            while (event := self._events.get()) is not None:
                if isinstance(event, _Crashed):
                    raise event.error
                yield event
        finally:
            self._stopped.set()
            ending.join()
            torch.set_num_threads(num_threads)  # threads that start later take the last number that was set

    def _start(self, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                self._stopped.set()
                self._events.put(_Crashed(error))

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        return thread

    def _end(self, decoders: Sequence[threading.Thread], encoders: Sequence[threading.Thread]) -> None:
        """Lets the encoders know that nothing more comes, and the reader that all is done."""
        for thread in decoders:
            thread.join()
        if self._open_batch:
            self._send(self._open_batch)
        for _ in encoders:
            self._send(None)
        for thread in encoders:
            thread.join()
        self._events.put(None)

    def _send(self, batch: list[Picture] | None) -> None:
        while not self._stopped.is_set():
            try:
                return self._batches.put(batch, timeout=_POLL_S)
            except queue.Full:
                continue

    def _decode_all(self, waiting: "queue.SimpleQueue[Job]") -> None:
        torch.set_num_threads(1)  # of this thread: resizing must not take the cores that encode
        while not self._stopped.is_set():
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._decode(job)
            except MediaError as error:
                self._fail(job, error.fault)

    def _decode(self, job: Job) -> None:
        job.begin(self._views, self._encoder.card, self._room)
        num_read = 0
        frames = read_frames(job.info.path, job.times_s, job.frame_rate_hz, threads=1)
        for chunk in in_chunks(frames, _FRAMES_AT_ONCE):
            num_read += len(chunk)
            for picture in pictures(job, chunk, self._views, self._encoder.prepare, self._locator):
                self._add(picture)
            if self._stopped.is_set() or job.fault is not None:
                return
        assert num_read == len(job.times_s), "every time gets a frame, or reading raises"

    def _add(self, picture: Picture) -> None:
        with self._filling:
            self._open_batch.append(picture)
            if len(self._open_batch) == self._batch_size:
                self._send(self._open_batch)
                self._open_batch = []

    def _encode_all(self) -> None:
        if self._on_cpu:
            torch.set_num_threads(self._threads.per_batch)
        while not self._stopped.is_set():
            try:
                batch = self._batches.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if batch is None:
                return
            wanted = [picture for picture in batch if picture.job.fault is None]
            if wanted:
                self._sort_out(wanted, self._encode(wanted))

    def _encode(self, batch: Sequence[Picture]) -> npt.NDArray[np.generic]:
        """One row per picture, in the type that is stored."""
        pixels = torch.stack([picture.pixels for picture in batch])
        padding = pixels.new_zeros((self._batch_size - len(batch), *pixels.shape[1:]))
        features = self._encoder.encode(torch.cat([pixels, padding]))
        assert features.shape == (self._batch_size, self._encoder.card.dim), "an encoder gives what its card says"
        stored: npt.NDArray[np.generic] = features[: len(batch)].to(self._dtype).cpu().numpy()
        return stored

    def _sort_out(self, batch: Sequence[Picture], features: npt.NDArray[np.generic]) -> None:
        """Puts features where they belong, and hands over the videos that are complete."""
        with self._sorting:
            for picture, feature in zip(batch, features, strict=True):
                job = picture.job
                if not np.isfinite(feature).all():
                    self._fail(job, _not_finite(picture))
                    continue
                for view, index in picture.slots:
                    job.rows[view][index] = feature
                job.missing -= len(picture.slots)
                self._events.put(Encoded(job.video_id, len(picture.slots)))
                if job.missing == 0 and job.fault is None:
                    rows, job.rows, job.finished = job.rows, {}, True
                    self._events.put(Finished(job.video_id, rows))

    def _fail(self, job: Job, fault: Fault) -> None:
        with self._sorting:
            if job.fault is None and not job.finished:
                job.fault = fault
                self._events.put(Failed(job.video_id, fault))


def _not_finite(picture: Picture) -> Fault:
    found = f"the encoder gave NaN, or more than float16 holds, for the {picture.slots[0][0]} view"
    remedy = "encode in float32, or leave this video out"
    return Fault("not-finite", picture.job.info.path, f"{found} at {picture.first_s:.3f} s", remedy)
