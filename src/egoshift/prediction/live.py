"""Live use: pictures as they come, from a camera or a pipe, and an answer a few times a second with its latency.

A thread reads; frames that nobody has asked for yet are thrown away by a camera's reader, so that answers are about
now, and kept waiting by a pipe's, so that nothing of a recording is lost.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.encoders import SIGNAL, sensor_of
from egoshift.errors import ConfigError, Fault, MediaError
from egoshift.evaluation.passes import batch_to
from egoshift.foreign import AV_OPTIONS
from egoshift.media import bin_centres
from egoshift.prediction.asked import STRIDES_A_WINDOW, Asked
from egoshift.prediction.gather import PICTURES_A_SECOND
from egoshift.prediction.predictor import Predictor
from egoshift.prediction.timeline import Guess
from egoshift.records import Label

STDIN = "-"
"""The source that is read from the pipe."""

Picture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class LiveAnswer:
    """What is going on at a moment.

    Attributes:
        time_s: The time of the latest picture, in seconds of the stream.
        guesses: Per kind of label the likeliest classes, the best first.
        latency_s: From when that picture was read until the answer was there.
        dropped: Pictures of a camera that were asked for and came too late, so far.
    """

    time_s: float
    guesses: Mapping[Label, tuple[Guess, ...]]
    latency_s: float
    dropped: int


@dataclass(frozen=True)
class _Read:
    time_s: float
    picture: Picture
    at_s: float


class LiveSource:
    """Pictures of a stream at a steady rate, read by a thread of its own.

    Args:
        source: ``"-"`` for standard input, the number of a camera, or anything that FFmpeg opens as a file.
        rate_hz: Pictures a second.
        keep: Whether to wait for whoever asks; else the oldest waiting picture is dropped.

    Raises:
        MediaError: It cannot be opened.
    """

    def __init__(self, source: str, *, rate_hz: float = PICTURES_A_SECOND, keep: bool | None = None):
        self.name = "standard input" if source == STDIN else f"camera {source}" if source.isdigit() else source
        self._keep = not source.isdigit() if keep is None else keep
        self._container = _opened(source, self.name)
        self._rate_hz = rate_hz
        self._waiting: queue.Queue[_Read | BaseException | None] = queue.Queue(maxsize=4)
        self._stopped = threading.Event()
        self.dropped = 0
        threading.Thread(target=self._read, daemon=True).start()

    def __iter__(self) -> Iterator[_Read]:
        while not (self._stopped.is_set() and self._waiting.empty()):
            try:
                item = self._waiting.get(timeout=0.05)
            except queue.Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """Ends the reading."""
        self._stopped.set()

    def _read(self) -> None:
        try:
            self._read_all()
        except av.FFmpegError as error:
            message = f"the stream broke off ({error.strerror})"
            self._put(MediaError(Fault("broken-stream", Path(self.name), message, "start it again")))
        except BaseException as error:
            self._put(error)
        finally:
            self._container.close()
            self._put(None)

    def _read_all(self) -> None:
        begin_s: float | None = None
        wanted = 0
        stream = self._container.streams.video[0]
        for frame in self._container.decode(stream):
            if self._stopped.is_set():
                return
            now_s = frame.time if frame.time is not None else time.monotonic()
            begin_s = now_s if begin_s is None else begin_s
            if now_s - begin_s + 1e-6 < wanted / self._rate_hz:
                continue
            wanted = int((now_s - begin_s) * self._rate_hz + 1e-6) + 1
            picture = np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
            self._put(_Read(now_s - begin_s, picture, time.monotonic()))

    def _put(self, item: _Read | BaseException | None) -> None:
        while not self._stopped.is_set():
            try:
                return self._waiting.put(item, timeout=0.05)
            except queue.Full:
                if not self._keep and isinstance(item, _Read):
                    try:
                        self._waiting.get_nowait()
                        self.dropped += 1
                    except queue.Empty:
                        pass


class Live:
    """A predictor that is asked again with every stride of a stream.

    Of the sensors only pictures are read, and hand crops are whole frames.

    Args:
        predictor: What recognises.
        asked: Classes, window, stride and how many classes to name.

    Raises:
        ConfigError: The model cannot do with pictures alone.
    """

    def __init__(self, predictor: Predictor, asked: Asked | None = None):
        self._predictor, self._asked = predictor, asked or Asked()
        self._words = predictor.words(self._asked)
        self.window_s = self._asked.window_s or predictor.window_s
        self.stride_s = self._asked.stride_s or self.window_s / STRIDES_A_WINDOW
        self._refs = {
            name: ref
            for name, ref in predictor.package.streams.items()
            if sensor_of(ref.encoder) is None and not ref.encoder.startswith(SIGNAL)
        }
        for model in predictor.package.models:
            needed = set(model.classifier.required_streams) - set(model.classifier.optional_streams)
            if lacking := sorted(needed - self._refs.keys()):
                raise ConfigError(
                    f"{predictor.name} needs {lacking[0]}, and live use reads pictures alone; take another"
                )
            if not set(model.classifier.required_streams) & self._refs.keys():
                raise ConfigError(f"{predictor.name} reads no pictures, which is all that live use has; take another")
        for ref in self._refs.values():
            predictor.towers.image(ref.encoder)  # before the stream begins

    def run(self, source: LiveSource) -> Iterator[LiveAnswer]:
        """Answers, one a stride, until the stream ends."""
        seen: deque[tuple[float, dict[str, Tensor]]] = deque()
        smooth: dict[Label, Float32[np.ndarray, " classes"]] = {}
        next_s = 0.0
        for read in source:
            seen.append((read.time_s, self._encode(read.picture)))
            while seen[0][0] < read.time_s - self.window_s:
                seen.popleft()
            if read.time_s + 1e-6 < next_s:
                continue
            next_s = read.time_s + self.stride_s
            for label, values in self._probabilities(seen).items():
                # As an average over a window does, but of the past alone.
                share = min(1.0, self.stride_s / self.window_s)
                smooth[label] = values if label not in smooth else (1 - share) * smooth[label] + share * values
            guesses = {label: self._best(label, values) for label, values in smooth.items()}
            yield LiveAnswer(read.time_s, guesses, time.monotonic() - read.at_s, source.dropped)

    def _encode(self, picture: Picture) -> dict[str, Tensor]:
        """The features of a picture by each encoder; every view shows all of it."""
        features = {}
        for encoder in dict.fromkeys(ref.encoder for ref in self._refs.values()):
            tower = self._predictor.towers.image(encoder)
            features[encoder] = tower.encode(tower.prepare(picture)[None])[0].float()
        return features

    def _probabilities(
        self, seen: deque[tuple[float, dict[str, Tensor]]]
    ) -> dict[Label, Float32[np.ndarray, " classes"]]:
        given: dict[Label, Float32[np.ndarray, " classes"]] = {}
        times_s = np.array([time_s for time_s, _ in seen])
        for model in self._predictor.package.models:
            # As stored features are read: the nearest to the middle of each bin.
            bins = bin_centres(times_s[:1], np.maximum(times_s[-1:], times_s[:1] + 1e-3), model.num_frames)[0]
            nearest = np.abs(times_s[:, None] - bins).argmin(0)
            streams = {
                name: torch.stack([seen[place][1][ref.encoder] for place in nearest.tolist()])[None]
                for name, ref in self._refs.items()
                if name in model.classifier.required_streams
            }
            text = {label: self._predictor.class_text(model, label, self._words[label]) for label in model.labels}
            with torch.no_grad():
                logits = model.classifier(batch_to(StreamBatch(streams), torch.device(self._predictor.device)), text)
            for label, values in logits.items():
                given[label] = self._predictor.confidences(label, values.float().cpu(), self._words[label])[0]
        return given

    def _best(self, label: Label, values: Float32[np.ndarray, " classes"]) -> tuple[Guess, ...]:
        order = np.argsort(-values, kind="stable")[: self._asked.top_k].tolist()
        names = self._words[label].names
        return tuple(Guess(name=names[index], confidence=float(min(1.0, values[index]))) for index in order)


def _opened(source: str, name: str) -> Any:
    """The container of a stream, with a video in it."""
    try:
        if source == STDIN:
            # Not buffered: a buffered read waits until it has much, and answers would come late.
            piped = open(0, "rb", buffering=0, closefd=False)
            container = av.open(piped, "r", container_options=dict(AV_OPTIONS), metadata_errors="replace")
        elif source.isdigit():
            container = av.open(f"/dev/video{source}", "r", format="v4l2")
        else:
            container = av.open(f"file:{source}", "r", container_options=dict(AV_OPTIONS), metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        remedy = "see that it is there and that nobody else uses it; a pipe needs mkv, mpegts or fragmented mp4"
        raise MediaError(Fault("no-stream", Path(name), f"cannot be opened ({reason})", remedy)) from None
    if not container.streams.video:
        container.close()
        raise MediaError(Fault("no-video-stream", Path(name), "holds no pictures", "give a stream with pictures"))
    return container
