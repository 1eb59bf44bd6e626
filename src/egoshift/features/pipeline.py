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
from copy import copy
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from egoshift.encoders import AbstractImageEncoder
from egoshift.errors import Fault, MediaError
from egoshift.features.manifest import View
from egoshift.features.parts import Rows
from egoshift.features.store import array_layout
from egoshift.media import AbstractHandLocator, VideoInfo, crop, read_frames

_FRAMES_AT_ONCE = 8  # whole frames held by a decoding thread before hands are looked for
_POLL_S = 0.1
_MOST_BATCHES = 16  # encoded side by side on a CPU: each holds its activations
Frame = UInt8[np.ndarray, "height width 3"]


@dataclass
class Job:
    """The frames to encode of one video, and what has been encoded of them.

    Attributes:
        video_id: Which video.
        info: Its header.
        times_s: When; sorted.
        frame_rate_hz: For folders of numbered frames.
        rows: Per array name, one row per time; being filled.
        missing: How many rows of views are not filled yet.
        finished: Whether all rows were filled and handed over.
        fault: Why the video cannot be encoded, once that is known.
    """

    video_id: str
    info: VideoInfo
    times_s: Float64[np.ndarray, " times"]
    frame_rate_hz: float | None = None
    rows: dict[str, npt.NDArray[np.generic]] = field(default_factory=dict)
    missing: int = 0
    finished: bool = False
    fault: Fault | None = None


@dataclass(frozen=True)
class Encoded:
    """Some rows (of any view) of a video were encoded."""

    video_id: str
    num_rows: int


@dataclass(frozen=True)
class Finished:
    """All rows of a video are there."""

    video_id: str
    rows: Rows


@dataclass(frozen=True)
class Failed:
    """A video cannot be encoded."""

    video_id: str
    fault: Fault


@dataclass(frozen=True)
class _Crashed:
    error: BaseException


Event = Encoded | Finished | Failed


@dataclass(frozen=True)
class _Image:
    """One prepared picture and every row that it fills."""

    job: Job
    pixels: UInt8[Tensor, "3 size size"]
    slots: list[tuple[View, int]]


class Pipeline:
    """Decodes and encodes videos.

    Args:
        encoder: The frozen tower.
        views: What to encode of each frame.
        locator: Where the hands are, for the hand view.
        batch_size: Images per call of the encoder.
    """

    def __init__(
        self,
        encoder: AbstractImageEncoder,
        views: Sequence[View],
        locator: AbstractHandLocator | None,
        batch_size: int,
    ):
        self._encoder = encoder
        self._views = tuple(views)
        self._locator = locator
        self._batch_size = batch_size
        self._dim, self._on_cpu = try_encoder(encoder)
        self._threads = _cpu_threads(torch.get_num_threads()) if self._on_cpu else _gpu_threads(os.cpu_count() or 1)
        self._batches: queue.Queue[list[_Image] | None] = queue.Queue(self._threads.encoding + 1)
        self._events: queue.Queue[Event | _Crashed | None] = queue.Queue()
        self._open_batch: list[_Image] = []
        self._filling = threading.Lock()
        self._scattering = threading.RLock()
        self._stopped = threading.Event()

    def run(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Encodes all jobs and says what happens as it happens; closing the iterator stops the threads.

        Args:
            jobs: In the order in which to begin them.
        """
        waiting = iter(jobs)
        taking = threading.Lock()

        def take() -> Job | None:
            with taking:
                return next(waiting, None)

        num_threads = torch.get_num_threads()
        decoders = [self._start(lambda: self._decode_all(take)) for _ in range(min(self._threads.decoding, len(jobs)))]
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
        self._send(self._open_batch or None)
        for _ in encoders:
            self._send(None)
        for thread in encoders:
            thread.join()
        self._events.put(None)

    def _send(self, batch: list[_Image] | None) -> None:
        while not self._stopped.is_set():
            try:
                return self._batches.put(batch, timeout=_POLL_S)
            except queue.Full:
                continue

    # Decoding

    def _decode_all(self, take: Callable[[], Job | None]) -> None:
        torch.set_num_threads(1)  # of this thread: resizing must not take the cores that encode
        # A locator that reads detections keeps the last video's; each thread has its own video.
        locator = copy(self._locator)
        while not self._stopped.is_set() and (job := take()) is not None:
            try:
                self._decode(job, locator)
            except MediaError as error:
                self._fail(job, error.fault)

    def _decode(self, job: Job, locator: AbstractHandLocator | None) -> None:
        num_times = len(job.times_s)
        layout = array_layout(self._views, self._dim)
        job.rows = {name: np.zeros((num_times, *shape), dtype) for name, (dtype, shape) in layout.items()}
        job.rows["times"][:] = job.times_s
        job.missing = num_times * len(self._views)
        chunk: list[tuple[int, Frame]] = []
        num_read = 0
        for index, frame in read_frames(job.info.path, job.times_s, job.frame_rate_hz, threads=1):
            if self._stopped.is_set() or job.fault is not None:
                return
            # Never cut between two times on one frame, so that it is prepared once.
            if len(chunk) >= _FRAMES_AT_ONCE and frame is not chunk[-1][1]:
                self._prepare(job, chunk, locator)
                chunk = []
            chunk.append((index, frame))
            num_read += 1
        assert num_read == num_times, "every time gets a frame, or reading raises"
        if chunk:
            self._prepare(job, chunk, locator)

    def _prepare(self, job: Job, chunk: Sequence[tuple[int, Frame]], locator: AbstractHandLocator | None) -> None:
        """Turns frames into pictures to encode; equal pictures become one."""
        boxes = self._locate(job, chunk, locator)
        images: list[_Image] = []
        known: dict[tuple[int, bytes], _Image] = {}
        for place, (index, frame) in enumerate(chunk):
            for view in self._views:
                shown = crop(frame, boxes[place]) if view == "hand" else frame
                key = (id(frame), boxes[place].tobytes() if shown.shape != frame.shape else b"")
                if key not in known:
                    known[key] = _Image(job, self._encoder.prepare(shown), [])
                    images.append(known[key])
                known[key].slots.append((view, index))
        for image in images:
            self._add(image)

    def _locate(
        self, job: Job, chunk: Sequence[tuple[int, Frame]], locator: AbstractHandLocator | None
    ) -> npt.NDArray[np.float32]:
        if locator is None or "hand" not in self._views:
            return np.zeros((len(chunk), 4), np.float32)
        indices = [index for index, _ in chunk]
        found = locator.locate(job.video_id, job.times_s[indices], [frame for _, frame in chunk], job.info)
        job.rows["hand_boxes"][indices] = found.boxes
        job.rows["hand_origins"][indices] = found.origin
        return found.boxes.astype(np.float32)

    def _add(self, image: _Image) -> None:
        with self._filling:
            self._open_batch.append(image)
            if len(self._open_batch) == self._batch_size:
                self._send(self._open_batch)
                self._open_batch = []

    # Encoding

    def _encode_all(self) -> None:
        if self._on_cpu:
            torch.set_num_threads(self._threads.per_encoder)
        while not self._stopped.is_set():
            try:
                batch = self._batches.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if batch is None:
                return
            wanted = [image for image in batch if image.job.fault is None]
            if wanted:
                self._scatter(wanted, self._encode(wanted))

    def _encode(self, images: Sequence[_Image]) -> npt.NDArray[np.float16]:
        pixels = torch.stack([image.pixels for image in images])
        padding = pixels.new_zeros((self._batch_size - len(images), *pixels.shape[1:]))
        features = self._encoder.encode(torch.cat([pixels, padding]))
        half: npt.NDArray[np.float16] = features[: len(images)].to(torch.float16).cpu().numpy()
        return half

    def _scatter(self, images: Sequence[_Image], features: npt.NDArray[np.float16]) -> None:
        finite = [bool(np.isfinite(row).all()) for row in features]
        with self._scattering:
            for image, row, is_finite in zip(images, features, finite, strict=True):
                job = image.job
                self._events.put(Encoded(job.video_id, len(image.slots)))
                if not is_finite:
                    self._fail(job, _not_finite(image))
                for view, index in image.slots:
                    job.rows[view][index] = row
                job.missing -= len(image.slots)
                if job.missing == 0 and job.fault is None:
                    job.finished = True
                    self._events.put(Finished(job.video_id, job.rows))

    def _fail(self, job: Job, fault: Fault) -> None:
        with self._scattering:
            if job.fault is None and not job.finished:
                job.fault = fault
                self._events.put(Failed(job.video_id, fault))


@dataclass(frozen=True)
class _Threads:
    decoding: int
    encoding: int
    per_encoder: int


def _cpu_threads(cores: int) -> _Threads:
    """Batches side by side rather than one spread over all cores; decoders wait while encoding has enough to do."""
    encoding = min(cores, _MOST_BATCHES)
    return _Threads(max(1, cores // 2), encoding, max(1, cores // encoding))


def _gpu_threads(cores: int) -> _Threads:
    """One batch on its way to the device while another is encoded; all other cores decode."""
    return _Threads(max(1, cores - 1), 2, 1)


def try_encoder(encoder: AbstractImageEncoder) -> tuple[int, bool]:
    """Encodes one black picture: the length of a feature, and whether the encoder runs on the CPU."""
    size = encoder.card.size
    feature = encoder.encode(torch.zeros((1, 3, size, size), dtype=torch.uint8))
    return feature.shape[1], feature.device.type == "cpu"


def _not_finite(image: _Image) -> Fault:
    view, index = image.slots[0]
    time_s = image.job.times_s[index]
    found = f"the encoder gave NaN, or more than float16 holds, for the {view} view at {time_s:.3f} s"
    return Fault("not-finite", image.job.info.path, found, "encode in float32, or leave this video out")
